"""The form "top", for layers too large to bring whole: the largest weights of each row; the rest only as a sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.statistics.rows import KINDS
from attnwidget.wire import codec
from attnwidget.wire.container import WireError, product


def largest(weights: NDArray[np.float32], count: int) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
    """The `count` largest keys of each row (ties: lower key first), ascending by key, and the codes of their weights.

    Parameters
    ----------
    weights
        [heads, queries, keys].
    count
        1 to keys.

    Returns
    -------
    uint32 and uint16 arrays [heads, queries, count]
    """
    keys = weights.shape[-1]
    rows = np.ascontiguousarray(weights).reshape(-1, keys)
    index = np.empty((len(rows), count), np.intp)
    width = 1 << max(0, round(math.log2(keys / count) / 2)) if keys else 1
    done = np.zeros(len(rows), bool)
    if width > 1:
        _among_groups(rows, count, width, index, done)
    if not done.all():
        index[~done] = _among_all(rows[~done], count)
    codes = codec.encode_weights(np.take_along_axis(rows, index, axis=-1))
    shape = (*weights.shape[:-1], count)
    return index.astype(np.uint32).reshape(shape), codes.reshape(shape)


def _among_all(rows: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """The largest keys of each row, by looking at all of them."""
    # The smallest weight that is kept, then of those equal to it as many as there is room for, from the left.
    threshold = _threshold(rows, count)
    above, equal = rows > threshold, rows == threshold
    room = count - above.sum(axis=-1, keepdims=True)
    kept = above | (equal & (np.cumsum(equal, axis=-1) <= room))
    return np.nonzero(kept)[-1].reshape(len(rows), count)


def _among_groups(
    rows: NDArray[np.float32], count: int, width: int, index: NDArray[np.intp], done: NDArray[np.bool_]
) -> None:
    """The same, several times as fast: only the `count` groups of keys with the largest maxima can hold them.

    Puts them into `index`, and into `done` for which rows. Left out are the few rows where equal weights stand on both
    sides of the limit, for which the order of keys decides.
    """
    groups = rows.shape[1] // width
    # A group takes every groups-th key: its maximum is then found for many groups at a time.
    grouped = rows[:, : groups * width].reshape(len(rows), width, groups)
    maxima = grouped.max(axis=1)
    chosen = maxima >= _threshold(maxima, count)
    clear = chosen.sum(axis=1) == count
    row, group = np.nonzero(chosen[clear])
    at = np.flatnonzero(clear)
    keys = (np.arange(width) * groups + group[:, None]).reshape(len(at), count * width)
    rest = np.arange(groups * width, rows.shape[1])  # in no group: always looked at
    cells = np.concatenate([grouped[at[row], :, group].reshape(len(at), count * width), rows[:, rest][at]], axis=1)
    keys = np.concatenate([keys, np.broadcast_to(rest, (len(at), len(rest)))], axis=1)
    chosen = cells >= _threshold(cells, count)
    clear = chosen.sum(axis=1) == count
    index[at[clear]] = np.sort(keys[clear][chosen[clear]].reshape(-1, count), axis=1)
    done[at[clear]] = True


def _threshold(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """The count-th largest of each row, [rows, 1]."""
    found: NDArray[np.float32] = np.partition(rows, rows.shape[1] - count, axis=-1)[:, rows.shape[1] - count, None]
    if np.isnan(found).any():
        raise ValueError("weights hold NaN; there is nothing to show for it")
    return found


def kind_units(index: NDArray[np.uint32], codes: NDArray[np.uint16], kinds: Sequence[str]) -> NDArray[np.float64]:
    """Sums of the listed cells by kind of key, in 1e-8: [heads, queries, 5]."""
    kind = np.array([KINDS.index(name) for name in kinds])[index]
    units = codec.UNITS[codes]
    return np.stack([(units * (kind == number)).sum(axis=-1) for number in range(len(KINDS))], axis=-1)


def pack(index: NDArray[np.uint32], codes: NDArray[np.uint16], keys: int) -> tuple[list[bytes], dict[str, Any]]:
    """Byte planes of the keys (two; four for more than 65536 keys), then of the codes (two), and the header's fields.

    Keys are stored as steps from the key before in their row: small numbers, whose high bytes are mostly 0.
    """
    steps = np.diff(index.astype(np.int64), axis=-1, prepend=0).astype(np.uint32)
    width = 4 if keys > 65536 else 2
    parts = [(steps >> (8 * plane)).astype(np.uint8).tobytes() for plane in range(width)]
    parts += [(codes >> (8 * plane)).astype(np.uint8).tobytes() for plane in range(2)]
    return parts, {"form": "top", "keys": index.shape[-1]}


def unpack(data: bytes, shape: tuple[int, int, int], count: int) -> NDArray[np.uint16]:
    """Codes [heads, queries, keys] of a top block, 0 for keys not listed. WireError where the bytes do not fit."""
    heads, queries, keys = shape
    width = 4 if keys > 65536 else 2
    cells = heads * queries * count
    if len(data) != cells * (width + 2):
        raise WireError(f"{len(data)} bytes do not hold the {count} largest weights of shape {list(shape)}")
    planes = np.frombuffer(data, np.uint8).reshape(width + 2, cells).astype(np.int64)
    steps = sum((planes[plane] << (8 * plane) for plane in range(width)), np.zeros(cells, np.int64))
    index = np.cumsum(steps.reshape(heads, queries, count), axis=-1)
    codes = (planes[width] + (planes[width + 1] << 8)).reshape(index.shape)
    if cells and (int(index.max()) >= keys or int(codes.max()) >= codec.CODE_COUNT):
        raise WireError("a cell of the largest weights is out of range")
    if product(shape) > 2**31:
        raise WireError(f"shape {list(shape)} is too large to be unpacked whole")
    if count and (np.diff(index, axis=-1) <= 0).any():
        raise WireError("a row of the largest weights lists a key twice")
    out = np.zeros(shape, np.uint16)
    np.put_along_axis(out, index, codes.astype(np.uint16), axis=-1)
    return out
