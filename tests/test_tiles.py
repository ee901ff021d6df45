"""Tiles of a long text: what a page gets when it looks closer than its largest weights of each row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from attnwidget import Attention
from attnwidget.answers import answer, read
from attnwidget.answers.tiles import MOST_CELLS, MOST_COLUMNS, MOST_HEADS, MOST_ROWS
from attnwidget.wire import codec
from attnwidget.wire.container import Container

HEADS, QUERIES, KEYS = 3, 60, 2100


@pytest.fixture(scope="module")
def attention() -> Attention:
    scores = np.random.default_rng(5).normal(size=(2, HEADS, QUERIES, KEYS)).astype(np.float32) * 2
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return Attention.from_arrays(weights, [f"q{i}" for i in range(QUERIES)], [f"k{i}" for i in range(KEYS)])


def asking(**changes: Any) -> dict[str, Any]:
    whole = {"what": "tile", "stack": "encoder", "layer": 1, "heads": [], "queries": [0, 8], "keys": [0, 16], "step": 1}
    return {**whole, **changes}


def tile(attention: Attention, **changes: Any) -> np.ndarray:
    container = Container(answer(attention, read(asking(**changes))))
    (name,) = container.blocks
    assert name == "tile/encoder/1"
    info = container.blocks[name]
    assert (info["dtype"], info["shuffle"]) == ("u2", True)
    planes = np.frombuffer(container.bytes(name), np.uint8).reshape(2, -1).astype(np.uint16)
    return (planes[0] + 256 * planes[1]).reshape(info["shape"])


def expected(attention: Attention, heads: list[int], queries: tuple[int, int], keys: tuple[int, int], step: int) -> Any:
    """Codes by the definition: the mean over the heads, then the largest of each bin."""
    mean = attention.weights(1, heads or None)[:, slice(*queries), slice(*keys)].mean(axis=0, dtype=np.float64)
    bins = [
        [mean[q : q + step, k : k + step].max() for k in range(0, mean.shape[1], step)]
        for q in range(0, mean.shape[0], step)
    ]
    return codec.encode_weights(np.array(bins, np.float32))


@pytest.mark.parametrize("heads", [[], [1], [2, 0]])
@pytest.mark.parametrize(
    ("queries", "keys", "step"),
    [((0, 8), (0, 16), 1), ((7, 60), (2000, 2100), 1), ((0, 60), (0, 2048), 4), ((16, 59), (512, 2099), 16)],
)
def test_a_tile_is_the_largest_mean_of_each_bin(
    attention: Attention, heads: list[int], queries: tuple[int, int], keys: tuple[int, int], step: int
) -> None:
    found = tile(attention, heads=heads, queries=list(queries), keys=list(keys), step=step)
    wanted = expected(attention, heads, queries, keys, step)
    assert found.shape == wanted.shape
    # A mean of float32 taken in another order may fall on the other side of a printed digit's boundary.
    assert np.abs(found.astype(int) - wanted.astype(int)).max() <= 1
    assert (found == wanted).mean() > 0.999


def test_blocks_of_rows_join_without_a_seam(attention: Attention, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tile(attention, queries=[3, 60], keys=[0, 2100], step=5)
    for cells in (1, 7 * KEYS, 12 * KEYS):
        monkeypatch.setattr("attnwidget.answers.tiles.CELLS_AT_ONCE", cells)
        np.testing.assert_array_equal(tile(attention, queries=[3, 60], keys=[0, 2100], step=5), whole)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"heads": [0, 0]}, "'heads'"),
        ({"heads": list(range(MOST_HEADS + 1))}, "'heads'"),
        ({"heads": "all"}, "'heads'"),
        ({"queries": [0]}, "'queries'"),
        ({"queries": [4, 4]}, "'queries'"),
        ({"queries": [-1, 4]}, "'queries'"),
        ({"keys": [0, 2.5]}, "'keys'"),
        ({"keys": [True, 4]}, "'keys'"),
        ({"keys": None}, "'keys'"),
        ({"step": None}, "'step'"),
        ({"layer": "1"}, "'layer'"),
    ],
)
def test_what_is_no_request_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read(asking(**changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layer": 2}, "layer: 2"),
        ({"heads": [3]}, "Valid: 0 to 2"),
        ({"queries": [0, 61]}, "queries: up to 61"),
        ({"keys": [0, 2101]}, "keys: up to 2101"),
        ({"step": 0}, "step: 0"),
        ({"keys": [0, 2100]}, f"{MOST_ROWS} × {MOST_COLUMNS}"),
    ],
)
def test_what_is_not_there_is_named(attention: Attention, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        answer(attention, read(asking(**changes)))


def test_no_answer_takes_more_work_than_its_share(attention: Attention, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_CELLS >= MOST_ROWS * 16_384 * 32, "a text of 16,384 tokens must be readable cell by cell"
    monkeypatch.setattr("attnwidget.answers.tiles.MOST_CELLS", 8 * KEYS * HEADS)
    assert tile(attention, queries=[0, 8]).shape == (8, 16)
    with pytest.raises(ValueError, match="fewer queries or heads"):
        answer(attention, read(asking(queries=[0, 9])))
