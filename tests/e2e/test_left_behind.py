"""What a view leaves behind on its page once the host has taken it away: nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from live import given
from made import softmax
from playwright.sync_api import Browser

from attnwidget import AttnView
from attnwidget.modes import MODES

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession

# Shows a view, works with it a little, and takes it away; `listening` says what still hears its model.
_HOST = """
async ({source, state, binary}) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const url = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
  const {default: widget} = await import(url);
  const turn = () => new Promise((go) => setTimeout(go, 10));
  window.listening = [];
  window.show = async (mode) => {
    const values = {...state, mode};
    for (const [name, text] of Object.entries(binary)) values[name] = bytes(text);
    const heard = {};
    const model = {
      get: (name) => values[name],
      set: (name, value) => { values[name] = value; },
      save_changes: () => {},
      on: (name, hear) => { (heard[name] ??= []).push(hear); },
      off: (name, hear) => { heard[name] = (heard[name] ?? []).filter((one) => one !== hear); },
      send: () => {},
    };
    const el = document.createElement("div");
    document.body.append(el);
    const leave = widget.render({model, el});
    const root = el.shadowRoot;
    while (!root.querySelector(`[data-value=${mode}][aria-checked=true]`)) await turn();
    for (let turns = 0; turns < 5; turns++) await turn();
    const token = root.querySelector(".tokens-query [data-index='1']");
    token?.dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
    token?.click();
    root.querySelector(".menu-button")?.click();
    for (let turns = 0; turns < 5; turns++) await turn();
    leave();
    el.remove();
    for (const [name, hears] of Object.entries(heard)) if (hears.length > 0) window.listening.push(name);
    await turn();
  };
}
"""
#: What a page is made of, and what it holds weights in.
KINDS = (
    *("Node", "CSSStyleSheet", "CanvasRenderingContext2D", "ResizeObserver", "MutationObserver", "AbortController"),
    *("MediaQueryList", "Uint8Array", "Float32Array", "Uint16Array", "Map", "WeakMap"),
)


def alive(cdp: CDPSession) -> dict[str, int]:
    """Objects of each kind that are left once all garbage is collected."""
    found = {}
    for kind in KINDS:
        prototype = cdp.send("Runtime.evaluate", {"expression": f"{kind}.prototype"})["result"]["objectId"]
        objects = cdp.send("Runtime.queryObjects", {"prototypeObjectId": prototype, "objectGroup": "counted"})
        count = {"functionDeclaration": "function () { return this.length; }", "returnByValue": True}
        length = cdp.send("Runtime.callFunctionOn", {"objectId": objects["objects"]["objectId"], **count})
        found[kind] = length["result"]["value"]
        cdp.send("Runtime.releaseObjectGroup", {"objectGroup": "counted"})
    found["listeners"] = cdp.send("Memory.getDOMCounters")["jsEventListeners"]
    return found


def test_a_view_that_is_taken_away_leaves_nothing_on_its_page(browser: Browser) -> None:
    """In every mode, after it was worked with: another dozen views leave no more than those before."""
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto("about:blank")
    view = AttnView.from_arrays(softmax(2, 3, 12, 12), [f"word{n}" for n in range(12)])
    page.evaluate(_HOST, given(view))
    cdp = page.context.new_cdp_session(page)

    def dozen() -> None:
        for mode in (*MODES, *MODES):
            page.evaluate("mode => show(mode)", mode)

    dozen()
    page.wait_for_timeout(1000)
    before = now = alive(cdp)
    dozen()
    # The last one may be held by a frame or a timer that is still to come; what leaks stays.
    end = time.monotonic() + 20
    while any(now[kind] > count for kind, count in before.items()) or now is before:
        assert time.monotonic() < end, f"{before} before, {now} after"
        now = alive(cdp)
    assert page.evaluate("listening") == []
    page.close()
