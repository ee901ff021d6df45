"""An exported page on paper: light, whole, and without what can only be pressed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from opened import READY, Opened, Shown
from playwright.sync_api import expect

if TYPE_CHECKING:
    from attnwidget import AttnView

#: CSS pixels of an upright A4 sheet between margins of a centimetre.
SHEET = 718
PAPER = {"format": "A4", "margin": dict.fromkeys(("top", "right", "bottom", "left"), "10mm")}
PRESSED = ".toolbar, .search, .zoom, .hint, .picture .control, summary, p[aria-live]"
SEEN = "root => [...root.querySelectorAll({!r})].filter(e => e.checkVisibility() && e.offsetHeight > 0).length"
BEYOND = """root => [...root.querySelectorAll("*")]
    .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > root.getBoundingClientRect().right + 1)
    .map(e => e.className)"""
PAINTED = "root => [...root.querySelectorAll('canvas')].map(canvas => canvas.toDataURL())"


def settled(shown: Shown) -> list[str]:
    """What is painted on every canvas, once that changes no more."""
    before: list[str] = []
    while (now := shown.root.evaluate(PAINTED)) != before:
        before = now
        shown.page.wait_for_timeout(250)
    return before


@pytest.mark.parametrize("mode", ["lines", "matrix", "heads", "trace", "steps"])
def test_one_light_sheet_with_nothing_cut_off(opened: Opened, view: AttnView, mode: str) -> None:
    view.mode, view.selected_queries = mode, [3]
    html = view.to_html(steps=True)
    printed = []
    for dark in (False, True):
        shown = Shown(opened.page(html, dark=dark))
        expect(shown.find(".picture canvas").first).to_be_visible()
        screen = settled(shown)
        shown.page.set_viewport_size({"width": SHEET, "height": 1000})
        shown.page.emulate_media(media="print")
        expect(shown.root).to_have_attribute("data-theme", "light")
        assert shown.root.evaluate("e => getComputedStyle(e.querySelector('.card')).backgroundColor") == (
            "rgb(255, 255, 255)"
        )
        assert shown.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= SHEET
        assert shown.root.evaluate(BEYOND) == []
        assert shown.root.evaluate(SEEN.format(PRESSED)) == 0
        expect(shown.find(".footer-title")).to_be_visible()
        if mode in ("lines", "matrix"):
            expect(shown.find(".ledger")).to_be_visible()
        printed.append(settled(shown))

        shown.page.emulate_media(media="null")
        shown.page.set_viewport_size({"width": 1000, "height": 900})
        expect(shown.root).to_have_attribute("data-theme", "dark" if dark else "light")
        assert settled(shown) == screen, "the screen is as it was"
        # The real thing, from the screen as it is: one sheet, whatever is seen.
        assert len(re.findall(rb"/Type\s*/Page\b", shown.page.pdf(**PAPER))) == 1
    assert printed[0] == printed[1], "a dark page is printed as a light one"


def test_what_is_printed_was_drawn_for_paper(opened: Opened, view: AttnView) -> None:
    """The browser prints at once after it has told: what is drawn a moment later is not on paper."""
    shown = opened.view(view, dark=True)
    at_once = shown.root.evaluate(
        """root => {
            dispatchEvent(new Event("beforeprint"));
            const canvas = root.querySelector("canvas[data-strokes]");
            const look = () => [root.dataset.theme, canvas.width / Number.parseFloat(canvas.style.width)];
            const paper = [...look(), root.getBoundingClientRect().width];
            dispatchEvent(new Event("afterprint"));
            return [paper, look()];
        }"""
    )
    assert at_once == [["light", 3, 900], ["dark", 1]]
    expect(shown.find(READY).first).to_be_visible()
