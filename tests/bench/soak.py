# ruff: noqa: T201
"""Load on one JupyterLab page and its kernel: many views, many layer switches and hovers, closing, re-running.

    python tests/bench/soak.py [--views 50] [--rounds 3] [--switches 1000] [--moves 10000] [--runs 100]

Drives a real JupyterLab in Chromium and prints a table of memory after garbage collection on both sides. Takes some
minutes. What the host keeps of a closed widget of its own is measured beside: a widget that does nothing, whose code is
as long. Views are of 8 layers × 8 heads × 96 tokens; the one that is switched is of 256 tokens, whose layers come one
by one from the kernel.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import CDPSession, Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
from conftest import FLAGS, chromium
from lab import Lab, LabNotebook
from opened import READY, Shown

MADE = """
import gc, json, psutil
import numpy as np
from IPython.display import display
from attnwidget import AttnView, Attention, holdings
def attention(tokens):
    weights = np.random.default_rng(0).random((8, 8, tokens, tokens), dtype=np.float32) ** 4
    weights /= weights.sum(-1, keepdims=True)
    return Attention.from_arrays(weights, [f"word{n}" for n in range(tokens)])
long = AttnView(attention(256))
long
"""
#: MB of the kernel, and of captures held by views.
MEMORY = """
gc.collect()
print(json.dumps([psutil.Process().memory_info().rss / 1e6, holdings.HOLDINGS.nbytes / 1e6]))
"""
MANY = """
views = [AttnView(attention(96)) for _ in range({views})]
for view in views:
    display(view)
"""
CLOSED = """
for view in views:
    view.close()
del views, view
"""
#: A widget that does nothing, with as much code.
PLAIN = """
import anywidget
class Plain(anywidget.AnyWidget):
    _esm = "export default {{ render({{ el }}) {{ el.className = 'plain'; }} }} /*" + "x" * len(long._esm) + "*/"
views = [Plain() for _ in range({views})]
for view in views:
    display(view)
"""
AGAIN = """
holdings.set_limit(64_000_000)
again = AttnView(attention(128))
again
"""
#: Steps through the layers with the buttons, waiting for each picture.
SWITCH = """async ([count, layers]) => {
    const host = [...document.querySelectorAll("*")].find((one) => one.shadowRoot?.querySelector(".attnwidget"));
    const root = host.shadowRoot;
    const turn = () => new Promise((go) => requestAnimationFrame(go));
    let up = true;
    for (let done = 0; done < count; done++) {
        const at = Number(root.querySelector("[role=spinbutton]").textContent);
        up = at === 0 ? true : at === layers - 1 ? false : up;
        root.querySelector(`[aria-label="${up ? "Next" : "Previous"} layer"]`).click();
        await turn();
        while (root.querySelector(".picture[aria-busy=true]")) await turn();
    }
}"""


class Soak:
    def __init__(self, page: Page, notebook: LabNotebook) -> None:
        self.page, self.notebook = page, notebook
        self.cdp: CDPSession = page.context.new_cdp_session(page)
        self.rows: list[tuple[str, float, float, float, float]] = []
        self.began = time.monotonic()

    def measure(self, what: str) -> None:
        self.page.mouse.move(1, 1)
        self.page.wait_for_timeout(1000)
        for _ in range(3):
            self.cdp.send("HeapProfiler.collectGarbage")
        heap = self.cdp.send("Runtime.getHeapUsage")
        page = (heap["usedSize"] + heap.get("backingStorageSize", 0)) / 1e6
        nodes = self.cdp.send("Memory.getDOMCounters")["nodes"]
        kernel, held = json.loads(self.notebook.run(1))
        self.rows.append((what, page, nodes, kernel, held))
        seconds = time.monotonic() - self.began
        print(f"{what:<34}{page:>9.1f}{nodes:>10.0f}{kernel:>11.1f}{held:>11.1f}{seconds:>9.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("views", 50), ("rounds", 3), ("switches", 1000), ("moves", 10_000), ("runs", 100)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    cells = [MADE, MEMORY, MANY.format(views=args.views), CLOSED, AGAIN, PLAIN.format(views=args.views)]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        lab = Lab(Path(folder), {})
        try:
            page = browser.new_page(viewport={"width": 1200, "height": 1000})
            page.set_default_timeout(600_000)
            expect.set_options(timeout=600_000)
            soak(Soak(page, lab.open(page, "soak", cells)), args)
        finally:
            lab.stop()
            browser.close()


def soak(soak: Soak, args: argparse.Namespace) -> None:
    page, notebook = soak.page, soak.notebook
    print(f"{'after':<34}{'page MB':>9}{'nodes':>10}{'kernel MB':>11}{'held MB':>11}{'s':>9}")
    notebook.run(0)
    view = Shown(page)
    expect(view.find(READY).first).to_be_visible()
    page.evaluate(SWITCH, [16, 8])
    soak.measure("one view, each layer seen twice")

    half = args.switches // 2
    for done in (half, args.switches):
        page.evaluate(SWITCH, [half, 8])
        soak.measure(f"{done} layer switches")

    view.root.scroll_into_view_if_needed()
    box = view.find(READY).first.bounding_box()
    assert box is not None
    left, top = box["x"], max(box["y"], 120)
    for part in range(2):
        for line in range(args.moves // 200):
            y = top + (line * 37) % 500
            page.mouse.move(left + (box["width"] - 5 if line % 2 else 5), y, steps=100)
        soak.measure(f"{(part + 1) * args.moves // 2} hover moves")

    for _ in range(args.rounds):
        notebook.run(2)
        # Notebooks draw what is scrolled to.
        expect(page.locator("div.attnwidget")).to_have_count(args.views + 1)
        soak.measure(f"{args.views} more views")
        notebook.run(3)
        expect(page.locator("div.attnwidget")).to_have_count(1)
        soak.measure("those closed")
    for _ in range(args.rounds):
        notebook.run(5)
        expect(page.locator("div.plain")).to_have_count(args.views)
        notebook.run(3)
        expect(page.locator("div.plain")).to_have_count(0)
        soak.measure(f"{args.views} widgets of nothing, closed")

    for done in range(args.runs):
        notebook.run(4)
        if done + 1 in (args.runs // 10, args.runs // 2, args.runs):
            expect(Shown(page, 1).find("canvas").first).to_be_attached()
            soak.measure(f"a cell run {done + 1} times (limit 64 MB)")


if __name__ == "__main__":
    main()
