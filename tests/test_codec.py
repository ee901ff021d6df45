"""The cell codec: printed digits are the correctly rounded ones, and packed cells come back."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from attnwidget.wire import codec, top

WIRE = Path(__file__).parent / "fixtures" / "wire"


GRID = [Fraction(round(units), 10**8) for units in codec.UNITS]


def exact_code(weight: float) -> int:
    """The nearest printable value by exact arithmetic, halves to the even last digit."""
    exact = min(max(Fraction(weight), Fraction(0)), Fraction(1))
    code = int(np.searchsorted(codec.VALUES, float(exact)))
    near = range(max(0, code - 2), min(codec.CODE_COUNT, code + 3))
    best = min(abs(GRID[c] - exact) for c in near)
    tied = [c for c in near if abs(GRID[c] - exact) == best]
    if len(tied) == 1:
        return tied[0]
    step = GRID[tied[1]] - GRID[tied[0]]
    return tied[0] if (GRID[tied[0]] / step) % 2 == 0 else tied[1]


@given(st.floats(0, 1, width=32) | st.floats(0, 2**-7, width=32) | st.integers(0, 2000).map(lambda k: k / 2000))
@settings(max_examples=400)
def test_a_float32_weight_gets_its_correctly_rounded_digits(weight: float) -> None:
    single = np.float32(weight)
    code = int(codec.encode_weights(np.array([single]))[0])
    assert code == exact_code(float(single))
    printed = codec.format_weight(float(single))
    if float(single) >= 0.0001:
        assert abs(Fraction(printed) - Fraction(float(single))) <= Fraction(1, 2000)
        assert np.float32(printed) == codec.VALUES[code]


def test_no_boundary_but_exact_ties_is_a_float32() -> None:
    """So that for float32 weights the boundaries in float64 are those of exact arithmetic."""
    for code in range(codec.CODE_COUNT - 1):
        exact = Fraction(int(codec.UNITS[code]) + int(codec.UNITS[code + 1]), 2 * 10**8)
        near = np.float32(float(exact))
        around = np.array([np.nextafter(near, np.float32(0)), near, np.nextafter(near, np.float32(2))])
        assert codec.encode_weights(around).tolist() == [exact_code(float(x)) for x in around], code


@given(hnp.arrays(np.float32, 30, elements=st.floats(0, 1, width=32)))
def test_codes_ascend_with_weights_and_are_settled(weights: NDArray[np.float32]) -> None:
    codes = codec.encode_weights(np.sort(weights))
    assert (np.diff(codes.astype(int)) >= 0).all()
    assert (codec.encode_weights(codec.VALUES[codes]) == codes).all()


def test_every_code_is_settled_and_printed_apart() -> None:
    assert (codec.encode_weights(codec.VALUES) == np.arange(codec.CODE_COUNT)).all()
    texts = [codec.format_weight(value) for value in codec.VALUES.tolist()]
    assert len(set(texts)) == codec.CODE_COUNT - 35  # the 36 smallest are all "<0.0001"
    assert [texts[0], texts[1], texts[37], texts[217], texts[-1]] == ["0", "<0.0001", "0.00010", "0.010", "1.000"]


def test_the_page_prints_as_python_does() -> None:
    fixture = json.loads((WIRE / "codec.json").read_text())
    assert codec.encode_weights(np.array(fixture["weights"])).tolist() == fixture["codes"]
    assert [codec.format_weight(value) for value in codec.VALUES.tolist()] == fixture["texts"]


def test_weights_out_of_range_are_held_and_nan_is_refused() -> None:
    assert codec.encode_weights(np.array([-1e-7, 1.0000002, 5.0])).tolist() == [0, 1207, 1207]
    with pytest.raises(ValueError, match=r"weights \(2,\) hold NaN"):
        codec.encode_weights(np.array([0.5, np.nan]))
    assert codec.format_weight(float("nan")) == "NaN"


all_codes = hnp.arrays(
    np.uint16,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7),
    elements=st.integers(0, codec.CODE_COUNT - 1) | st.sampled_from([0, 254, 255, 256, 1207]),
)


@given(all_codes)
def test_dense_cells_come_back(codes: NDArray[np.uint16]) -> None:
    parts, extra = codec.pack_dense(codes)
    heads, queries, keys = codes.shape
    again = codec.unpack_dense(b"".join(parts), (heads, queries, keys), extra["large"], extra["classes"])
    assert (again == codes).all()


@given(all_codes)
def test_heads_packed_one_by_one_are_the_same(codes: NDArray[np.uint16]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "_CELLS_AT_ONCE", 1)
        alone = codec.pack_dense(codes)
    assert alone == codec.pack_dense(codes)


@given(hnp.arrays(np.float32, (2, 3, 9), elements=st.sampled_from([0.0, 0.1, 0.25, 0.5])), st.integers(1, 9))
def test_top_cells_are_the_largest(weights: NDArray[np.float32], count: int) -> None:
    index, codes = top.largest(weights, count)
    parts, extra = top.pack(index, codes, 9)
    again = codec.VALUES[top.unpack(b"".join(parts), (2, 3, 9), extra["keys"])]
    for row, found, kept in zip(weights.reshape(-1, 9), again.reshape(-1, 9), index.reshape(-1, count), strict=True):
        order = sorted(range(9), key=lambda k: (-row[k], k))[:count]
        assert sorted(order) == kept.tolist()
        assert found.tolist() == [float(row[k]) if k in order else 0 for k in range(9)]


def test_top_works_with_more_keys_than_two_bytes_count() -> None:
    weights = np.zeros((1, 1, 70_000), np.float32)
    weights[0, 0, [3, 69_999]] = 0.5
    index, codes = top.largest(weights, 4)
    parts, extra = top.pack(index, codes, 70_000)
    assert len(parts) == 6
    again = top.unpack(b"".join(parts), (1, 1, 70_000), extra["keys"])
    assert np.flatnonzero(again).tolist() == [3, 69_999]
