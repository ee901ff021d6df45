"""AttnView and its page: small messages, many traits at once, what a page may not set, requests."""

from __future__ import annotations

import numpy as np
import pytest
from made import softmax, wait_for
from views import from_page, message, sent

from attnwidget import view as view_module
from attnwidget.arrays import from_arrays
from attnwidget.view import AttnView
from attnwidget.wire import decode


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
