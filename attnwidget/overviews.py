"""Weights of a whole layer, block by block, and the small pictures made of them: no n×n array is ever made.

A block covers some rows of one head and only the keys that any of them sees: under a causal mask half of all cells are
never computed, under a sliding window nearly all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from attnwidget.addressing import bin_edges
from attnwidget.breaks import take_break
from attnwidget.layers import Floats, Layer

#: Cells of a block (4 MB of float32): small enough for a cache, large enough for the matrix product to run at speed.
CELLS_AT_ONCE = 1 << 20


@runtime_checkable
class _Sparse(Protocol):
    def seen_weights(self, heads: Sequence[int], rows: slice) -> tuple[int, Floats]: ...


@dataclass(frozen=True)
class Block:
    """Weights [row, key] of one head: rows `queries`, keys from `start` on; all other keys of these rows have none."""

    head: int
    queries: slice
    start: int
    weights: Floats


def blocks(layer: Layer, heads: Sequence[int] | None = None, *, cells: int | None = None) -> Iterator[Block]:
    """The weights of some heads (None: all), head by head and row by row."""
    step = max(1, (cells or CELLS_AT_ONCE) // max(1, layer.keys))
    for head in range(layer.heads) if heads is None else heads:
        for first in range(0, layer.queries, step):
            take_break()
            yield block(layer, head, slice(first, min(layer.queries, first + step)))


def block(layer: Layer, head: int, rows: slice) -> Block:
    """The weights of some rows of one head."""
    start, weights = layer.seen_weights([head], rows) if isinstance(layer, _Sparse) else (0, None)
    return Block(head, rows, start, (layer.weights([head], rows) if weights is None else weights)[0])


class Pooled:
    """Largest weights of the bins of every head of a layer, collected block by block.

    Attributes
    ----------
    pictures : float32 [H, min(q, size), min(k, size)]
        Cell i of m covers positions ⌊i·n/m⌋ up to ⌊(i+1)·n/m⌋.
    """

    def __init__(self, heads: int, queries: int, keys: int, size: int) -> None:
        self._rows, self._columns = bin_edges(queries, size), bin_edges(keys, size)
        self.pictures: Floats = np.zeros((heads, len(self._rows) - 1, len(self._columns) - 1), np.float32)

    def add(self, block: Block) -> None:
        """One block; a bin that several blocks share keeps the largest."""
        rows, width = block.weights.shape
        if not rows or not width:
            return
        edges = np.clip(self._columns, block.start, block.start + width) - block.start
        columns = slice(np.searchsorted(edges, 0, side="right") - 1, np.searchsorted(edges, width))
        pooled = np.maximum.reduceat(block.weights, edges[columns], axis=1)
        edges = np.clip(self._rows, block.queries.start, block.queries.stop) - block.queries.start
        bins = slice(np.searchsorted(edges, 0, side="right") - 1, np.searchsorted(edges, rows))
        pooled = np.maximum.reduceat(pooled, edges[bins], axis=0)
        place = self.pictures[block.head, bins, columns]
        np.maximum(place, pooled, out=place)


def overview(layer: Layer, size: int) -> Floats:
    """Small pictures of all heads, see `Pooled`."""
    pooled = Pooled(layer.heads, layer.queries, layer.keys, size)
    for block in blocks(layer):
        pooled.add(block)
    return pooled.pictures
