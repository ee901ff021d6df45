"""One pass over the weights of one text: every cell is looked at once, in blocks, and only sums are kept.

Sums are float64, of the exact float32 weights. A last *unit* beside the model's heads is a head that spreads its weight
evenly over what a row may see: it goes through the same code, so that each statistic has its own exact baseline.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.attention import Attention
from attnwidget.breaks import take_break
from attnwidget.statistics.rows import KINDS
from attnwidget.statistics.setting import F8, NEIGHBOURS, OFFSETS, REACH, ROWS, Setting

# Cells of a block: what is made of them (float64, sorted, logarithms) takes about 40 bytes each and fits in the cache.
_CELLS = 1 << 18
# Below this number of cells a row block is summed by group through one matrix product, above by counting.
_DENSE_CELLS = 4096
_TINY = np.float64(1e-300)
SHARE = 0.9


@dataclass
class Sums:
    """What one pass leaves: U units (all heads of all layers in order, then the uniform one).

    Attributes
    ----------
    columns : float64 [U, len(ROWS), keys]
        Weight that each set of rows gives to each key.
    near : float64 [U, len(NEIGHBOURS), keys]
        Weight that each key gets from the row of its own position, from the next row, and from the one before.
    groups : float64 [U, OFFSETS, len(KINDS)]
        Weight by offset and kind of key.
    squares, distance, signed, k90, effective, largest, normalised, against : float64 [U]
        Sums over rows: A², A·|j−i|, A·(j−i), keys that hold 90 %, exp(H), largest weight, H/ln(visible), A × uniform.
    entropy : float64 [U, queries]
    prefix : float64 [U]; prefix_rows : int
        Weight on successors of earlier copies, and the number of rows that have such.
    hits, eligible : float64 [U, OFFSETS], [OFFSETS]
        Rows whose largest content key lies at an offset, and rows that have a content key there.
    faults : float64 [U]
        Rows that hold no finite distribution: NaN, or a sum off 1 by more than 0.01.
    """

    columns: F8
    near: F8
    groups: F8
    squares: F8
    distance: F8
    signed: F8
    entropy: F8
    k90: F8
    effective: F8
    largest: F8
    normalised: F8
    against: F8
    prefix: F8
    hits: F8
    faults: F8
    prefix_rows: int = 0
    eligible: F8 | None = None

    @classmethod
    def empty(cls, units: int, setting: Setting) -> Sums:
        flat = [np.zeros(units) for _ in range(10)]
        squares, distance, signed, k90, effective, largest, normalised, against, prefix, faults = flat
        return cls(
            np.zeros((units, len(ROWS), setting.keys)),
            np.zeros((units, len(NEIGHBOURS), setting.keys)),
            np.zeros((units, OFFSETS, len(KINDS))),
            squares,
            distance,
            signed,
            np.zeros((units, setting.queries)),
            k90,
            effective,
            largest,
            normalised,
            against,
            prefix,
            np.zeros((units, OFFSETS)),
            faults,
            eligible=np.zeros(OFFSETS),
        )


class _Block:
    """What a block of rows needs for whatever head comes along."""

    def __init__(self, setting: Setting, rows: slice) -> None:
        self.setting, self.rows = setting, rows
        count = rows.stop - rows.start
        self.visible = setting.visible[rows]
        self.sets = setting.rows[:, rows]
        bins = setting.offset_bins(rows)
        self.cells = count * setting.keys
        groups = len(KINDS) * (bins if bins is not None else np.full((count, setting.keys), REACH)) + setting.kind
        self.group = groups.ravel()
        self.dense: F8 | None = None
        if self.cells <= _DENSE_CELLS:
            self.dense = np.zeros((self.cells, OFFSETS * len(KINDS)))
            self.dense[np.arange(self.cells), self.group] = 1
        at = setting.at[rows, None] + (setting.shift or 0)
        self.signed = (np.arange(setting.keys)[None] - at).astype(np.float64)
        if setting.shift is not None:
            self.signed[:, setting.positions :] = 0  # a learned sink is nowhere
        self.far = np.abs(self.signed)
        self.neighbours = setting.neighbours(rows)
        found = setting.successors(rows)
        self.prefix = None if found is None else found[0].ravel()
        self.prefix_rows = 0 if found is None else int(found[1].sum())
        self._latent(bins)

    def _latent(self, bins: NDArray[np.intp] | None) -> None:
        """Rows and keys for the offset of the largest content key."""
        setting = self.setting
        self.keys = np.flatnonzero(setting.content)
        self.asking: NDArray[np.intp] = np.zeros(0, np.intp)
        self.eligible = np.zeros(OFFSETS)
        if bins is None or len(self.keys) < 2 or setting.shift is None:
            return
        allowed = bins[:, self.keys]
        # A causal row sees what is not after it; a row with a single content key has nothing to choose.
        seen = self.setting.uniform(self.rows)[:, self.keys] > 0
        self.asking = np.flatnonzero((self.sets[ROWS.index("content")] > 0) & (seen.sum(1) > 1))
        allowed, seen = allowed[self.asking], seen[self.asking]
        for offset in range(1, OFFSETS - 1):
            self.eligible[offset] = ((allowed == offset) & seen).any(1).sum()
        self.bins = allowed


def one_pass(attention: Attention, setting: Setting, layers: Sequence[int], stack: str) -> Sums:
    """All sums of one text. One block of weights (`_CELLS`, at least one row of one head) is in memory at a time."""
    heads = [attention.n_heads(layer, stack=stack) for layer in layers]
    sums = Sums.empty(sum(heads) + 1, setting)
    assert sums.eligible is not None
    step = max(1, min(setting.queries, _CELLS // max(1, setting.keys)))
    for first in range(0, setting.queries, step):
        rows = slice(first, min(setting.queries, first + step))
        block = _Block(setting, rows)
        sums.prefix_rows += block.prefix_rows
        sums.eligible += block.eligible
        for start, weights in _weights(attention, layers, heads, stack, block):
            _add(sums, slice(start, start + len(weights)), weights, block)
    return sums


def _weights(
    attention: Attention, layers: Sequence[int], heads: Sequence[int], stack: str, block: _Block
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Weights [u, r, keys] with the number of their first unit; small layers come together, large ones in parts."""
    at_once = max(1, _CELLS // max(1, block.cells))
    pending: list[NDArray[np.float32]] = []
    held = start = 0

    def flush() -> NDArray[np.float32]:
        return pending[0] if len(pending) == 1 else np.concatenate(pending)

    for layer, count in zip(layers, heads, strict=True):
        for first in range(0, count, at_once):
            take_break()
            some = range(first, min(count, first + at_once))
            if held and held + len(some) > at_once:
                yield start, flush()
                start, held, pending = start + held, 0, []
            pending.append(attention.weights(layer, some, stack=stack, queries=block.setting.read(block.rows)))
            held += len(some)
    pending.append(block.setting.uniform(block.rows)[None])
    yield start, flush()


def _add(sums: Sums, units: slice, weights: NDArray[np.float32], block: _Block) -> None:
    exact = weights.astype(np.float64)
    count, r, k = exact.shape
    flat = exact.reshape(count, r * k)
    sums.columns[units] += block.sets @ exact
    for near, (at, keys) in enumerate(block.neighbours):
        sums.near[units, near, keys] += exact[:, at, keys]
    sums.squares[units] += np.einsum("uc,uc->u", flat, flat)
    sums.distance[units] += flat @ block.far.ravel()
    sums.signed[units] += flat @ block.signed.ravel()
    if block.prefix is not None:
        sums.prefix[units] += flat @ block.prefix
    width = OFFSETS * len(KINDS)
    if block.dense is not None:
        grouped = flat @ block.dense
    else:
        grouped = np.stack([np.bincount(block.group, unit, width) for unit in flat])
    sums.groups[units] += grouped.reshape(count, OFFSETS, len(KINDS))
    totals = exact.sum(2)
    with np.errstate(invalid="ignore"):
        sums.faults[units] += (~(np.abs(totals - 1) <= 0.01)).sum(1)
    sums.against[units] += totals @ (1 / block.visible)
    # Sorted as float32: the same order, half the memory.
    ordered = np.sort(weights, axis=2)
    sums.largest[units] += ordered[..., -1].sum(1, dtype=np.float64)
    # Keys left over once the smallest that together hold less than 10 % are gone.
    running = np.cumsum(ordered, axis=2, dtype=np.float64)
    sums.k90[units] += r * k - (running <= (1 - SHARE + 1e-9) * totals[..., None]).sum(2).sum(1)
    np.maximum(exact, _TINY, out=running)
    np.log(running, out=running)
    running *= exact
    entropy = np.maximum(-running.sum(2), 0)
    sums.entropy[units, block.rows] = entropy
    sums.effective[units] += np.exp(entropy).sum(1)
    room = np.log(block.visible)
    sums.normalised[units] += np.divide(entropy, room, out=np.zeros_like(entropy), where=room > 0).sum(1)
    if len(block.asking):
        best = weights[:, block.asking][..., block.keys].argmax(2)
        found = np.take_along_axis(block.bins[None], best[..., None], 2)[..., 0]
        found = found + OFFSETS * np.arange(count)[:, None]
        sums.hits[units] += np.bincount(found.ravel(), minlength=count * OFFSETS).reshape(count, OFFSETS)
