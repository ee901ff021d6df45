"""A live view in a browser without any notebook: its traits and messages go both ways, on command."""

from __future__ import annotations

import base64
import queue
import time
from pathlib import Path
from typing import Any

from opened import Shown
from playwright.sync_api import Page, expect

import attnwidget
from attnwidget import AttnView
from attnwidget.state import GIVEN, SHARED

SCRIPT = Path(attnwidget.__file__).parent / "static" / "widget.js"
TRAITS = (*GIVEN, *SHARED)

_HOST = """
async ([script, state]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const plain = (name, value) => (value && value.base64 !== undefined ? bytes(value.base64) : value);
  const values = Object.fromEntries(Object.entries(state).map(([name, value]) => [name, plain(name, value)]));
  const listeners = new Map();
  let changed = {};
  const model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; changed[name] = value; },
    save_changes: () => { const out = changed; changed = {}; window.toPython({ state: out }); },
    on: (event, call) => listeners.set(event, [...(listeners.get(event) ?? []), call]),
    off: (event, call) => listeners.set(event, (listeners.get(event) ?? []).filter((one) => one !== call)),
    send: (content) => window.toPython({ message: content }),
  };
  window.fromPython = ({ state, message, buffers }) => {
    for (const [name, value] of Object.entries(state ?? {})) {
      values[name] = plain(name, value);
      for (const call of listeners.get(`change:${name}`) ?? []) call();
    }
    if (message) for (const call of listeners.get("msg:custom") ?? []) call(message, buffers.map(bytes));
  };
  const { default: widget } = await import(script);
  const el = document.createElement("div");
  document.body.append(el);
  await widget.render({ model, el });
}
"""


class LiveView(AttnView):
    """A view whose messages wait until the browser is given them: Playwright is of one thread, replies of another."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.outbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        super().__init__(*args, **kwargs)
        self.observe(lambda change: self.outbox.put({"state": {change["name"]: change["new"]}}), names=list(TRAITS))

    def send(self, content: Any, buffers: Any = None) -> None:
        self.outbox.put({"message": content, "buffers": [bytes(buffer) for buffer in buffers or ()]})

    def _sends_from_threads(self) -> bool:
        return True


def _packed(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode("ascii")}
    if isinstance(value, dict):
        return {name: _packed(part) for name, part in value.items()}
    return value


class Bridged(Shown):
    """A live view on a blank page. What the page asks for is counted in `asked`."""

    def __init__(self, page: Page, view: LiveView) -> None:
        super().__init__(page)
        self.view = view
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.expose_function("toPython", self._take)
        script = base64.b64encode(SCRIPT.read_bytes()).decode("ascii")
        state = {name: _packed(getattr(view, name)) for name in TRAITS}
        page.evaluate(_HOST, [f"data:text/javascript;base64,{script}", state])

    def _take(self, sent: dict[str, Any]) -> None:
        if "state" in sent:
            self.view.set_state(sent["state"])
        if (message := sent.get("message")) is not None:
            if message.get("kind") == "request":
                self.asked.append(message["what"])
            self.view._handle_custom_msg(message, [])

    def give(self, until: Any = None) -> Bridged:
        """Hand over what Python has sent; until a locator is visible where one is given."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            while not self.view.outbox.empty():
                sent = self.view.outbox.get()
                buffers = [base64.b64encode(buffer).decode("ascii") for buffer in sent.get("buffers", ())]
                state = _packed(sent.get("state", {}))
                self.page.evaluate(
                    "sent => window.fromPython(sent)",
                    {"state": state, "message": sent.get("message"), "buffers": buffers},
                )
            if until is None or until.is_visible():
                break
            self.page.wait_for_timeout(50)
        if until is not None:
            expect(until).to_be_visible()
        return self
