"""One exported page in headless Chromium, in a process of its own: prints what it cost as JSON, the last line most.

    python tests/bench/page_probe.py NAME FILE

Milliseconds are CPU time of the main thread of the page's renderer process: what the page would block for on an idle
machine, whatever else this one does. "all" counts every thread of that process; the page is drawn without WebGL, so no
other process draws for it. Input is real (mouse and keyboard through the browser). Linux only: times come from /proc.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: What BertViz asks a CDN for, from a folder: `CDN` with d3.min.js, jquery.min.js and require.js in it.
CDN = Path(os.environ.get("CDN", Path.home() / ".cache" / "attn-bench" / "vendor"))
#: Times that each thing is done, unless that takes longer than so many seconds: what is slow is measured well at once.
REPEATS, ENOUGH = 15, 4
#: Times that a page is opened, likewise.
OPENS = 5
#: Milliseconds without work after which a page counts as complete, and most seconds to wait for that.
QUIET, LONGEST = 200, 60


def _centre(page: Page, selector: str, index: int, root: str = "document") -> tuple[float, float]:
    box = page.evaluate(
        # Where it is in view already, nothing moves.
        f"([s, i]) => {{ const it = {root}.querySelectorAll(s)[i]; it.scrollIntoView({{ block: 'nearest' }});"
        " const r = it.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }",
        [selector, index],
    )
    return box[0], box[1]


#: What a reader does: the page, and how often it was done before.
Action = Callable[[Page, int], None]

OURS = "document.querySelector('.attnwidget-view')?.shadowRoot"


@dataclass(frozen=True)
class Adapter:
    """How a page tells that its picture is there, and how its reader acts on it."""

    ready: str
    actions: dict[str, Action] = field(default_factory=dict)


def _ours_layer(page: Page, turn: int) -> None:
    at_end = page.evaluate(f"{OURS}.querySelectorAll('.stepper button')[1].disabled")
    page.mouse.click(*_centre(page, ".stepper button", 0 if at_end else 1, OURS))


def clicked(selector: str, count: int, first: int = 0) -> Action:
    """A click on one of `count` elements after the other."""
    return lambda page, turn: page.mouse.click(*_centre(page, selector, first + turn % count))


def hovered(selector: str) -> Action:
    """The pointer on one token after the other."""
    return lambda page, turn: page.mouse.move(*_centre(page, selector, 1 + turn % 14))


def _ours_head(page: Page, turn: int) -> None:
    page.mouse.click(*_centre(page, "button[data-head]", turn % 12, OURS))


def _ours_hover(page: Page, turn: int) -> None:
    page.mouse.move(*_centre(page, ".tokens-query [data-index]", 1 + turn % 14, OURS))


def _bertviz_layer(page: Page, turn: int) -> None:
    page.select_option("#layer", index=1 + turn % 5)


ADAPTERS: dict[str, Adapter] = {
    "attnwidget": Adapter(
        f"{OURS}?.querySelector('.picture[aria-busy=false] canvas')",
        {"layer": _ours_layer, "head": _ours_head, "hover": _ours_hover},
    ),
    "attnwidget_heads": Adapter(f"{OURS}?.querySelector('.picture canvas')"),
    "bertviz_head": Adapter(
        "document.querySelector('#vis svg > g:last-child > rect')",
        {
            "layer": _bertviz_layer,
            "head": clicked("#vis svg > g:last-child > rect", 12),
            "hover": hovered("#left text"),
        },
    ),
    "bertviz_model": Adapter("document.querySelector('#vis svg line')"),
    "circuitsvis": Adapter(
        "document.querySelector('figure canvas')",
        {"head": clicked("figure", 12), "hover": hovered(".tokens button")},
    ),
    "inspectus": Adapter(
        "document.querySelector('svg rect.cell')",
        {
            "layer": clicked(".dimension-values .value", 12),
            "head": clicked(".dimension-values .value", 12, first=12),
            "hover": hovered(".src-tokens .token"),
        },
    ),
}


def _spent(schedstat: Path) -> int:
    """Nanoseconds on a processor; 0 of a thread that has ended meanwhile."""
    try:
        return int(schedstat.read_text().split()[0])
    except (OSError, IndexError):
        return 0


class Renderer:
    """The process of a page: the one whose clock runs while the page spins."""

    def __init__(self, browser: Browser, page: Page) -> None:
        found = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        before = {p["id"]: self._main(p["id"]) for p in found if p["type"] == "renderer"}
        page.evaluate("{ const t = performance.now(); while (performance.now() - t < 200); }")
        self.pid = max(before, key=lambda pid: self._main(pid) - before[pid])
        #: What that took of the processor: less than 200 ms where others want it, too.
        self.spun = self.main - before[self.pid]

    @staticmethod
    def _all(pid: int) -> float:
        return sum(_spent(task) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e6

    @property
    def all(self) -> float:
        return self._all(self.pid)

    @staticmethod
    def _main(pid: int) -> float:
        return _spent(Path(f"/proc/{pid}/task/{pid}/schedstat")) / 1e6

    @property
    def main(self) -> float:
        return self._main(self.pid)

    @property
    def bytes(self) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        return 0

    def settle(self, page: Page) -> None:
        """Wait until the page has nothing to do."""
        end, still = time.monotonic() + LONGEST, time.monotonic()
        last = self.main
        while time.monotonic() - still < QUIET / 1000:
            page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            time.sleep(0.05)
            if self.main - last > 6:
                still = time.monotonic()
            last = self.main
            if time.monotonic() > end:
                raise TimeoutError(f"the page still works after {LONGEST} s")


def opened(browser: Browser, url: str, ready: str, log: list[str]) -> tuple[Page, CDPSession]:
    page = browser.new_context(viewport={"width": 1280, "height": 900}, offline=False).new_page()
    page.set_default_timeout(LONGEST * 1000)
    page.on("pageerror", lambda error: log.append(str(error)[:200]))
    page.on("crash", lambda _: log.append("the renderer crashed"))

    def answer(route: Any) -> None:
        name = route.request.url.rsplit("/", 1)[-1]
        files = {"require.min.js": "require.js", "d3.min.js": "d3.min.js", "jquery.min.js": "jquery.min.js"}
        if name in files and (CDN / files[name]).exists():
            route.fulfill(path=CDN / files[name], content_type="text/javascript")
        else:
            route.abort()

    page.route(lambda asked: not asked.startswith(("file:", "data:", "blob:")), answer)
    page.goto(url, wait_until="commit")
    # Asked again and again from here: waiting inside the page would take `eval`, which our pages' policy forbids.
    end = time.monotonic() + LONGEST
    while not page.evaluate(f"!!({ready})"):
        if time.monotonic() > end:
            raise TimeoutError(f"no picture after {LONGEST} s")
        time.sleep(0.02)
    return page, page.context.new_cdp_session(page)


def frames(page: Page, cdp: CDPSession, hover: Action) -> dict[str, float]:
    """A sweep over tokens: times between frames, and tasks longer than 50 ms."""
    page.evaluate(
        """() => {
          window.deltas = []; window.long = []; let last = performance.now();
          new PerformanceObserver((list) => long.push(...list.getEntries().map((e) => e.duration)))
            .observe({ type: 'longtask' });
          const step = () => { if (!window.deltas) return; const now = performance.now(); deltas.push(now - last);
            last = now; requestAnimationFrame(step); };
          requestAnimationFrame(step);
        }"""
    )
    end, turn = time.monotonic() + 3, 0
    while time.monotonic() < end:
        hover(page, turn)
        turn += 1
    deltas, long = page.evaluate(
        "() => { const out = [window.deltas, window.long]; window.deltas = null; return out; }"
    )
    deltas = sorted(deltas[5:])
    return {
        "frames": len(deltas),
        "p50_ms": statistics.median(deltas),
        "p99_ms": deltas[int(0.99 * (len(deltas) - 1))],
        "longest_task_ms": max(long, default=0.0),
        "moves": turn,
    }


def executable() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit("no Chromium on PATH: `python tests/run.py` installs one")
    return found


def probe(name: str, path: Path, tell: Callable[[dict[str, Any]], None]) -> None:
    """Measure one thing after the other; `tell` gets everything measured so far, whatever comes next."""
    adapter = ADAPTERS[name]
    log: list[str] = []
    out: dict[str, Any] = {"errors": log}
    with sync_playwright() as playwright:
        opens = []
        for turn in range(OPENS):
            browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
            started = time.perf_counter()
            page, cdp = opened(browser, path.resolve().as_uri(), adapter.ready, log)
            wall = time.perf_counter() - started
            renderer = Renderer(browser, page)
            renderer.settle(page)
            opens.append((renderer.main - renderer.spun, renderer.all - renderer.spun, wall))
            if turn == OPENS - 1 or sum(x[0] for x in opens) > ENOUGH * 1000:
                break
            browser.close()
        out["open_ms"], out["open_all_ms"] = (statistics.median(x[i] for x in opens) for i in (0, 1))
        out["open_wall_s"] = statistics.median(x[2] for x in opens)
        tell(out)
        cdp.send("HeapProfiler.collectGarbage")
        empty = browser.new_context().new_page()
        empty.goto("data:text/html,<p>empty")
        out["above_empty"] = renderer.bytes - Renderer(browser, empty).bytes
        page.bring_to_front()
        tell(out)

        def cost(act: Action) -> float:
            costs: list[float] = []
            while len(costs) < REPEATS and sum(costs) < ENOUGH * 1000:
                turn = len(costs)
                before = renderer.main
                act(page, turn)
                renderer.settle(page)
                costs.append(renderer.main - before)
            return statistics.median(costs)

        # The frames asked for while waiting for quiet, and what asking where things are takes.
        looking = cost(lambda page, _: page.evaluate("document.body.getBoundingClientRect().x"))
        for action, act in adapter.actions.items():
            out[f"{action}_ms"] = max(0.0, cost(act) - looking)
            tell(out)
            page.mouse.move(2, 2)
            renderer.settle(page)
        if "hover" in adapter.actions and out["hover_ms"] < 1000:
            out["sweep"] = frames(page, cdp, adapter.actions["hover"])
        tell(out | {"looking_ms": looking})
        browser.close()


def say(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    probe(sys.argv[1], Path(sys.argv[2]), say)
