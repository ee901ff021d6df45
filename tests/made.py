"""What many tests are made of: weights, rows of a picture, waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def softmax(*shape: int, seed: int = 0, spread: float = 3) -> NDArray[np.float32]:
    """Rows that sum to 1, of any shape; peaked the more, the larger `spread`."""
    cells = np.exp(spread * np.random.default_rng(seed).normal(size=shape))
    weights: NDArray[np.float32] = (cells / cells.sum(axis=-1, keepdims=True)).astype(np.float32)
    return weights


@dataclass
class Series:
    """Rows [queries, keys] as the scene wants them."""

    rows: NDArray[np.float32]

    def row(self, query: int) -> NDArray[np.float32]:
        row: NDArray[np.float32] = self.rows[query]
        return row

    def row_sum(self, query: int) -> float:
        return float(self.rows[query].sum(dtype=np.float64))


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "nothing happened within 60 s"
        time.sleep(0.002)
