"""The worker of a view: order, cancellation, errors, what a hostile page may send; and the budget of held captures."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from made import wait_for

from attnwidget.answers import Asked
from attnwidget.breaks import take_break
from attnwidget.holdings import Holdings
from attnwidget.requests import LONGEST_ID, MOST_WAITING, Requests


class Page:
    """What the other side of the comm would see."""

    def __init__(self) -> None:
        self.replies: list[tuple[dict[str, Any], Sequence[bytes]]] = []
        self.threads: list[str] = []

    def send(self, content: dict[str, Any], buffers: Sequence[bytes]) -> None:
        self.threads.append(threading.current_thread().name)
        self.replies.append((content, buffers))

    @property
    def ids(self) -> list[str]:
        return [content["id"] for content, _ in self.replies]


def ask(ident: object, layer: object = 0, stack: object = "encoder", what: object = "layer") -> dict[str, object]:
    return {"kind": "request", "id": ident, "what": what, "stack": stack, "layer": layer}


def layer_requests(answer: Callable[[str, int], bytes], send: Any, **settings: Any) -> Requests:
    """Requests for layers only."""

    def layer(asked: Asked) -> bytes:
        number = dict(asked.fields)["layer"]
        assert isinstance(number, int)
        return answer(asked.stack, number)

    return Requests(layer, send, **settings)


class Gate:
    """An answer that begins when let in, so that a test decides what waits."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int]] = []
        self.open = threading.Event()

    def __call__(self, stack: str, layer: int) -> bytes:
        self.started.append((stack, layer))
        assert self.open.wait(60)
        return f"{stack}/{layer}".encode()


def test_replies_come_from_the_worker_and_the_handler_returns_at_once() -> None:
    gate, page = Gate(), Page()
    requests = layer_requests(gate, page.send)
    # Were it answered here, the gate would never open.
    requests.receive(ask("a", 3))
    assert page.replies == []
    gate.open.set()
    wait_for(lambda: requests.idle)
    assert page.replies == [({"kind": "reply", "id": "a", "ok": True}, [b"encoder/3"])]
    assert page.threads == ["attnwidget"]


def test_newest_first_and_cancelled_ones_dropped() -> None:
    gate, page = Gate(), Page()
    requests = layer_requests(gate, page.send)
    requests.receive(ask("first", 0))
    wait_for(lambda: bool(gate.started))
    for layer in range(1, 5):
        requests.receive(ask(f"r{layer}", layer))
    requests.receive({"kind": "cancel", "id": "r3"})
    requests.receive({"kind": "cancel", "id": "never asked"})
    gate.open.set()
    wait_for(lambda: requests.idle)
    assert page.ids == ["first", "r4", "r2", "r1"]
    assert [layer for _, layer in gate.started] == [0, 4, 2, 1]


def test_a_running_request_that_is_cancelled_gets_no_reply_but_its_work_is_kept() -> None:
    gate, page = Gate(), Page()
    requests = layer_requests(gate, page.send)
    requests.receive(ask("a"))
    wait_for(lambda: bool(gate.started))
    requests.receive({"kind": "cancel", "id": "a"})
    gate.open.set()
    wait_for(lambda: requests.idle)
    assert page.replies == []
    requests.receive(ask("b"))
    assert page.ids == ["b"]
    assert len(gate.started) == 1


class Long:
    """An answer in steps with a break before each; the test lets it take one at a time."""

    def __init__(self, steps: int = 3) -> None:
        self.steps, self.done = steps, []
        self.turns = threading.Semaphore(0)

    def __call__(self, stack: str, layer: int) -> bytes:
        if layer < 9:
            for step in range(self.steps):
                assert self.turns.acquire(timeout=60)
                take_break()
                self.done.append((layer, step))
        else:
            self.done.append((layer, 0))
        return f"{stack}/{layer}".encode()


def test_what_is_cancelled_ends_in_its_next_break() -> None:
    long, page = Long(), Page()
    requests = layer_requests(long, page.send)
    requests.receive(ask("a", 1))
    long.turns.release()
    wait_for(lambda: long.done == [(1, 0)])
    requests.receive({"kind": "cancel", "id": "a"})
    long.turns.release()
    wait_for(lambda: requests.idle)
    assert long.done == [(1, 0)]
    assert page.replies == []
    requests.receive(ask("b", 1))
    for _ in range(3):
        long.turns.release()
    wait_for(lambda: requests.idle)
    assert page.ids == ["b"], "half an answer is none: it was made anew"


def test_newer_requests_are_answered_in_a_break() -> None:
    long, page = Long(), Page()
    requests = layer_requests(long, page.send)
    requests.receive(ask("long", 1))
    long.turns.release()
    wait_for(lambda: long.done == [(1, 0)])
    requests.receive(ask("same", 1))
    requests.receive(ask("older", 9))
    requests.receive(ask("newer", 10))
    assert page.ids == []
    long.turns.release()
    wait_for(lambda: page.ids == ["newer", "older"])
    long.turns.release()
    wait_for(lambda: requests.idle)
    assert page.ids == ["newer", "older", "long", "same"]
    assert [step for layer, step in long.done if layer == 1] == [0, 1, 2], "the same is computed once"


def test_another_text_ends_what_is_under_way() -> None:
    long, page = Long(), Page()
    requests = layer_requests(long, page.send)
    requests.receive(ask("a", 1))
    long.turns.release()
    wait_for(lambda: bool(long.done))
    requests.forget()
    long.turns.release()
    wait_for(lambda: requests.idle)
    assert len(long.done) == 1
    [(content, buffers)] = page.replies
    assert (content["ok"], list(buffers)) == (False, [])
    assert "changed" in content["error"]


def test_the_thread_ends_when_idle_and_starts_again() -> None:
    page = Page()
    requests = layer_requests(lambda stack, layer: b"x", page.send, cache_bytes=0)
    for round_ in range(3):
        requests.receive(ask(str(round_)))
        wait_for(lambda: requests.idle)
        wait_for(lambda: not any(thread.name == "attnwidget" for thread in threading.enumerate()))
    assert page.ids == ["0", "1", "2"]


def test_errors_are_replies() -> None:
    def answer(stack: str, layer: int) -> bytes:
        if layer == 1:
            raise KeyError
        raise RuntimeError("this view has released its capture")

    page = Page()
    requests = layer_requests(answer, page.send)
    requests.receive(ask("a", 0))
    wait_for(lambda: requests.idle)
    requests.receive(ask("b", 1))
    wait_for(lambda: requests.idle)
    assert page.replies[0] == (
        {"kind": "reply", "id": "a", "ok": False, "error": "this view has released its capture"},
        [],
    )
    assert page.replies[1][0]["error"] == "KeyError"


@pytest.mark.parametrize(
    "content",
    [
        None,
        3,
        "request",
        [],
        {},
        {"kind": "delete", "id": "a"},
        {"kind": ["request"], "id": "a"},
        {"kind": "request"},
        {"kind": "request", "id": 4},
        {"kind": "request", "id": ""},
        {"kind": "request", "id": "x" * (LONGEST_ID + 1)},
        {"kind": "cancel"},
        {"kind": "cancel", "id": {}},
    ],
)
def test_messages_without_a_usable_id_are_left_alone(content: object, caplog: pytest.LogCaptureFixture) -> None:
    page = Page()
    requests = layer_requests(lambda stack, layer: b"", page.send)
    with caplog.at_level(logging.INFO):
        requests.receive(content)
    assert page.replies == []
    assert requests.idle
    assert caplog.records == []


@pytest.mark.parametrize(
    "content",
    [
        ask("a", what="rows"),
        ask("a", what=None),
        ask("a", stack=None),
        ask("a", stack=["encoder"]),
        ask("a", layer="1"),
        ask("a", layer=1.5),
        ask("a", layer=True),
        ask("a", layer=None),
        {"kind": "request", "id": "a", "what": "layer"},
    ],
)
def test_malformed_requests_with_an_id_get_an_error(content: object) -> None:
    page = Page()
    layer_requests(lambda stack, layer: b"", page.send).receive(content)
    ((reply, buffers),) = page.replies
    assert (reply["id"], reply["ok"], buffers) == ("a", False, [])
    assert reply["error"]


def test_too_many_waiting_drop_the_oldest_with_an_error() -> None:
    gate, page = Gate(), Page()
    requests = layer_requests(gate, page.send)
    requests.receive(ask("running"))
    wait_for(lambda: bool(gate.started))
    for index in range(MOST_WAITING + 2):
        requests.receive(ask(f"r{index}", index))
    assert page.ids == ["r0", "r1"]
    assert not any(reply["ok"] for reply, _ in page.replies)
    gate.open.set()
    wait_for(lambda: requests.idle)


def test_kept_replies_stay_within_their_bytes() -> None:
    asked: list[int] = []

    def answer(stack: str, layer: int) -> bytes:
        asked.append(layer)
        return bytes(40)

    requests = layer_requests(answer, Page().send, cache_bytes=100)
    for index, layer in enumerate([0, 1, 0, 2, 0, 1]):
        requests.receive(ask(str(index), layer))
        wait_for(lambda: requests.idle)
    assert asked == [0, 1, 2, 1]


def test_what_is_being_computed_when_the_weights_change_is_not_passed_on() -> None:
    gate, page = Gate(), Page()
    requests = layer_requests(gate, page.send)
    requests.receive(ask("a"))
    wait_for(lambda: bool(gate.started))
    requests.forget()
    gate.open.set()
    wait_for(lambda: requests.idle)
    assert page.replies[0][0]["ok"] is False
    requests.receive(ask("b"))
    wait_for(lambda: requests.idle)
    assert len(gate.started) == 2


def test_a_send_that_fails_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    def send(content: object, buffers: object) -> None:
        raise OSError("the page is closed")

    requests = layer_requests(lambda stack, layer: b"", send)
    with caplog.at_level(logging.INFO):
        requests.receive(ask("a"))
        wait_for(lambda: requests.idle)
    assert caplog.records == []


def test_hosts_that_send_from_their_loop_alone_get_replies_there() -> None:
    page = Page()
    requests = layer_requests(lambda stack, layer: b"x", page.send, sends_from_threads=lambda: False)

    async def kernel() -> None:
        requests.receive(ask("a"))
        for _ in range(12_000):
            await asyncio.sleep(0.005)
            if page.replies:
                return

    asyncio.run(kernel())
    assert page.ids == ["a"]
    assert page.threads == [threading.main_thread().name]


def test_without_threads_the_answer_is_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    page = Page()
    requests = layer_requests(lambda stack, layer: b"x", page.send)
    requests.receive(ask("a"))
    assert page.ids == ["a"]
    assert requests.idle


# ---- the budget of held captures


class Capture:
    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


class View:
    def __init__(self, capture: Capture) -> None:
        self.capture: Capture | None = capture

    def held(self) -> list[Capture]:
        return [] if self.capture is None else [self.capture]

    def release(self) -> None:
        self.capture = None


def test_the_views_used_longest_ago_are_released_first() -> None:
    holdings = Holdings(100)
    views = [View(Capture(40)) for _ in range(4)]
    holdings.add(views[0])
    holdings.add(views[1])
    holdings.touch(views[0])
    holdings.add(views[2])
    assert [not view.held() for view in views] == [False, True, False, False]
    holdings.add(views[3])
    assert [not view.held() for view in views] == [True, True, False, False]
    assert holdings.nbytes == 80


def test_the_newest_is_never_released_and_a_lower_limit_applies_at_once() -> None:
    holdings = Holdings(100)
    views = [View(Capture(40)), View(Capture(400))]
    for view in views:
        holdings.add(view)
    assert not views[0].held()
    assert views[1].held()
    views[0].capture = Capture(40)
    holdings.add(views[0])
    assert not views[1].held()
    views[1].capture = Capture(20)
    holdings.add(views[1])
    holdings.limit = np.int64(50)  # type: ignore[assignment]
    assert not views[0].held()
    for wrong in (-1, 1e9, True, "1 GB"):
        with pytest.raises(ValueError, match="a whole number of bytes"):
            holdings.limit = wrong  # type: ignore[assignment]


def test_a_shared_capture_counts_once_and_is_not_taken_for_nothing() -> None:
    holdings = Holdings(50)
    shared = Capture(40)
    views = [View(shared), View(shared)]
    for view in views:
        holdings.add(view)
    assert holdings.nbytes == 40
    holdings.limit = 10
    assert [view.held() for view in views] == [[shared], [shared]]


def test_gone_and_dropped_views_count_no_more() -> None:
    holdings = Holdings(100)
    kept = View(Capture(10))
    holdings.add(View(Capture(90)))
    holdings.add(kept)
    assert holdings.nbytes == 10
    holdings.drop(kept)
    assert holdings.nbytes == 0


@pytest.mark.parametrize("limit", [-1, 1.5, True, "2 GB"])
def test_a_limit_is_a_whole_number_of_bytes(limit: Any) -> None:
    with pytest.raises(ValueError, match="limit: "):
        Holdings().limit = limit
