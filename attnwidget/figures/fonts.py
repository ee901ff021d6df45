"""Fonts for tokens of any script: the reader's own first, then whatever is installed that has the missing letters."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

#: By script, as Unicode names its letters: families to look for, and the one to install where there is none.
_FAMILIES: dict[str, tuple[str, ...]] = {
    "CJK": (
        *("Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Hiragino Kaku Gothic ProN", "Yu Gothic", "Meiryo"),
        *("MS Gothic", "IPAexGothic", "IPAGothic", "TakaoGothic", "VL Gothic", "Source Han Sans", "PingFang SC"),
        *("Noto Sans CJK SC", "Microsoft YaHei", "SimHei", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei"),
    ),
    "HANGUL": ("Noto Sans CJK KR", "Noto Sans KR", "Apple SD Gothic Neo", "Malgun Gothic", "NanumGothic"),
    "ARABIC": ("Noto Sans Arabic", "Geeza Pro", "Segoe UI", "DejaVu Sans"),
    "HEBREW": ("Noto Sans Hebrew", "Arial Hebrew", "Segoe UI", "DejaVu Sans"),
    "DEVANAGARI": ("Noto Sans Devanagari", "Kohinoor Devanagari", "Nirmala UI", "Mangal"),
    "THAI": ("Noto Sans Thai", "Thonburi", "Leelawadee UI"),
    "": ("DejaVu Sans", "Noto Sans", "Noto Sans Symbols", "Noto Sans Symbols 2", "Segoe UI Symbol", "Arial Unicode MS"),
}
_SAME = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "KATAKANA-HIRAGANA": "CJK", "IDEOGRAPHIC": "CJK", "FULLWIDTH": "CJK"}
_INSTALL = {"CJK": "Noto Sans CJK JP", "HANGUL": "Noto Sans CJK KR", "": "a font that has them"}


def families(texts: Iterable[str]) -> list[str]:
    """Font families that together have every letter of `texts`, in the order in which matplotlib is to try them.

    Warns of letters that no installed font has, and names one that does.
    """
    letters = {letter for text in texts for letter in text if letter.isprintable() and not letter.isspace()}
    own = mpl.rcParams["font.family"]
    chosen = [own] if isinstance(own, str) else list(own)
    missing = letters - _covered(tuple(chosen))
    for script in sorted({_script(letter) for letter in missing}):
        for family in (*_FAMILIES.get(script, ()), *_FAMILIES[""]):
            if family in chosen or not missing & (found := _letters(family)):
                continue
            chosen.append(family)
            missing = missing - found
    if missing:
        shown = " ".join(sorted(missing)[:8])
        wanted = {_INSTALL.get(script, f"Noto Sans {script.title()}") for script in map(_script, missing)}
        warnings.warn(
            f"no installed font has {shown}{' …' if len(missing) > 8 else ''}: install {', '.join(sorted(wanted))}",
            stacklevel=2,
        )
    return chosen


def _script(letter: str) -> str:
    name = unicodedata.name(letter, "").split(" ")[0]
    return _SAME.get(name, name)


def _covered(chosen: tuple[str, ...]) -> frozenset[str]:
    settings: Any = mpl.rcParams
    names = [name for family in chosen for name in (settings.get(f"font.{family}") or [family])]
    return frozenset().union(*map(_letters, names))


@lru_cache(maxsize=64)
def _letters(family: str) -> frozenset[str]:
    """All letters of an installed family; none where it is not installed."""
    if family not in {font.name for font in font_manager.fontManager.ttflist}:
        return frozenset()
    path = font_manager.findfont(font_manager.FontProperties(family=family))
    return frozenset(map(chr, FT2Font(path).get_charmap()))
