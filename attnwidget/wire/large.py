"""A layer too large to bring whole, read once, block by block: what of it is brought."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.overviews import Block, Pooled
from attnwidget.statistics.rows import KINDS
from attnwidget.wire import top


@dataclass(frozen=True)
class Large:
    """What is brought of a large layer.

    Attributes
    ----------
    index, codes
        uint32 and uint16 [heads, queries, held], see `top.largest`.
    sums, units
        float64 [heads, queries, 5], by kind of key: of the weights, and of the listed cells in 1e-8.
    entropy
        float32 [heads, queries], nats.
    overview
        float32 [heads, min(queries, size), min(keys, size)], the largest weight of each bin.
    written
        float32 [heads, queries], Σ weight × norm of each row; None without norms.
    """

    index: NDArray[np.uint32]
    codes: NDArray[np.uint16]
    sums: NDArray[np.float64]
    units: NDArray[np.float64]
    entropy: NDArray[np.float32]
    overview: NDArray[np.float32]
    written: NDArray[np.float32] | None = None


def read(
    blocks: Iterable[Block],
    shape: tuple[int, int, int],
    kinds: Sequence[str],
    held: int,
    size: int,
    norms: NDArray[np.float32] | None = None,
) -> Large:
    """All of it in one pass over the weights.

    Parameters
    ----------
    blocks
        Which together are the layer.
    shape
        Heads, queries and keys.
    kinds
        The kind of each key.
    held
        Keys of a row that are listed.
    size
        Queries and keys of an overview, at most.
    norms
        float32 [heads, keys], how much each key's value is.
    """
    heads, queries, keys = shape
    kind = np.array([KINDS.index(name) for name in kinds], np.intp)
    index = np.zeros((heads, queries, held), np.uint32)
    codes = np.zeros(index.shape, np.uint16)
    sums, entropy = np.zeros((heads, queries, len(KINDS))), np.zeros((heads, queries), np.float32)
    written = None if norms is None else np.zeros((heads, queries), np.float32)
    pooled = Pooled(heads, queries, keys, size)
    for block in blocks:
        here = block.head, block.queries
        pooled.add(block)
        start, weights = block.start, block.weights
        sums[here] = _kind_sums(weights, kind[start : start + weights.shape[1]])
        entropy[here] = _entropies(weights)
        if norms is not None and written is not None:
            written[here] = weights @ norms[block.head, start : start + weights.shape[1]]
        if weights.shape[1] < held:
            # The first rows of a causal mask see fewer keys than are listed: others join them, which have no weight.
            start, weights = _widened(start, weights, held, keys)
        found, codes[here] = top.largest(weights, held)
        index[here] = found + np.uint32(start)
    units = np.stack([top.kind_units(index[head], codes[head], kinds) for head in range(heads)])
    return Large(index, codes, sums, units, entropy, pooled.pictures, written)


def _kind_sums(weights: NDArray[np.float32], kind: NDArray[np.intp]) -> NDArray[np.float64]:
    """As `kind_sums`, in float32 passes: numpy's sums along rows are pairwise, hence good to 1e-7."""
    out = np.zeros((len(weights), len(KINDS)))
    counts = np.bincount(kind, minlength=len(KINDS))
    rest = int(counts.argmax())
    for number in np.flatnonzero(counts):
        if number != rest:
            out[:, number] = weights[:, np.flatnonzero(kind == number)].sum(axis=1, dtype=np.float64)
    # The commonest kind, mostly words, is what the others leave: its many keys need not be gathered.
    out[:, rest] = np.maximum(weights.sum(axis=1) - out.sum(axis=1), 0)
    return out


def _entropies(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """As `entropies`, likewise."""
    parts = np.maximum(weights, np.finfo(np.float32).tiny)  # 0 · log(tiny) is 0
    np.log(parts, out=parts)
    parts *= weights
    out: NDArray[np.float32] = np.maximum(-parts.sum(axis=1), np.float32(0))
    return out


def _widened(start: int, weights: NDArray[np.float32], held: int, keys: int) -> tuple[int, NDArray[np.float32]]:
    first = min(start, keys - held)
    out = np.zeros((len(weights), held), np.float32)
    out[:, start - first : start - first + weights.shape[1]] = weights
    return first, out
