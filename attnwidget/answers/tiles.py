"""Tiles: a rectangle of a layer's weights, for a page that holds only the largest of each row."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from attnwidget.answers.fields import Field, distinct, whole
from attnwidget.answers.layers import check_layer
from attnwidget.attention import Attention
from attnwidget.breaks import take_break
from attnwidget.layers import Floats
from attnwidget.overviews import CELLS_AT_ONCE, block
from attnwidget.wire import codec
from attnwidget.wire.container import Packer, number_block

#: Bins of one tile along queries and along keys. A row's softmax runs over all its keys, however few are asked for:
#: wide tiles compute each row fewer times.
MOST_ROWS, MOST_COLUMNS = 256, 1024
#: Heads that one request may name; none stands for all.
MOST_HEADS = 64
#: Weights computed for one tile, about a second's work; a page that wants a larger part asks for several tiles.
MOST_CELLS = 1 << 28

_some = distinct(MOST_HEADS)


def _heads(value: object) -> Hashable:
    return () if value in ([], ()) else _some.read(value)


def _span(value: object) -> tuple[int, int]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError
    for item in value:
        whole.read(item)
    start, stop = value
    if not 0 <= start < stop:
        raise ValueError
    return int(start), int(stop)


heads = Field(_heads, f"up to {MOST_HEADS} different whole numbers, or none for all heads")
span = Field(_span, "two whole numbers, the first and the one after the last")


def tile(
    data: Attention,
    stack: str,
    layer: int,
    heads: Sequence[int],
    queries: tuple[int, int],
    keys: tuple[int, int],
    step: int,
) -> bytes:
    """The container of one rectangle of the mean over some heads.

    Parameters
    ----------
    heads
        The heads averaged; empty for all of the layer.
    queries, keys
        First and one after the last.
    step
        Queries and keys of a bin: the largest mean of each step × step cells is sent. 1 sends every cell.

    Returns
    -------
    bytes
        A container with the block ``tile/s/l``, u2 [bins of queries, bins of keys]: codes of printed digits
        (:mod:`attnwidget.wire.codec`), as byte
        planes.

    Raises
    ------
    ValueError
        In words for the reader of the page, where there is no such rectangle or it is too large for one answer.
    """
    check_layer(data, stack, layer)
    chosen = data.stacks[stack]
    count = chosen.layers[layer].heads
    some = list(heads) or list(range(count))
    if not count or not all(0 <= head < count for head in some):
        valid = f"0 to {count - 1}" if count else f"none, layer {layer} has no attention weights"
        raise ValueError(f"heads: {list(heads)!r:.100} is not valid. Valid: {valid}")
    for name, (_, stop), size in (("queries", queries, len(chosen.queries)), ("keys", keys, len(chosen.keys))):
        if stop > size:
            raise ValueError(f"{name}: up to {stop} is not valid. Valid: 0 to {size}")
    if step < 1:
        raise ValueError(f"step: {step} is not valid. Valid: 1 or more")
    rows, columns = (-(-(stop - start) // step) for start, stop in (queries, keys))
    if rows > MOST_ROWS or columns > MOST_COLUMNS:
        raise ValueError(f"a tile has up to {MOST_ROWS} × {MOST_COLUMNS} bins, {rows} × {columns} were asked for")
    if (queries[1] - queries[0]) * len(chosen.keys) * len(some) > MOST_CELLS and rows > 1:
        raise ValueError(f"this tile takes more than {MOST_CELLS} weights to compute: ask for fewer queries or heads")
    pooled = _pooled(data, stack, layer, some, queries, keys, step)
    packer = Packer()
    packer.add(f"tile/{stack}/{layer}", number_block(codec.encode_weights(pooled), dtype="u2"))
    return packer.pack()


def _pooled(
    data: Attention,
    stack: str,
    layer: int,
    heads: Sequence[int],
    queries: tuple[int, int],
    keys: tuple[int, int],
    step: int,
) -> Floats:
    """Largest mean over the heads of each bin; no more than a block of weights is held at a time."""
    record = data._record(layer, data.stacks[stack])
    wide = record.keys
    first, last = keys
    rows = max(1, CELLS_AT_ONCE // max(1, wide))
    # Whole bins at a time where a block holds any.
    rows = max(step, rows // step * step) if rows >= step else rows
    columns = np.arange(0, last - first, step)
    out = np.zeros((-(-(queries[1] - queries[0]) // step), len(columns)), np.float32)
    for start in range(queries[0], queries[1], rows):
        stop = min(queries[1], start + rows)
        mean = np.zeros((stop - start, last - first), np.float32)
        for head in heads:
            take_break()
            # Keys that none of these rows sees have no weight.
            part = block(record, head, slice(start, stop))
            seen = slice(max(first, part.start), min(last, part.start + part.weights.shape[1]))
            if seen.start < seen.stop:
                here = slice(seen.start - part.start, seen.stop - part.start)
                mean[:, seen.start - first : seen.stop - first] += part.weights[:, here]
        mean /= np.float32(len(heads))
        if step == 1:
            out[start - queries[0] : stop - queries[0]] = mean
            continue
        bins = np.maximum.reduceat(mean, columns, axis=1)
        # A bin that two blocks of rows share keeps the largest of both.
        first_bin = (start - queries[0]) // step
        edges = np.arange(first_bin * step, stop - queries[0], step) - (start - queries[0])
        bins = np.maximum.reduceat(bins, np.maximum(edges, 0), axis=0)
        place = out[first_bin : first_bin + len(bins)]
        np.maximum(place, bins, out=place)
    return out
