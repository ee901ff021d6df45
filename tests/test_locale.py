"""Every language says everything, with the same values filled in."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import attnwidget

FOLDER = Path(attnwidget.__file__).parent / "locale"
ENGLISH = json.loads((FOLDER / "en.json").read_text("utf-8"))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_same_words_and_values(path: Path) -> None:
    strings = json.loads(path.read_text("utf-8"))
    assert list(strings) == list(ENGLISH)
    for key, text in strings.items():
        assert text.strip(), key
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", ENGLISH[key])), key
