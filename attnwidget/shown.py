"""How the heads in view become the rows shown: measure, aggregate, words, and what is left out.

Twin of js/src/picture/scope.ts and shown.ts, held together by ``tests/fixtures/scene``. A row is made in this order:
each head's weights, or what each writes (weight × norm); folded from pieces to words (to a word the sum, from a word
the mean); the heads put together; keys left out; what is left scaled up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attnwidget.inputs.tokens import Token

Floats = NDArray[np.float32]
F8 = NDArray[np.float64]

#: A row of which less than this is left is not scaled up: that would show rounding errors.
_LEAST = 1e-4


def is_text(token: Token) -> bool:
    """Whether a token is part of a text: a word or punctuation."""
    return token.kind in ("word", "punct")


def has_pair(queries: Sequence[Token], keys: Sequence[Token]) -> bool:
    """Whether there are two segments of text on both sides."""
    return all({0, 1} <= {t.segment for t in tokens if is_text(t)} for tokens in (queries, keys))


@dataclass(frozen=True)
class Side:
    """The units of one side: tokens, or words.

    Attributes
    ----------
    tokens
        One a unit.
    starts : intp [units]
        First position of each.
    count : int
        Tokens in all.
    """

    tokens: Sequence[Token]
    starts: NDArray[np.intp]
    count: int

    @classmethod
    def of(cls, tokens: Sequence[Token], unit: str) -> Side:
        """The tokens themselves, or with `unit` "words" the words that they are pieces of."""
        from attnwidget.words import word_starts, word_tokens

        if unit == "words":
            return cls(word_tokens(tokens), word_starts(tokens), len(tokens))
        return cls(tokens, np.arange(len(tokens)), len(tokens))

    def index(self, position: int) -> int:
        """The unit that a token belongs to."""
        return int(np.searchsorted(self.starts, position, "right")) - 1

    def indices(self, positions: Sequence[int]) -> list[int]:
        """Units of which some token is listed, ascending."""
        return sorted({self.index(position) for position in positions})

    def positions(self, index: int) -> range:
        """Positions of the tokens of a unit."""
        stop = int(self.starts[index + 1]) if index + 1 < len(self.starts) else self.count
        return range(int(self.starts[index]), stop)


@dataclass(frozen=True)
class Look:
    """Everything that decides on the rows, besides the heads; the words are those of the view's traits.

    Attributes
    ----------
    sink_keys
        Positions of the keys that `sinks` is about.
    causal
        Whether a row sees only the keys up to its own position.
    """

    queries: Side
    keys: Side
    measure: str = "weight"
    aggregate: str = "mean"
    sinks: str = "show"
    pair: str = "all"
    sink_keys: Sequence[int] = ()
    causal: bool = False

    @property
    def _segments(self) -> tuple[int, int] | None:
        if self.pair == "all" or not has_pair(self.queries.tokens, self.keys.tokens):
            return None
        return "ab".index(self.pair[0]), "ab".index(self.pair[1])

    @property
    def shown_rows(self) -> NDArray[np.bool_]:
        """Rows that the pair filter keeps, [queries]."""
        segments = self._segments
        return np.array(
            [segments is None or (is_text(t) and t.segment == segments[0]) for t in self.queries.tokens], np.bool_
        )

    @property
    def sink_units(self) -> NDArray[np.bool_]:
        """Keys that `sinks` is about, [keys]."""
        out = np.zeros(len(self.keys.tokens), np.bool_)
        out[self.keys.indices(self.sink_keys)] = True
        return out

    @property
    def removed(self) -> NDArray[np.bool_]:
        """Keys that `sinks` takes out, [keys]."""
        taken = self.sinks in ("leave_out", "renormalise")
        return self.sink_units if taken else np.zeros(len(self.keys.tokens), np.bool_)

    @property
    def dimmed(self) -> NDArray[np.bool_]:
        """Keys that are drawn faint, [keys]."""
        return self.sink_units if self.sinks == "dim" else np.zeros(len(self.keys.tokens), np.bool_)

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """Keys that are not drawn, [keys]."""
        segments = self._segments
        if segments is None:
            return self.removed
        other = [not (is_text(t) and t.segment == segments[1]) for t in self.keys.tokens]
        return self.removed | np.array(other, np.bool_)

    def baseline(self, query: int) -> float:
        """The weight that each key would have if the row spread evenly over the keys it may see."""
        keys, seen = len(self.keys.tokens), len(self.keys.tokens)
        learned = 0
        while learned < keys and self.keys.tokens[keys - 1 - learned].role == "sink":
            learned += 1
        shift = self.keys.count - learned - self.queries.count
        if self.causal and shift >= 0:
            seen = self.keys.index(self.queries.positions(query)[-1] + shift) + 1 + learned
        if self.sinks != "renormalise":
            return 1 / seen
        sinks = self.sink_units
        left = seen - int(sinks[: seen - learned].sum()) - int(sinks[keys - learned :].sum())
        return 1 / left if left > 0 else 0.0


@dataclass(frozen=True, eq=False)
class Shown:
    """Rows of one series; a `Partial` of :mod:`attnwidget.scene`.

    Attributes
    ----------
    rows : float32 [r, keys]
        As shown.
    before : float32 [r, keys]
        Before anything was left out.
    wholes, keeps, sums, removals : float64 [r]
        Mass of `before`, of what is kept of it, of `rows`, and of what `sinks` took out of `before`.
    queries : dict of int to int
        Row of each query.
    """

    rows: Floats
    before: Floats
    wholes: F8
    keeps: F8
    sums: F8
    removals: F8
    queries: dict[int, int] = field(default_factory=dict)

    def row(self, query: int) -> Floats:
        row: Floats = self.rows[self.queries[query]]
        return row

    def row_sum(self, query: int) -> float:
        return float(self.sums[self.queries[query]])

    def whole(self, query: int) -> float:
        return float(self.wholes[self.queries[query]])

    def kept(self, query: int) -> float:
        return float(self.keeps[self.queries[query]])


def fold(cells: Floats, look: Look, queries: Sequence[int]) -> Floats:
    """Cells [heads, pieces of the queries, keys] → [heads, queries, units of keys]: sums over keys, means over rows."""
    lengths = np.array([len(look.queries.positions(query)) for query in queries])
    folded = np.add.reduceat(cells, look.keys.starts, axis=2, dtype=np.float64)
    starts = np.cumsum(lengths) - lengths
    return np.asarray(np.add.reduceat(folded, starts, axis=1) / lengths[:, None], np.float32)


def shown(weights: Floats, norms: Floats | None, look: Look, queries: Sequence[int]) -> Shown:
    """Some heads as one series.

    Parameters
    ----------
    weights : float32 [heads, rows, keys]
        Of the tokens of these queries, in their order.
    norms : float32 [heads, keys], optional
        ‖v·W_O‖; without them contributions are not to be had, and weights are shown.
    look
        How.
    queries
        Units, each once.
    """
    written = look.measure == "contribution" and norms is not None
    cells = weights * norms[:, None] if written and norms is not None else weights
    folded = fold(cells, look, queries).astype(np.float64)
    if look.aggregate == "max" and len(folded) > 1:
        # Of what each head writes, the share: lengths of different heads are not compared.
        joint = (_over(folded, folded.sum(-1, keepdims=True)) if written else folded).max(axis=0)
    else:
        joint = folded.mean(axis=0)
        if written:
            joint = _over(joint, joint.sum(-1, keepdims=True))
    return leave_out(joint, look, queries)


def leave_out(joint: F8, look: Look, queries: Sequence[int]) -> Shown:
    """The rows [queries, keys] without what the look leaves out."""
    before = np.where(look.shown_rows[list(queries)][:, None], joint, 0)
    wholes = before.sum(axis=1)
    rows = np.where(look.hidden, 0, before)
    removals = np.minimum(wholes, before[:, look.removed].sum(axis=1))
    keeps = np.clip(rows.sum(axis=1), 0, wholes - removals)
    by = np.ones(len(rows))
    if look.sinks == "renormalise" and look.hidden.any():
        remaining = wholes - removals
        by = np.where(remaining > _LEAST * wholes, _over(wholes, remaining), 0)
    return Shown(
        (rows * by[:, None]).astype(np.float32),
        before.astype(np.float32),
        wholes,
        np.where(by > 0, keeps, 0),
        keeps * by,
        removals,
        {query: at for at, query in enumerate(queries)},
    )


def _over(part: F8, whole: F8) -> F8:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
