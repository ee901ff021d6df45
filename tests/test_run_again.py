"""The input box, seen from Python: what the page may ask for, what comes back, and what it may not break."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from attnwidget import rerun
from attnwidget.view import AttnView


@pytest.fixture
def view(minilm: Any, minilm_tokenizer: Any) -> Iterator[AttnView]:
    made = AttnView(minilm, "The dog chased the cat", tokenizer=minilm_tokenizer, layer=3, selected_queries=[2])
    yield made
    made.close()


def ask(view: AttnView, monkeypatch: pytest.MonkeyPatch, **fields: object) -> list[dict[str, Any]]:
    """What goes to the page for one run."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(view.comm, "send", lambda data, buffers=None, **_: sent.append(data))
    content = {"kind": "run", "id": "1", **fields}
    view.comm.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})
    return sent


def test_a_view_of_a_model_says_what_it_read(view: AttnView) -> None:
    assert view.can_run is True
    assert view.inputs == {"text": "The dog chased the cat", "text_pair": None, "target": None}


def test_a_run_of_the_page_brings_the_new_text_at_once(view: AttnView, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    run = AttnView.run

    def watched(*args: Any, **more: Any) -> AttnView:
        threads.append(threading.current_thread().name)
        return run(*args, **more)

    monkeypatch.setattr(AttnView, "run", watched)
    sent = ask(view, monkeypatch, text="Cats sleep.")
    assert threads == [threading.main_thread().name]
    assert [token["text"] for token in view.tokens["text"]] == ["[CLS]", "cats", "sleep", ".", "[SEP]"]
    assert view.inputs["text"] == "Cats sleep."
    assert view.title.endswith("Cats sleep.")
    assert (view.layer, view.selected_queries) == (3, [])
    updates = [data["state"] for data in sent if data["method"] == "update"]
    (together,) = (state for state in updates if "tokens" in state)
    assert {"tokens", "title", "inputs", "selected_queries"} <= set(together)
    assert sent[-1] == {"method": "custom", "content": {"kind": "reply", "id": "1", "ok": True}}


def test_a_pair_is_run_as_a_pair(view: AttnView, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(view, monkeypatch, text="A cat.", text_pair="A dog.")
    assert view.inputs == {"text": "A cat.", "text_pair": "A dog.", "target": None}
    assert {token["segment"] for token in view.tokens["text"]} >= {0, 1}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "text: None is not valid. Valid: text"),
        ({"text": 3}, "text: 3 is not valid"),
        ({"text": "a", "text_pair": ["b"]}, "text_pair: ['b'] is not valid"),
        ({"text": "a", "target": "b"}, "target"),
    ],
)
def test_what_cannot_be_run_is_said_on_the_page(
    view: AttnView, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object], says: str
) -> None:
    before = view.tokens
    (reply,) = ask(view, monkeypatch, **fields)
    assert reply["content"]["ok"] is False
    assert says in reply["content"]["error"]
    assert view.tokens == before


@pytest.mark.parametrize("failure", [RuntimeError("out of memory"), ValueError(), KeyboardInterrupt()])
def test_whatever_a_model_raises_goes_to_the_page(
    view: AttnView, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def run(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(AttnView, "run", run)
    (reply,) = ask(view, monkeypatch, text="a")
    expected = {"RuntimeError": "out of memory", "ValueError": "ValueError", "KeyboardInterrupt": "interrupted"}
    assert reply["content"] == {
        "kind": "reply",
        "id": "1",
        "ok": False,
        "error": expected[type(failure).__name__],
    }


@pytest.mark.parametrize("ident", [None, "", 7, "x" * 201])
def test_a_run_without_an_id_is_left_alone(view: AttnView, monkeypatch: pytest.MonkeyPatch, ident: object) -> None:
    assert ask(view, monkeypatch, id=ident, text="a") == []


def test_the_page_hears_that_the_model_is_gone(
    make_model: Callable[..., Any], minilm_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model("Bert", "BertModel", pad_token_id=0, vocab_size=minilm_tokenizer.vocab_size)
    view = AttnView(model, "a cat", tokenizer=minilm_tokenizer)
    assert view.can_run is True
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(view.comm, "send", lambda data, buffers=None, **_: sent.append(data))
    del model
    gc.collect()
    assert view.can_run is False
    assert {"can_run": False} in [data.get("state") for data in sent]
    (reply,) = ask(view, monkeypatch, text="a dog")
    assert "it is gone" in reply["content"]["error"]
    view.close()


@pytest.mark.parametrize("of", [str, Path])
def test_a_path_can_always_be_run_again(minilm_path: str, of: Callable[[str], Any]) -> None:
    view = AttnView(of(minilm_path), "a cat")
    gc.collect()
    assert view.can_run is True
    assert view.run("a dog").tokens["text"][2]["text"] == "dog"
    view.close()


def test_a_view_does_not_outlive_its_last_reference_through_its_model(minilm: Any, minilm_tokenizer: Any) -> None:
    import weakref

    class Bare:
        pass

    bare = Bare()
    told: list[str] = []
    rerun.weak(bare, lambda: told.append("gone"))
    kept = rerun.weak(bare, lambda: told.append("gone too"))
    assert kept() is bare
    here = weakref.ref(bare)
    del bare
    gc.collect()
    assert here() is None
    assert kept() is None
    assert told == ["gone too"], "only a link that is kept tells"


@pytest.mark.parametrize("written", [("a", None, None), ("a", "b", None), ("a", None, "c")])
def test_text_can_be_shown_in_fields(written: tuple[Any, ...]) -> None:
    assert rerun.written((*written, None)) == dict(zip(rerun.FIELDS, written, strict=True))


@pytest.mark.parametrize("other", [(None, None, None), ({"input_ids": 1}, None, None), ("a", ["b"], None)])
def test_what_is_no_text_cannot(other: tuple[Any, ...]) -> None:
    assert rerun.written((*other, None)) == {}


def test_weights_as_given_offer_no_box() -> None:
    import numpy as np

    view = AttnView.from_arrays(np.full((1, 1, 2, 2), 0.5, np.float32), ["a", "b"])
    assert (view.can_run, view.inputs) == (False, {})
    view.close()
