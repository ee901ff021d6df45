"""Forms in which a mask or an additive term of the scores is kept: small, and answering for any rows and keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from attnwidget.layers import Floats

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int32]
Pick = Sequence[int] | slice

#: Cells of a mask that are looked at together.
_CELLS_AT_ONCE = 1 << 20


@dataclass(frozen=True, eq=False)
class Intervals:
    """Row i of group g sees keys first[g, i] ≤ key < last[g, i]. One group for all heads, or one for each head."""

    first: Ints
    last: Ints

    @property
    def nbytes(self) -> int:
        return self.first.nbytes + self.last.nbytes

    def visible(self, heads: Pick, rows: Pick, keys: int, start: int = 0) -> Bools:
        """Bool [1 or len(heads), rows, keys − start]: keys `start` to `keys` only."""
        at = np.arange(start, keys, dtype=np.int32)
        first, last = (_pick(a, heads, rows)[..., None] for a in (self.first, self.last))
        seen: Bools = (at >= first) & (at < last)
        return seen

    def span(self, heads: Pick, rows: Pick, keys: int) -> tuple[int, int, int, int]:
        """Bounds of the keys that any of these rows sees, then of those that all of them see.

        All keys where a row sees none: it then attends to every key alike.
        """
        first, last = (_pick(a, heads, rows) for a in (self.first, self.last))
        if not first.size or (first >= last).any():
            return 0, keys, 0, 0
        return int(first.min()), int(last.max()), int(first.max()), int(last.min())

    def looks_ahead(self, keys: int, shift: int) -> bool:
        """Whether any row i sees a key after position i + shift."""
        after = self.last > np.arange(self.last.shape[1]) + shift + 1
        return bool((after & (self.first < self.last)).any())

    def cut(self, rows: Pick, columns: Pick, keys: int) -> Intervals:
        """The same for some rows and columns (ascending), which are counted anew."""
        kept = np.arange(keys)[as_pick(columns)]
        first, last = (np.searchsorted(kept, a[:, as_pick(rows)]).astype(np.int32) for a in (self.first, self.last))
        empty = first >= last
        first[empty] = last[empty] = 0
        return Intervals(first, last)


@dataclass(frozen=True, eq=False)
class Bits:
    """Any other pattern: packed bits uint8 [group, q, ⌈keys/8⌉]."""

    packed: npt.NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        return self.packed.nbytes

    def visible(self, heads: Pick, rows: Pick, keys: int, start: int = 0) -> Bools:
        return np.unpackbits(_pick(self.packed, heads, rows), axis=-1, count=keys).astype(bool)[..., start:]

    def span(self, heads: Pick, rows: Pick, keys: int) -> tuple[int, int, int, int]:
        """As of `Intervals`, to within eight keys."""
        packed = _pick(self.packed, heads, rows)
        if not packed.size or not packed.any(axis=-1).all():
            return 0, keys, 0, 0
        bytes_seen = np.flatnonzero(packed.any(axis=(0, 1)))
        return 8 * int(bytes_seen[0]), min(keys, 8 * int(bytes_seen[-1]) + 8), 0, 0

    def looks_ahead(self, keys: int, shift: int) -> bool:
        """Whether any row i sees a key after position i + shift."""
        for start, stop in blocks_of_rows(self.packed.shape[1], self.packed.shape[0] * keys):
            own = np.arange(start, stop)[:, None] + shift
            if (self.visible(slice(None), slice(start, stop), keys) & (np.arange(keys) > own)).any():
                return True
        return False


@dataclass(frozen=True, eq=False)
class Diagonals:
    """An additive term of the distance only: term[g, i, j] = along[g, j − i + q − 1]."""

    along: Floats
    queries: int

    @property
    def nbytes(self) -> int:
        return self.along.nbytes

    def term(self, heads: Pick, rows: Pick, keys: int, start: int = 0) -> Floats:
        """float32 [1 or len(heads), rows, keys − start]; may be a view."""
        along = self.along if len(self.along) == 1 else self.along[as_pick(heads)]
        # Row i is the stretch of `along` that begins q − 1 − i from its start.
        stretches = np.lib.stride_tricks.sliding_window_view(along[:, start:], keys - start, axis=1)
        return stretches[:, self.queries - 1 - np.arange(self.queries)[as_pick(rows)]]


@dataclass(frozen=True, eq=False)
class Dense:
    """Any other additive term: float32 [group, q, keys], or [group, 1, keys] where all rows are alike.

    Then `term` gives that one row.
    """

    values: Floats

    @property
    def nbytes(self) -> int:
        return self.values.nbytes

    def term(self, heads: Pick, rows: Pick, keys: int, start: int = 0) -> Floats:
        alike = self.values.shape[1] == 1
        return _pick(self.values, heads, slice(None) if alike else rows)[..., start:keys]


Seen = Intervals | Bits
Term = Diagonals | Dense


def as_pick(index: Pick) -> Any:
    """A pick as numpy takes it."""
    return index if isinstance(index, slice) else np.asarray(index, np.intp)


def _pick(array: npt.NDArray[Any], heads: Pick, rows: Pick) -> npt.NDArray[Any]:
    array = array if len(array) == 1 else array[as_pick(heads)]
    return array[:, as_pick(rows)]


def blocks_of_rows(rows: int, row_cells: int) -> Iterator[tuple[int, int]]:
    """Starts and stops of blocks of rows of so many cells each."""
    step = max(1, _CELLS_AT_ONCE // max(1, row_cells))
    for start in range(0, rows, step):
        yield start, min(rows, start + step)
