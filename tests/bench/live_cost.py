# ruff: noqa: T201
"""A long text in a real JupyterLab: ``python tests/bench/live_cost.py [--tokens 4096 16384]``; takes minutes.

A random Llama of 16 heads a layer is captured and shown; then its reader hovers, scrolls, pans, zooms, goes through
layers and modes. Milliseconds in a page are wall time between two moments there, or CPU time of the renderer's main
thread where it says so; nothing else should run on the machine. What Python was asked, gave up and computed is counted
in the kernel. Linux only, as `page_probe`.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Locator, Page, sync_playwright

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE)]
from capture_cost import machine  # noqa: E402
from conftest import FLAGS, chromium  # noqa: E402
from lab import Lab, LabNotebook  # noqa: E402
from opened import READY, Shown  # noqa: E402
from page_probe import Renderer  # noqa: E402

MODES = ("lines", "matrix", "heads", "profile", "trace", "steps")
#: Seconds that a mode may take to come to rest.
PATIENCE = 300
#: Milliseconds that a click may take to its answer.
LONGEST = 600_000

MODEL = """
import sys, time, json
sys.path.insert(0, {bench!r})
import anywidget, torch
torch.set_num_threads({threads})
from capture_cells import inputs, llama
from attnwidget import AttnView
model, batch, forwards = llama({layers}), inputs({tokens}), []
with torch.no_grad():  # rows of a random model are flat: these have peaks, as a trained one's
    for layer in model.layers:
        layer.self_attn.q_proj.weight *= 12
model.register_forward_hook(lambda *_: forwards.append(time.time()))
seen = {{}}
def watch(view):
    requests = view._requests
    answer, receive = requests._answer, requests.receive
    def count(what, kind, by=1):
        seen.setdefault(what, dict.fromkeys(("asked", "cancelled", "computed", "seconds"), 0))[kind] += by
    asked = {{}}
    def heard(content):
        what = asked.setdefault(content["id"], content.get("what"))
        count(what, "asked" if content["kind"] == "request" else "cancelled")
        receive(content)
        seen["waiting"] = max(seen.get("waiting", 0), len(requests._waiting))
    def answered(one):
        began = time.thread_time()
        try:
            return answer(one)
        finally:
            count(one.what, "computed")
            count(one.what, "seconds", time.thread_time() - began)
    requests._answer, requests.receive = answered, heard
class Echo(anywidget.AnyWidget):
    _esm = '''export default {{ render({{ model }}) {{
        window.echo = () => new Promise((done) => {{
            const heard = () => {{ model.off("msg:custom", heard); done(); }};
            model.on("msg:custom", heard);
            model.send({{}});
        }});
    }} }}'''
echo = Echo()
echo.on_msg(lambda widget, content, buffers: widget.send({{}}))
echo
"""
VIEW = """
view = AttnView(model, batch)
watch(view)
view
"""
TOLD = """
print(json.dumps([forwards[-1] * 1000, seen]))
seen.clear()
"""

#: What the page is watched with.
PROBE = r"""() => {
    const host = () => [...document.querySelectorAll("*")].find((one) => one.shadowRoot?.querySelector(".attnwidget"));
    const turn = () => new Promise((go) => requestAnimationFrame(go));
    const painted = () => new Promise((done) => requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => done(performance.now());
        port2.postMessage(0);
    }));
    const limit = 60_000;
    const within = (promise, what) => Promise.race([promise, new Promise((_, fail) =>
        setTimeout(() => fail(new Error(`nothing after ${limit} ms: ${what}`)), limit))]);
    let frames = null;
    const each = (last) => requestAnimationFrame((now) => { frames?.push(now - last); each(now); });
    each(performance.now());
    let [sent, came] = [0, 0];
    const heard = new WeakSet();
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
        if (!heard.has(this)) {
            heard.add(this);
            this.addEventListener("message", ({ data }) => {
                const now = performance.now();
                const text = typeof data === "string" ? data : new TextDecoder().decode(data.slice(0, 4000));
                if (/"kind": ?"reply"/.test(text)) came = now;
            });
        }
        sent = performance.now();
        return send.call(this, data);
    };
    window.probe = {
        /** When something is there, by the clock on the wall. */
        async there(selector, test = "true") {
            const holds = new Function("one", "root", `return ${test}`);
            for (const end = Date.now() + 3 * limit; Date.now() < end; await turn()) {
                const root = host()?.shadowRoot;
                const one = root?.querySelector(selector);
                if (one && holds(one, root)) return Date.now() - performance.now() + await painted();
            }
            throw new Error(`never there: ${selector} where ${test}`);
        },
        /** How long after the next pointer event something is painted: at once, or once `test` holds. */
        hover(test, event = "pointerover") {
            const holds = test && new Function("root", `return ${test}`);
            return within(new Promise((done) => host().shadowRoot.addEventListener(event, async () => {
                const began = performance.now();
                [sent, came] = [0, 0];
                const first = await painted();
                let last = first;
                // Looked at where a frame begins, told once it is painted.
                for (let held = !holds; !held; ) {
                    const frame = painted();
                    await turn();
                    held = holds(host().shadowRoot);
                    last = await frame;
                }
                const asked = sent && came ? { whole: last - sent, reply: came - sent, page: last - came } : null;
                done({ first: first - began, last: last - began, asked });
            }, { capture: true, once: true })), `hover until ${test}`);
        },
        start() { frames = []; },
        async stop() {
            await new Promise((done) => setTimeout(done, 300));
            const sorted = frames.sort((a, b) => a - b);
            frames = null;
            const share = (at) => sorted[Math.floor(at * (sorted.length - 1))] ?? 0;
            return { frames: sorted.length, p50: share(0.5), p99: share(0.99) };
        },
        async echo() {
            const began = performance.now();
            await within(echo(), "echo");
            return performance.now() - began;
        },
    };
}"""
#: All numbers of the row under the pointer are known.
KNOWN = (
    "(values => values.some(one => one) && !values.some(one => /[…≥]/.test(one)))"
    "([...root.querySelectorAll('.tokens-key .token-value')].map(one => one.textContent))"
)
WHOLE = ".matrix-note[data-waiting='0']"
#: Layers that are here.
FOLLOWED = ".layer-bar > .layer-stack > :first-child"


class Session:
    """One length in one notebook."""

    def __init__(self, browser: Browser, lab: Lab, tokens: int, layers: int, threads: int) -> None:
        self.browser = browser
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 1500})
        self.page.set_default_timeout(LONGEST)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)[:200]))
        model = MODEL.format(bench=str(HERE), tokens=tokens, layers=layers, threads=threads)
        self.notebook: LabNotebook = lab.open(self.page, f"n{tokens}", [model, VIEW, TOLD])
        self.notebook.run(0)
        self.page.wait_for_function("window.echo")
        self.page.evaluate(PROBE)
        self.cdp: CDPSession = self.page.context.new_cdp_session(self.page)
        self.renderer = Renderer(browser, self.page)
        self.view = Shown(self.page)
        self.rows: list[tuple[str, str]] = []

    def say(self, what: str, text: str) -> None:
        self.rows.append((what, text))
        print(f"  {what}: {text}", flush=True)

    def told(self) -> tuple[float, dict[str, Any]]:
        """When the last forward ended, and what was asked since the last call."""
        ended, seen = json.loads(self.notebook.run(2))
        # Running a cell scrolls to it.
        self.view.root.evaluate("one => one.scrollIntoView({block: 'start'})")
        self.page.wait_for_timeout(200)
        return ended, seen

    def there(self, selector: str, test: str = "true") -> float:
        at: float = self.page.evaluate("([selector, test]) => probe.there(selector, test)", [selector, test])
        return at

    def now(self) -> float:
        at: float = self.page.evaluate("Date.now()")
        return at

    def box(self, found: str | Locator) -> tuple[float, float, float, float]:
        box = (self.view.find(found) if isinstance(found, str) else found).first.bounding_box()
        assert box is not None
        return box["x"], box["y"], box["width"], box["height"]

    def mode(self, name: str) -> None:
        self.view.find(f"[data-value='{name}']").first.click()

    # ---- what is measured

    def opened(self) -> None:
        self.page.evaluate(
            """selector => {
                window.drawn = probe.there(selector, "Number(one.dataset.strokes ?? 0) > 0");
                const {content} = jupyterapp.shell.currentWidget;
                content.activeCellIndex = 1;
                jupyterapp.commands.execute("notebook:run-cell");
            }""",
            "canvas[data-strokes]",
        )
        drawn = self.page.evaluate("window.drawn")
        ended, _ = self.told()
        self.say("forward end → lines drawn", f"{drawn - ended:.0f} ms")

    def followed(self, count: int) -> None:
        """The layers that nobody asked for, and what it is to go to one then."""
        began, times = self.now(), []
        self.start()
        self.there(f".layer-bar:nth-of-type({count})", f"root.querySelectorAll('{FOLLOWED}').length == {count}")
        self.say("the other layers, nobody asking → here", f"{self.now() - began:.0f} ms")
        self.say("  frames meanwhile", self.frames())
        self.start()
        for way, layers in (("Next", range(1, count)), ("Previous", range(count - 2, -1, -1))):
            for layer in layers:
                began = self.now()
                self.view.find(f"[aria-label='{way} layer']").click()
                at = self.there(READY, f"root.querySelector('[role=spinbutton]').textContent == '{layer}'")
                times.append(at - began)
        self.say("  next of them → drawn", f"median {statistics.median(times):.0f}, largest {max(times):.0f} ms")
        self.say("  frames meanwhile", self.frames())

    def layers(self, count: int) -> None:
        for name, ready in (("lines", READY), ("matrix", ".cells canvas[data-max]")):
            self.mode(name)
            self.there(ready)
            times = []
            self.start()
            for layer in range(1, count):
                began = self.now()
                self.view.find("[aria-label='Next layer']").click()
                times.append(self.there(ready, f"root.querySelector('[role=spinbutton]').textContent == '{layer}'"))
                times[-1] -= began
            self.say(f"{name}: next layers → drawn", " · ".join(f"{one:.0f}" for one in times) + " ms")
            self.say(f"{name}: frames meanwhile", self.frames())
            for _ in range(1, count):
                self.view.find("[aria-label='Previous layer']").click()
                self.there(ready)

    def frames(self) -> str:
        found = self.page.evaluate("probe.stop()")
        tasks = self.tasks()
        return (
            f"{found['frames']}, p50 {found['p50']:.0f}, p99 {found['p99']:.0f} ms; "
            f"tasks over 50 ms CPU: {sum(one > 50 for one in tasks)}, longest {max(tasks, default=0):.0f}"
        )

    def start(self) -> None:
        self.browser.start_tracing(page=self.page, categories=["toplevel"])
        self.page.evaluate("probe.start()")

    def tasks(self) -> list[float]:
        """CPU milliseconds of the main thread's tasks since `start`: what they would take on an idle machine."""
        events = json.loads(self.browser.stop_tracing())["traceEvents"]
        main = self.renderer.pid
        return [
            one["tdur"] / 1000
            for one in events
            if one["name"].endswith("RunTask") and one.get("tdur") and one["pid"] == main and one["tid"] == main
        ]

    def token(self, index: int) -> tuple[float, float]:
        """A place on one of the tokens in view, counted from the first."""
        x, y, wide, tall = self.box(self.view.find(".tokens-query .token").nth(index))
        return x + wide / 2, y + tall / 2

    def hover(self, index: int, test: str = "") -> dict[str, Any]:
        # Beside the column first, so that each hover is one.
        x, y = self.token(index)
        self.page.evaluate("test => { window.hovered = probe.hover(test); }", test)
        self.page.mouse.move(x, y)
        found: dict[str, Any] = self.page.evaluate("window.hovered")
        return found

    def hovers(self) -> None:
        self.mode("lines")
        self.there(READY)
        self.page.wait_for_timeout(500)
        self.told()
        asked = [self.hover(index, KNOWN) for index in range(6, 26, 2)]
        echoes = [self.page.evaluate("probe.echo()") for _ in range(21)]
        _, seen = self.told()
        echo = statistics.median(echoes)
        messages = [one["asked"] for one in asked if one["asked"]]
        rows = seen.get("rows", {"seconds": 0, "computed": 0})
        total = statistics.median(one["last"] for one in asked)
        self.say("hover on a row first seen → its numbers", f"{total:.0f} ms, bars of what is held at once")
        if messages:
            whole, reply, page = (statistics.median(one[part] for one in messages) for part in messages[0])
            self.say(
                "  of that from asking",
                f"{whole:.1f} ms; empty echo {echo:.1f} (min {min(echoes):.1f}); beyond it {whole - echo:.1f}: "
                f"{reply - echo:.1f} until the reply is there "
                f"(Python {rows['seconds'] / max(1, rows['computed']) * 1000:.1f}), "
                f"{page:.1f} until its numbers are painted (a frame is 16.7)",
            )
        self.page.mouse.move(2, 2)
        before, held = self.renderer.main, []
        for _ in range(3):
            held += [self.hover(index)["first"] for index in range(6, 26, 2)]
        spent = (self.renderer.main - before) / len(held)
        worst = max(held)
        self.say(
            "hover on a row that is held → painted",
            f"median {statistics.median(held):.0f}, largest {worst:.0f} ms; main thread {spent:.1f} ms CPU each",
        )
        x, _, wide, _ = self.box(".tokens-query")
        _, top, _, seen = self.box(".scroller")
        self.start()
        for turn in range(6):
            self.page.mouse.move(x + wide / 2, top + 4 if turn % 2 else top + seen - 4, steps=60)
        self.say("sweep over held rows: frames", self.frames())

    def race(self) -> None:
        """The pointer over rows never seen, as fast as it goes."""
        self.told()
        self.start()
        for turn in range(6):
            x, y, _, tall = self.box(".minimap")
            self.page.mouse.click(x + 6, y + tall * (0.15 + 0.13 * turn))
            x, y, wide, tall = self.box(".tokens-query")
            _, top, _, seen = self.box(".scroller")
            self.page.mouse.move(x + wide / 2, top + 4, steps=4)
            self.page.mouse.move(x + wide / 2, top + seen - 4, steps=120)
        frames = self.frames()
        self.page.wait_for_timeout(1500)
        _, seen = self.told()
        self.say("race over new rows: frames", frames)
        self.say("race: requests", self.requests(seen))

    @staticmethod
    def requests(seen: dict[str, Any]) -> str:
        waiting = seen.pop("waiting", 0)
        parts = [
            f"{what}: {one['asked']} asked, {one['cancelled']} cancelled, "
            f"{one['computed']} computed in {one['seconds']:.2f} s"
            for what, one in seen.items()
        ]
        return "; ".join([*parts, f"most waiting {waiting}"]) if parts else "none"

    def window(self) -> None:
        self.page.mouse.move(2, 2)
        strokes = self.view.strokes()
        tokens, minimap = self.view.find(".token").count(), self.view.find(".minimap").count()
        self.say("lines", f"{strokes} strokes, {tokens} tokens on the page, {minimap} minimap")
        x, y, wide, tall = self.box(".scroller")
        self.page.mouse.move(x + wide / 2, y + tall / 2)
        self.start()
        for turn in range(60):
            self.page.mouse.wheel(0, 400 if turn < 40 else -300)
            self.page.wait_for_timeout(16)
        self.say("lines scrolled: frames", self.frames())
        x, y, wide, tall = self.box(".minimap")
        self.start()
        self.page.mouse.move(x + 6, y + 10)
        self.page.mouse.down()
        self.page.mouse.move(x + 6, y + tall - 10, steps=60)
        self.page.mouse.up()
        self.say("minimap dragged: frames", self.frames())

    def matrix(self) -> None:
        self.mode("matrix")
        self.there(".cells canvas[data-max]")
        self.there(WHOLE)
        self.page.wait_for_timeout(3000)
        self.told()
        x, y, wide, tall = self.box(".cells")
        self.start()
        self.page.mouse.move(x + wide * 0.4, y + tall * 0.7)
        self.page.keyboard.down("Control")
        for turn in range(24):
            self.page.mouse.wheel(0, -60 if turn < 16 else 45)
            self.page.wait_for_timeout(40)
        self.page.keyboard.up("Control")
        self.say("matrix zoomed while tiles come: frames", self.frames())
        self.start()
        for turn in range(8):
            self.page.mouse.move(x + wide * 0.8, y + tall * 0.8)
            self.page.mouse.down()
            self.page.mouse.move(x + wide * (0.2 + 0.05 * turn), y + tall * 0.2, steps=30)
            self.page.mouse.up()
        self.say("matrix panned while tiles come: frames", self.frames())
        before = self.now()
        self.there(WHOLE)
        _, seen = self.told()
        self.say("matrix at rest → all tiles", f"{self.there(WHOLE) - before:.0f} ms")
        self.say("matrix: requests", self.requests(seen))
        held = []
        for turn in range(12):
            self.page.evaluate("() => { window.hovered = probe.hover('', 'pointermove'); }")
            self.page.mouse.move(x + wide * (0.1 + turn * 0.07), y + tall * 0.5)
            held.append(self.page.evaluate("window.hovered")["first"])
        self.start()
        for turn in range(4):
            self.page.mouse.move(x + 20 + 30 * turn, y + 20, steps=10)
            self.page.mouse.move(x + wide - 20, y + tall - 20, steps=60)
        self.say("matrix hover → painted", f"median {statistics.median(held):.0f}, largest {max(held):.0f} ms")
        self.say("matrix hover sweep: frames", self.frames())
        self.start()
        labels = self.view.find(".axis-key .axis-label")
        for turn in range(min(8, labels.count())):
            labels.nth(turn).hover()
            self.page.wait_for_timeout(30)
        self.say("matrix: pointer on keys: frames", self.frames())
        self.view.find(".cells-keys").press("0")

    def modes(self, shots: Path | None, tokens: int) -> None:
        """Every mode: until it stands still, its longest task, what it says."""
        self.page.mouse.move(2, 2)
        for mode in MODES:
            self.told()
            self.start()
            began = self.now()
            self.mode(mode)
            self.page.wait_for_timeout(300)
            said, last = "", time.monotonic()
            end = last + PATIENCE
            while time.monotonic() - last < 2.5 and time.monotonic() < end:
                now = f"{self.view.find('.picture').inner_text()}{self.view.find('[aria-busy=true]').count()}"
                if now != said or self.view.find(".picture [aria-busy=true], .picture[aria-busy=true]").count():
                    said, last = now, time.monotonic()
                self.page.wait_for_timeout(100)
            took = self.now() - began - 2500
            frames = self.frames()
            _, seen = self.told()
            self.say(f"mode {mode}", f"at rest after {took:.0f} ms; {frames}; {self.requests(seen)}")
            if shots:
                self.page.set_viewport_size({"width": 1280, "height": 1500})
                self.view.root.screenshot(path=str(shots / f"{tokens}_{mode}.png"))

    def memory(self) -> str:
        for _ in range(2):
            self.cdp.send("HeapProfiler.collectGarbage")
        heap = self.cdp.send("Runtime.getHeapUsage")
        held = (heap["usedSize"] + heap.get("backingStorageSize", 0)) / 1e6
        return f"{held:.0f} ({self.renderer.bytes / 1e6:.0f})"

    def wander(self, rounds: int, layers: int) -> None:
        """Here and there, for a long time: what the page holds must not grow."""
        dice = random.Random(0)
        found = [self.memory()]
        for turn in range(rounds):
            self.mode("lines")
            self.there(READY)
            for _ in range(dice.randrange(1, layers)):
                self.view.find(f"[aria-label='{'Next' if turn % 2 else 'Previous'} layer']").click(force=True)
                self.there(READY)
            for _ in range(4):
                x, y, _, tall = self.box(".minimap")
                self.page.mouse.click(x + 6, y + tall * dice.uniform(0.05, 0.95))
                for index in range(4, 30, 3):
                    self.page.mouse.move(*self.token(index))
                    self.page.wait_for_timeout(80)
            self.mode("matrix")
            self.there(".cells canvas[data-max]")
            x, y, wide, tall = self.box(".cells")
            for _ in range(4):
                self.view.find(".cells-keys").press("0")
                self.page.mouse.dblclick(x + wide * dice.uniform(0.1, 0.4), y + tall * dice.uniform(0.5, 0.9))
                self.page.wait_for_timeout(700)
            self.mode(dice.choice(("heads", "trace", "steps")))
            self.page.wait_for_timeout(700)
            if turn + 1 in (rounds // 4, rounds // 2, rounds):
                found.append(self.memory())
        self.say("memory MB, JS (process): start, ¼, ½, end of a wander", " · ".join(found))


def measured(browser: Browser, lab: Lab, tokens: int, args: argparse.Namespace) -> list[tuple[str, str]]:
    session = Session(browser, lab, tokens, args.layers, args.threads)
    only = args.only or ("opened", "layers", "followed", "hovers", "race", "window", "matrix", "modes", "wander")
    session.opened()
    for name in only:
        if name == "layers":
            session.layers(args.layers)
        elif name == "followed":
            session.followed(args.layers)
        elif name == "modes":
            session.modes(args.shots, tokens)
        elif name == "wander":
            session.wander(args.rounds, args.layers)
        elif name != "opened":
            getattr(session, name)()
    if session.complaints:
        session.say("errors in the page", "; ".join(session.complaints))
    session.page.close()
    lab.shut_kernels()
    return session.rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[4096])
    parser.add_argument("--long", action="store_true", help="16,384 tokens besides")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--rounds", type=int, default=12, help="of the wander")
    parser.add_argument(
        "--only", nargs="+", help="parts to measure: layers followed hovers race window matrix modes wander"
    )
    parser.add_argument("--shots", type=Path, help="folder for a picture of each mode")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for live_cost.md")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    lengths = [*args.tokens, *([16384] if args.long else [])]
    found: dict[int, dict[str, str]] = {}
    for tokens in lengths:
        print(f"{tokens} tokens", flush=True)
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
            lab = Lab(Path(folder), {})
            try:
                found[tokens] = dict(measured(browser, lab, tokens, args))
            finally:
                lab.stop()
                browser.close()
    text = markdown(found, args.layers)
    (args.out / "live_cost.md").write_text(text, encoding="utf-8")
    print(text)


def markdown(found: dict[int, dict[str, str]], layers: int) -> str:
    lines = ["# What a long text costs live", "", *(f"- {name}: {what}" for name, what in machine().items()), ""]
    lines += [f"JupyterLab; a random Llama of {layers} layers × 16 heads.", ""]
    lines += [f"| | {' | '.join(f'{tokens} tokens' for tokens in found)} |", "|---" * (len(found) + 1) + "|"]
    names = list(dict.fromkeys(name for rows in found.values() for name in rows))
    lines += [f"| {name.strip()} | {' | '.join(rows.get(name, '–') for rows in found.values())} |" for name in names]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
