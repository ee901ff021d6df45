"""What a picture shows: which cells become strokes, and where the rest of the mass went. Twin of js/src/scene.ts.

Both are held together by ``tests/fixtures/scene``. Nothing here knows of layers, pixels or colours.

A series is what one colour shows: one head, or the mean of the chosen heads (2 to 6 chosen heads are a series each, any
other number is one mean series). Its `row` gives the cells, its `row_sum` the exact mass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attnwidget.statistics.rows import KINDS

__all__ = ["KINDS", "Ledger", "Series", "Strokes", "ledger", "percents", "strokes"]

#: Cells are rounded to three decimals and 0.4 + 0.3 must reach 0.7, so a budget counts as met this close below it.
_TOLERANCE = 1e-6


class Series(Protocol):
    """Rows of weights of one colour. A series that leaves keys out has `whole` and `kept` as well."""

    def row(self, query: int) -> NDArray[np.float32]:
        """What is shown of one query over all keys, 0 for keys left out: float32 [keys]."""
        ...

    def row_sum(self, query: int) -> float:
        """The mass of that row, from exact weights."""
        ...


class Partial(Series, Protocol):
    """Rows of which some keys were left out."""

    def whole(self, query: int) -> float:
        """The mass of the row before any key was left out."""
        ...

    def kept(self, query: int) -> float:
        """How much of `whole` the shown row stands for, also if it was then scaled up."""
        ...


@dataclass(frozen=True, eq=False)
class Strokes:
    """Strokes as arrays of one length, ordered by series, then by the given order of the queries, then by key.

    Attributes
    ----------
    series, query, key
        uint16, uint32, uint32 [count].
    weight
        float32 [count].
    wanted
        Strokes that the budget alone asked for; more than `count` where `max_strokes` cut.
    drawn
        Share of the whole mass of all rows in view (of all series) that the strokes carry; 0 where there is no mass.
    left_out
        Share of that mass on keys that the series leave out.
    row_drawn
        float32 [series, queries], mass drawn of each row, queries in the given order.
    """

    series: NDArray[np.uint16]
    query: NDArray[np.uint32]
    key: NDArray[np.uint32]
    weight: NDArray[np.float32]
    wanted: int
    drawn: float
    left_out: float
    row_drawn: NDArray[np.float32]

    @property
    def count(self) -> int:
        return len(self.weight)


@dataclass(frozen=True)
class Ledger:
    """Where the mass of the rows in view went. Each line has shares that sum to 1, or are all 0 where there is no mass.

    Attributes
    ----------
    fate
        What became of it: drawn, below (the stroke budget), left_out.
    kinds
        The kind of key it went to: cls, sep, punct, other, word.
    """

    fate: dict[str, float]
    kinds: dict[str, float]


def _kept(row: NDArray[np.float32], target: float) -> NDArray[np.intp]:
    """Keys of the smallest prefix, largest first (ties: lower key first), whose sum reaches `target`; ascending."""
    order = np.argsort(-row, kind="stable")
    reached = np.cumsum(row[order], dtype=np.float64) >= target
    count = int(reached.argmax()) + 1 if reached.any() else len(row)
    kept = np.sort(order[:count])
    return kept[row[kept] > 0]


def strokes(
    series: Sequence[Series | Partial],
    queries: Sequence[int],
    *,
    budget: float = 0.7,
    max_strokes: int = 2000,
    keys: Sequence[int] | None = None,
) -> Strokes:
    """Choose what is drawn.

    Of each row the smallest set of largest cells (ties: lower key first) whose sum reaches `budget` × the row's mass;
    rows without mass and cells of weight 0 are never drawn. If that is more than `max_strokes` in all, the largest of
    them (ties: series, query, key in order).

    Parameters
    ----------
    series
        Colours.
    queries
        Rows in view.
    budget
        Share of each row's mass to draw, in (0, 1].
    max_strokes
        The most strokes in all.
    keys
        Where given, strokes to other keys are dropped before `max_strokes` cuts; shares stay shares of the whole rows.

    Raises
    ------
    ValueError
        Where `budget` or `max_strokes` is out of its range.
    """
    if not 0 < budget <= 1:
        raise ValueError(f"budget is {budget!r}; it must be above 0 and at most 1")
    if not max_strokes >= 0:
        raise ValueError(f"max_strokes is {max_strokes!r}; it must be 0 or more")
    total = stays = 0.0
    units = np.zeros(len(series) * len(queries))
    rows: list[int] = []
    found: list[NDArray[np.intp]] = []
    weights: list[NDArray[np.float32]] = []
    for number, one in enumerate(series):
        for position, query in enumerate(queries):
            mass = float(one.row_sum(query))
            whole, kept = _before(one, query, mass)
            total += whole
            if not mass > 0:
                continue
            stays += kept
            units[number * len(queries) + position] = kept / mass
            row = np.asarray(one.row(query), np.float32)
            cells = _kept(row, (budget - _TOLERANCE) * mass)
            if keys is not None:
                cells = cells[np.isin(cells, keys)]
            rows += [number * len(queries) + position] * len(cells)
            found.append(cells)
            weights.append(row[cells])
    weight = np.concatenate([np.zeros(0, np.float32), *weights])
    chosen = np.arange(len(weight))
    if len(weight) > max_strokes:
        chosen = np.sort(np.argsort(-weight, kind="stable")[: int(max_strokes)])
    row_of = np.array(rows, np.int64)[chosen]
    shape = (len(series), len(queries))
    row_drawn = np.bincount(row_of, weight[chosen].astype(np.float64), math.prod(shape))
    return Strokes(
        series=(row_of // max(1, len(queries))).astype(np.uint16),
        query=np.asarray(queries, np.uint32)[row_of % max(1, len(queries))],
        key=np.concatenate([np.zeros(0, np.intp), *found])[chosen].astype(np.uint32),
        weight=weight[chosen],
        wanted=len(weight),
        drawn=float(row_drawn @ units / total) if total > 0 else 0.0,
        left_out=max(0.0, 1 - stays / total) if total > 0 else 0.0,
        row_drawn=row_drawn.reshape(shape).astype(np.float32),
    )


def _before(one: Series | Partial, query: int, mass: float) -> tuple[float, float]:
    """`whole` and `kept` of a row; both its mass where the series leaves nothing out."""
    whole: Any = getattr(one, "whole", None)
    kept: Any = getattr(one, "kept", None)
    before = mass if whole is None else float(whole(query))
    return before, before if kept is None else float(kept(query))


def ledger(strokes: Strokes, kind_sums: ArrayLike, left_out: float | None = None) -> Ledger:
    """The two lines under a picture.

    Parameters
    ----------
    strokes
        What is drawn. Rounded cells may add to a little more than the exact mass: `drawn` is held at 1 − left_out.
    kind_sums
        [5], exact mass by kind over the rows in view, at any scale (their sum or mean over rows and heads), of all
        keys, left out or not.
    left_out
        Share of the mass on keys that were left out by choice; that of the series where not given.
    """
    left_out = strokes.left_out if left_out is None else left_out
    sums = np.asarray(kind_sums, np.float64)
    if sums.shape != (len(KINDS),):
        raise ValueError(f"kind_sums has shape {sums.shape}; one number for each of {', '.join(KINDS)} is needed")
    total = float(sums.sum())
    if not total > 0:
        return Ledger(dict.fromkeys(("drawn", "below", "left_out"), 0.0), dict.fromkeys(KINDS, 0.0))
    drawn = min(strokes.drawn, 1 - left_out)
    fate = {"drawn": drawn, "below": 1 - left_out - drawn, "left_out": left_out}
    return Ledger(fate, dict(zip(KINDS, (sums / total).tolist(), strict=True)))


def percents(shares: Sequence[float] | NDArray[np.floating[Any]]) -> list[int]:
    """Shares as whole percents that add to 100 (largest remainder; ties: the earlier one). Without any mass: 0."""
    total = math.fsum(shares)
    if not total > 0:
        return [0] * len(shares)
    # The tiny addition keeps 0.29 (28.999999999999996 %) whole.
    exact = [100 * float(share) / total + 1e-9 for share in shares]
    out = [math.floor(share) for share in exact]
    # Remainders equal up to rounding are ties: in steps of 1e-8 they compare the same on both sides.
    order = sorted(range(len(out)), key=lambda i: (-math.floor((exact[i] - out[i]) * 1e8 + 0.5), i))
    for i in order[: 100 - sum(out)]:
        out[i] += 1
    return out
