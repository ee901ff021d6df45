"""Saved widget state without a kernel, as Quarto, MyST, nbsphinx and nbconvert carry it on."""

from __future__ import annotations

import base64
import json
from typing import Any

import nbformat
import numpy as np
import pytest
from ipywidgets.embed import embed_data
from nbconvert import HTMLExporter
from opened import Opened, Shown
from where import STATE, Proofs

from attnwidget import AttnView

#: `render` alone, from plain JSON, inside somebody else's shadow root; nobody to send to, no `initialize`, no defaults.
PAGE = """<!doctype html><meta charset="utf-8"><title>static</title><div id="outer"></div>
<script type="application/json" id="state">{state}</script>
<script type="module">
const saved = JSON.parse(document.getElementById("state").textContent);
const state = saved.state;
for (const {{path, data}} of saved.buffers ?? []) {{
  const raw = atob(data);
  state[path[0]] = new DataView(Uint8Array.from(raw, (one) => one.charCodeAt(0)).buffer);
}}
const listeners = new Map();
const model = {{
  get: (name) => state[name],
  set(name, value) {{
    state[name] = value;
    for (const callback of listeners.get(`change:${{name}}`) ?? []) callback();
  }},
  save_changes() {{}},
  on: (name, callback) => listeners.set(name, [...(listeners.get(name) ?? []), callback]),
  off: (name, callback) => listeners.set(name, (listeners.get(name) ?? []).filter((one) => one !== callback)),
}};
const {{default: widget}} = await import(`data:text/javascript;base64,${{saved.esm}}`);
const el = document.createElement("div");
document.getElementById("outer").attachShadow({{mode: "open"}}).append(el);
widget.render({{model, el}});
</script>"""


def new_view(layers: int, tokens: int, **traits: Any) -> AttnView:
    weights = np.random.default_rng(0).random((layers, 8, tokens, tokens), dtype=np.float32) ** 4
    weights /= weights.sum(-1, keepdims=True)
    return AttnView.from_arrays(weights, [f"word{n}" for n in range(tokens)], **traits)


def page_of(view: AttnView, *, drop_defaults: bool) -> str:
    states = embed_data(views=[view], drop_defaults=drop_defaults)["manager_state"]["state"]
    saved = dict(states[view.model_id])
    assert saved["model_name"] == "AnyModel"
    assert all(buffer["encoding"] == "base64" for buffer in saved["buffers"])
    esm = saved["state"].pop("_esm")
    saved["esm"] = base64.b64encode(esm.encode()).decode()
    return PAGE.format(state=json.dumps(saved).replace("<", "\\u003c"))


@pytest.mark.parametrize("drop_defaults", [True, False])
def test_render_alone_draws_what_was_saved(opened: Opened, drop_defaults: bool, proves: Proofs) -> None:
    view = new_view(3, 12, layer=1, heads=[2], selected_queries=[4], mode="matrix")
    shown = Shown(opened.page(page_of(view, drop_defaults=drop_defaults), dark=drop_defaults)).ready()
    assert shown.layer() == 1
    assert shown.pressed_heads() == [2]
    assert shown.find(".message").count() == 0
    shown.choose("lines")
    shown.find("[aria-label='Next layer']").click()
    shown.ready()
    assert shown.layer() == 2
    assert shown.ink("canvas[data-strokes]") > 200
    proves(STATE, "draws", "interacts", "saved and reopened", "without a kernel")
    proves.look(STATE, shown.page, dark=drop_defaults)
    if drop_defaults:
        shown.assert_dark()
        proves(STATE, "dark")


def test_what_was_not_saved_is_named(opened: Opened) -> None:
    shown = Shown(opened.page(page_of(new_view(8, 256), drop_defaults=True))).ready()
    shown.find("[aria-label='Next layer']").click()
    absence = shown.find(".absence")
    assert "Layer 1 is not in this page" in absence.inner_text()
    assert "view.save" in absence.inner_text()
    shown.find("[aria-label='Previous layer']").click()
    shown.ready()


def exported(view: AttnView, *, with_state: bool) -> str:
    bundle = view._repr_mimebundle_()
    assert bundle is not None
    data, metadata = bundle
    output = nbformat.v4.new_output("execute_result", data=data, metadata=metadata, execution_count=1)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("view", outputs=[output])])
    if with_state:
        state = embed_data(views=[view])["manager_state"]
        notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": state}
    nbformat.validate(notebook)
    html, _ = HTMLExporter().from_notebook_node(notebook)
    return str(html)


def test_nbconvert_keeps_the_picture_or_the_widget() -> None:
    view = new_view(2, 8)
    data, _ = view._repr_mimebundle_()  # type: ignore[misc]
    assert data["text/plain"].startswith("AttnView")
    assert "word3" in data["text/plain"]
    plain = exported(view, with_state=False)
    assert f"data:image/png;base64,{data['image/png']}" in plain.replace("\n", "")
    assert "vnd.jupyter.widget-view" not in plain
    live = exported(view, with_state=True)
    assert f'"model_id": "{view.model_id}"' in live
    assert "vnd.jupyter.widget-state+json" in live
    assert "</script><script>window.hurt" not in live
