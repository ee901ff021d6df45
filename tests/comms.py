"""A way between a widget and a page that is no kernel's: what the widget sends is kept, the page's is put in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import comm
import pytest
from comm.base_comm import BaseComm


class Wire(BaseComm):
    """One widget's comm; `sent` are its messages in order, `then` hears of each."""

    sent: list[tuple[str, Any, list[bytes]]]
    then: Callable[[str, Any, list[bytes]], None] | None = None

    def publish_msg(
        self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
    ) -> None:
        if not hasattr(self, "sent"):
            self.sent = []
        message = (msg_type, data, [bytes(buffer) for buffer in buffers or ()])
        self.sent.append(message)
        if self.then is not None:
            self.then(*message)

    def put_in(self, data: object, buffers: Sequence[bytes] = ()) -> None:
        """A message of the page, as a kernel hands it over."""
        self.handle_msg({"content": {"comm_id": self.comm_id, "data": data}, "buffers": list(buffers)})

    def replies(self, ident: str) -> list[dict[str, Any]]:
        """Replies to one request."""
        found = [data["content"] for kind, data, _ in self.sent if kind == "comm_msg" and data["method"] == "custom"]
        return [content for content in found if content.get("id") == ident]


@pytest.fixture
def wired(monkeypatch: pytest.MonkeyPatch) -> None:
    """Widgets made from here on speak over a `Wire`."""
    monkeypatch.setattr(comm, "create_comm", Wire)
