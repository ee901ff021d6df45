"""Mass of each row by kind of key, exact to 2^-16, stored as what the rounded cells do not tell already."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.wire.container import Block, number_block

#: 1.5e-5: finer than any page prints.
SUM_BITS = 16


def _cell_steps(units: NDArray[np.float64]) -> NDArray[np.int64]:
    """Sums of cells in steps of 2^-16; `units` counts 1e-8 and is exact, so this is the same number on the page."""
    steps: NDArray[np.int64] = np.floor(units / 1e8 * 2**SUM_BITS + 0.5).astype(np.int64)
    return steps


def pack_sums(exact: NDArray[np.float64], units: NDArray[np.float64]) -> Block:
    """The block of sums.

    A sum of rounded cells misses the exact one by little, and little is cheap to store: differences, zigzag (0, -1, 1,
    -2, … as 0, 1, 2, 3, …). The total of a row takes the place of the last kind: it is 1 nearly everywhere.

    Parameters
    ----------
    exact
        [heads, queries, kinds], from float32 weights.
    units
        [heads, queries, kinds], from the rounded cells that are stored, in 1e-8.
    """
    steps = np.rint(exact * 2**SUM_BITS).astype(np.int64)
    missing = steps - _cell_steps(units)
    planes = np.where(missing >= 0, 2 * missing, -2 * missing - 1)
    planes[..., -1] = np.rint(exact.sum(axis=-1) * 2**SUM_BITS)
    return number_block(np.moveaxis(planes, -1, 0), dtype="u4", split=True)


def unpack_sums(planes: NDArray[Any], units: NDArray[np.float64]) -> NDArray[np.float32]:
    """Sums [heads, queries, kinds] from a block's integers [kinds, heads, queries] and the sums of the cells."""
    stored = np.moveaxis(planes, 0, -1).astype(np.int64)
    steps = _cell_steps(units) + np.where(stored & 1, -(stored >> 1) - 1, stored >> 1)
    steps[..., -1] = np.maximum(stored[..., -1] - steps[..., :-1].sum(axis=-1), 0)
    sums: NDArray[np.float32] = (steps / 2**SUM_BITS).astype(np.float32)
    return sums
