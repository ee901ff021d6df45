"""Mode Trace in a browser: the numbers are Python's, the pair is a trait, a cell leads to its head."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from opened import Opened, Shown
from playwright.sync_api import Browser, expect

from attnwidget import Attention, AttnView
from attnwidget.answers import answer, read
from attnwidget.wire import Container
from attnwidget.wire.codec import format_weight

if TYPE_CHECKING:
    from playwright.sync_api import Locator

HUNGRY, CHASED, DOG = 9, 3, 2


def cell(shown: Shown, way: int, layer: int, head: int) -> tuple[Locator, dict[str, float]]:
    """A map, and where in it a cell is."""
    canvas = shown.find(f"canvas[data-way='{way}']")
    wide, tall = (float(canvas.get_attribute(f"data-{name}") or 0) for name in ("cell", "tall"))
    box = canvas.bounding_box()
    assert box is not None
    last_row = shown.find(f"figure:has(canvas[data-way='{way}']) .trace-tick-layer").count()
    left, top = 32, box["height"] - 2 - last_row * tall
    return canvas, {"x": left + (head + 0.5) * wide, "y": top + (layer + 0.5) * tall}


def hover(shown: Shown, way: int, layer: int, head: int) -> str:
    canvas, position = cell(shown, way, layer, head)
    canvas.hover(position=position)
    return said(shown)


def said(shown: Shown) -> str:
    return re.sub("[\u2068\u2069]", "", shown.find(".trace-say").inner_text())


def settled(shown: Shown, query: int, key: int) -> Shown:
    expect(shown.find(f".trace[data-shown='{query}/{key}'][aria-busy=false]")).to_be_visible()
    return shown


def ratio(value: float) -> str:
    if np.isnan(value):
        return "–"
    if value < 0.05:
        return "<0.1" if value > 0 else "0"
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}" if value < 999.5 else ">999"


def test_every_number_of_both_ways_is_the_one_python_answers(
    opened: Opened, view: AttnView, attention: Attention
) -> None:
    view.mode, view.selected_queries, view.selected_keys = "trace", [CHASED], [DOG]
    shown = settled(opened.view(view), CHASED, DOG)
    asked = read({"what": "trace", "stack": "encoder", "query": CHASED, "key": DOG})
    truth = Container(answer(attention, asked))
    numbers = {name: truth.numbers(f"trace/encoder/{name}") for name in ("weight", "rank", "ratio", "drawn")}
    shown.find(".trace-table summary").click()
    for way in (0, 1):
        rows = [row.split("\t") for row in shown.find(".trace-table table").nth(way).inner_text().split("\n")[2:]]
        assert len(rows) == 72
        for index, (layer, head, weight, rank, times, drawn) in enumerate(rows):
            assert (int(layer), int(head)) == divmod(index, 12)
            assert weight == format_weight(numbers["weight"][way, index])
            assert int(rank) == numbers["rank"][way, index]
            # Only the digit of an exact tie may be rounded otherwise by another language.
            assert times == ratio(float(numbers["ratio"][way, index]))
            assert drawn == ratio(float(numbers["drawn"][way, index]))
    weight = format_weight(float(attention.weights(0, 2)[CHASED, DOG]))
    assert hover(shown, 0, 0, 2).startswith(f"Layer 0 head 2: chased → dog {weight}, rank 1 of 12, 1.0× the mean")
    said = hover(shown, 1, 1, 8)
    assert "at distance +1" in said
    assert f"{ratio(float(numbers['drawn'][1, 20]))}× what other queries give this key" in said
    assert shown.ink("canvas[data-way='0']") > 5000
    assert "Adjacent tokens" in shown.find(".trace-caveats").inner_text()


def test_the_pair_is_picked_previewed_and_freed(opened: Opened, view: AttnView) -> None:
    view.mode = "trace"
    shown = settled(opened.view(view), HUNGRY, CHASED)
    assert "dashed" in shown.find(".trace-hint").inner_text()
    query, key = (shown.find(f".pick-{side}") for side in ("query", "key"))
    query.locator("[data-index='5']").hover()
    settled(shown, 5, CHASED)
    shown.rest()
    settled(shown, HUNGRY, CHASED)
    query.locator("[data-index='5']").click()
    key.locator("[data-index='2']").click()
    settled(shown, 5, 2)
    query.locator("[data-index='7']").hover()
    shown.page.wait_for_timeout(150)
    settled(shown, 5, 2)
    query.locator("[data-index='5']").click()
    shown.rest()
    settled(shown, HUNGRY, 2)
    shown.page.keyboard.press("Escape")
    settled(shown, HUNGRY, CHASED)
    key.locator("[data-chosen]").focus()
    shown.page.keyboard.press("ArrowLeft")
    shown.page.keyboard.press("Enter")
    settled(shown, HUNGRY, DOG)


def test_a_cell_leads_to_its_head_in_lines(opened: Opened, view: AttnView) -> None:
    view.mode, view.selected_queries, view.selected_keys, view.heads = "trace", [CHASED], [DOG], [4]
    shown = settled(opened.view(view), CHASED, DOG)
    canvas, position = cell(shown, 1, 2, 7)
    canvas.click(position=position)
    expect(shown.find("[data-value=lines]")).to_have_attribute("aria-checked", "true")
    assert shown.layer() == 2
    assert shown.pressed_heads() == [7]
    assert shown.selected("query") == [DOG], "the way back begins at the key's token"
    assert shown.selected("key") == [CHASED]
    shown.choose("trace")
    settled(shown, DOG, CHASED)
    link = shown.find(".trace-link").first
    layer, head = (link.get_attribute("data-top") or "").split("/")
    link.click()
    assert (shown.layer(), shown.pressed_heads()) == (int(layer), [int(head)])


def test_cells_are_reached_by_keyboard(opened: Opened, view: AttnView) -> None:
    view.mode, view.selected_queries, view.selected_keys = "trace", [CHASED], [DOG]
    shown = settled(opened.view(view), CHASED, DOG)
    shown.find("canvas[data-way='0']").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        shown.page.keyboard.press(key)
    assert said(shown).startswith("Layer 1 head 1: chased → dog")
    shown.page.keyboard.press("Enter")
    assert (shown.layer(), shown.pressed_heads()) == (1, [1])


def arrays(stack: str = "encoder", causal: bool = False, layers: int = 2) -> Attention:
    weights = np.random.default_rng(3).random((layers, 3, 6, 6)) ** 3
    if causal:
        weights *= np.tri(6)
    weights /= weights.sum(-1, keepdims=True)
    tokens = ["one", "two", "three", "four", "five", "six"]
    return Attention.from_arrays(
        weights, tokens, [t.upper() for t in tokens] if stack == "cross" else None, stack=stack
    )


def test_an_empty_way_says_why(opened: Opened) -> None:
    causal = AttnView(arrays(causal=True), mode="trace", selected_queries=[4], selected_keys=[1])
    shown = settled(opened.view(causal), 4, 1)
    assert "from left to right" in shown.find(".trace-empty").inner_text()
    assert shown.find("canvas[data-way]").count() == 1
    assert "rank" in hover(shown, 0, 1, 2)
    assert "of 5" in said(shown)
    shown.find(".pick-query [data-index='0']").click()
    settled(shown, 0, 1)
    assert "from left to right" in shown.find(".trace-empty").inner_text()
    cross = AttnView(arrays("cross"), mode="trace", selected_queries=[4], selected_keys=[1])
    shown = settled(opened.view(cross), 4, 1)
    assert "two different texts" in shown.find(".trace-empty").inner_text()
    assert "mean" not in hover(shown, 0, 0, 0)


def test_it_fits_a_narrow_page_in_japanese(opened: Opened, view: AttnView) -> None:
    view.mode, view.lang = "trace", "ja"
    shown = settled(opened.view(view, width=400), HUNGRY, CHASED)
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= 400
    under = shown.find(".trace-under")
    # Each map says its strongest cell, or the one that is pointed at.
    assert "層5 ヘッド9" in under.first.inner_text()
    before = shown.find(".trace-maps").bounding_box()
    hover(shown, 0, 2, 3)
    expect(under.first).to_contain_text("層2 ヘッド3")
    assert "12個中" in under.first.inner_text()
    assert shown.find(".trace-maps").bounding_box() == before, "nothing jumps when the sentence changes"


def test_a_finger_reads_a_cell_and_then_opens_it(browser: Browser, view: AttnView, tmp_path: Path) -> None:
    view.mode = "trace"
    path = tmp_path / "page.html"
    path.write_text(view.to_html(), encoding="utf-8")
    context = browser.new_context(viewport={"width": 400, "height": 900}, has_touch=True)
    page = context.new_page()
    page.goto(path.as_uri())
    shown = settled(Shown(page), HUNGRY, CHASED)
    for _ in range(2):
        canvas, position = cell(shown, 1, 4, 2)
        expect(shown.find("[data-value=trace]")).to_have_attribute("aria-checked", "true")
        canvas.tap(position=position)
        if shown.find("[data-value=trace][aria-checked=true]").count():
            expect(shown.find(".trace-under").nth(1)).to_contain_text("Layer 4 head 2")
    expect(shown.find("[data-value=lines]")).to_have_attribute("aria-checked", "true")
    assert (shown.layer(), shown.pressed_heads()) == (4, [2])
    context.close()
