"""A view in a real kernel, spoken to as a page speaks: replies come from the worker thread, even while a cell runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from attnwidget.wire import decode

pytestmark = pytest.mark.slow

SETUP = """
import numpy as np
from attnwidget import AttnView
view = AttnView.from_arrays(np.full((2, 3, 40, 40), 1 / 40, np.float32), [str(n) for n in range(40)])
view
"""


#: A cell that runs until an answer was made, and longer than it takes to send.
BUSY = """
import time
end = time.monotonic() + 60
while not view._requests._cache and time.monotonic() < end:
    time.sleep(0.01)
time.sleep(1)
print("ended")
"""


@pytest.fixture
def client() -> Iterator[BlockingKernelClient]:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def published(client: BlockingKernelClient, until: Any) -> list[dict[str, Any]]:
    """Messages on the way to the page, up to the first that `until` takes."""
    messages: list[dict[str, Any]] = []
    end = time.monotonic() + 60
    while time.monotonic() < end:
        message = client.get_iopub_msg(timeout=60)
        messages.append(message)
        if until(message):
            return messages
    raise AssertionError(f"not seen within 60 s; seen: {[message['msg_type'] for message in messages]}")


def run(client: BlockingKernelClient, code: str) -> list[dict[str, Any]]:
    ident = client.execute(code)
    return published(
        client,
        lambda m: (
            m["msg_type"] == "status"
            and m["content"]["execution_state"] == "idle"
            and m["parent_header"].get("msg_id") == ident
        ),
    )


def to_kernel(client: BlockingKernelClient, comm: str, data: dict[str, Any]) -> None:
    client.shell_channel.send(client.session.msg("comm_msg", {"comm_id": comm, "data": data}))


def test_a_page_and_a_kernel(client: BlockingKernelClient) -> None:
    made = run(client, SETUP)
    assert not [m for m in made if m["msg_type"] in ("error", "stream")]
    opened = next(
        m
        for m in made
        if m["msg_type"] == "comm_open" and m["content"]["data"]["state"].get("_model_name") == "AnyModel"
    )
    comm = opened["content"]["comm_id"]
    assert sorted(decode(bytes(opened["buffers"][0]))) == [("encoder", 0), ("encoder", 1)]
    shown = next(m for m in made if m["msg_type"] == "execute_result")["content"]["data"]
    assert {"image/png", "text/plain", "application/vnd.jupyter.widget-view+json"} == set(shown)
    assert shown["text/plain"].startswith("AttnView: ")

    # Asked just before a long cell starts, and answered before it ends.
    request = {"kind": "request", "id": "7", "what": "layer", "stack": "encoder", "layer": 1}
    for content in (request, {"kind": "request"}, {"kind": "cancel", "id": "x"}, None, [1]):
        to_kernel(client, comm, {"method": "custom", "content": content})
    seen = run(client, BUSY)
    (reply,) = (m for m in seen if m["msg_type"] == "comm_msg")
    assert reply["content"]["data"]["content"] == {"kind": "reply", "id": "7", "ok": True}
    assert list(decode(bytes(reply["buffers"][0]))) == [("encoder", 1)]
    (ended,) = (m for m in seen if m["msg_type"] == "stream")
    assert seen.index(reply) < seen.index(ended)

    # A click on the page, read back by the next cell; nonsense is put back and leaves no traceback.
    to_kernel(client, comm, {"method": "update", "state": {"selected_queries": [3], "layer": 99}, "buffer_paths": []})
    told = run(client, "print(view.selected_queries, view.layer)")
    assert "".join(m["content"]["text"] for m in told if m["msg_type"] == "stream") == "[3] 0\n"
    assert not [m for m in [*seen, *told] if m["msg_type"] == "error"]
    updates = [m["content"]["data"] for m in told if m["msg_type"] == "comm_msg"]
    assert {"method": "update", "state": {"layer": 0}, "buffer_paths": []} in updates
