"""A view on a page that is linked to its Python, as in a notebook, with no notebook between: every trait and message
crosses, and both sides can be looked at in one test.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

from opened import READY, Shown, until
from playwright.sync_api import Browser, expect

import attnwidget
from attnwidget.state import BINARY, GIVEN, SHARED

if TYPE_CHECKING:
    from attnwidget import AttnView

_BUNDLE = Path(attnwidget.__file__).parent / "static" / "widget.js"

# What anywidget gives a front-end module, over two functions of the test.
_HOST = """
async ({source, state, binary}) => {
    const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
    const values = {...state};
    for (const [name, text] of Object.entries(binary)) values[name] = new DataView(bytes(text).buffer);
    const listeners = {};
    let changed = {};
    const tell = (event, ...args) => { for (const one of [...(listeners[event] ?? [])]) one(...args); };
    const model = {
        get: name => values[name],
        set: (name, value) => { values[name] = value; changed[name] = value; },
        save_changes: () => { const sent = changed; changed = {}; window.sendState(JSON.stringify(sent)); },
        send: content => { window.sendMessage(JSON.stringify(content)); },
        on: (event, callback) => { (listeners[event] ??= []).push(callback); },
        off: (event, callback) => { listeners[event] = (listeners[event] ?? []).filter(one => one !== callback); },
    };
    window.fromPython = (name, value) => { values[name] = value; tell(`change:${name}`); };
    window.answer = (content, text) => {
        tell("msg:custom", content, text === null ? [] : [new DataView(bytes(text).buffer)]);
    };
    const el = document.createElement("div");
    document.body.append(el);
    const {default: widget} = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
    window.stop = widget.render({model, el});
}
"""


class Linked(Shown):
    """A view whose traits are set in Python and on the page, whichever comes first."""

    def __init__(self, browser: Browser, view: AttnView, *, width: int = 1100, height: int = 1000) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
        page = self.context.new_page()
        page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        super().__init__(page)
        self.view = view
        self._replies: Queue[tuple[dict[str, Any], str | None]] = Queue()
        self._from_page = False
        view._requests._send = self._reply
        page.expose_function("sendState", self._take)
        page.expose_function("sendMessage", lambda content: view._requests.receive(json.loads(content)))
        view.bring_more()
        names = [name for name in (*GIVEN, *SHARED) if name not in BINARY]
        binary = {name: base64.b64encode(getattr(view, name)).decode() for name in BINARY}
        state = {name: getattr(view, name) for name in names}
        page.set_content("<!doctype html><title>linked</title>")
        page.evaluate(_HOST, {"source": _BUNDLE.read_text("utf-8"), "state": state, "binary": binary})
        view.observe(self._tell, names=list(SHARED))

    def _take(self, changes: str) -> None:
        # Called while Playwright waits for the page: nothing of it may be asked here.
        self._from_page = True
        self.view.set_state(json.loads(changes))
        self._from_page = False

    def _tell(self, change: Any) -> None:
        if not self._from_page:
            self.page.evaluate("([name, value]) => window.fromPython(name, value)", [change.name, change.new])

    def _reply(self, content: dict[str, Any], buffers: Any) -> None:
        data = base64.b64encode(buffers[0]).decode() if buffers else None
        self._replies.put((content, data))

    def answered(self) -> Linked:
        """Give the page every reply that Python has made or is making."""
        while True:
            try:
                content, data = self._replies.get(timeout=0.05)
            except Empty:
                if self.view._requests.idle and self._replies.empty():
                    return self
                continue
            self.page.evaluate("([content, data]) => window.answer(content, data)", [content, data])

    def ready(self) -> Linked:
        until(self.page, lambda: self.answered().find(READY).first.is_visible(), "the picture")
        return self

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until Python has heard of it."""
        until(self.page, holds, "Python has heard of it")

    def menu(self) -> Linked:
        """Open the menu of the toolbar."""
        self.find(".menu-button").click()
        expect(self.find(".menu-panel")).to_be_visible()
        return self

    def close(self) -> None:
        self.view.unobserve(self._tell, names=list(SHARED))
        self.context.close()
        assert self.complaints == []
