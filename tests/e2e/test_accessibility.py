"""axe-core over every mode, theme and language; and what it cannot see: focus, printing, forced colours, the table.

axe-core is a development package of js/, injected here only: no page carries it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from opened import Opened, Shown
from playwright.sync_api import Page, expect

from attnwidget import AttnView

if TYPE_CHECKING:
    from attnwidget import Attention

AXE = Path(__file__).parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MODES = ("lines", "matrix", "heads", "profile", "trace", "steps")


def violations(page: Page, part: str = "") -> list[str]:
    """What axe-core finds, the shadow root included, one line each; in one part of a view only, where that is named."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    found: list[dict[str, Any]] = page.evaluate(
        """async ([tags, part]) => {
            const where = part ? {fromShadowDom: [".attnwidget-view", part]} : document;
            return (await axe.run(where, {runOnly: tags, resultTypes: ['violations']})).violations;
        }""",
        [RULES, part],
    )
    return [
        f"{one['id']}: {' '.join(map(str, node['target']))} {node['failureSummary']} {node['html'][:160]}"
        for one in found
        for node in one["nodes"]
    ]


def settled(shown: Shown) -> None:
    """Nothing is being waited for."""
    expect(shown.find(".picture")).to_have_attribute("aria-busy", "false")
    shown.page.wait_for_timeout(150)


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [400, 1000])
def test_axe_finds_nothing_in_any_mode(opened: Opened, view: AttnView, lang: str, dark: bool, width: int) -> None:
    view.lang, view.highlight, view.selected_queries, view.heads = lang, "special", [3], [5]
    shown = opened.view(view, dark=dark, width=width)
    found = {}
    for mode in MODES:
        shown.choose(mode)
        settled(shown)
        found[mode] = violations(shown.page)
    assert found == {mode: [] for mode in MODES}


def test_axe_finds_nothing_in_what_opens(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    shown.find(".numbers summary").click()
    expect(shown.find(".numbers table")).to_be_visible()
    assert violations(shown.page) == []
    shown.find(".menu-button").click()
    assert violations(shown.page) == []
    shown.page.keyboard.press("Escape")
    shown.find(".help-button").click()
    expect(shown.find("dialog.help")).to_be_visible()
    assert violations(shown.page) == []


def test_axe_would_find_something(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    shown.find(".ledger").evaluate(
        "e => { const b = document.createElement('button'); b.style.color = '#ccc'; e.append(b) }"
    )
    assert any(line.startswith("button-name") for line in violations(shown.page))


# ---- help


def test_help_takes_the_focus_and_gives_it_back(opened: Opened, view: AttnView) -> None:
    view.selected_queries = [3]
    shown = opened.view(view)
    button = shown.find(".help-button")
    button.focus()
    shown.page.keyboard.press("Enter")
    dialog = shown.find("dialog.help")
    expect(dialog).to_be_visible()
    active = "e => e.getRootNode().activeElement !== null && e.contains(e.getRootNode().activeElement)"
    for _ in range(6):
        assert dialog.evaluate(active) or shown.page.evaluate("document.activeElement === document.body")
        shown.page.keyboard.press("Tab")
    shown.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert button.evaluate("e => e.getRootNode().activeElement === e")
    assert shown.selected("query") == [3], "Esc of the dialog unlocks nothing"
    button.click()
    shown.page.mouse.click(5, 5)
    expect(dialog).to_be_hidden()


def test_help_is_printed_whole(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view, height=500)
    shown.find(".help-button").click()
    last = shown.find(".help-caveats li").last
    body = shown.find(".help-body")
    assert body.evaluate("e => e.scrollHeight > e.clientHeight")
    shown.page.emulate_media(media="print")
    assert body.evaluate("e => getComputedStyle(e).overflowY") == "visible"
    assert last.evaluate("e => e.getBoundingClientRect().bottom <= document.documentElement.scrollHeight + 1")
    expect(shown.find(".picture")).to_be_hidden()


def test_each_caveat_is_said_where_it_applies(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    expect(shown.find(".caveats li")).to_have_count(0)
    shown.choose("special")
    expect(shown.find(".caveats")).to_contain_text("often carries next to nothing")
    shown.choose("heads")
    expect(shown.find(".caveats")).to_contain_text("A weight is where a head looks")


# ---- keys, focus, targets


def test_every_stop_of_tab_shows_where_it_is(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    shown.page.mouse.click(2, 2)
    ringed = """() => {
        let at = document.activeElement;
        while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
        if (!at || at === document.body) return null;
        const style = getComputedStyle(at);
        return [at.outerHTML.slice(0, 120), style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
    }"""
    stops = []
    for _ in range(80):
        shown.page.keyboard.press("Tab")
        stop = shown.page.evaluate(ringed)
        if stop is None:
            break
        stops.append(stop)
    assert len(stops) > 8
    assert [html for html, ring in stops if not ring] == []
    tokens = [html for html, _ in stops if 'role="option"' in html]
    assert len(tokens) <= 2, "one stop for each column of tokens: arrows go on from there"


def test_motion_is_reduced_where_that_is_asked_for(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    moving = """root => [...root.querySelectorAll("*")].filter(e => {
        const style = getComputedStyle(e);
        const lasts = list => list.split(",").some(time => parseFloat(time) > 0);
        return lasts(style.transitionDuration) || (style.animationName !== "none" && lasts(style.animationDuration));
    }).map(e => e.className)"""
    shown.page.emulate_media(reduced_motion="reduce")
    for mode in MODES:
        shown.choose(mode)
        settled(shown)
        assert shown.root.evaluate(moving) == [], mode


def test_forced_colours_keep_bars_and_borders(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    shown.page.emulate_media(forced_colors="active")
    kinds = shown.find(".ledger .swatch").evaluate_all("all => all.map(e => getComputedStyle(e).backgroundColor)")
    assert len(set(kinds)) == len(kinds)
    chosen = shown.find("[data-value=lines]").evaluate("e => getComputedStyle(e).forcedColorAdjust")
    other = shown.find("[data-value=matrix]").evaluate("e => getComputedStyle(e).backgroundColor")
    assert (
        chosen == "none"
        or shown.find("[data-value=lines]").evaluate("e => getComputedStyle(e).backgroundColor") != other
    )


# ---- the table of numbers


def cells_of(shown: Shown) -> list[list[str]]:
    rows: list[list[str]] = shown.find(".numbers tbody tr").evaluate_all(
        "all => all.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
    )
    return rows


def test_the_table_holds_the_numbers_in_view(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.heads, view.selected_queries = [4], [3]
    shown = opened.view(view)
    shown.find(".numbers summary").click()
    rows = cells_of(shown)
    weights = attention.weights(3, 4)[3]
    assert len(rows) == len(weights)
    for key, (query_text, key_text, number) in enumerate(rows):
        assert query_text.split() == ["3", attention.tokens[3].text]
        assert key_text.split() == [str(key), attention.tokens[key].text]
        said = float(number.removeprefix("<"))
        assert abs(said - weights[key]) < 0.00051
    header = shown.find(".numbers thead th")
    assert header.evaluate_all("all => all.map(e => e.scope)") == ["col"] * 3
    assert set(shown.find(".numbers tbody th").evaluate_all("all => all.map(e => e.scope)")) == {"row"}
    assert "12 of 12 cells" in shown.find(".numbers caption").inner_text()
    # It follows what is chosen.
    shown.token("query", 3).click()
    expect(shown.find(".numbers tbody tr")).to_have_count(144)


def test_a_long_table_lists_the_largest_and_says_how_many_more(opened: Opened) -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(30), size=(1, 1, 30)).astype(np.float32)
    shown = opened.view(AttnView.from_arrays(weights, [f"t{n}" for n in range(30)]))
    shown.find(".numbers summary").click()
    rows = cells_of(shown)
    assert len(rows) == 400
    said = [float(row[2].removeprefix("<")) for row in rows]
    expected = np.sort(weights.ravel())[::-1][:400]
    assert np.abs(np.array(said) - expected).max() < 0.00051
    held = int(re.findall(r"(\d+) more are not listed", shown.find(".numbers").inner_text())[0])
    assert held == 500
