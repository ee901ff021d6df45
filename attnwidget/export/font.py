"""A tiny bitmap font for pictures drawn without any drawing library.

Every glyph is 5 pixels wide and 8 high (7 and one row for descenders). A glyph is written as eight base-32
digits, one a row from the top; the five bits of a digit are the row's pixels, the highest bit on the left, so
``"ehhhvhh0"`` reads ``01110 10001 10001 10001 11111 10001 10001 00000``: an A.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

WIDTH = 5
HEIGHT = 8
ADVANCE = 6

_ASCII = (
    "00000000|44444040|aaa00000|aavavaa0|4fke5u40|op248j30|cik8lid0|44800000|24888420|84222480|"
    "04lel400|044v4400|00000c48|000v0000|00000cc0|01248g00|ehjlphe0|4c4444e0|eh1248v0|v2421he0|"
    "26aiv220|vgu11he0|68guhhe0|v1248880|ehhehhe0|ehhf12c0|0cc0cc00|0cc0c480|12484210|00v0v000|"
    "g84248g0|eh124040|eh1dlle0|ehhhvhh0|uhhuhhu0|ehggghe0|sihhhis0|vgguggv0|vgguggg0|ehgnhhf0|"
    "hhhvhhh0|e44444e0|72222ic0|hikokih0|ggggggv0|hrllhhh0|hhpljhh0|ehhhhhe0|uhhuggg0|ehhhlid0|"
    "uhhukih0|fgge11u0|v4444440|hhhhhhe0|hhhhha40|hhhllla0|hha4ahh0|hhha4440|v1248gv0|e88888e0|"
    "0g842100|e22222e0|4ah00000|0000000v|84200000|00e1fhf0|ggmphhu0|00ehghe0|11djhhf0|00ehvge0|"
    "698s8880|00fhhf1e|ggmphhh0|40c444e0|206222ic|ggikoki0|c44444e0|00qllhh0|00mphhh0|00ehhhe0|"
    "00uhhugg|00fhhf11|00mpggg0|00ege1u0|88s88960|00hhhjd0|00hhha40|00hhlla0|00ha4ah0|00hhhf1e|"
    "00v248v0|24484420|44444440|84424480|008l2000"
)
_GLYPHS = {chr(32 + code): rows for code, rows in enumerate(_ASCII.split("|"))}
_GLYPHS |= {"·": "00044000", "×": "000a4a00", "→": "042v2400", "…": "000000l0"}


def drawable(text: str) -> bool:
    """Whether the font has every character of `text`, and `text` is not blank."""
    return bool(text.strip()) and all(character in _GLYPHS for character in text)


@lru_cache(maxsize=512)
def _glyph(character: str) -> NDArray[np.bool_]:
    rows = [int(digit, 32) for digit in _GLYPHS.get(character, _GLYPHS["?"])]
    return np.array([[bool(row >> (WIDTH - 1 - x) & 1) for x in range(WIDTH)] for row in rows])


def _doubled(small: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Twice the size with rounded diagonals (the Scale2x rule), so that enlarged letters keep a smooth edge."""
    edge = np.pad(small, 1)
    up, down, left, right, here = edge[:-2, 1:-1], edge[2:, 1:-1], edge[1:-1, :-2], edge[1:-1, 2:], small
    large = np.repeat(np.repeat(here, 2, axis=0), 2, axis=1)
    rule = (up != down) & (left != right)
    large[0::2, 0::2] = np.where(rule & (left == up), left, here)
    large[0::2, 1::2] = np.where(rule & (right == up), right, here)
    large[1::2, 0::2] = np.where(rule & (left == down), left, here)
    large[1::2, 1::2] = np.where(rule & (right == down), right, here)
    return large


def width(text: str, scale: int = 1) -> int:
    """Pixels that `text` takes on a line."""
    return max(0, len(text) * ADVANCE - 1) * scale


def bitmap(text: str, scale: int = 1) -> NDArray[np.bool_]:
    """The pixels of one line of text.

    Parameters
    ----------
    text
        Characters without a glyph are drawn as a question mark.
    scale
        1, or 2 for letters of twice the size.

    Returns
    -------
    bool array [8 * scale, width(text, scale)]
    """
    line = np.zeros((HEIGHT, max(0, len(text) * ADVANCE - 1)), dtype=bool)
    for index, character in enumerate(text):
        line[:, index * ADVANCE : index * ADVANCE + WIDTH] = _glyph(character)
    return _doubled(line) if scale == 2 else line
