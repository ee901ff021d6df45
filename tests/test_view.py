"""AttnView: traits and their checks, both ways; the container; requests; release and run; what it says of itself."""

from __future__ import annotations

import base64
import gc
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import traitlets
from ipywidgets.widgets.widget import _instances
from numpy.typing import NDArray

from attnwidget import holdings
from attnwidget import view as view_module
from attnwidget.arrays import from_arrays
from attnwidget.attention import Attention, LayerInfo, Stack
from attnwidget.inputs.tokens import Token
from attnwidget.state import BINARY, GIVEN, SHARED
from attnwidget.view import AttnView
from attnwidget.wire import decode

TOKENS = ["[CLS]", "the", "dog", "chased", "the", "cat", "[SEP]"]


def softmax(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    cells = np.exp(3 * np.random.default_rng(seed).normal(size=shape))
    return (cells / cells.sum(axis=-1, keepdims=True)).astype(np.float32)


class Rows:
    """One layer of finished weights, as `Attention` wants it."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        self._weights = weights
        self.heads, self.queries, self.keys = weights.shape
        self.nbytes = weights.nbytes

    def weights(self, heads: Sequence[int], rows: Sequence[int] | slice) -> NDArray[np.float32]:
        return self._weights[list(heads)][:, rows].copy()

    scores = weights

    def vectors(self, which: str, heads: Sequence[int]) -> NDArray[np.float32]:
        raise ValueError

    def value_norms(self) -> None:
        return None

    def value_products(self, heads: Sequence[int]) -> None:
        return None


def encoder_decoder(heads: Sequence[int] = (2, 0, 4)) -> Attention:
    """Two sequences, three stacks, layers with different head counts; one has none."""
    source = tuple(Token(text, text, role="text", kind="word") for text in ["a", "b", "c", "d", "e"])
    target = tuple(Token(text, text, role="text", kind="word") for text in ["x", "y", "z"])
    shapes = {"encoder": (source, source), "decoder": (target, target), "cross": (target, source)}
    stacks, layers = [], {}
    for name, (queries, keys) in shapes.items():
        counts = heads if name == "encoder" else heads[:2]
        infos = tuple(LayerInfo(count, "interface", "" if count else "linear attention") for count in counts)
        stacks.append(Stack(name, queries, keys, infos))
        layers[name] = [Rows(softmax(n, len(queries), len(keys), seed=n)) if n else None for n in counts]
    return Attention(stacks, layers, model_name="tiny", text="a b c d e")


@pytest.fixture
def view() -> Iterator[AttnView]:
    made = AttnView.from_arrays(softmax(3, 4, 7, 7), TOKENS, text="the dog chased the cat", model_name="bert")
    yield made
    made.close()


@pytest.fixture
def stacked() -> Iterator[AttnView]:
    made = AttnView(encoder_decoder())
    yield made
    made.close()


def sent(view: AttnView, monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], Any]]:
    """Messages that go to the page from now on."""
    messages: list[tuple[dict[str, Any], Any]] = []
    monkeypatch.setattr(view.comm, "send", lambda data, buffers=None, **_: messages.append((data, buffers)))
    return messages


def from_page(view: AttnView, **state: object) -> None:
    view.comm.handle_msg({"content": {"data": {"method": "update", "state": state, "buffer_paths": []}}, "buffers": []})


def message(view: AttnView, content: object) -> None:
    view.comm.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "nothing happened within 10 s"
        time.sleep(0.002)


# ---- what a view is made of


def test_traits_of_a_new_view(view: AttnView) -> None:
    assert set(GIVEN) | set(SHARED) <= set(view.keys)
    assert [token["text"] for token in view.tokens["text"]] == TOKENS
    assert view.tokens["text"][0] == {
        "text": "[CLS]",
        "role": "cls",
        "kind": "cls",
        "segment": 0,
        "word": None,
        "space": False,
    }
    assert view.stacks[0]["name"] == "encoder"
    assert view.stacks[0]["queries"] == view.stacks[0]["keys"] == "text"
    assert view.stacks[0]["layers"][1] == {"heads": 4, "source": "arrays", "note": view.stacks[0]["layers"][1]["note"]}
    assert (view.stack, view.layer, view.heads, view.pinned) == ("encoder", 0, [], [])
    assert view.title == "bert · the dog chased the cat"
    assert (view.status, view.lang, view.theme, view.budget, view.max_strokes) == ("", "en", "auto", 0.7, 2000)


def test_the_second_part_of_the_code_comes_when_it_is_needed(view: AttnView) -> None:
    assert view.more == ""
    message(view, {"kind": "more"})
    assert "export default" in view.more
    assert AttnView(encoder_decoder(), mode="lines").more == ""
    # Such a view may be saved at once, and is then opened with no kernel to send for it.
    assert AttnView(encoder_decoder(), mode="steps").more == view.more


def test_no_trait_takes_a_name_of_ipywidgets_or_a_host() -> None:
    assert not {"keys", "width", "height", "name", "layout", "comm"} & {*GIVEN, *SHARED}


def test_the_container_holds_the_weights(view: AttnView) -> None:
    layers = decode(view.attention)
    assert sorted(layers) == [("encoder", layer) for layer in range(3)]
    np.testing.assert_allclose(layers["encoder", 1].weights, view.attention_data.weights(1), atol=1e-3)


def test_one_message_opens_the_widget_with_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    import comm

    opened: list[dict[str, Any]] = []
    create = comm.create_comm

    def record(*args: Any, **kwargs: Any) -> Any:
        opened.append(kwargs)
        return create(*args, **kwargs)

    monkeypatch.setattr("ipywidgets.widgets.widget.comm.create_comm", record)
    view = AttnView.from_arrays(softmax(1, 2, 3, 3), ["a", "b", "c"], mode="matrix")
    state = next(
        message["data"]["state"] for message in opened if message["data"]["state"].get("_model_name") == "AnyModel"
    )
    assert state["mode"] == "matrix"
    assert state["tokens"] == view.tokens
    paths = next(message["data"]["buffer_paths"] for message in opened if message["buffers"])
    assert sorted(paths) == sorted([name] for name in BINARY)


def test_traits_may_be_given_at_once() -> None:
    view = AttnView.from_arrays(
        softmax(3, 4, 7, 7),
        TOKENS,
        layer=2,
        heads=(3, 1),
        pinned=[(0, 1)],
        mode="matrix",
        selected_queries=range(2),
        lang="ja",
    )
    assert (view.layer, view.heads, view.pinned, view.selected_queries) == (2, [3, 1], [(0, 1)], [0, 1])
    assert (view.mode, view.lang) == ("matrix", "ja")


@pytest.mark.parametrize(
    ("name", "near"),
    [("layers", "layer"), ("head", "heads"), ("theeme", "theme"), ("selected_query", "selected_queries")],
)
def test_unknown_arguments_name_the_near_miss(name: str, near: str) -> None:
    with pytest.raises(TypeError, match=f"unexpected argument '{name}'; did you mean '{near}'"):
        AttnView.from_arrays(softmax(1, 1, 7, 7), TOKENS, **{name: 1})
    with pytest.raises(TypeError, match="It takes stack, layer, heads"):
        AttnView(encoder_decoder(), qwertz=1)


def test_what_follows_from_the_capture_cannot_be_given_or_set(view: AttnView) -> None:
    with pytest.raises(TypeError, match="does not take 'tokens'"):
        AttnView(encoder_decoder(), tokens={})
    for name in GIVEN:
        with pytest.raises(traitlets.TraitError, match="read-only"):
            setattr(view, name, getattr(view, name))


def test_an_attention_brings_its_own_text() -> None:
    with pytest.raises(TypeError, match="belong to a model"):
        AttnView(encoder_decoder(), "text")
    with pytest.raises(TypeError, match="needs what the model reads"):
        AttnView(object())


# ---- what is valid


@pytest.mark.parametrize(
    ("name", "value", "valid"),
    [
        ("layer", 3, "0 to 2"),
        ("layer", -1, "0 to 2"),
        ("layer", "1", "0 to 2"),
        ("layer", 1.5, "0 to 2"),
        ("layer", True, "0 to 2"),
        ("layer", None, "0 to 2"),
        ("heads", [4], "a list of 0 to 3"),
        ("heads", [0, -1], "a list of 0 to 3"),
        ("heads", 2, "a list of 0 to 3"),
        ("heads", "12", "a list of 0 to 3"),
        ("heads", [[1]], "a list of 0 to 3"),
        ("pinned", [(3, 0)], "layers 0 to 2"),
        ("pinned", [(-1, 0)], "layers 0 to 2"),
        ("pinned", [(1, 4)], "layer 1 has 4 heads"),
        ("pinned", [1, 2], "a list of (layer, head)"),
        ("pinned", [(1, 2, 3)], "a list of (layer, head)"),
        ("pinned", ["12"], "a list of (layer, head)"),
        ("mode", "sankey", "'lines', 'matrix'"),
        ("mode", None, "'lines', 'matrix'"),
        ("highlight", "Special", "'none', 'special', 'query'"),
        ("selected_queries", [7], "a list of 0 to 6"),
        ("selected_keys", [-1], "a list of 0 to 6"),
        ("budget", 0, "above 0, up to 1"),
        ("budget", 1.01, "above 0, up to 1"),
        ("budget", float("nan"), "above 0, up to 1"),
        ("budget", "0.5", "above 0, up to 1"),
        ("budget", True, "above 0, up to 1"),
        ("max_strokes", -1, "0 to 999999"),
        ("max_strokes", 10**6, "0 to 999999"),
        ("max_strokes", 1.5, "0 to 999999"),
        ("stack", "decoder", "'encoder'"),
        ("stack", 3, "'encoder'"),
        ("title", None, "text"),
        ("lang", "de", "'en', 'ja'"),
        ("theme", "sepia", "'auto', 'light', 'dark'"),
    ],
)
def test_refused_values_name_the_valid_ones(view: AttnView, name: str, value: object, valid: str) -> None:
    before = getattr(view, name)
    with pytest.raises(traitlets.TraitError) as error:
        setattr(view, name, value)
    assert valid in str(error.value)
    assert str(error.value).startswith(f"{name}: ")
    assert getattr(view, name) == before


def test_numbers_of_numpy_and_any_collection_are_taken(view: AttnView) -> None:
    view.layer = np.int64(2)
    view.heads = np.array([1, 3])
    view.pinned = np.array([[0, 1], [2, 3]])
    view.selected_queries = (number for number in (4, 4, 2))
    view.budget = np.float32(0.5)
    assert view.layer == 2
    assert type(view.layer) is int
    assert view.heads == [1, 3]
    assert type(view.heads[0]) is int
    assert view.pinned == [(0, 1), (2, 3)]
    assert view.selected_queries == [4, 2]
    assert view.budget == 0.5
    view.pinned = [[1, 1], (1, 2)]
    assert view.pinned == [(1, 1), (1, 2)]
    view.budget = 1
    view.heads = ()
    assert view.heads == []


def test_a_list_changed_in_place_does_not_change_the_view(view: AttnView) -> None:
    view.heads = [1]
    view.heads.append(9)
    assert view.heads == [1]


def test_a_layer_keeps_the_heads_it_has(stacked: AttnView) -> None:
    stacked.layer = 2
    stacked.heads = [0, 1, 3]
    stacked.layer = 0
    assert stacked.heads == [0, 1]
    stacked.layer = 1
    assert stacked.heads == []
    with pytest.raises(traitlets.TraitError, match="layer 1 has 0 heads"):
        stacked.heads = [0]


def test_a_stack_brings_everything_to_what_it_has(stacked: AttnView) -> None:
    assert stacked.tokens.keys() == {"source", "target"}
    assert [(s["queries"], s["keys"]) for s in stacked.stacks] == [
        ("source", "source"),
        ("target", "target"),
        ("target", "source"),
    ]
    stacked.layer = 2
    stacked.heads = [3]
    stacked.pinned = [(0, 1), (2, 3)]
    stacked.selected_queries = [1]
    stacked.selected_keys = [4]
    stacked.stack = "cross"
    assert (stacked.layer, stacked.heads, stacked.pinned) == (0, [], [(0, 1)])
    # The queries are other tokens now, the keys the same ones.
    assert (stacked.selected_queries, stacked.selected_keys) == ([], [4])
    stacked.stack = "decoder"
    assert stacked.selected_keys == []


def test_one_change_may_set_stack_layer_heads_and_tokens(stacked: AttnView) -> None:
    stacked.selected_queries = [4]
    with stacked.hold_trait_notifications():
        stacked.selected_queries = [2]
        stacked.heads = [1]
        stacked.layer = 0
        stacked.stack = "cross"
    assert (stacked.stack, stacked.layer, stacked.heads, stacked.selected_queries) == ("cross", 0, [1], [2])


def test_the_first_layer_shown_has_heads() -> None:
    view = AttnView(encoder_decoder((0, 0, 3)))
    assert view.layer == 2


def test_python_code_can_observe(view: AttnView) -> None:
    seen: list[Any] = []
    view.observe(lambda change: seen.append(change["new"]), names="selected_queries")
    from_page(view, selected_queries=[2, 3])
    assert seen == [[2, 3]]


# ---- the page's side


def test_python_moves_the_page_with_small_messages(view: AttnView, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = sent(view, monkeypatch)
    view.layer = 2
    view.pinned = [(1, 2)]
    states = [data["state"] for data, _ in messages]
    assert states == [{"layer": 2}, {"pinned": [(1, 2)]}]
    assert all(not buffers for _, buffers in messages)


def test_a_page_sets_many_traits_at_once(stacked: AttnView) -> None:
    from_page(stacked, stack="cross", layer=0, heads=[1], pinned=[[0, 1]], selected_queries=[2], selected_keys=[4])
    assert (stacked.stack, stacked.heads, stacked.pinned) == ("cross", [1], [(0, 1)])
    assert (stacked.selected_queries, stacked.selected_keys) == ([2], [4])


def test_a_pages_wrong_values_are_put_back_without_a_traceback(
    view: AttnView,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    messages = sent(view, monkeypatch)
    from_page(view, layer=99, mode="matrix", heads="x")
    assert (view.layer, view.mode, view.heads) == (0, "matrix", [])
    put_back = [data["state"] for data, _ in messages if data["method"] == "update"][-1]
    assert put_back == {"layer": 0, "heads": []}
    assert caplog.records == []
    assert capsys.readouterr() == ("", "")


def test_a_page_may_not_set_what_follows_from_the_capture(view: AttnView, caplog: pytest.LogCaptureFixture) -> None:
    before = (view.tokens, view.attention, view.status, view._esm)
    from_page(view, tokens={}, attention=b"", status="hacked", _esm="alert(1)", nonsense=1, layer=1)
    assert (view.tokens, view.attention, view.status, view._esm) == before
    assert view.layer == 1
    view.set_state(None)
    assert caplog.records == []


@pytest.mark.parametrize("content", [None, 1, [], {}, {"kind": "request"}, {"kind": "cancel", "id": []}, {"id": "a"}])
def test_bad_messages_leave_no_trace(
    view: AttnView, content: object, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    message(view, content)
    assert caplog.records == []
    assert capsys.readouterr() == ("", "")


def test_a_layer_on_request(view: AttnView, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = sent(view, monkeypatch)
    message(view, {"kind": "request", "id": "1", "what": "layer", "stack": "encoder", "layer": 2})
    wait_for(lambda: bool(messages))
    ((data, (buffer,)),) = messages
    assert data == {"method": "custom", "content": {"kind": "reply", "id": "1", "ok": True}}
    layers = decode(bytes(buffer))
    assert list(layers) == [("encoder", 2)]
    np.testing.assert_allclose(layers["encoder", 2].weights, view.attention_data.weights(2), atol=1e-3)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"stack": "cross", "layer": 0}, "Valid: 'encoder'"),
        ({"stack": "encoder", "layer": 3}, "Valid: 0 to 2"),
        ({"stack": "encoder", "layer": -1}, "Valid: 0 to 2"),
        ({"stack": "encoder", "layer": "0"}, "whole number"),
        ({}, "'stack'"),
    ],
)
def test_wrong_requests_get_errors(
    view: AttnView, monkeypatch: pytest.MonkeyPatch, request_: dict[str, object], error: str
) -> None:
    messages = sent(view, monkeypatch)
    message(view, {"kind": "request", "id": "1", "what": "layer", **request_})
    wait_for(lambda: bool(messages))
    content = messages[0][0]["content"]
    assert (content["kind"], content["id"], content["ok"]) == ("reply", "1", False)
    assert error in content["error"]


def test_large_attention_travels_layer_by_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "ALL_AT_ONCE", 1000)
    data = from_arrays(softmax(3, 4, 40, 40), [str(number) for number in range(40)])
    view = AttnView(data, layer=1)
    assert list(decode(view.attention)) == [("encoder", 1)]
    assert b"overview/encoder" in view.attention
    messages = sent(view, monkeypatch)
    before = view.attention
    view.layer = 2
    assert view.attention is before
    assert [message["state"] for message, _ in messages] == [{"layer": 2}]


# ---- release and run


class Model:
    """Stands for a model: something that capture takes and that can be gone."""


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Calls of `capture`, answered with small attention over the words of the text."""
    import attnwidget.capture  # noqa: F401 - makes the module that the name alone does not give

    calls: list[tuple[Any, ...]] = []

    def capture(model: Any, text: Any, text_pair: Any = None, *, target: Any = None, tokenizer: Any = None) -> Any:
        calls.append((text, text_pair, target, tokenizer))
        if isinstance(text, list):
            return [capture(model, one) for one in text]
        words = text.split()
        return from_arrays(softmax(2, 2, len(words), len(words), seed=len(calls)), words, text=text, model_name="m")

    monkeypatch.setattr(sys.modules["attnwidget.capture"], "capture", capture)
    return calls


def test_run_again_and_with_another_text(captured: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model()
    view = AttnView(model, "a b c", tokenizer="tok", selected_queries=[2], layer=1, heads=[1])
    first = view.attention
    messages = sent(view, monkeypatch)
    assert view.run() is view
    assert captured == [("a b c", None, None, "tok")] * 2
    assert view.selected_queries == [2]
    assert view.attention != first
    view.run("d e", "f", target="g")
    assert captured[-1] == ("d e", "f", "g", "tok")
    assert [token["text"] for token in view.tokens["text"]] == ["d", "e"]
    assert (view.layer, view.heads, view.selected_queries, view.title) == (1, [1], [], "m · d e")
    # One message each, so that a page never has tokens of one text and weights of another.
    assert len(messages) == 2
    with pytest.raises(TypeError, match="go with a text"):
        view.run(text_pair="x")


def test_a_title_of_ones_own_stays(captured: list[tuple[Any, ...]]) -> None:
    model = Model()
    view = AttnView(model, "a b", title="mine")
    view.run("c d")
    assert view.title == "mine"


def test_the_model_is_held_weakly(captured: list[tuple[Any, ...]]) -> None:
    model = Model()
    view = AttnView(model, "a b c")
    del model
    gc.collect()
    with pytest.raises(RuntimeError, match="it is gone"):
        view.run()
    assert view.attention_data.weights(0).shape == (2, 3, 3)
    with pytest.raises(RuntimeError, match="shows a finished capture"):
        AttnView(view.attention_data).run()


def test_one_view_shows_one_text(captured: list[tuple[Any, ...]]) -> None:
    with pytest.raises(TypeError, match="a view shows one text, got list of 2"):
        AttnView(Model(), ["a b", "c"])


def test_older_views_release_and_say_so(captured: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    budget = holdings.Holdings(200)
    monkeypatch.setattr(view_module, "HOLDINGS", budget)
    model = Model()
    old = AttnView(model, "a b c d")
    picture = old._repr_mimebundle_()[0]["image/png"]  # type: ignore[index]
    messages = sent(old, monkeypatch)
    new = AttnView(model, "a b c d")
    assert (old.status, new.status) == ("released", "")
    assert messages[0][0]["state"] == {"status": "released"}
    message(old, {"kind": "request", "id": "1", "what": "layer", "stack": "encoder", "layer": 0})
    wait_for(lambda: len(messages) > 1)
    assert "released" in messages[1][0]["content"]["error"]
    for use in (lambda: old.attention_data, old.selection_frame):
        with pytest.raises(RuntimeError, match=r"view\.run\(\) brings it back"):
            use()
    # What was seen stays seen.
    assert old._repr_mimebundle_()[0]["image/png"] == picture  # type: ignore[index]
    assert "released" in repr(old)
    old.mode = "matrix"
    assert "image/png" not in old._repr_mimebundle_()[0]  # type: ignore[index]
    old.run()
    assert (old.status, new.status) == ("", "released")
    assert old.attention_data.weights(0).shape == (2, 4, 4)


def test_the_callers_own_attention_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "HOLDINGS", holdings.Holdings(1))
    data = encoder_decoder()
    view = AttnView(data)
    AttnView(encoder_decoder())
    assert view.status == "released"
    assert data.weights(0, stack="encoder").shape == (2, 5, 5)


def test_a_closed_view_holds_nothing(view: AttnView) -> None:
    before = threading.active_count()
    view.close()
    assert view.held() is None
    assert view.model_id is None if view.comm else True
    assert "closed" in repr(view)
    assert threading.active_count() <= before


def test_a_failed_view_leaves_nothing_behind() -> None:
    before = set(_instances)
    for wrong in ({"layer": 9}, {"mode": "x"}):
        with pytest.raises(traitlets.TraitError):
            AttnView(encoder_decoder(), **wrong)
    assert set(_instances) == before


# ---- with real models


def test_a_real_bert_with_two_segments(minilm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    view = AttnView(minilm, "The dog chased the cat.", "It was hungry.", layer=3, heads=[10])
    tokens = view.tokens["text"]
    assert tokens[0]["role"] == "cls"
    assert tokens[-1]["role"] == "sep"
    assert {token["segment"] for token in tokens} == {0, 1}
    assert (len(view.stacks[0]["layers"]), view.stacks[0]["layers"][0]["heads"]) == (6, 12)
    exact = view.attention_data.weights(3, 10)
    np.testing.assert_allclose(decode(view.attention)["encoder", 3].weights[10], exact, atol=1e-3)
    assert "L3 H10" in repr(view)
    before = view.attention
    assert view.run().attention == before
    view.run("Another text.")
    assert {token["segment"] for token in view.tokens["text"]} == {0}


def test_a_view_does_not_keep_its_model(make_model: Callable[..., Any]) -> None:
    import torch

    model = make_model("Bert", "BertModel", pad_token_id=0)
    gone = weakref.ref(model)
    view = AttnView(model, {"input_ids": torch.tensor([[1, 5, 9, 2]])})
    assert view.run().attention_data.weights(0).shape == (4, 4, 4)
    del model
    gc.collect()
    assert gone() is None
    assert view.attention_data.weights(0).shape == (4, 4, 4)
    with pytest.raises(RuntimeError, match="it is gone"):
        view.run()


def test_a_path_loads_model_and_tokenizer(minilm_path: str) -> None:
    view = AttnView(minilm_path, "The dog chased the cat")
    assert [token["text"] for token in view.tokens["text"]] == ["[CLS]", "the", "dog", "chased", "the", "cat", "[SEP]"]
    assert view.run().attention_data.stacks["encoder"].n_layers == 6


# ---- the selection as a table, the view as a text


def test_selection_frame_of_everything_shown(view: AttnView) -> None:
    view.layer = 1
    table = view.selection_frame()
    assert list(table.columns) == ["layer", "head", "query", "query_token", "key", "key_token", "weight"]
    assert len(table) == 4 * 7 * 7
    assert set(table["layer"]) == {1}
    np.testing.assert_array_equal(table["weight"].to_numpy().reshape(4, 7, 7), view.attention_data.weights(1))


def test_selection_frame_of_chosen_heads_and_tokens(view: AttnView) -> None:
    view.heads = [2]
    view.selected_queries = [3, 1]
    view.selected_keys = [0, 6]
    table = view.selection_frame()
    assert table[["head", "query", "key"]].values.tolist() == [[2, 3, 0], [2, 3, 6], [2, 1, 0], [2, 1, 6]]
    assert table["query_token"].tolist() == ["chased", "chased", "the", "the"]
    assert table["key_token"].tolist() == ["[CLS]", "[SEP]"] * 2
    weights = view.attention_data.weights(0, 2)
    assert table["weight"].tolist() == pytest.approx([weights[3, 0], weights[3, 6], weights[1, 0], weights[1, 6]])
    view.pinned = [(2, 1), (0, 3)]
    assert view.selection_frame()[["layer", "head"]].drop_duplicates().values.tolist() == [[2, 1], [0, 3]]


def test_selection_frame_of_a_layer_without_heads(stacked: AttnView) -> None:
    stacked.layer = 1
    assert len(stacked.selection_frame()) == 0


def test_without_pandas_the_error_names_the_extra(view: AttnView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"attnwidget\[frame\]"):
        view.selection_frame()


def test_the_text_says_something(view: AttnView) -> None:
    text = repr(view)
    assert "bert · 3 layers × 4 heads · 7 tokens" in text
    assert "text: the dog chased the cat" in text
    weights = view.attention_data.weights(0).mean(axis=0)
    query, key = np.unravel_index(int(weights.argmax()), weights.shape)
    assert f"{weights.max():.3f}  {query} {TOKENS[query]} → {key} {TOKENS[key]}" in text
    view.heads = [1]
    assert "L0 H1" in repr(view)
    assert "attn.html" in text


def test_the_text_of_several_stacks_names_them(stacked: AttnView) -> None:
    stacked.stack = "cross"
    assert "2 layers × 2 heads · 3 query tokens × 5 key tokens · cross, one of encoder, decoder, cross" in repr(stacked)
    stacked.layer = 1
    assert "linear attention" in repr(stacked)


def test_the_mimebundle_is_the_widget_a_picture_and_a_text(view: AttnView) -> None:
    bundle = view._repr_mimebundle_()
    assert bundle is not None
    data, metadata = bundle
    assert set(data) == {"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"}
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == view.model_id
    assert data["text/plain"] == repr(view)
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert isinstance(metadata, dict)


def test_pictures_are_drawn_once_a_state(view: AttnView, monkeypatch: pytest.MonkeyPatch) -> None:
    from attnwidget.export import picture

    drawn: list[str] = []
    draw = picture.picture

    def count(*args: Any, **kwargs: Any) -> bytes:
        drawn.append("one")
        return draw(*args, **kwargs)

    monkeypatch.setattr(picture, "picture", count)
    for mode in ("lines", "matrix", "lines", "matrix"):
        view.mode = mode
        view._repr_mimebundle_()
        view._repr_mimebundle_()
    assert len(drawn) == 2
    for layer in (0, 1, 2):
        for budget in (0.1, 0.2, 0.3, 0.4):
            view.layer, view.budget = layer, budget
            view._repr_mimebundle_()
    assert len(view._drawn) <= 8
