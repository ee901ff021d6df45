"""The widget in hosts other than JupyterLab: drawn, clicked, and heard by Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anywidget
import pytest
from hosts import HOSTS, served
from opened import READY, Shown
from playwright.sync_api import Browser, Page, expect
from where import Proofs

#: What the bridge of a host fetches from a CDN, and where the same lies in the Python package.
ANYWIDGET = Path(anywidget.__file__).parent / "nbextension" / "index.js"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1200, "height": 1200})
    page = context.new_page()
    page.set_default_timeout(60_000)
    # Panel's bridge loads anywidget's own script from a CDN; everything else off this machine stays unanswered.
    page.route(
        lambda url: not url.startswith(("http://127.0.0.1", "data:", "blob:")),
        lambda route: (
            route.fulfill(path=ANYWIDGET, content_type="text/javascript", headers={"Access-Control-Allow-Origin": "*"})
            if "/anywidget@" in route.request.url
            else route.abort()
        ),
    )
    yield page
    context.close()


@pytest.mark.parametrize("name", HOSTS)
def test_drawn_clicked_heard_dark_and_left_alone(name: str, page: Page, tmp_path: Path, proves: Proofs) -> None:
    with served(HOSTS[name], tmp_path) as url:
        page.goto(url)
        view = Shown(page)
        expect(view.find(READY).first).to_be_visible(timeout=60_000)
        assert view.strokes() > 0
        assert view.ink("canvas[data-strokes]") > 300
        view.find("[aria-label='Next layer']").click()
        view.token("query", 2).click()
        expect(page.get_by_text("heard layer 1 queries [2]").first).to_be_visible()
        assert view.selected("query") == [2]
        assert view.root.get_attribute("data-theme") == "light"
        proves(name, "draws", "interacts", "Python hears")
        proves.look(name, page, dark=False)

        HOSTS[name].darken(page)
        expect(view.find(READY).first).to_be_visible(timeout=60_000)
        view.assert_dark()
        proves(name, "dark")
        proves.look(name, page, dark=True)
    # Its server is gone, and with it Python. Only Shiny takes the view away.
    if name == "Shiny":
        expect(page.locator("#shiny-disconnected-overlay")).to_be_visible()
        return
    layer = view.layer()
    view.find("[aria-label='Previous layer']" if layer else "[aria-label='Next layer']").click()
    expect(view.find("[role=spinbutton]")).to_have_text(str(1 - layer))
    expect(view.find(READY).first).to_be_visible()
    view.token("query", 4).click()
    assert view.selected("query") == [4]
    assert view.ink("canvas[data-strokes]") > 300
    proves(name, "without a kernel")
