"""Exported pages and snapshots where JavaScript is switched off: the picture and its numbers, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opened import Opened
from playwright.sync_api import FrameLocator, Page, expect

if TYPE_CHECKING:
    from attnwidget import AttnView


def assert_told(place: Page | FrameLocator, view: AttnView) -> None:
    """All of the fallback is there, and nothing lies over it."""
    picture, text = place.locator("img").first, place.locator("pre")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 760
    assert text.inner_text().splitlines() == repr(view).splitlines()[:-1]
    expect(text).to_contain_text("strongest links")
    expect(place.locator("p")).to_contain_text("Scripts are off here")
    boxes = [found.bounding_box() for found in (picture, text, place.locator("p"))]
    tops = [box["y"] for box in boxes if box]
    assert len(tops) == 3
    assert tops == sorted(tops)


@pytest.mark.parametrize("width", [400, 1000])
def test_a_page(opened: Opened, view: AttnView, width: int) -> None:
    page = opened.page(view.to_html(), width=width, scripts=False)
    assert_told(page, view)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_snapshot(opened: Opened, view: AttnView) -> None:
    # Playwright's own switch does not reach a frame of another origin, a sandbox's does.
    html = view.snapshot().html.replace('sandbox="allow-scripts allow-downloads"', 'sandbox=""')
    page = opened.page(f"<!DOCTYPE html><meta charset=utf-8>{html}", scripts=False)
    assert_told(page.frame_locator("iframe"), view)
    # The browser says of every script that it did not run it.
    opened.complaints.clear()
