"""The words of the page, one file a language; the page gets those of the language in use."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files


@cache
def _read(lang: str) -> dict[str, str]:
    words: dict[str, str] = json.loads(files("attnwidget").joinpath("locale", f"{lang}.json").read_text("utf-8"))
    return words


def page_words(lang: str) -> dict[str, str]:
    """Every text of the page in a language, by key."""
    return dict(_read(lang))
