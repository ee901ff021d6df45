"""Sums and entropies of rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnwidget.statistics import KINDS, entropies, kind_sums


def test_kind_sums_add_each_kind_of_key() -> None:
    weights = np.array([[[0.5, 0.25, 0.125, 0.125], [0, 0, 0, 1]]], np.float32)
    sums = kind_sums(weights, ["cls", "word", "punct", "word"])
    assert sums.shape == (1, 2, 5)
    assert dict(zip(KINDS, sums[0, 0].tolist(), strict=True)) == {
        "cls": 0.5,
        "sep": 0,
        "punct": 0.125,
        "other": 0,
        "word": 0.375,
    }
    assert sums[0, 1].tolist() == [0, 0, 0, 0, 1]


def test_kind_sums_refuse_what_does_not_fit() -> None:
    weights = np.zeros((1, 2, 3), np.float32)
    with pytest.raises(ValueError, match=r"2 came for weights \(1, 2, 3\)"):
        kind_sums(weights, ["cls", "word"])
    with pytest.raises(ValueError, match="'noun' is none of 'cls', 'sep'"):
        kind_sums(weights, ["cls", "noun", "word"])


def test_entropies_are_in_nats_and_zero_where_nothing_is_spread() -> None:
    rows = np.array([[0.25] * 4, [1, 0, 0, 0], [0, 0, 0, 0], [0.5, 0.5, 0, 0]], np.float32)
    assert entropies(rows) == pytest.approx([math.log(4), 0, 0, math.log(2)])
    assert not np.signbit(entropies(rows)).any()


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_no_mass_is_lost_and_entropy_is_bounded(cells: list[float], random: object) -> None:
    total = sum(cells) or 1
    row = (np.array(cells) / total).astype(np.float32)[None]
    kinds = [KINDS[(7 * i + len(cells)) % 5] for i in range(len(cells))]
    assert kind_sums(row, kinds).sum() == pytest.approx(row.sum(dtype=np.float64), abs=1e-12)
    assert -1e-6 <= entropies(row)[0] <= math.log(len(cells)) + 1e-6


def test_sums_keep_what_float32_sums_would_lose() -> None:
    row = np.full((1, 4096), 1 / 4096, np.float32)
    row[0, 0] = 1e-8
    exact = math.fsum(float(x) for x in row[0])
    assert kind_sums(row, ["word"] * 4096)[0, 4] == pytest.approx(exact, abs=1e-12)
