"""Words of statistics, labels and verdicts, in every language: ``locale/statistics/{en,ja}.json``."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "ja")


@cache
def table(lang: str) -> dict[str, str]:
    """All texts of a language, by key."""
    if lang not in LANGUAGES:
        raise ValueError(f"lang must be one of {', '.join(map(repr, LANGUAGES))}, got {lang!r}")
    source = files("attnwidget").joinpath("locale", "statistics", f"{lang}.json")
    found: dict[str, str] = json.loads(source.read_text("utf-8"))
    return found


def text_of(lang: str, key: str, **values: Any) -> str:
    """The text of a key, with its places filled in."""
    return table(lang)[key].format(**values)
