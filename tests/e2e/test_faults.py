"""Kernels that are slow, busy, cut off or dead, requests that cannot be answered: the page goes on, and says so."""

from __future__ import annotations

import pytest
from comms import wired  # noqa: F401
from lab import LONG, Lab
from opened import READY, Shown
from playwright.sync_api import Browser, Page, expect
from test_colab import Kernel, long, page  # noqa: F401

from attnwidget import AttnView

DRAWN = "canvas[data-strokes]"


class Held(Kernel):
    """Keeps what the page sends until it is let through."""

    waiting: list[str] | None = None

    def to_python(self, text: str) -> None:
        if self.waiting is not None:
            self.waiting.append(text)
        else:
            super().to_python(text)

    def let_through(self) -> None:
        waiting, self.waiting = self.waiting or [], None
        for text in waiting:
            super().to_python(text)

    def layers_answered(self) -> list[int]:
        """Layers in the order of their replies."""
        asked = dict(self.asked)
        custom = [
            data["content"] for kind, data, _ in self.comm.sent if kind == "comm_msg" and data["method"] == "custom"
        ]
        return [asked[content["id"]] for content in custom if content["ok"] and content["id"] in asked]

    @property
    def asked(self) -> list[tuple[str, int]]:
        return [(data["id"], data["layer"]) for data in self.requests if data["what"] == "layer"]

    requests: list[dict[str, object]]


@pytest.fixture
def kernel(page: Page, long: AttnView) -> Held:  # noqa: F811
    made = Held(page, long)
    made.requests = []
    put_in = made.comm.put_in

    def noting(data: dict[str, object], *rest: object) -> None:
        content = data.get("content")
        if isinstance(content, dict) and content.get("kind") == "request":
            made.requests.append(content)
        put_in(data, *rest)

    made.comm.put_in = noting  # type: ignore[method-assign, assignment]
    return made


def shown_in(page: Page) -> Shown:  # noqa: F811
    page.goto("http://notebook.test/")
    frame = page.frame(url="http://output.test/")
    assert frame is not None
    view = Shown(frame)  # type: ignore[arg-type]
    expect(view.find(READY).first).to_be_visible()
    return view


def test_a_slow_kernel_answers_what_is_looked_at_and_nothing_else(page: Page, kernel: Held) -> None:  # noqa: F811
    view = shown_in(page)
    kernel.waiting = []
    for layer in range(1, 6):
        view.find("[aria-label='Next layer']").click()
        expect(view.find(".absence")).to_contain_text(f"Waiting for Python: layer {layer}")
    # What is here is shown while the rest is waited for.
    view.find("[role=spinbutton]").focus()
    page.keyboard.press("Home")
    expect(view.find("[role=spinbutton]")).to_have_text("0")
    expect(view.find(READY).first).to_be_visible()
    view.token("query", 3).hover()
    view.choose("matrix")
    expect(view.find(READY).first).to_be_visible()
    view.choose("lines")
    page.keyboard.press("Escape")
    for _ in range(5):
        view.find("[aria-label='Next layer']").click()
    kernel.let_through()
    expect(view.find(READY).first).to_be_visible()
    assert view.layer() == 5
    assert view.ink(DRAWN) > 300
    assert [layer for _, layer in kernel.asked] == [1, 2, 3, 4, 5] * 2
    # The replies of layers that were stepped past would have come by now.
    page.wait_for_timeout(500)
    assert kernel.layers_answered() == [5]
    assert kernel.errors == []


def test_a_kernel_that_never_answers(page: Page, kernel: Held, long: AttnView) -> None:  # noqa: F811
    view = shown_in(page)
    kernel.waiting = []
    view.find("[aria-label='Next layer']").click()
    expect(view.find(".absence")).to_contain_text("run this view's cell again")
    for mode in ("matrix", "heads", "lines"):
        view.choose(mode)
    view.find("[aria-label='Previous layer']").click()
    expect(view.find(READY).first).to_be_visible()
    view.token("query", 2).click()
    assert view.selected("query") == [2]
    assert view.ink(DRAWN) > 300
    assert kernel.errors == []


def test_what_python_cannot_answer_is_said_once(page: Page, kernel: Held, long: AttnView) -> None:  # noqa: F811
    view = shown_in(page)
    long.release()
    view.find("[aria-label='Next layer']").click()
    expect(view.find(".absence")).to_contain_text("view.run()")
    page.wait_for_timeout(500)
    assert len(kernel.asked) == 1, "a failure is no reason to ask again at once"
    view.find("[aria-label='Previous layer']").click()
    expect(view.find(READY).first).to_be_visible()
    assert kernel.errors == []


def test_a_page_that_names_a_layer_of_another_model(page: Page, kernel: Held, long: AttnView) -> None:  # noqa: F811
    """A message that got mixed up: the page is told of a layer that there is not, and asks for none."""
    view = shown_in(page)
    long.comm.publish_msg("comm_msg", {"method": "update", "state": {"layer": 99}, "buffer_paths": []})
    expect(view.find("[role=alert]")).to_contain_text("0 to 7")
    assert view.layer() == 0
    assert [layer for _, layer in kernel.asked if layer > 7] == []
    long.comm.publish_msg(
        "comm_msg",
        {"method": "update", "state": {"attention": None}, "buffer_paths": [["attention"]]},
        buffers=[b"ATTN\1\0\0\0\xff\xff\xff\xff"],
    )
    expect(view.find(".absence")).to_contain_text("ends within its header")
    assert kernel.errors == []


# ---- in JupyterLab


CELLS = [
    LONG,
    "import time; time.sleep(3)",
    "print(json.dumps([long.layer]))",
    "import os; os.kill(os.getpid(), 9)",
]
KERNEL = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"


def test_busy_cut_off_and_killed(lab: Lab, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1300, "height": 2000})
    page = context.new_page()  # noqa: F811
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    notebook = lab.open(page, "faults", CELLS)
    notebook.run(0)
    view = Shown(page)
    expect(view.find(READY).first).to_be_visible(timeout=60_000)
    following = view.find("[aria-label='Next layer']")

    page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex = 1")
    page.evaluate("void jupyterapp.commands.execute('notebook:run-cell')")
    page.wait_for_function(f"{KERNEL}.status === 'busy'")
    following.click()
    expect(view.find(".absence")).to_contain_text("arrives when the running cell is done")
    expect(view.find(READY).first).to_be_visible()
    assert view.layer() == 1

    page.evaluate(f"{KERNEL}._ws.close()")
    following.click()
    page.wait_for_function(f"{KERNEL}.connectionStatus === 'connected'")
    expect(view.find(READY).first).to_be_visible()
    assert view.layer() == 2
    notebook.until(2, [2])

    page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex = 3")
    page.evaluate("void jupyterapp.commands.execute('notebook:run-cell')")
    page.get_by_role("dialog").get_by_role("button", name="Ok").click(timeout=60_000)
    page.wait_for_function(f"{KERNEL}.status === 'idle'")
    following.click()
    expect(view.find(".absence")).to_contain_text("run this view's cell again")
    view.find("[aria-label='Previous layer']").click()
    expect(view.find(READY).first).to_be_visible()
    assert errors == []
    context.close()
