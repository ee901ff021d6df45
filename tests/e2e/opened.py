"""Exported pages in a browser, watched."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import Browser, Locator, Page, expect

if TYPE_CHECKING:
    from attnwidget import AttnView

# A picture is complete once it is painted and nothing is being waited for.
READY = ".picture[aria-busy=false] canvas"


def until(page: Page, holds: Callable[[], bool], what: str) -> None:
    """Wait until it holds; the page goes on meanwhile."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, f"not within a minute: {what}"
        page.wait_for_timeout(25)


class Shown:
    """One view on a page."""

    def __init__(self, page: Page, index: int = 0) -> None:
        self.page = page
        self.root: Locator = page.locator("div.attnwidget").nth(index)

    def find(self, selector: str) -> Locator:
        return self.root.locator(selector)

    def ready(self) -> Shown:
        expect(self.find(READY).first).to_be_visible()
        return self

    def token(self, side: str, index: int) -> Locator:
        return self.find(f".tokens-{side} [data-index='{index}']")

    def head(self, index: int) -> Locator:
        return self.find(f"button[data-head='{index}']")

    def choose(self, value: str) -> None:
        self.find(f"[data-value='{value}']").click()

    def pressed_heads(self) -> list[int]:
        return [int(x.get_attribute("data-head") or -1) for x in self.find("button[aria-pressed=true]").all()]

    def selected(self, side: str) -> list[int]:
        chosen = self.find(f".tokens-{side} [aria-selected=true]").all()
        return [int(x.get_attribute("data-index") or -1) for x in chosen]

    def strokes(self) -> int:
        return int(self.find("canvas[data-strokes]").get_attribute("data-strokes") or -1)

    def layer(self) -> int:
        return int(self.find("[role=spinbutton]").inner_text())

    def values(self, side: str = "key") -> list[str]:
        """The numbers printed beside a column of tokens."""
        return self.find(f".tokens-{side} .token-value").all_inner_texts()

    def ink(self, canvas: str = "canvas") -> int:
        """How many pixels of a canvas are painted."""
        count: int = self.find(canvas).first.evaluate(
            """canvas => {
                const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                let painted = 0;
                for (let at = 3; at < data.length; at += 4) painted += data[at] > 0;
                return painted;
            }"""
        )
        return count

    def assert_dark(self) -> None:
        """The palette is the dark one, and what is printed in it can be read."""
        expect(self.root).to_have_attribute("data-theme", "dark")
        paper, ink = self.root.evaluate(
            """root => {
                const {backgroundColor, color} = getComputedStyle(root.querySelector(".card"));
                return [backgroundColor, color].map(one => one.match(/\\d+/g).slice(0, 3).reduce((a, b) => a + +b, 0));
            }"""
        )
        assert paper < 150
        assert ink > 500

    def rest(self) -> None:
        """Move the pointer away, so that nothing is hovered."""
        self.page.mouse.move(1, 1)


def drawn(page: Page, index: int = 0) -> Shown:
    """A view in a notebook, once its cell has run and the picture is there."""
    view = Shown(page, index)
    expect(view.find(READY).first).to_be_visible(timeout=60_000)
    return view


class Opened:
    """Pages opened from file://, offline, each watched for complaints and requests."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.browser = browser
        self.folder = folder
        self.contexts: list[Any] = []
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def page(
        self, html: str, *, width: int = 1000, height: int = 900, dark: bool = False, scripts: bool = True
    ) -> Page:
        path = self.folder / f"page{len(self.contexts)}.html"
        path.write_text(html, encoding="utf-8")
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            offline=True,
        )
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())
        return page

    def view(self, view: AttnView, **options: Any) -> Shown:
        return Shown(self.page(view.to_html(), **options)).ready()

    def close(self) -> None:
        for context in self.contexts:
            context.close()
        assert self.complaints == []
        outside = [url for url in self.requests if not url.startswith(("file:", "data:"))]
        assert outside == [], "an exported page must ask for nothing"
