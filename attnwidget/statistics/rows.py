"""What is summed over a row: mass by kind of key, and entropy. From exact weights, never from rounded cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Kinds of key, in the order of every array of kind sums.
KINDS = ("cls", "sep", "punct", "other", "word")


def kind_sums(weights: NDArray[np.floating[Any]], kinds: Sequence[str]) -> NDArray[np.float64]:
    """The mass that each row gives to each kind of key.

    Parameters
    ----------
    weights
        [..., queries, keys].
    kinds
        The kind of each key.

    Returns
    -------
    float64 array [..., queries, 5], kinds in the order of `KINDS`.

    Raises
    ------
    ValueError
        Where the number of kinds is not that of the keys, or a kind is unknown.
    """
    if len(kinds) != weights.shape[-1]:
        raise ValueError(f"kinds: {len(kinds)} came for weights {weights.shape}, one a key is needed")
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise ValueError(f"kinds: {unknown[0]!r} is none of {', '.join(map(repr, KINDS))}")
    member = np.array([[kind == name for name in KINDS] for kind in kinds], np.float64).reshape(len(kinds), len(KINDS))
    return np.asarray(weights, np.float64) @ member


def entropies(weights: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Entropy −Σ w·ln w of each row, in nats; 0 for a row that is fully masked.

    Parameters
    ----------
    weights
        [..., queries, keys], each row a distribution.

    Returns
    -------
    float64 array [..., queries]
    """
    exact = np.asarray(weights, np.float64)
    # A weight of 0 (or a negative zero of rounding) adds nothing: its logarithm is never taken.
    logs = np.log(exact, out=np.zeros_like(exact), where=exact > 0)
    return np.maximum(-np.sum(exact * logs, axis=-1, dtype=np.float64), np.float64(0))
