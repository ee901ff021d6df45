"""A page in a browser that talks to a view of this process, as in a notebook but without one."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opened import Shown

import attnwidget
from attnwidget.answers import answer, read
from attnwidget.state import BINARY, GIVEN, SHARED

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from attnwidget import AttnView

# The host's side of a widget: traits, and messages that Python answers.
_HOST = """
async ({source, state, binary}) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const values = {...state};
  for (const [name, text] of Object.entries(binary)) values[name] = bytes(text);
  const heard = {};
  window.sent = [];
  const model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; },
    save_changes: () => {},
    on: (name, hear) => { (heard[name] ??= []).push(hear); },
    off: (name, hear) => { heard[name] = (heard[name] ?? []).filter((one) => one !== hear); },
    send: async (content) => {
      window.sent.push(content);
      const reply = await window.askPython(content);
      if (!reply) return;
      const {buffer, ...said} = reply;
      for (const hear of heard["msg:custom"] ?? []) hear(said, buffer ? [new DataView(bytes(buffer).buffer)] : []);
    },
  };
  window.traits = values;
  const url = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
  const {default: widget} = await import(url);
  const el = document.createElement("div");
  document.body.append(el);
  widget.render({model, el});
}
"""


def given(view: AttnView) -> dict[str, Any]:
    """What a page gets of a view: both parts of the code, and the traits, those of bytes in base64."""
    view.bring_more()
    state = view.get_state()
    names = [name for name in (*SHARED, *GIVEN) if name in state]
    bundle = Path(attnwidget.__file__).parent / "static" / "widget.js"
    return {
        "source": bundle.read_text(encoding="utf-8"),
        "state": {name: state[name] for name in names if name not in BINARY},
        "binary": {name: base64.b64encode(bytes(state[name])).decode() for name in names if name in BINARY},
    }


class Live(Shown):
    """One view, its requests answered; `asked` lists them."""

    def __init__(self, page: Page, view: AttnView) -> None:
        super().__init__(page)
        self.view = view
        self.asked: list[dict[str, Any]] = []
        page.expose_function("askPython", self._answer)
        page.evaluate(_HOST, given(view))

    def _answer(self, content: dict[str, Any]) -> dict[str, Any] | None:
        if content.get("kind") != "request":
            return None
        self.asked.append(content)
        said = {"kind": "reply", "id": content["id"]}
        try:
            data = answer(self.view.attention_data, read(content))
        except ValueError as error:
            return {**said, "ok": False, "error": str(error)}
        return {**said, "ok": True, "buffer": base64.b64encode(data).decode()}

    def trait(self, name: str) -> Any:
        """A trait as the page holds it."""
        return self.page.evaluate("name => window.traits[name]", name)
