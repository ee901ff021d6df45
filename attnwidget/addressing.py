"""Layers, heads and queries as they are asked for → lists of valid indices."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Heads = int | Sequence[int] | npt.NDArray[np.integer[Any]] | None
Rows = int | slice | Sequence[int] | npt.NDArray[np.integer[Any]] | None


def bin_edges(n: int, size: int) -> npt.NDArray[np.intp]:
    """Edges of min(n, size) bins over n positions: ⌊i·n/m⌋, so that every bin holds at least one position."""
    bins = min(n, size)
    return np.arange(bins + 1, dtype=np.intp) * n // max(bins, 1)


def as_int(value: Any, what: str) -> int:
    """An int of any kind of integer but bool."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{what} must be an int, got {value!r}")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{what} must be an int, got {type(value).__name__} {value!r}") from None


def index_of(value: Any, count: int, what: str) -> int:
    """A valid index, 0 to count − 1; negative ones are refused, as layers and heads are names here."""
    index = as_int(value, what)
    if not 0 <= index < count:
        valid = f"0 to {count - 1}" if count else "none: there is none"
        raise IndexError(f"{what} {index} is out of range: valid is {valid} (counted from 0)")
    return index


def heads_of(head: Heads, count: int) -> tuple[Sequence[int], bool]:
    """Heads wanted, and whether one was asked for by its number alone."""
    if head is None:
        return range(count), False
    if isinstance(head, (Sequence, np.ndarray)) and not isinstance(head, (str, bytes)):
        if len(head) == 0:
            raise ValueError("head is an empty sequence: give at least one head, or None for all")
        return [index_of(h, count, "head") for h in head], False
    return [index_of(head, count, "head")], True


def rows_of(queries: Rows, count: int) -> Sequence[int] | slice:
    """Rows wanted: a slice where they are contiguous, so that nothing is copied."""
    if queries is None:
        return slice(0, count)
    if isinstance(queries, slice):
        chosen = range(*queries.indices(count))
        return slice(chosen.start, max(chosen.start, chosen.stop)) if chosen.step == 1 else list(chosen)
    if isinstance(queries, (Sequence, np.ndarray)) and not isinstance(queries, (str, bytes)):
        return [index_of(q, count, "query") for q in queries]
    return [index_of(queries, count, "query")]
