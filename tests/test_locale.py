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


def test_every_word_of_the_page_is_used() -> None:
    package = FOLDER.parent
    code = [*package.rglob("*.py"), *(package.parent / "js" / "src").rglob("*.ts*")]
    texts = [path.read_text("utf-8") for path in code]
    plain = {found for text in texts for found in re.findall(r"""["'`]([\w.]+)["'`]""", text)}
    # `fate.${name}` of a page, f"profile.{of}" of Python: what stands in the braces may be anything.
    filled = {
        found for text in texts for found in re.findall(r"""["'`]([\w.]*\w\.(?:[\w.]|\$?\{[^{}]*\})+)["'`]""", text)
    }
    patterns = [
        re.compile(re.sub(r"\\?\$?\\?\{[^{}]*\}", r"\\w+", found.replace(".", r"\.")))
        for found in filled
        if "{" in found
    ]
    unused = [key for key in ENGLISH if key not in plain and not any(one.fullmatch(key) for one in patterns)]
    assert unused == []
