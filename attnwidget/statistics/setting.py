"""What is known of a text before any weight is looked at: sets of rows, classes of keys, who sees whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.inputs.tokens import Token
from attnwidget.layers import Stack
from attnwidget.statistics.rows import KINDS

F8 = NDArray[np.float64]

#: Sets of rows (queries) over which columns are summed.
ROWS = ("all", "content", "cls", "sep", "not_cls", "not_sep", "a", "b")
#: Classes of keys. The first five are the kinds of the mass ledger and share out each row; the others overlap them.
CLASSES = (*KINDS, "first", "a", "b", "sep1", "sep2")
#: Neighbours that every cell can be: offsets key − query of the own, the previous and the next position.
NEIGHBOURS = {"self": 0, "prev": -1, "next": 1}
#: Offsets key − query from −REACH to REACH are told apart; anything farther counts to the end it lies at.
REACH = 8
OFFSETS = 2 * REACH + 1


@dataclass(frozen=True)
class Setting:
    """One text's rows and keys.

    Attributes
    ----------
    queries, keys : int
        Rows that are read, and keys.
    at : int [queries]
        Which queries of the text these rows are: all, or some of a long text.
    positions : int
        Keys that lie at a position of the text: all but learned sinks.
    shift : int or None
        The key at the position of query i is i + shift; None where rows and keys are different sequences (cross).
    causal : bool
    rows : float64 [len(ROWS), queries]
        1 where a row belongs to the set.
    classes : float64 [keys, len(CLASSES)]
    kind : int [keys]
        Index in `KINDS`.
    ids : int [keys]
        Ids of content tokens, −1 elsewhere: what may be repeated.
    """

    queries: int
    keys: int
    at: NDArray[np.intp]
    positions: int
    shift: int | None
    causal: bool
    rows: F8
    classes: F8
    kind: NDArray[np.intp]
    ids: NDArray[np.int64]

    @classmethod
    def of(cls, stack: Stack, rows: int | None = None) -> Setting:
        """The setting of one stack of an `Attention`; of no more than so many of its rows, evenly spaced."""
        keys = stack.keys
        count = len(stack.queries)
        at = (
            np.arange(count)
            if rows is None or rows >= count
            else np.linspace(0, count - 1, rows).round().astype(np.intp)
        )
        queries = [stack.queries[i] for i in at]
        positions = sum(token.role != "sink" for token in keys)
        cross = stack.name == "cross" or positions < count
        causal = bool(stack.causal) and not cross
        content = np.array([_is_content(t) for t in keys], bool).reshape(len(keys))
        ids = [(-1 if t.id is None else t.id) if c else -1 for t, c in zip(keys, content, strict=True)]
        if all(i == -1 for i in ids):  # bare strings: the same string is the same token
            known: dict[str, int] = {}
            ids = [known.setdefault(t.raw, len(known)) if c else -1 for t, c in zip(keys, content, strict=True)]
        return cls(
            len(queries),
            len(keys),
            at,
            positions,
            None if cross else positions - count,
            causal,
            _row_sets(queries),
            _classes(keys),
            np.array([KINDS.index(t.kind) for t in keys], np.intp),
            np.array(ids, np.int64),
        )

    @property
    def visible(self) -> F8:
        """How many keys each row may see by the order of the text, [queries]; windows of single layers are left out."""
        if not self.causal or self.shift is None:
            return np.full(self.queries, float(self.keys))
        extra = self.keys - self.positions  # a learned sink, seen by all
        return self.at.astype(np.float64) + (1 + self.shift + extra)

    def read(self, rows: slice) -> slice | NDArray[np.intp]:
        """Which queries of the text a block of rows is, as `Attention.weights` takes them."""
        return rows if self.at[-1] == self.queries - 1 else self.at[rows]

    def uniform(self, rows: slice) -> NDArray[np.float32]:
        """Rows [r, keys] that spread their weight evenly over what they may see: the baseline of every statistic."""
        share = 1 / self.visible[rows]
        out = np.repeat(share[:, None], self.keys, axis=1)
        if self.causal and self.shift is not None:
            ahead = np.arange(self.positions) > self.at[rows, None] + self.shift
            out[:, : self.positions][ahead] = 0
        return out.astype(np.float32)

    @property
    def content(self) -> NDArray[np.bool_]:
        """Keys that are words or punctuation."""
        return np.isin(self.kind, [KINDS.index("word"), KINDS.index("punct")])

    def offset_bins(self, rows: slice) -> NDArray[np.intp] | None:
        """Bin of the offset key − query of every cell, [r, keys], 0 to OFFSETS − 1; None for cross-attention.

        A learned sink has no position; it counts to the farthest keys before the query.
        """
        if self.shift is None:
            return None
        offsets = np.arange(self.keys)[None] - (self.at[rows, None] + self.shift)
        offsets[:, self.positions :] = -REACH
        return np.asarray(np.clip(offsets, -REACH, REACH) + REACH, np.intp)

    def neighbours(self, rows: slice) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Rows (counted within the block) and keys of the cells at each offset of `NEIGHBOURS`."""
        if self.shift is None:
            nothing = np.zeros(0, np.intp)
            return [(nothing, nothing)] * len(NEIGHBOURS)
        at = self.at[rows] + self.shift
        out = []
        for offset in NEIGHBOURS.values():
            there = np.flatnonzero((at + offset >= 0) & (at + offset < self.positions))
            out.append((there, at[there] + offset))
        return out

    def successors(self, rows: slice) -> tuple[F8, NDArray[np.bool_]] | None:
        """Cells [r, keys] whose key comes right after an earlier copy of the query's token, and rows that have any."""
        if self.shift is None:
            return None
        n = self.positions
        ids = self.ids[:n]
        at = self.at[rows] + self.shift
        equal = (ids[at][:, None] == ids[None]) & (ids[None] >= 0) & (np.arange(n)[None] < at[:, None])
        cells = np.zeros((len(at), self.keys))
        cells[:, 1:n] = equal[:, :-1]
        eligible = np.asarray(cells.any(1), np.bool_)
        return (cells, eligible) if eligible.any() else None


def _is_content(token: Token) -> bool:
    return token.kind in ("word", "punct")


def _row_sets(queries: Sequence[Token]) -> F8:
    sets = {
        "all": [True] * len(queries),
        "content": [_is_content(t) for t in queries],
        "cls": [t.kind == "cls" for t in queries],
        "sep": [t.kind == "sep" for t in queries],
        "not_cls": [t.kind != "cls" for t in queries],
        "not_sep": [t.kind != "sep" for t in queries],
        "a": [_is_content(t) and t.segment == 0 for t in queries],
        "b": [_is_content(t) and t.segment == 1 for t in queries],
    }
    return np.array([sets[name] for name in ROWS], np.float64).reshape(len(ROWS), len(queries))


def _classes(keys: Sequence[Token]) -> F8:
    columns = {kind: [t.kind == kind for t in keys] for kind in KINDS}
    columns["first"] = [i == 0 for i in range(len(keys))]
    for name, segment in (("a", 0), ("b", 1)):
        columns[name] = [_is_content(t) and t.segment == segment for t in keys]
    # Separators by what they close, not by their number: RoBERTa writes two between the segments.
    inside = np.flatnonzero(columns["b"])
    begin, end = (int(inside[0]), int(inside[-1])) if len(inside) else (len(keys), len(keys))
    columns["sep1"] = [t.kind == "sep" and i < begin and bool(len(inside)) for i, t in enumerate(keys)]
    columns["sep2"] = [t.kind == "sep" and i > end for i, t in enumerate(keys)]
    return np.array([columns[name] for name in CLASSES], np.float64).reshape(len(CLASSES), len(keys)).T
