"""AttnView and its model: run again, release, close; held weakly."""

from __future__ import annotations

import gc
import json
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import traitlets
from comms import wired  # noqa: F401
from ipywidgets.widgets.widget import _instances
from made import softmax, wait_for
from views import encoder_decoder, message, sent

from attnwidget import holdings
from attnwidget import view as view_module
from attnwidget.arrays import from_arrays
from attnwidget.view import AttnView
from attnwidget.wire import decode


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
    assert view.held() == ()
    assert view.model_id is None if view.comm else True
    assert "closed" in repr(view)
    assert threading.active_count() <= before


def test_a_closed_view_is_no_longer_in_memory() -> None:
    view = AttnView(encoder_decoder())
    everything = view._repr_mimebundle_()
    gone = weakref.ref(view)
    view.close()
    del view, everything
    gc.collect()
    assert gone() is None


@pytest.mark.usefixtures("wired")
def test_a_closed_view_takes_all_that_is_large_from_the_page() -> None:
    """JupyterLab keeps the models of closed widgets, as they were last and as they were before the last change."""
    view = AttnView(encoder_decoder())
    view.bring_more()
    wire = view.comm
    wire.sent.clear()
    view.close()
    (_, first, buffers), (_, small, _), (_, second, _), last = wire.sent
    assert last[0] == "comm_close"
    assert first["state"].pop("more") == ""
    assert [path for (path,) in first["buffer_paths"]] == ["attention"]
    assert buffers == [b""]
    assert second["method"] == "update"
    assert second["state"]
    # What is left beside them are choices and names: no words, tokens, or code.
    left = {**view.get_state(), **first["state"], **small["state"]}
    assert len(json.dumps(left, default=str)) < 2500
    assert view.stacks
    view.layer = 2
    wire.sent.clear()
    view.close()
    assert wire.sent == []
    with pytest.raises(RuntimeError):
        view.to_html()


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
