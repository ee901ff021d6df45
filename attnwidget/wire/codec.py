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
_FIRST_PRINTED = 37
_FIRST_THOUSANDTH = 217
CODE_COUNT = _FIRST_THOUSANDTH + 991

_code = np.arange(CODE_COUNT)
_small, _two = _code - 1, _code - _FIRST_PRINTED
#: Digits of each code as an integer, and the power of ten that they are divided by.
_DIGITS = np.select(
    [_code == 0, _code < _FIRST_PRINTED, _code < _FIRST_THOUSANDTH],
    [0, _small % 9 + 1, _two % 90 + 10],
    _code - _FIRST_THOUSANDTH + 10,
)
_POWER = np.select(
    [_code == 0, _code < _FIRST_PRINTED, _code < _FIRST_THOUSANDTH], [8, 8 - _small // 9, 5 - _two // 90], 3
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
#: Classes of predicted levels, eight steps wide.
CLASS_COUNT = 28


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
    if code < _FIRST_PRINTED:
        return "<0.0001"
    return f"{_DIGITS[code] / _TENS[code]:.{_POWER[code]}f}"


def _predicted(acc: NDArray[np.int32], row_level: NDArray[np.int32]) -> NDArray[np.int32]:
    """Class of each cell of one query: [heads, keys] and [heads, 1] → [heads, keys]."""
    classes: NDArray[np.int32] = np.minimum(np.maximum((row_level + (acc >> 4)) >> 3, 0), CLASS_COUNT - 1)
    return classes


def _learned(acc: NDArray[np.int32], row_level: NDArray[np.int32], level: NDArray[np.int32]) -> NDArray[np.int32]:
    """What the next query of a column is predicted from: half what this one showed, half what was known."""
    return (acc + ((level - row_level) << 4)) >> 1


def pack_dense(codes: NDArray[np.uint16]) -> tuple[list[bytes], dict[str, Any]]:
    """Bytes of a dense block, in parts, and the fields of its header entry.

    Rounded weights are nearly noise to deflate as they stand. But how large a weight is can be guessed from its row and
    from the same key's weights in the queries before, so the bytes are sorted into classes by that guess: each class
    gets a code table that suits it, and is smaller for it by a sixth.

    Parameters
    ----------
    codes
        [heads, queries, keys].
    """
    heads, queries, keys = codes.shape
    cells = np.minimum(codes, ESCAPE).astype(np.uint8)
    counted = np.maximum((cells > 0).sum(axis=2), 1)
    levels = LEVELS[cells]
    row_levels = np.round(np.where(cells > 0, levels, 0).sum(axis=2) / counted).astype(np.int32)
    classes = np.empty((queries, heads, keys), np.uint8)
    acc = np.zeros((heads, keys), np.int32)
    for query in range(queries):
        row_level = row_levels[:, query, None]
        classes[query] = _predicted(acc, row_level)
        acc = _learned(acc, row_level, levels[:, query])
    ordered = cells.transpose(1, 0, 2).reshape(-1)
    flat = classes.reshape(-1)
    counts = np.bincount(flat, minlength=CLASS_COUNT)
    ordered = ordered[np.argsort(flat, kind="stable")]
    large = codes[codes >= ESCAPE] - ESCAPE
    parts = [row_levels.astype(np.uint8).tobytes()]
    parts += [part.tobytes() for part in np.split(ordered, np.cumsum(counts)[:-1])]
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
    stored = np.frombuffer(data, np.uint8)
    row_levels = stored[:rows].reshape(heads, queries).astype(np.int32)
    ends = rows + np.cumsum(classes)
    next_of = ends - classes
    acc = np.zeros((heads, keys), np.int32)
    for query in range(queries):
        row_level = row_levels[:, query, None]
        flat = _predicted(acc, row_level).reshape(-1)
        order = np.argsort(flat, kind="stable")
        counts = np.bincount(flat, minlength=CLASS_COUNT)
        if (next_of + counts > ends).any():
            raise WireError("the classes of the weights do not fit their bytes")
        # Where each class goes on, then one after another within it.
        start = np.cumsum(counts) - counts
        at = np.repeat(next_of - start, counts) + np.arange(len(flat))
        row = np.empty(len(flat), np.uint8)
        row[order] = stored[at]
        next_of = next_of + counts
        codes[:, query] = row.reshape(heads, keys)
        acc = _learned(acc, row_level, LEVELS[codes[:, query]])
    escaped = codes == ESCAPE
    if int(escaped.sum()) != large:
        raise WireError(f"the weights refer to {int(escaped.sum())} large cells, but {large} came")
    tail = stored[rows + cells :].astype(np.uint16)
    found = ESCAPE + tail[:large] + 256 * tail[large:]
    if large and int(found.max()) >= CODE_COUNT:
        raise WireError(f"the weights hold the unknown code {int(found.max())}")
    codes[escaped] = found
    return codes
