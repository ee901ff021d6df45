"""Every switch of the toolbar and its menu, in both directions: page → Python and Python → page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from linked import Linked
from opened import Opened, Shown
from playwright.sync_api import Browser, expect

import attnwidget
from attnwidget import Attention, AttnView
from attnwidget.words import word_starts

if TYPE_CHECKING:
    from collections.abc import Sequence

PAIR = ("A strawberry thief ran.", "It was unbelievably quick.")
Link = Callable[..., Linked]


@pytest.fixture(scope="module")
def pair(minilm_path: str) -> Attention:
    found = attnwidget.capture(minilm_path, *PAIR)
    assert isinstance(found, Attention)
    return found


@pytest.fixture
def link(browser: Browser, pair: Attention) -> Iterator[Link]:
    links: list[Linked] = []

    def make(attention: Attention | None = None, width: int = 1100, **state: Any) -> Linked:
        view = AttnView(attention or pair, **{"layer": 3, **state})
        links.append(Linked(browser, view, width=width))
        links[-1].ready()
        return links[-1]

    yield make
    for one in links:
        one.close()


def ledger(shown: Shown, line: int = 0) -> dict[str, int]:
    text = shown.find(".ledger p").nth(line).inner_text().replace("\n", " ")
    return {name.strip(): int(share) for name, share in re.findall(r"([^\d%]+?) (\d+) %", text)}


def fates(shown: Shown) -> dict[str, int]:
    items = shown.find(".ledger [data-fate]").all()
    return {item.get_attribute("data-fate") or "": int(item.locator("strong").inner_text()[:-2]) for item in items}


def stroked_keys(shown: Shown) -> str:
    """All that the canvas of the lines shows, to be compared."""
    data: str = shown.find("canvas[data-strokes]").evaluate("canvas => canvas.toDataURL()")
    return data


def left_out_percent(attention: Attention, rows: Sequence[int], columns: Sequence[int]) -> float:
    weights = attention.weights(3).mean(axis=0, dtype=np.float64)[list(rows)]
    return float(100 * (1 - weights[:, list(columns)].sum() / weights.sum()))


IN_TOOLBAR = [
    ("sinks", ["dim", "leave_out", "renormalise", "show"]),
    ("measure", ["contribution", "weight"]),
    ("highlight", ["special", "query", "none"]),
    ("mode", ["matrix", "lines"]),
]
IN_MENU = [
    ("aggregate", ["max", "rollout", "mean"]),
    ("unit", ["words", "pieces"]),
    ("pair", ["aa", "ab", "ba", "bb", "all"]),
]


@pytest.mark.parametrize(("name", "values"), IN_TOOLBAR)
def test_switches_of_the_toolbar(link: Link, name: str, values: list[str]) -> None:
    check_switch(link(), name, values)


@pytest.mark.parametrize(("name", "values"), IN_MENU)
def test_switches_of_the_menu(link: Link, name: str, values: list[str]) -> None:
    check_switch(link().menu(), name, values)


def test_colour_scales(link: Link) -> None:
    shown = link(mode="matrix").menu()
    check_switch(shown, "scale", ["linear", "log", "relative", "sqrt"])
    said = set()
    for value in ("linear", "sqrt", "log", "relative"):
        shown.view.scale = value
        expect(shown.find(f"[data-value='{value}']")).to_have_attribute("aria-checked", "true")
        ticks = shown.find(".legend-tick").all_inner_texts()
        assert len(ticks) >= 2, "a legend has numbers"
        assert all(re.search(r"\d", tick) for tick in ticks)
        said.add(shown.find(".legend").inner_text())
    assert len(said) == 4


def check_switch(shown: Linked, name: str, values: list[str]) -> None:
    option = "[data-value='{}'][role=radio]"
    for value in values:
        shown.find(option.format(value)).last.click()
        shown.until(lambda value=value: getattr(shown.view, name) == value)  # type: ignore[misc]
        shown.answered()
    for value in values:
        setattr(shown.view, name, value)
        shown.ready()
        expect(shown.find(option.format(value)).last).to_have_attribute("aria-checked", "true")


def test_the_stroke_budget(link: Link) -> None:
    shown = link().menu()
    few = shown.strokes()
    slider = shown.find(".amount input[type=range]")
    slider.focus()
    shown.page.keyboard.press("End")
    shown.until(lambda: shown.view.budget == 1)
    assert shown.strokes() > few
    assert fates(shown)["below"] == 0
    shown.find(".amount input[type=number]").fill("7")
    shown.page.keyboard.press("Enter")
    shown.until(lambda: shown.view.max_strokes == 7)
    expect(shown.find("canvas[data-strokes='7']")).to_be_visible()
    shown.view.max_strokes, shown.view.budget = 1000, 0.7
    expect(slider).to_have_js_property("value", "0.7")
    expect(shown.find(f"canvas[data-strokes='{few}']")).to_be_visible()


def test_an_impossible_number_of_lines_is_put_back(link: Link) -> None:
    shown = link(max_strokes=50).menu()
    number = shown.find(".amount input[type=number]")
    number.fill("-3")
    shown.page.keyboard.press("Enter")
    expect(number).to_have_value("50")
    assert shown.view.max_strokes == 50


# ---- what the switches do


def test_sinks_are_four_different_things(link: Link, pair: Attention) -> None:
    shown = link(budget=1.0, max_strokes=9999)
    special = [i for i, token in enumerate(pair.tokens) if token.kind in ("cls", "sep")]
    others = [i for i in range(len(pair.tokens)) if i not in special]
    left_out = left_out_percent(pair, range(len(pair.tokens)), others)
    pictures, ledgers = set(), {}
    for value in ("show", "dim", "leave_out", "renormalise"):
        shown.view.sinks = value
        shown.ready()
        pictures.add(stroked_keys(shown))
        ledgers[value] = fates(shown)
        assert sum(fates(shown).values()) == 100
        assert sum(ledger(shown, 1).values()) == 100
        said = shown.find(".ledger").inner_text()
        assert ("renormalised over" in said) == (value == "renormalise")
    assert len(pictures) == 4
    assert ledgers["show"] == ledgers["dim"] == {"drawn": 100, "below": 0, "left_out": 0}
    for value in ("leave_out", "renormalise"):
        assert abs(ledgers[value]["left_out"] - left_out) < 1
    remaining = re.search(r"remaining (\d+) %", shown.find(".ledger").inner_text())
    assert remaining is not None
    assert abs(int(remaining[1]) - (100 - left_out)) < 1


def test_contribution_shows_both_numbers(link: Link, pair: Attention) -> None:
    shown = link(heads=[4], measure="contribution")
    query = 3
    shown.token("query", query).click()
    written = pair.contributions(3, 4)[query]
    share = written / written.sum()
    key = int(share.argmax())
    row = shown.find(".links tbody tr").first
    expect(row.locator("td").nth(2)).to_have_text(pair.tokens[key].text)
    said = row.locator("td.number").all_inner_texts()
    assert abs(float(said[0].removesuffix(" %")) - 100 * share[key]) < 0.6
    assert abs(float(said[1]) - pair.weights(3, 4)[query, key]) < 0.001
    assert shown.view.selected_queries == [query]


@pytest.mark.parametrize(
    ("lang", "words"), [("en", r"weight (\S+), (\S+) % of what is written"), ("ja", r"重み (\S+?)、書き込みの (\S+) %")]
)
def test_a_weight_says_in_words_what_is_written_through_it(link: Link, pair: Attention, lang: str, words: str) -> None:
    shown = link(heads=[4], lang=lang)
    query = 3
    weights, written = pair.weights(3, 4)[query], pair.contributions(3, 4)[query]

    def check(said: str | None, key: int) -> None:
        assert said is not None
        found = re.search(words, said)
        assert found is not None, said
        assert abs(float(found[1]) - weights[key]) < 0.001
        assert abs(float(found[2]) - 100 * written[key] / written.sum()) < 0.6
        assert said.startswith(f"{pair.tokens[query].text} → {pair.tokens[key].text}")

    shown.token("query", query).hover()
    largest = int(weights.argmax())
    expect(shown.find(".said")).to_contain_text("→")
    check(shown.find(".said").inner_text(), largest)
    check(shown.find(".links tbody tr").first.get_attribute("title"), largest)
    shown.token("query", query).click()
    for key in (0, 2):
        number = shown.token("key", key).locator(".token-value")
        number.hover()
        check(number.get_attribute("title"), key)
    shown.view.mode = "matrix"
    cells = shown.find(".cells")
    expect(cells).to_be_visible()
    box = cells.bounding_box()
    assert box is not None
    side = box["width"] / len(pair.tokens)
    shown.page.mouse.move(box["x"] + 2.5 * side, box["y"] + (query + 0.5) * side)
    expect(shown.find(".readout strong")).to_be_visible()
    check(shown.find(".readout p").first.inner_text().replace(" · ", "、" if lang == "ja" else ", "), 2)


def test_arrays_have_no_contributions_and_the_page_says_so(link: Link) -> None:
    weights = np.full((1, 2, 4, 4), 0.25, np.float32)
    shown = link(Attention.from_arrays(weights, list("abcd")), layer=0, measure="contribution")
    expect(shown.find(".message")).to_contain_text("no value vectors")
    shown.view.measure = "weight"
    expect(shown.find(".message")).to_have_count(0)


def test_words_are_locked_with_all_their_pieces(link: Link, pair: Attention) -> None:
    shown = link(unit="words")
    words = [token.text for token in pair.by_word().tokens]
    expect(shown.find(".tokens-query .token-text")).to_have_count(len(words))
    assert [text.strip() for text in shown.find(".tokens-query .token-text").all_inner_texts()] == words
    index = words.index("unbelievably")
    shown.token("query", index).click()
    starts = word_starts(pair.tokens)
    pieces = list(range(starts[index], starts[index + 1]))
    assert len(pieces) > 1
    shown.until(lambda: shown.view.selected_queries == pieces)
    expect(shown.find(".tokens-query [aria-selected=true]")).to_have_count(1)
    shown.view.unit = "pieces"
    expect(shown.find(".tokens-query [aria-selected=true]")).to_have_count(len(pieces))
    shown.view.selected_queries = [pieces[0]]
    shown.view.unit = "words"
    expect(shown.find(f".tokens-query [data-index='{index}']")).to_have_attribute("aria-selected", "true")
    shown.token("query", index).click()
    shown.until(lambda: shown.view.selected_queries == [])


def test_a_pair_filter_leaves_the_rest_out(link: Link, pair: Attention) -> None:
    shown = link(pair="ab")
    first, second = (
        [i for i, token in enumerate(pair.tokens) if token.kind in ("word", "punct") and token.segment == segment]
        for segment in (0, 1)
    )
    assert abs(fates(shown)["left_out"] - left_out_percent(pair, first, second)) < 1
    expect(shown.find(".side-title")).to_contain_text(str(len(first)))


def test_rollout_is_asked_of_python_and_missing_from_other_pages(link: Link, opened: Opened, pair: Attention) -> None:
    shown = link(aggregate="rollout")
    expect(shown.find(".side-title")).to_contain_text("Rollout over layers 0 to 3")
    assert shown.strokes() > 0
    plain = opened.view(AttnView(pair, layer=3))
    plain.find(".menu-button").click()
    plain.find("[data-value=rollout]").click()
    expect(plain.find(".absence")).to_contain_text("rollout is not in this page")
    brought = opened.view(AttnView(pair, layer=3, aggregate="rollout"))
    assert brought.strokes() == shown.strokes()


# ---- the menu itself


def test_the_menu_opens_and_closes_as_menus_do(link: Link) -> None:
    shown = link(selected_queries=[2])
    button, panel = shown.find(".menu-button"), shown.find(".menu-panel")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.focus()
    shown.page.keyboard.press("Enter")
    expect(panel).to_be_visible()
    expect(button).to_have_attribute("aria-expanded", "true")
    shown.page.keyboard.press("Tab")
    assert panel.evaluate("panel => panel.contains(panel.getRootNode().activeElement)")
    shown.page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert button.evaluate("button => button === button.getRootNode().activeElement")
    assert shown.view.selected_queries == [2], "Esc closed the menu and freed nothing"
    button.click()
    shown.find(".ledger").click()
    expect(panel).to_be_hidden()
    button.click()
    button.click()
    expect(panel).to_be_hidden()


def test_a_hidden_change_is_marked(link: Link) -> None:
    shown = link()
    expect(shown.find(".menu-mark")).to_have_count(0)
    shown.view.aggregate = "max"
    expect(shown.find(".menu-mark")).to_be_visible()


def test_choices_that_make_no_difference_are_not_offered(link: Link) -> None:
    weights = np.full((1, 2, 3, 3), 1 / 3, np.float32)
    shown = link(Attention.from_arrays(weights, ["a", "b", "c"]), layer=0).menu()
    expect(shown.find(".menu-panel [data-value=max]")).to_be_visible()
    expect(shown.find(".menu-panel [data-value=words]")).to_have_count(0)
    expect(shown.find(".menu-panel [data-value=ab]")).to_have_count(0)


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("width", [400, 1000])
def test_toolbar_and_menu_fit(link: Link, lang: str, width: int) -> None:
    shown = link(lang=lang, width=width).menu()
    outside = shown.root.evaluate(
        """root => {
            const {left, right} = root.getBoundingClientRect();
            return [...root.querySelectorAll(".toolbar *")].filter(element => {
                const box = element.getBoundingClientRect();
                return box.width > 0 && (box.right > right + 0.5 || box.left < left - 0.5);
            }).map(element => element.textContent);
        }"""
    )
    assert outside == []
    button = shown.find(".menu-button").bounding_box()
    panel = shown.find(".menu-panel").bounding_box()
    assert button is not None
    assert panel is not None
    assert panel["y"] >= button["y"] + button["height"]


def test_the_view_switch_stays_where_it_is(link: Link) -> None:
    shown = link()
    where = """root => JSON.stringify([
        ...root.querySelectorAll(".toolbar-row:first-child .segmented button, .menu-button")
    ].map(element => [element.getBoundingClientRect().x, element.getBoundingClientRect().y]))"""
    before = shown.root.evaluate(where)
    for mode in ("matrix", "heads", "profile", "lines"):
        shown.find(f"[data-value='{mode}']").first.click()
        shown.answered()
        assert shown.root.evaluate(where) == before, mode
