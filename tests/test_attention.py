"""Addressing, overviews, memory and the small print of `Attention`."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attnwidget import Attention, capture
from attnwidget.addressing import bin_edges
from attnwidget.capture import masks


@pytest.fixture(scope="module")
def found(tiny_llama: Any) -> Attention:
    attention = capture(tiny_llama, torch.arange(5, 45)[None])
    assert isinstance(attention, Attention)
    return attention


def test_addressing(found: Attention) -> None:
    whole = found.weights(1)
    assert whole.shape == (4, 40, 40)
    np.testing.assert_array_equal(found.weights(1, 2), whole[2])
    np.testing.assert_array_equal(found.weights(1, np.int64(2)), whole[2])
    for heads in ([3, 1], (3, 1), np.array([3, 1])):
        np.testing.assert_allclose(found.weights(1, heads), whole[[3, 1]], atol=1e-6)
    for queries in (7, [7], np.array([7]), slice(7, 8)):
        assert found.weights(1, queries=queries).shape == (4, 1, 40)
        assert found.weights(1, 0, queries=queries).shape == (1, 40)
        np.testing.assert_allclose(found.weights(1, queries=queries), whole[:, [7]], atol=1e-6)
    np.testing.assert_allclose(found.weights(1, 0, queries=slice(None, None, -3)), whole[0][::-3], atol=1e-6)
    np.testing.assert_allclose(found.weights(1, 0, queries=[9, 2]), whole[0][[9, 2]], atol=1e-6)
    assert found.weights(1, 0, queries=slice(5, 5)).shape == (0, 40)
    assert found.weights(1, stack="decoder").shape == (4, 40, 40)


def test_scores_are_before_the_softmax(found: Attention) -> None:
    scores = found.scores(0, 1)
    assert np.isneginf(scores[np.triu_indices(40, 1)]).all()
    soft = np.exp(scores - scores.max(-1, keepdims=True))
    np.testing.assert_allclose(soft / soft.sum(-1, keepdims=True), found.weights(0, 1), atol=1e-6)
    by_hand = found.query(0, 1) @ found.key(0, 1).T / np.sqrt(8)
    lower = np.tril_indices(40)
    np.testing.assert_allclose(scores[lower], by_hand[lower], atol=1e-4)
    assert found.value(0).shape == (4, 40, 8)
    assert found.query(0, [1, 2]).shape == (2, 40, 8)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda a: a.weights(3), IndexError, "layer 3 is out of range: valid is 0 to 2"),
        (lambda a: a.weights(-1), IndexError, "layer -1"),
        (lambda a: a.weights(0, 4), IndexError, "head 4 is out of range: valid is 0 to 3"),
        (lambda a: a.weights(0, [0, -1]), IndexError, "head -1"),
        (lambda a: a.weights(0, []), ValueError, "at least one head"),
        (lambda a: a.weights(0, "1"), TypeError, "head must be an int, got str '1'"),
        (lambda a: a.weights(0.0), TypeError, "layer must be an int, got float"),
        (lambda a: a.weights(True), TypeError, "layer must be an int, got True"),
        (lambda a: a.weights(0, queries=40), IndexError, "query 40 is out of range: valid is 0 to 39"),
        (lambda a: a.weights(0, stack="encoder"), ValueError, "stack='encoder' is not one of 'decoder'"),
        (lambda a: a.overview(0, size=0), ValueError, "size must be 1 or more"),
        (lambda a: a.n_heads(9), IndexError, "layer 9"),
    ],
)
def test_what_is_refused(found: Attention, call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call(found)


@pytest.mark.parametrize("size", [1, 7, 32, 64])
@pytest.mark.parametrize("block", [40, 500, 1 << 22])
def test_overview(found: Attention, size: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnwidget.overviews.CELLS_AT_ONCE", block)
    whole, edges = found.weights(2), bin_edges(40, size)
    small = found.overview(2, size=size)
    bins = min(size, 40)
    assert small.shape == (4, bins, bins)
    assert small.dtype == np.float32
    for i in range(bins):
        for j in range(bins):
            area = whole[:, edges[i] : edges[i + 1], edges[j] : edges[j + 1]]
            np.testing.assert_allclose(small[:, i, j], area.max((1, 2)), atol=1e-6)


def test_frame(found: Attention) -> None:
    frame = found.to_frame(1, 3)
    assert frame.shape == (40, 40)
    assert (frame.index.name, frame.columns.name) == ("query", "key")
    assert list(frame.columns) == [t.text for t in found.key_tokens()]
    np.testing.assert_array_equal(frame.to_numpy(), found.weights(1, 3))


def test_release(tiny_llama: Any) -> None:
    attention = capture(tiny_llama, torch.arange(5, 45)[None])
    assert isinstance(attention, Attention)
    assert attention.nbytes == 3 * (4 + 2 + 2) * 40 * 8 * 4 + 2 * 40 * 4  # Q, K, V and one shared causal mask
    attention.release()
    assert attention.released
    assert attention.nbytes == 0
    assert len(attention.tokens) == 40
    for call in (attention.weights, attention.overview, attention.value_norms, attention.query):
        with pytest.raises(RuntimeError, match=r"released.*capture"):
            call(0)
    assert "released" in repr(attention)


def test_one_token(tiny_llama: Any, tiny_bert: Any) -> None:
    for model in (tiny_llama, tiny_bert):
        attention = capture(model, torch.tensor([[7]]))
        assert isinstance(attention, Attention)
        np.testing.assert_array_equal(attention.weights(0), np.ones((4, 1, 1)))
        assert attention.overview(0).shape == (4, 1, 1)
        assert attention.contributions(0).shape == (4, 1, 1)
        assert next(iter(attention.stacks.values())).causal is None


def test_importing_is_light() -> None:
    code = (
        "import sys, attnwidget; attnwidget.__version__; attnwidget.Attention;"
        "print(sorted({'torch', 'transformers', 'anywidget', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_capture_is_a_function_whatever_is_imported_first() -> None:
    import attnwidget
    import attnwidget.capture as imported
    from attnwidget.capture import capture as inner

    assert attnwidget.capture is inner is imported
    with pytest.raises(AttributeError, match="it has Attention, AttnView"):
        _ = attnwidget.captures  # type: ignore[attr-defined]


# Masks


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 11), st.integers(1, 3), st.integers(0, 2**31), st.booleans())
def test_masks_come_back_exactly(q: int, k: int, groups: int, seed: int, interval: bool) -> None:
    random = np.random.default_rng(seed)
    if interval:
        first, last = np.sort(random.integers(0, k + 1, (2, groups, q, 1)), axis=0)
        seen = (np.arange(k) >= first) & (np.arange(k) < last)
    else:
        seen = random.random((groups, q, k)) < 0.5
    packed = masks.compress(seen)
    rows = random.permutation(q)[: q // 2 + 1].tolist()
    heads = random.integers(0, groups, 2).tolist()
    if packed is None:
        assert seen.all()
    else:
        assert not interval or isinstance(packed, masks.Intervals)
        wanted = seen[heads][:, rows] if groups > 1 else seen[:, rows]
        np.testing.assert_array_equal(packed.visible(heads, rows, k), wanted)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 11), st.integers(1, 3), st.integers(0, 2**31), st.booleans())
def test_terms_come_back_exactly(q: int, k: int, groups: int, seed: int, by_distance: bool) -> None:
    random = np.random.default_rng(seed)
    if by_distance:
        along = random.normal(size=(groups, q + k)).astype(np.float32)
        values = along[:, np.arange(k) - np.arange(q)[:, None] + q - 1]
    else:
        values = random.normal(size=(groups, q, k)).astype(np.float32)
    term = masks.compress_term(values)
    assert term is not None
    assert not by_distance or isinstance(term, masks.Diagonals)
    rows = random.permutation(q)[: q // 2 + 1].tolist()
    heads = random.integers(0, groups, 2).tolist()
    np.testing.assert_array_equal(term.term(heads, rows, k), (values[heads] if groups > 1 else values)[:, rows])
    assert masks.compress_term(np.zeros((1, q, k), np.float32)) is None


def test_mask_tensors() -> None:
    every = slice(None)
    lowest = torch.finfo(torch.float32).min
    additive = torch.zeros(2, 1, 3, 4)
    additive[1, :, :, 3] = lowest
    additive[1, 0, 0, 1] = -float("inf")
    additive[1, 0, 2, 0] = -1.5
    seen, term = masks.read(additive, 1, every, every, 3, 4)
    wanted = np.array([[1, 0, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0]], bool)
    assert seen is not None
    assert term is not None
    np.testing.assert_array_equal(seen.visible(every, every, 4)[0], wanted)
    assert term.term(every, every, 4)[0, 2].tolist() == [-1.5, 0, 0, 0]
    assert masks.read(additive, 0, every, every, 3, 4) == (None, None)
    padding = torch.tensor([[1, 1, 1, 1], [0, 1, 1, 0]])
    for mask in (padding, padding.bool()[:, None, None, :]):
        seen, term = masks.read(mask, 1, every, every, 3, 4)
        assert seen is not None
        assert term is None
        np.testing.assert_array_equal(seen.visible(every, every, 4)[0], np.tile([0, 1, 1, 0], (3, 1)))
    static = torch.ones(1, 1, 3, 9, dtype=torch.bool).tril()  # a cache longer than the keys
    seen, _ = masks.read(static, 0, every, every, 3, 4)
    assert seen is not None
    np.testing.assert_array_equal(seen.visible(every, every, 4)[0], np.tri(3, 4, dtype=bool))


def test_flash_masks_come_as_arguments() -> None:
    plain = masks.causal(3, 5, lower_right=True)
    np.testing.assert_array_equal(plain.visible(slice(None), slice(None), 5)[0], np.tri(3, 5, 2, dtype=bool))
    window = masks.windowed(masks.causal(5, 5), 2)
    wanted = np.tri(5, dtype=bool) & ~np.tri(5, k=-2, dtype=bool)
    np.testing.assert_array_equal(window.visible(slice(None), slice(None), 5)[0], wanted)
