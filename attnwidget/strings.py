"""What the page is given besides data: its words, in the language in use, and the second part of its code."""

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


@cache
def more_code() -> str:
    """The second part of the page's code (see ``js/src/more.ts``), which a notebook gets when it is first needed."""
    return files("attnwidget").joinpath("static", "more.js").read_text("utf-8")
