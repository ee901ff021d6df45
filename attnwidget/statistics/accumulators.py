"""Sums over texts that can be merged: one pass over two halves equals one pass over the whole, in any order."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from attnwidget.statistics.setting import F8


@dataclass
class Moments:
    """Number, mean, sum of squared deviations, smallest and largest of arrays of one shape; NaN cells are left out.

    Attributes
    ----------
    count, mean, m2, low, high : float64 arrays of the shape
    """

    count: F8
    mean: F8
    m2: F8
    low: F8
    high: F8

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> Moments:
        zero = np.zeros(shape)
        return cls(zero, zero, zero, np.full(shape, np.inf), np.full(shape, -np.inf))

    @classmethod
    def of(cls, values: F8) -> Moments:
        """The moments of one array."""
        there = ~np.isnan(values)
        zero = np.zeros(values.shape)
        return cls(
            there.astype(np.float64),
            np.where(there, values, 0),
            zero,
            np.where(there, values, np.inf),
            np.where(there, values, -np.inf),
        )

    def merge(self, other: Moments) -> Moments:
        """Both together (Chan et al. 1979): exact but for the last digits of float64."""
        count = self.count + other.count
        safe = np.maximum(count, 1)
        delta = other.mean - self.mean
        return Moments(
            count,
            # As a weighted sum, so that the order of the two makes no difference.
            (self.mean * self.count + other.mean * other.count) / safe,
            self.m2 + other.m2 + delta**2 * self.count * other.count / safe,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )

    @property
    def means(self) -> F8:
        """Means, NaN where nothing was counted."""
        return np.asarray(np.where(self.count > 0, self.mean, np.nan), np.float64)

    @property
    def errors(self) -> F8:
        """Standard errors of the means over texts; NaN below two texts."""
        with np.errstate(divide="ignore", invalid="ignore"):
            squared = self.m2 / (self.count - 1) / self.count
        return np.asarray(np.where(self.count > 1, np.sqrt(np.maximum(squared, 0)), np.nan), np.float64)


@dataclass
class Replicates:
    """Weighted sums of Poisson bootstrap replicates.

    Each text counts k times in each replicate, k ~ Poisson(1) drawn from a generator that is seeded by a hash of the
    text: the same text draws the same numbers wherever it is counted, so that merging stays exact, and two models that
    read the same texts are compared pairwise. Copies of one text draw alike: resampling is by distinct text.

    Attributes
    ----------
    count : float64 [B, S]
        Weight of the texts in which statistic s is defined.
    total : float64 [B, S, L, H]; base : float64 [B, S]
        Weighted sums of statistics and of their baselines.
    """

    count: F8
    total: F8
    base: F8

    @classmethod
    def empty(cls, number: int, shape: tuple[int, ...]) -> Replicates:
        return cls(np.zeros((number, shape[0])), np.zeros((number, *shape)), np.zeros((number, shape[0])))

    @classmethod
    def of(cls, values: F8, baselines: F8, text: str, number: int, seed: int) -> Replicates:
        """The replicates of one text: values [S, L, H], baselines [S]."""
        weights = poisson_weights(text, number, seed)
        there = np.isfinite(values).reshape(len(values), -1).any(1)
        flat = np.nan_to_num(values, nan=0.0).reshape(1, -1)
        return cls(
            np.outer(weights, there),
            (weights[:, None] @ flat).reshape(number, *values.shape),
            np.outer(weights, np.nan_to_num(baselines, nan=0.0)),
        )

    def merge(self, other: Replicates) -> Replicates:
        return Replicates(self.count + other.count, self.total + other.total, self.base + other.base)

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Which replicates hold a text, [B]: of few distinct texts some drew none."""
        return np.asarray(self.count.any(1), np.bool_)

    def means(self) -> tuple[F8, F8]:
        """Means of every replicate: float64 [B, S, L, H], and of the baselines [B, S]; NaN in an empty replicate."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.total / self.count[:, :, None, None], self.base / self.count


def poisson_weights(text: str, number: int, seed: int) -> F8:
    """How often a text counts in each of `number` replicates."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, key=str(seed).encode()).digest()
    generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
    return generator.poisson(1.0, number).astype(np.float64)
