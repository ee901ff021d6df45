"""A snapshot in a page made of its notebook, in a real Chromium: no kernel, no widget, no network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbconvert import HTMLExporter
from opened import Opened
from playwright.sync_api import FrameLocator, Page, expect
from where import SNAPSHOT, Proofs

if TYPE_CHECKING:
    from attnwidget import AttnView

READY = ".picture[aria-busy=false] canvas"


def notebook_page(view: AttnView) -> str:
    """What nbconvert makes of a saved notebook; its "basic" template loads nothing itself."""
    output = nbformat.v4.new_output("execute_result", data=view.snapshot()._repr_mimebundle_(), execution_count=1)
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("view.snapshot()", outputs=[output], execution_count=1)]
    )
    html, _ = HTMLExporter(template_name="basic").from_notebook_node(nbformat.reads(nbformat.writes(notebook), 4))
    return f'<!DOCTYPE html><meta charset="utf-8">{html}'


def inside(page: Page) -> FrameLocator:
    return page.frame_locator("iframe")


@pytest.mark.parametrize("dark", [False, True])
def test_it_draws_and_answers_without_anything(opened: Opened, view: AttnView, dark: bool, proves: Proofs) -> None:
    page = opened.page(notebook_page(view), dark=dark)
    frame = inside(page)
    expect(frame.locator(READY).first).to_be_visible()
    frame.locator("[aria-label='Next layer']").click()
    expect(frame.locator("[role=spinbutton]")).to_have_text("4")
    frame.locator("[data-value=matrix]").click()
    expect(frame.locator("[role=radio][data-value=matrix]")).to_have_attribute("aria-checked", "true")
    expect(frame.locator("div.attnwidget")).to_have_attribute("data-theme", "dark" if dark else "light")
    proves(SNAPSHOT, *(["dark"] if dark else []))
    proves.look(SNAPSHOT, page, dark=dark)


def test_it_reaches_nothing_around_it(opened: Opened, view: AttnView) -> None:
    page = opened.page(notebook_page(view))
    expect(inside(page).locator(READY).first).to_be_visible()
    (frame,) = [frame for frame in page.frames if frame.parent_frame]
    assert frame.evaluate("window.origin") == "null"
    assert (
        frame.evaluate("(() => { try { return parent.document.title } catch { return 'kept out' } })()") == "kept out"
    )
    # Its own policy lets no other script run, even one that is put in afterwards.
    refused = frame.evaluate(
        """() => new Promise((done) => {
            document.addEventListener("securitypolicyviolation", (event) => done(event.violatedDirective));
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
        })"""
    )
    assert refused == "script-src-elem"
    assert frame.evaluate("window.ran") is None
    assert any("script-src" in line for line in opened.complaints)
    opened.complaints.clear()


@pytest.mark.parametrize("what", ["frames", "scripts"])
def test_where_they_are_taken_away_the_picture_is_left(opened: Opened, view: AttnView, what: str) -> None:
    html = notebook_page(view)
    if what == "frames":
        html = re.sub(r"<iframe.*?</iframe>", "", html, flags=re.DOTALL)
        page = opened.page(html)
        picture = page.locator("img")
    else:
        page = opened.page(html.replace('sandbox="allow-scripts allow-downloads"', 'sandbox=""'))
        picture = inside(page).locator("noscript img, img")
        # The browser says of every script that it did not run it.
        opened.complaints.clear()
    expect(picture.first).to_be_visible()
    assert picture.first.evaluate("image => image.naturalWidth") == 760
    opened.complaints.clear()


def test_it_is_a_small_file(view: AttnView, tmp_path: Path) -> None:
    assert len(notebook_page(view).encode()) < 600_000
