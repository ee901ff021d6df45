"""What a page, or whoever speaks in its place, may send: no exception reaches the kernel's log, every request is
answered, and the view stays one that its page can draw."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import traitlets
from comms import Wire, wired  # noqa: F401
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attnwidget import AttnView
from attnwidget.requests import LONGEST_ID
from attnwidget.state import GIVEN, SHARED

FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

NUMBERS = st.integers(-3, 12) | st.integers() | st.floats() | st.booleans()
TEXTS = st.text(max_size=12) | st.sampled_from(["encoder", "decoder", "__proto__", "\ud800", "\x00", "a" * 5000])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
WHATS = st.sampled_from(["layer", "rows", "tile", "steps", "trace", "rollout", "statistics"]) | JSON
IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).map(lambda text: f"id{text}")
#: A request nearly as a page makes it: each field is right, of the wrong kind, or missing.
REQUESTS = st.fixed_dictionaries(
    {"kind": st.just("request"), "id": IDS, "what": WHATS, "stack": st.just("encoder") | JSON},
    optional={
        "layer": NUMBERS | JSON,
        "head": NUMBERS | JSON,
        "query": NUMBERS | JSON,
        "key": NUMBERS | JSON,
        "queries": st.lists(NUMBERS, max_size=70) | JSON,
        "keys": st.lists(NUMBERS, max_size=3) | JSON,
        "heads": st.lists(NUMBERS, max_size=5) | JSON,
        "step": NUMBERS | JSON,
        "of": st.sampled_from(["b"]) | JSON,
    },
)
OTHERS = JSON | st.fixed_dictionaries(
    {"kind": st.sampled_from(["request", "cancel", "run", "reply", "anywidget-command"])},
    optional={"id": JSON, "what": JSON, "text": JSON, "text_pair": JSON, "target": JSON, "of": JSON, "name": JSON},
)
#: Below the custom messages: what ipywidgets itself reads.
RAW = JSON | st.fixed_dictionaries(
    {"method": st.sampled_from(["update", "request_state", "custom", "backbone"]) | JSON},
    optional={"state": JSON, "content": JSON, "buffer_paths": JSON},
)
STATES = st.dictionaries(
    st.sampled_from([*SHARED, *GIVEN, "_esm", "_model_id", "comm", "layout", "_view_count", "nothing"]),
    JSON,
    max_size=5,
)


def new_view() -> AttnView:
    weights = np.random.default_rng(0).random((2, 3, 6, 6))
    weights /= weights.sum(-1, keepdims=True)
    return AttnView.from_arrays(weights, ["the", "dog", "chased", "the", "cat", "."])


@pytest.fixture
def view(wired: None) -> Iterator[AttnView]:  # noqa: F811
    made = new_view()
    yield made
    made.close()


def wire(view: AttnView) -> Wire:
    assert isinstance(view.comm, Wire)
    return view.comm


def wait_idle(view: AttnView) -> None:
    end = time.monotonic() + 60
    while not view._requests.idle:
        assert time.monotonic() < end, "requests wait for ever"
        time.sleep(0.001)


def nothing_logged(caplog: pytest.LogCaptureFixture) -> None:
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    caplog.clear()
    assert said == []


@FUZZ
@given(content=REQUESTS)
def test_every_request_is_answered_once(
    view: AttnView, caplog: pytest.LogCaptureFixture, content: dict[str, Any]
) -> None:
    wire(view).sent.clear()
    wire(view).put_in({"method": "custom", "content": content})
    wait_idle(view)
    (reply,) = wire(view).replies(content["id"])
    assert reply["kind"] == "reply"
    assert reply["ok"] is True or (isinstance(reply["error"], str) and reply["error"])
    json.dumps(reply)
    nothing_logged(caplog)


@FUZZ
@given(content=OTHERS)
def test_what_is_no_request_ends_in_a_reply_or_in_nothing(
    view: AttnView, caplog: pytest.LogCaptureFixture, content: Any
) -> None:
    wire(view).sent.clear()
    wire(view).put_in({"method": "custom", "content": content})
    wait_idle(view)
    kind, ident = (content.get("kind"), content.get("id")) if isinstance(content, dict) else (None, None)
    answered = kind in ("request", "run") and isinstance(ident, str) and 0 < len(ident) <= LONGEST_ID
    replies = [data["content"] for what, data, _ in wire(view).sent if what == "comm_msg" and "content" in data]
    assert [reply["id"] for reply in replies] == ([ident] if answered else [])
    assert all(reply["ok"] is False and reply["error"] for reply in replies)
    nothing_logged(caplog)


@FUZZ
@given(data=RAW, buffers=st.lists(st.binary(max_size=9), max_size=2))
def test_the_layer_below_takes_anything(
    view: AttnView, caplog: pytest.LogCaptureFixture, data: Any, buffers: list[bytes]
) -> None:
    wire(view).put_in(data, buffers)
    wait_idle(view)
    nothing_logged(caplog)
    assert view.comm is not None


@FUZZ
@given(state=STATES)
def test_a_state_is_taken_or_put_back(view: AttnView, caplog: pytest.LogCaptureFixture, state: dict[str, Any]) -> None:
    given_before = {name: getattr(view, name) for name in (*GIVEN, "_esm", "comm")}
    wire(view).sent.clear()
    wire(view).put_in({"method": "update", "state": state, "buffer_paths": []})
    nothing_logged(caplog)
    assert {name: getattr(view, name) for name in given_before} == given_before
    # Whatever came, Python takes its own values again, and the page has been told where they are others than it sent.
    told: dict[str, Any] = {}
    for kind, data, _ in wire(view).sent:
        if kind == "comm_msg" and data["method"] in ("update", "echo_update"):
            told |= data["state"]
    for name in SHARED:
        setattr(view, name, getattr(view, name))
        if name in state and not same(state[name], getattr(view, name)):
            assert same(told[name], getattr(view, name)), name
    repr(view)
    view.selection  # noqa: B018


def same(a: object, b: object) -> bool:
    try:
        return json.dumps(a) == json.dumps(b)
    except (TypeError, ValueError):
        return False


@pytest.mark.parametrize("name", [*SHARED])
def test_python_refuses_what_no_page_could_draw(view: AttnView, name: str) -> None:
    for value in (None, object(), b"bytes", float("nan"), [[[]]], {"a": 1}):
        with pytest.raises(traitlets.TraitError):
            setattr(view, name, value)


def test_a_layer_that_does_not_exist(view: AttnView) -> None:
    for ident, layer, stack in (("a", 2, "encoder"), ("b", -1, "encoder"), ("c", 0, "decoder")):
        request = {"kind": "request", "id": ident, "what": "layer", "stack": stack, "layer": layer}
        wire(view).put_in({"method": "custom", "content": request})
    wait_idle(view)
    errors = [wire(view).replies(ident)[0]["error"] for ident in "abc"]
    assert "0 to 1" in errors[0]
    assert all(errors)
    assert "encoder" in errors[2]
