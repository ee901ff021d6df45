"""The scene against its own rule, word by word; js/test/scene.test.ts holds its twin to the same fixtures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import Series
from numpy.typing import NDArray

from attnwidget import scene

# Printed digits, so that ties and sums exactly at the budget are common.
thousandths = st.integers(0, 12).map(lambda k: k / 1000) | st.sampled_from([0.0, 0.1, 0.3, 0.4])
grids = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 9)).flatmap(
    lambda shape: st.lists(thousandths, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))).map(
        lambda cells: np.array(cells, np.float32).reshape(shape)
    )
)


def by_the_rule(
    grid: NDArray[np.float32], queries: list[int], budget: float, most: int, keys: list[int] | None
) -> list[tuple[int, int, int, float]]:
    found: list[tuple[int, int, int, float]] = []
    for s, rows in enumerate(grid):
        for position, query in enumerate(queries):
            mass, reached = float(rows[query].sum(dtype=np.float64)), 0.0
            for key in sorted(range(len(rows[query])), key=lambda k: (-rows[query][k], k)):
                weight = float(rows[query][key])
                if weight == 0 or reached >= (budget - 1e-6) * mass:
                    break
                reached += weight
                if keys is None or key in keys:
                    found.append((s, position, key, weight))
    kept = sorted(sorted(found, key=lambda f: (-f[3], *f[:3]))[:most])
    return [(s, queries[position], key, weight) for s, position, key, weight in kept]


@given(
    grids,
    st.sampled_from([0.01, 0.5, 0.7, 0.9, 1.0]),
    st.integers(0, 30),
    st.none() | st.lists(st.integers(0, 8), max_size=3),
)
def test_strokes_follow_the_rule(grid: NDArray[np.float32], budget: float, most: int, keys: list[int] | None) -> None:
    queries = list(range(grid.shape[1]))[::-1]
    found = scene.strokes([Series(rows) for rows in grid], queries, budget=budget, max_strokes=most, keys=keys)
    wanted = by_the_rule(grid, queries, budget, most, keys)
    assert list(zip(found.series, found.query, found.key, found.weight.tolist(), strict=True)) == wanted
    assert found.count <= min(most, found.wanted)
    mass = grid.sum(dtype=np.float64)
    assert found.drawn == pytest.approx(sum(w for *_, w in wanted) / mass if mass else 0, abs=1e-9)
    assert found.row_drawn.shape == grid.shape[:2]
    assert found.row_drawn.sum() == pytest.approx(sum(w for *_, w in wanted), abs=1e-6)


@given(grids, st.sampled_from([0.3, 0.7, 1.0]))
def test_a_budget_without_limit_is_met_in_every_row(grid: NDArray[np.float32], budget: float) -> None:
    queries = list(range(grid.shape[1]))
    found = scene.strokes([Series(rows) for rows in grid], queries, budget=budget, max_strokes=10**6)
    assert (found.row_drawn >= (budget - 2e-6) * grid.sum(axis=-1)).all()


def test_decimal_cells_meet_a_decimal_budget() -> None:
    found = scene.strokes([Series(np.array([[0.4, 0.2, 0.3, 0.1]], np.float32))], [0], budget=0.7)
    assert found.key.tolist() == [0, 2]


def test_wrong_options_are_named() -> None:
    with pytest.raises(ValueError, match=r"budget is 1\.5; it must be above 0"):
        scene.strokes([], [], budget=1.5)
    with pytest.raises(ValueError, match="max_strokes is -1"):
        scene.strokes([], [], max_strokes=-1)
    with pytest.raises(ValueError, match=r"kind_sums has shape \(3,\)"):
        scene.ledger(scene.strokes([], []), [1, 2, 3])


@given(grids, st.lists(st.floats(0, 5), min_size=5, max_size=5), st.sampled_from([0.0, 0.2, 1.0]))
def test_both_lines_of_the_ledger_are_whole(grid: NDArray[np.float32], sums: list[float], left_out: float) -> None:
    found = scene.strokes([Series(rows) for rows in grid], list(range(grid.shape[1])))
    ledger = scene.ledger(found, sums, left_out)
    total = 1 if sum(sums) > 0 else 0
    assert list(ledger.fate) == ["drawn", "below", "left_out"]
    assert tuple(ledger.kinds) == scene.KINDS
    for line in (ledger.fate, ledger.kinds):
        assert sum(line.values()) == pytest.approx(total)
        assert all(0 <= share <= 1 for share in line.values())


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_percents_add_to_a_hundred_and_stay_near(shares: list[float]) -> None:
    percents = scene.percents(shares)
    total = sum(shares)
    assert sum(percents) == (100 if total > 0 else 0)
    assert all(abs(p - 100 * share / total) < 1 + 1e-6 for p, share in zip(percents, shares, strict=True) if total > 0)


def test_percents_give_the_rest_to_the_largest_remainder() -> None:
    assert scene.percents([1 / 3, 1 / 3, 1 / 3]) == [34, 33, 33]
    assert scene.percents([0.29, 0.71]) == [29, 71]
    assert scene.percents([0.004, 0.996]) == [0, 100]
    assert scene.percents([]) == []
