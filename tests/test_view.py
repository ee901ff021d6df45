"""AttnView: its traits, and what is valid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import traitlets
from made import softmax
from views import TOKENS, encoder_decoder, from_page, message

from attnwidget.state import BINARY, GIVEN, SHARED
from attnwidget.view import AttnView
from attnwidget.wire import decode

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
