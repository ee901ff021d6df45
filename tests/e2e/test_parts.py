"""The second part of the page's code: sent for when it is first needed, kept for later, named where it is missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bridged import SCRIPT, Bridged, LiveView
from playwright.sync_api import Browser, Page, expect

from attnwidget import Attention


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1000, "height": 900}, offline=True)
    page = context.new_page()
    page.goto("about:blank")
    yield page
    context.close()


def click_mode(shown: Bridged, name: str) -> None:
    shown.find(".toolbar").get_by_text(name, exact=True).first.click()


def test_steps_trace_and_saving_arrive_when_they_are_opened(page: Page, attention: Attention) -> None:
    shown = Bridged(page, LiveView(attention, layer=3)).give()
    expect(shown.find(".tokens").first).to_be_visible()
    assert shown.view.more == ""
    click_mode(shown, "Trace")
    shown.give(shown.find(".trace"))
    assert shown.view.more != ""
    click_mode(shown, "Steps")
    shown.give(shown.find(".steps"))
    click_mode(shown, "Lines")
    shown.find(".menu-button").click()
    expect(shown.find(".save")).to_be_visible()
    # Its sheet came along.
    assert shown.find(".save").evaluate("save => save.getRootNode().adoptedStyleSheets.length") == 2
    assert shown.complaints == []


def test_the_menu_alone_brings_it(page: Page, attention: Attention) -> None:
    shown = Bridged(page, LiveView(attention)).give()
    shown.find(".menu-button").click()
    shown.give(shown.find(".save"))
    assert shown.complaints == []


def test_a_view_that_was_saved_with_it_needs_nobody(page: Page, attention: Attention) -> None:
    shown = Bridged(page, LiveView(attention, mode="trace"))
    expect(shown.find(".trace")).to_be_visible()
    assert shown.complaints == []


def test_the_code_runs_once_however_many_widgets_bring_it(page: Page) -> None:
    """Hosts import the module anew for every widget, and a browser never forgets what it made of one."""
    same = page.evaluate(
        """async text => {
            const brought = () => import(URL.createObjectURL(new Blob([text], {type: "text/javascript"})));
            const [one, two] = [await brought(), await brought()];
            return one !== two && one.default === two.default && typeof one.default.render === "function";
        }""",
        SCRIPT.read_text(encoding="utf-8"),
    )
    assert same


@pytest.mark.parametrize(("lang", "words"), [("en", "attnwidget was updated"), ("ja", "attnwidget が更新されました")])
def test_code_of_another_build_is_refused_in_words(page: Page, attention: Attention, lang: str, words: str) -> None:
    view = LiveView(attention, lang=lang)
    view.set_trait("more", "export const build = 'older'; export default () => ({});")
    shown = Bridged(page, view)
    shown.find("[data-value='trace']").click()
    expect(shown.find(".picture .absence")).to_contain_text(words)
    assert shown.complaints == []
