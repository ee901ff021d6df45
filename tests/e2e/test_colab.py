"""The rules of Colab, simulated: the module comes from a blob: address inside a sandboxed frame on another origin,
content passes through JSON, state arrives as DataView and the buffers of messages as Uint8Array. The other side is a
real view."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from comms import Wire, wired  # noqa: F401
from ipywidgets.embed import embed_data
from opened import READY, Shown, until
from playwright.sync_api import Browser, Page, expect
from where import COLAB, Proofs

from attnwidget import AttnView

NOTEBOOK = """<!doctype html><title>notebook</title>
<iframe sandbox="allow-scripts" src="http://output.test/" style="width:1000px;height:1400px;border:0"></iframe>
<script>
const frame = document.querySelector("iframe");
addEventListener("message", async ({data}) => {
  if (data === "ready") frame.contentWindow.postMessage(await window.fromPython(), "*");
  else window.toPython(data);
});
const poll = async () => {
  const messages = await window.fromPython();
  if (messages !== "[]") frame.contentWindow.postMessage(messages, "*");
  setTimeout(poll, 20);
};
setTimeout(poll, 500);
</script>"""

OUTPUT = """<!doctype html><html theme="light"><meta charset="utf-8"><title>output</title><div id="output"></div>
<script>
// At an offset of a larger buffer, as a slice of one websocket message lies.
const bytesOf = (text) => {
  const raw = atob(text);
  const buffer = new ArrayBuffer(raw.length + 13);
  const bytes = new Uint8Array(buffer, 5, raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
};
const put = (state, paths, buffers) => {
  paths.forEach((path, i) => {
    const bytes = bytesOf(buffers[i]);
    state[path[0]] = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  });
  return state;
};
class Model {
  constructor(state) { this.state = state; this.listeners = {}; this.changed = {}; }
  get(name) { return this.state[name]; }
  set(name, value) {
    if (this.state[name] === value) return;
    this.state[name] = value;
    this.changed[name] = value;
    this.tell(`change:${name}`, this, value, {});
  }
  save_changes() {
    const state = this.changed;
    this.changed = {};
    this.post({method: "update", state, buffer_paths: []});
  }
  send(content) { this.post({method: "custom", content}); }
  post(data) { parent.postMessage(JSON.stringify(data), "*"); }
  on(name, callback) { (this.listeners[name] ??= []).push(callback); }
  off(name, callback) { this.listeners[name] = (this.listeners[name] ?? []).filter((known) => known !== callback); }
  tell(name, ...values) { for (const callback of [...(this.listeners[name] ?? [])]) callback(...values); }
  take(data, buffers) {
    if (data.method === "custom") this.tell("msg:custom", data.content, buffers.map(bytesOf));
    else if (data.method === "update") {
      const state = put(data.state, data.buffer_paths, buffers);
      for (const [name, value] of Object.entries(state)) this.state[name] = value;
      for (const [name, value] of Object.entries(state)) this.tell(`change:${name}`, this, value, {});
    }
  }
}
let model;
addEventListener("message", async ({data}) => {
  for (const [kind, content, buffers] of JSON.parse(data)) {
    if (kind === "comm_open") {
      const state = put(content.state, content.buffer_paths, buffers);
      model = new Model(state);
      const url = URL.createObjectURL(new Blob([state._esm], {type: "text/javascript"}));
      const {default: widget} = await import(url);
      URL.revokeObjectURL(url);
      await widget.initialize?.({model});
      window.close_view = await widget.render({model, el: document.getElementById("output")});
    } else if (model) model.take(content, buffers);
  }
});
parent.postMessage("ready", "*");
</script>"""


class Kernel:
    """Carries messages between the frame and a view in this process, as text."""

    def __init__(self, page: Page, view: AttnView) -> None:
        assert isinstance(view.comm, Wire)
        self.comm = view.comm
        self.taken = 0
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.expose_function("toPython", self.to_python)
        page.expose_function("fromPython", self.from_python)

    def to_python(self, text: str) -> None:
        self.comm.put_in(json.loads(text))

    def from_python(self) -> str:
        fresh = self.comm.sent[self.taken :]
        self.taken += len(fresh)
        return json.dumps(
            [(kind, data, [base64.b64encode(one).decode() for one in buffers]) for kind, data, buffers in fresh]
        )


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1100, "height": 1500})
    page = context.new_page()
    page.set_default_timeout(60_000)
    pages = {"http://notebook.test/": NOTEBOOK, "http://output.test/": OUTPUT}
    page.route(
        "http://**", lambda route: route.fulfill(body=pages.get(route.request.url, ""), content_type="text/html")
    )
    yield page
    context.close()


@pytest.fixture
def long(wired: None) -> Iterator[AttnView]:  # noqa: F811
    """Of more weights than travel at once."""
    weights = np.random.default_rng(0).random((8, 8, 256, 256), dtype=np.float32) ** 4
    weights /= weights.sum(-1, keepdims=True)
    view = AttnView.from_arrays(weights, [f"word{n}" for n in range(256)])
    yield view
    view.close()


def heard(page: Page, view: AttnView, name: str, value: Any) -> None:
    """The page's change has come."""
    until(page, lambda: getattr(view, name) == value, f"{name} is {value!r}")


def test_drawn_heard_and_answered(page: Page, long: AttnView, proves: Proofs) -> None:
    kernel = Kernel(page, long)
    page.goto("http://notebook.test/")
    frame = page.frame(url="http://output.test/")
    assert frame is not None
    shown = Shown(frame)  # type: ignore[arg-type]
    expect(shown.find(READY).first).to_be_visible()
    assert shown.strokes() > 0
    assert shown.ink("canvas[data-strokes]") > 300
    assert frame.evaluate("origin") == "null"

    shown.token("query", 2).click()
    heard(page, long, "selected_queries", [2])
    shown.find("[aria-label='Next layer']").click()
    heard(page, long, "layer", 1)
    expect(shown.find(READY).first).to_be_visible()
    asked = [data for kind, data, _ in kernel.comm.sent if kind == "comm_msg" and data["method"] == "custom"]
    assert [data["content"]["ok"] for data in asked] == [True] * len(asked)
    assert len(asked) >= 1

    long.set_state({"layer": 2, "heads": [3]})
    long.send_state(["layer", "heads"])
    expect(shown.find("[role=spinbutton]")).to_have_text("2")
    expect(shown.find(READY).first).to_be_visible()
    assert shown.pressed_heads() == [3]
    proves(COLAB, "draws", "interacts", "Python hears")
    proves.look(COLAB, page, dark=False)

    # Its frames are transparent: what lies behind them is told by a mark alone.
    assert shown.root.get_attribute("data-theme") == "light"
    frame.evaluate("document.documentElement.setAttribute('theme', 'dark')")
    shown.assert_dark()
    proves(COLAB, "dark")
    proves.look(COLAB, page, dark=True)
    frame.evaluate("close_view()")
    assert frame.evaluate("document.getElementById('output').shadowRoot.childElementCount") == 0
    assert kernel.errors == []


class Forgotten(Kernel):
    """No kernel: the state that the notebook kept, and nobody who hears."""

    def __init__(self, page: Page, view: AttnView) -> None:
        super().__init__(page, view)
        saved = embed_data(views=[view], drop_defaults=True)["manager_state"]["state"][view.model_id]
        buffers = [base64.b64decode(buffer["data"]) for buffer in saved["buffers"]]
        paths = [buffer["path"] for buffer in saved["buffers"]]
        self.comm.sent = [("comm_open", {"state": saved["state"], "buffer_paths": paths}, buffers)]
        self.taken = 0

    def to_python(self, text: str) -> None:
        pass


def test_reopened_from_what_the_notebook_kept(page: Page, long: AttnView, proves: Proofs) -> None:
    long.set_state({"heads": [5], "selected_queries": [3]})
    kernel = Forgotten(page, long)
    page.goto("http://notebook.test/")
    frame = page.frame(url="http://output.test/")
    assert frame is not None
    shown = Shown(frame)  # type: ignore[arg-type]
    expect(shown.find(READY).first).to_be_visible()
    assert (shown.pressed_heads(), shown.selected("query")) == ([5], [3])
    assert shown.ink("canvas[data-strokes]") > 300
    shown.head(2).click()
    assert shown.pressed_heads() == [2]
    shown.find("[aria-label='Next layer']").click()
    expect(shown.find(".absence")).to_contain_text("run this view's cell again")
    assert kernel.errors == []
    proves(COLAB, "saved and reopened", "without a kernel")
