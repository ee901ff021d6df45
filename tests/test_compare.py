"""AttnView.compare, link and beside: what may be compared, the numbers of every head, and views that move together."""

from __future__ import annotations

import json
import re
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from made import softmax, wait_for
from scipy.spatial.distance import jensenshannon  # type: ignore[import-untyped]
from views import message

from attnwidget import answers, compare, compared, held, holdings, linking, packing
from attnwidget import view as view_module
from attnwidget.arrays import from_arrays
from attnwidget.attention import Attention
from attnwidget.view import AttnView
from attnwidget.wire import decode, encode

TOKENS = ["[CLS]", "the", "dog", "chased", "the", "cat", "[SEP]"]


def made(seed: int, *, layers: int = 3, heads: int = 4, tokens: list[str] = TOKENS, name: str = "") -> Attention:
    return from_arrays(softmax(layers, heads, len(tokens), len(tokens), seed=seed), tokens, model_name=name)


@pytest.fixture
def sides() -> tuple[Attention, Attention]:
    return made(0, name="base"), made(1, name="tuned")


# ---- the numbers


def test_every_head_is_measured_as_scipy_does(sides: tuple[Attention, Attention]) -> None:
    a, b = sides
    found = AttnView.compare(a, b).comparison
    assert (found["a"], found["b"], found["layer"], found["rows"]) == ("base", "tuned", None, 7)
    for layer in range(3):
        one, two = a.weights(layer).astype(np.float64), b.weights(layer).astype(np.float64)
        # scipy gives the distance, the root of the divergence, in nats.
        expected = (jensenshannon(one, two, axis=-1) ** 2).mean(-1)
        np.testing.assert_allclose(found["divergence"]["encoder"][layer], expected, atol=1e-6)
        np.testing.assert_allclose(found["moved"]["encoder"][layer], np.abs(two - one).sum(-1).mean(-1) / 2, atol=1e-6)
    assert json.loads(json.dumps(found)) == found


def test_a_side_against_itself_did_not_move(sides: tuple[Attention, Attention]) -> None:
    found = AttnView.compare(sides[0], sides[0]).comparison
    assert (found["a"], found["b"]) == ("A", "B")
    assert np.allclose(found["moved"]["encoder"], 0)
    assert np.allclose(found["divergence"]["encoder"], 0, atol=1e-9)


def test_two_layers_are_set_against_each_other(sides: tuple[Attention, Attention]) -> None:
    a, _ = sides
    view = AttnView.compare((a, 0), (a, 2))
    assert (view.layer, view.comparison["layer"]) == (0, 2)
    assert list(decode(view.compared)) == [("encoder", 2)]
    moved = np.array(view.comparison["moved"]["encoder"])
    np.testing.assert_allclose(moved[0], np.abs(a.weights(2) - a.weights(0)).sum(-1).mean(-1) / 2, atol=1e-6)
    assert np.allclose(moved[2], 0)
    assert AttnView.compare((a, 0), (a, 2), layer=1).layer == 1


def test_the_other_side_travels_with_the_view(sides: tuple[Attention, Attention]) -> None:
    a, b = sides
    view = AttnView.compare(a, b, heads=[1], mode="matrix", names=("before", "after"))
    assert (view.heads, view.mode, view.comparison["a"], view.comparison["b"]) == ([1], "matrix", "before", "after")
    assert view.attention_data is a
    for layer in range(3):
        np.testing.assert_allclose(decode(view.compared)["encoder", layer].weights, b.weights(layer), atol=1e-3)


def test_rows_of_long_texts_are_sampled_evenly(
    sides: tuple[Attention, Attention], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = sides
    monkeypatch.setattr(compare, "MOST_CELLS", 3 * 4 * 49 // 2)
    found = compare.pair(a, b).measured()
    assert found["rows"] == 4
    one, two = a.weights(1, queries=[0, 2, 4, 6]), b.weights(1, queries=[0, 2, 4, 6])
    np.testing.assert_allclose(found["moved"]["encoder"][1], np.abs(two - one).sum(-1).mean(-1) / 2, atol=1e-6)


# ---- what cannot be compared


@pytest.mark.parametrize(
    ("b", "error", "says"),
    [
        (made(1, tokens=["[CLS]", "the", "cat", *TOKENS[3:]]), ValueError, "number 2 is 'dog' in a and 'cat' in b"),
        (made(1, tokens=[*TOKENS, "more"]), ValueError, "has 7 queries in a and 8 in b; the first 7 are the same"),
        (made(1, heads=2), ValueError, "layer 0 of stack 'encoder' has 4 heads in a and 2 in b"),
        (made(1, layers=2), ValueError, "3 layers in a and 2 in b: compare two layers instead"),
        ("bert", TypeError, "b: str came. Valid: an Attention"),
        ((made(1), 0), TypeError, "name a layer on both sides"),
        ((made(1), "0"), TypeError, "b: the layer is '0', a whole number is needed"),
        (
            from_arrays(softmax(3, 4, 7, 7), TOKENS, stack="decoder"),
            ValueError,
            "other stacks: 'encoder' and 'decoder'",
        ),
    ],
)
def test_what_cannot_be_compared_is_named(b: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=re.escape(says)):
        AttnView.compare(made(0), b)


def test_layers_and_names_are_checked(sides: tuple[Attention, Attention]) -> None:
    a, b = sides
    with pytest.raises(IndexError, match="layer of b 3 is out of range: valid is 0 to 2"):
        AttnView.compare((a, 0), (a, 3))
    with pytest.raises(TypeError, match="Valid: two names"):
        AttnView.compare(a, b, names="ab")
    with pytest.raises(TypeError, match="did you mean 'layer'"):
        AttnView.compare(a, b, layers=1)
    with pytest.raises(RuntimeError, match="finished capture"):
        AttnView.compare(a, b).run("other")


# ---- a page with and without a kernel


def test_layers_of_the_other_side_are_asked_for(
    sides: tuple[Attention, Attention], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = sides
    monkeypatch.setattr(view_module, "ALL_AT_ONCE", 100)
    view = AttnView.compare(a, b, layer=1)
    assert list(decode(view.compared)) == [("encoder", 1)]
    sent: list[tuple[Any, Any]] = []
    monkeypatch.setattr(view.comm, "send", lambda data, buffers=None, **_: sent.append((data, buffers)))
    asked = {"kind": "request", "what": "layer", "stack": "encoder", "layer": 2}
    message(view, {**asked, "id": "of b", "of": "b"})
    message(view, {**asked, "id": "of a"})
    while not (view._of_other.idle and view._requests.idle and len(sent) == 2):
        pass
    weights = {data["content"]["id"]: decode(bytes(buffers[0]))["encoder", 2].weights for data, buffers in sent}
    np.testing.assert_allclose(weights["of a"], a.weights(2), atol=1e-3)
    np.testing.assert_allclose(weights["of b"], b.weights(2), atol=1e-3)
    # A page that nobody answers holds every layer of both.
    assert sorted(decode(view._bytes()["compared"])) == [("encoder", layer) for layer in range(3)]


def test_releasing_lets_go_of_both_sides(sides: tuple[Attention, Attention]) -> None:
    view = AttnView.compare(*sides)
    view.release()
    assert view._other is None
    with pytest.raises(RuntimeError, match="released"):
        _ = view.attention_data


def test_what_will_not_travel_of_the_other_side_is_not_encoded(
    sides: tuple[Attention, Attention], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def spy(data: Attention, **options: Any) -> bytes:
        if data is sides[1]:
            asked.append(options.get("stack_layers"))
        return encode(data, **options)

    monkeypatch.setattr(view_module, "ALL_AT_ONCE", 10)
    for module in (compare, packing):
        monkeypatch.setattr(module, "encode", spy)
    view = AttnView.compare(*sides, layer=1)
    assert asked == [{"encoder": [1]}]
    assert list(decode(view.compared)) == [("encoder", 1)]


def test_a_page_of_some_layers_and_heads_has_the_same_of_both(sides: tuple[Attention, Attention]) -> None:
    a, b = sides
    part = AttnView.compare(a, b)._part([2], [1, 3], False).binary
    for name, side in (("attention", a), ("compared", b)):
        layers = decode(part[name])
        assert list(layers) == [("encoder", 2)]
        weights = layers["encoder", 2].weights
        np.testing.assert_allclose(weights[[1, 3]], side.weights(2, [1, 3]), atol=1e-3)
        assert not weights[[0, 2]].any()


@pytest.mark.parametrize(("layers", "heads", "kept"), [([0], None, [0, 1]), (None, [(0, 1), (1, 3)], [1])])
def test_a_layer_that_all_are_compared_with_has_the_heads_of_them_all(
    sides: tuple[Attention, Attention], layers: list[int] | None, heads: list[Any] | None, kept: list[int]
) -> None:
    b = made(3, heads=2)
    part = AttnView.compare((sides[0], 0), (b, 2))._part(layers, heads, False).binary
    found = decode(part["compared"])
    assert list(found) == [("encoder", 2)]
    expected = np.zeros((2, 7, 7), np.float32)
    expected[kept] = b.weights(2, kept)
    np.testing.assert_allclose(found["encoder", 2].weights, expected, atol=1e-3)


# ---- both sides in memory


def test_both_sides_count_and_older_comparisons_are_released(monkeypatch: pytest.MonkeyPatch) -> None:
    size = made(0).nbytes
    budget = holdings.Holdings(3 * size)
    for module in (view_module, compared, held):
        monkeypatch.setattr(module, "HOLDINGS", budget)
    a = made(0)
    old, shared = AttnView.compare(a, made(1)), AttnView(a)
    assert (budget.nbytes, old.status) == (2 * size, "")
    new = AttnView.compare(a, made(3))
    assert (budget.nbytes, old.status) == (3 * size, "")
    # What the newest shows too stays: to take it from `shared` would free nothing.
    budget.limit = size
    assert (budget.nbytes, old.status, shared.status, new.status) == (2 * size, "released", "", "")
    AttnView.compare((a, 0), (a, 2))
    assert budget.nbytes == size


@pytest.mark.parametrize("end", ["release", "close"])
def test_an_answer_about_the_other_side_ends_with_its_capture(
    sides: tuple[Attention, Attention], monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    view = AttnView.compare(*sides)
    replies: list[Any] = []
    of_other = view._of_other
    assert of_other is not None
    monkeypatch.setattr(of_other, "_send", lambda content, _: replies.append(content))
    asked = {"kind": "request", "what": "layer", "stack": "encoder", "of": "b"}
    message(view, {**asked, "id": "kept", "layer": 0})
    wait_for(lambda: of_other.idle)
    begun, goes_on = threading.Event(), threading.Event()

    def slow(*_: object) -> bytes:
        begun.set()
        assert goes_on.wait(60)
        return b"late"

    monkeypatch.setattr(answers, "answer", slow)
    message(view, {**asked, "id": "late", "layer": 1})
    assert begun.wait(60)
    getattr(view, end)()
    goes_on.set()
    wait_for(lambda: of_other.idle)
    assert [reply["id"] for reply in replies if reply["ok"]] == ["kept"]
    assert [reply["id"] for reply in replies if not reply["ok"]] == (["late"] if end == "release" else [])
    assert not of_other._cache


# ---- two views that move together


@pytest.fixture
def views() -> Iterator[tuple[AttnView, AttnView]]:
    pair = AttnView(made(0), layer=1, heads=[2]), AttnView(made(1))
    yield pair
    for view in pair:
        view.close()


def test_linked_views_follow_each_other(views: tuple[AttnView, AttnView]) -> None:
    one, two = views
    link = linking.link(one, two)
    assert link.apart == {}
    assert (two.layer, two.heads) == (1, [2])
    two.layer, two.selected_queries, two.mode = 2, [3, 4], "matrix"
    assert (one.layer, one.selected_queries, one.mode) == (2, [3, 4], "matrix")
    one.pinned = [(0, 1), (2, 3)]
    assert two.pinned == [(0, 1), (2, 3)]
    link.unlink()
    link.unlink()
    one.layer = 0
    assert two.layer == 2


def test_a_click_on_one_page_moves_the_other(views: tuple[AttnView, AttnView]) -> None:
    one, two = views
    linking.link(one, two)
    state = {"layer": 2, "heads": [0, 1], "selected_keys": [6]}
    one.comm.handle_msg({"content": {"data": {"method": "update", "state": state, "buffer_paths": []}}, "buffers": []})
    assert (two.layer, two.heads, two.selected_keys) == (2, [0, 1], [6])


def test_closing_a_view_ends_its_link(views: tuple[AttnView, AttnView]) -> None:
    one, two = views
    linking.link(one, two)
    one.close()
    two.layer = 2
    assert one.layer == 1


def test_what_does_not_fit_is_left_alone_and_said(views: tuple[AttnView, AttnView]) -> None:
    one, _ = views
    other = AttnView(made(2, layers=5, heads=2, tokens=["a", "b", "c"]))
    with pytest.warns(UserWarning, match=r"layer \(the numbers of layers differ: 3 and 5\)"):
        link = linking.link(one, other)
    assert set(link.apart) == {"stack", "layer", "heads", "pinned", "selected_queries", "selected_keys"}
    assert "not linked: selected_keys (the numbers of tokens differ: 7 and 3)" in repr(link)
    one.layer, one.selected_queries, one.highlight = 2, [6], "special"
    assert (other.layer, other.selected_queries, other.highlight) == (0, [], "special")
    other.close()


def test_views_of_other_head_counts_share_tokens_and_layers(views: tuple[AttnView, AttnView]) -> None:
    one, _ = views
    other = AttnView(made(2, heads=2))
    with pytest.warns(UserWarning, match="numbers of heads differ"):
        linking.link(one, other)
    one.layer, one.selected_queries = 2, [6]
    assert (other.layer, other.selected_queries, other.heads) == (2, [6], [])
    other.close()


def test_beside_puts_both_into_one_row(views: tuple[AttnView, AttnView]) -> None:
    one, two = views
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        box = one.beside(two)
    assert box.children == (one, two)
    two.layer = 0
    assert one.layer == 0
    with pytest.raises(TypeError, match="an AttnView is needed"):
        one.beside("two")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the same view came twice"):
        one.beside(one)
