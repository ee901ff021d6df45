"""The cell codec "decimal", twin of js/src/wire/codec.ts: a weight is kept as the decimal digits that the page prints.

Codes ascend with the weight:

====================  ==================  =========================================
codes                 weights             digits
====================  ==================  =========================================
0                     0                   exact zero, or below 5e-9
1 … 36                1e-8 … 9e-5         one significant digit
37 … 216              0.00010 … 0.0099    two significant digits
217 … 1207            0.010 … 1.000       three decimals
====================  ==================  =========================================

Halfway between two neighbours the one with the even last digit wins. Boundaries are quotients of two exactly
representable integers, hence the same float64 in both languages; only exact ties (0.0625) lie on one, for float32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.wire.container import WireError, product

#: Codes below this one are single bytes; this byte says that the code follows among the large cells.
ESCAPE = 255
#: The first code that is printed with digits.
FIRST_PRINTED = 37
_FIRST_THOUSANDTH = 217
CODE_COUNT = _FIRST_THOUSANDTH + 991

_code = np.arange(CODE_COUNT)
_small, _two = _code - 1, _code - FIRST_PRINTED
#: Digits of each code as an integer, and the power of ten that they are divided by.
_DIGITS = np.select(
    [_code == 0, _code < FIRST_PRINTED, _code < _FIRST_THOUSANDTH],
    [0, _small % 9 + 1, _two % 90 + 10],
    _code - _FIRST_THOUSANDTH + 10,
)
_POWER = np.select(
    [_code == 0, _code < FIRST_PRINTED, _code < _FIRST_THOUSANDTH], [8, 8 - _small // 9, 5 - _two // 90], 3
)
_TENS = 10.0**_POWER

#: code → weight.
VALUES: NDArray[np.float32] = (_DIGITS / _TENS).astype(np.float32)

#: code → weight in units of 1e-8, exact: sums of these are the same in every language and order.
UNITS: NDArray[np.float64] = _DIGITS * 10.0 ** (8 - _POWER)

_HALFWAY = ((2 * _DIGITS + 1) / (2 * _TENS))[:-1]
#: The smallest weight of each code but the first; exactly halfway belongs to the upper one only if that one is even.
_LOWEST = np.where(_DIGITS[:-1] % 2 == 1, _HALFWAY, np.nextafter(_HALFWAY, 1.0))

#: Of a byte: its weight on a scale of 32 steps a decade, from 1e-8 on. A byte's own prediction is made on this scale.
LEVELS: NDArray[np.int32] = np.concatenate(
    [[0], np.round(32 * np.log10(_DIGITS[1:256])) + 32 * (8 - _POWER[1:256])]
).astype(np.int32)
#: Classes of guessed levels, eight steps wide; each thrice, by how far the guesses before it in its row were off.
_WIDE = 28
CLASS_COUNT = 3 * _WIDE
#: In sixteenths of a step: below the first a row is called calm, from the second on rough; and how every row begins.
_CALM, _ROUGH, _FIRST_SPREAD = 80, 160, 128
#: Cells whose guesses are made at once.
_CELLS_AT_ONCE = 1 << 22


def encode_weights(weights: NDArray[np.floating[Any]]) -> NDArray[np.uint16]:
    """Codes of weights, any shape. Above 1: the code of 1 (float32 rows may exceed it by a rounding); below 0: code 0.

    Raises
    ------
    ValueError
        For NaN, which has no code.
    """
    flat = np.asarray(weights, np.float64).reshape(-1)
    if np.isnan(flat).any():
        raise ValueError(f"weights {weights.shape} hold NaN; there is nothing to show for it")
    return np.searchsorted(_LOWEST, flat, side="right").astype(np.uint16).reshape(weights.shape)


def format_weight(weight: float) -> str:
    """The digits printed for a weight: "0.331", "0.0042", "0.00012", "<0.0001", "0". Norms above 1: 3 or 4 digits."""
    w = float(weight)
    if math.isnan(w):
        return "NaN"
    if w < 0:
        return "0" if w > -5e-9 else f"-{format_weight(-w)}"
    if w >= 1.0005:
        if w >= 1e15:
            return f"{w:.3g}"
        decimals = 3 if w < 9.9995 else 2 if w < 99.995 else 1 if w < 999.95 else 0
        # Half up, by this very sum: format and JavaScript's toFixed break ties differently.
        return f"{math.floor(w * 10.0**decimals + 0.5) / 10.0**decimals:.{decimals}f}"
    code = int(np.searchsorted(_LOWEST, w, side="right"))
    if code == 0:
        return "0"
    if code < FIRST_PRINTED:
        return "<0.0001"
    return f"{_DIGITS[code] / _TENS[code]:.{_POWER[code]}f}"


def _classes(levels: NDArray[np.int16], row_levels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Class of each cell, [heads, queries, keys]; `row_levels` are [heads, queries].

    A level is guessed from what its row shows on average, what its column showed in the queries before, and how far
    that was off for the keys before. `attnwidget.wire` has the rule; all numbers are sixteenths of a step.
    """
    heads, queries, keys = levels.shape
    # Key by key is the slow direction of the array as it stands.
    apart = np.ascontiguousarray(((levels - row_levels[..., None].astype(np.int16)) << 4).transpose(2, 1, 0))
    known = np.zeros((keys, heads), np.int16)
    for query in range(queries):
        surprise = apart[:, query] - known
        apart[:, query], known = surprise, known + (surprise >> 2)
    # Now what was known is in the levels less the surprises.
    out = np.empty(levels.shape, np.uint8)
    near = np.zeros((queries, heads), np.int32)
    spread = np.full((queries, heads), _FIRST_SPREAD, np.int32)
    for key in range(keys):
        surprise32 = apart[key].astype(np.int32)
        correction = near * 5 >> 3
        column = (levels[:, :, key].T.astype(np.int32) << 4) - surprise32  # with the row's level in it
        wide = np.clip((column + correction) >> 7, 0, _WIDE - 1)
        out[:, :, key] = (3 * wide + (spread >= _CALM) + (spread >= _ROUGH)).T
        spread += (np.abs(surprise32 - correction) - spread) >> 2
        near += (surprise32 - near) >> 1
    return out


def pack_dense(codes: NDArray[np.uint16]) -> tuple[list[bytes], dict[str, Any]]:
    """Bytes of a dense block, in parts, and the fields of its header entry.

    Rounded weights are nearly noise to deflate as they stand. But how large a weight is can be guessed, so the bytes
    are sorted into classes by that guess: each class gets a code table that suits it, and all are smaller for it by a
    fifth.

    Parameters
    ----------
    codes
        [heads, queries, keys].
    """
    heads, queries, keys = codes.shape
    cells = np.minimum(codes, ESCAPE).astype(np.uint8)
    counted = np.maximum((cells > 0).sum(axis=2), 1)
    levels = LEVELS.astype(np.int16)[cells]
    row_levels = np.round(levels.sum(axis=2) / counted).astype(np.int32)
    classes = np.empty((queries, heads, keys), np.uint8)
    at_once = max(1, _CELLS_AT_ONCE // max(1, queries * keys))
    for first in range(0, heads, at_once):
        some = slice(first, first + at_once)
        classes[:, some] = _classes(levels[some], row_levels[some]).transpose(1, 0, 2)
    flat, ordered = classes.reshape(-1), cells.transpose(1, 0, 2).reshape(-1)
    counts = np.bincount(flat, minlength=CLASS_COUNT)
    large = codes[codes >= ESCAPE] - ESCAPE
    parts = [row_levels.astype(np.uint8).tobytes()]
    parts += [ordered[flat == number].tobytes() if count else b"" for number, count in enumerate(counts)]
    parts += [(large & 255).astype(np.uint8).tobytes(), (large >> 8).astype(np.uint8).tobytes()]
    return parts, {"form": "dense", "large": len(large), "classes": counts.tolist()}


def unpack_dense(data: bytes, shape: tuple[int, int, int], large: int, classes: list[int]) -> NDArray[np.uint16]:
    """Codes [heads, queries, keys] of a dense block; WireError where the bytes do not fit."""
    heads, queries, keys = shape
    cells, rows = product(shape), heads * queries
    if len(data) != rows + cells + 2 * large or len(classes) != CLASS_COUNT or sum(classes) != cells:
        raise WireError(f"{len(data)} bytes do not hold the weights of shape {list(shape)}")
    codes = np.zeros(shape, np.uint16)
    if not cells:
        return codes
    # The rule of the page, cell by cell: `_classes` needs all levels at once.
    levels = LEVELS.tolist()
    ends = (rows + np.cumsum(classes)).tolist()
    next_of = [end - count for end, count in zip(ends, classes, strict=True)]
    columns = [[0] * keys for _ in range(heads)]
    for query, head in np.ndindex(queries, heads):
        row_level, near, spread, column, row = data[head * queries + query], 0, _FIRST_SPREAD, columns[head], []
        for key, known in enumerate(column):
            correction = near * 5 >> 3
            wide = min(max(row_level + (known + correction >> 4) >> 3, 0), _WIDE - 1)
            number = 3 * wide + (spread >= _CALM) + (spread >= _ROUGH)
            row.append(byte := data[min(next_of[number], len(data) - 1)])
            next_of[number] += 1
            surprise = (levels[byte] - row_level << 4) - known
            spread += abs(surprise - correction) - spread >> 2
            near += surprise - near >> 1
            column[key] = known + (surprise >> 2)
        codes[head, query] = row
    if next_of != ends:
        raise WireError("the classes of the weights do not fit their bytes")
    stored = np.frombuffer(data, np.uint8)
    escaped = codes == ESCAPE
    if int(escaped.sum()) != large:
        raise WireError(f"the weights refer to {int(escaped.sum())} large cells, but {large} came")
    tail = stored[rows + cells :].astype(np.uint16)
    found = ESCAPE + tail[:large] + 256 * tail[large:]
    if large and int(found.max()) >= CODE_COUNT:
        raise WireError(f"the weights hold the unknown code {int(found.max())}")
    codes[escaped] = found
    return codes
