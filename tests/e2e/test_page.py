"""The exported page in a real Chromium, offline, under its own strict content security policy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from opened import Opened, Shown, until
from playwright.sync_api import expect
from where import CHROMIUM, Proofs

from attnwidget import AttnView
from attnwidget.export import pages

if TYPE_CHECKING:
    from attnwidget import Attention


def printed(text: str) -> tuple[float, float]:
    """A printed weight and half a unit of its last digit: how far the true weight may be."""
    if text == "0":
        return 0.0, 5e-9
    if text.startswith("<"):
        return 0.0, float(text[1:])
    return float(text), 0.5 * 10.0 ** -len(text.split(".")[1])


def assert_printed(texts: list[str], weights: np.ndarray) -> None:
    assert len(texts) == len(weights)
    for text, weight in zip(texts, weights, strict=True):
        number, half = printed(text)
        # 1e-9: float64 of a decimal is not exact; a tie may fall on either side of it.
        assert abs(number - float(weight)) <= half + 1e-9, f"printed {text} for {weight!r}"


def ink_of_thumb(shown: Shown, head: int) -> int:
    """Pixels that are painted where this head's button wants its thumbnail."""
    count: int = shown.find(f"button[data-head='{head}'] .thumb").evaluate(
        """thumb => {
            const canvas = thumb.closest(".heads").querySelector(".thumbs");
            const [box, from] = [thumb.getBoundingClientRect(), canvas.getBoundingClientRect()];
            const ratio = canvas.width / from.width;
            const sides = [box.x - from.x, box.y - from.y, box.width, box.height].map(x => Math.round(x * ratio));
            const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
            copy.drawImage(canvas, 0, 0);
            const {data} = copy.getImageData(...sides);
            return data.filter((value, at) => at % 4 === 3 && value > 0).length;
        }"""
    )
    return count


def test_lines_are_drawn_and_every_part_is_there(
    opened: Opened, view: AttnView, attention: Attention, proves: Proofs
) -> None:
    shown = opened.view(view)
    assert shown.strokes() > 0
    assert shown.ink("canvas[data-strokes]") > 500
    assert shown.find(".tokens-query .token-text").all_inner_texts() == [t.text for t in attention.query_tokens()]
    assert shown.find(".tokens-key .token-text").all_inner_texts() == [t.text for t in attention.key_tokens()]
    assert shown.find("button.head").count() == 12
    for head in range(12):
        assert ink_of_thumb(shown, head) > 100
    assert "default-src 'none'" in (
        shown.page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content") or ""
    )
    proves(CHROMIUM, "draws", "without a kernel")
    proves.look(CHROMIUM, shown.page, dark=False)


def test_layers_are_switched_by_button_and_keys(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    before = shown.find(".ledger").inner_text()
    shown.find("[aria-label='Next layer']").click()
    assert shown.layer() == 4
    shown.ready()
    assert shown.find(".ledger").inner_text() != before
    shown.find("[role=spinbutton]").focus()
    shown.page.keyboard.press("Home")
    assert shown.layer() == 0
    shown.page.keyboard.press("ArrowRight")
    assert shown.layer() == 1
    shown.page.keyboard.press("End")
    assert shown.layer() == 5
    expect(shown.find("[aria-label='Next layer']")).to_be_disabled()


def test_heads_follow_the_lock_rule(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    all_heads = shown.strokes()
    shown.head(3).hover()
    until(shown.page, lambda: shown.strokes() != all_heads, "the head under the pointer is drawn")
    preview = shown.strokes()
    shown.rest()
    assert shown.pressed_heads() == []
    until(shown.page, lambda: shown.strokes() == all_heads, "all heads are drawn again")
    shown.head(3).click()
    assert shown.pressed_heads() == [3]
    assert shown.strokes() == preview
    shown.head(5).click(modifiers=["Shift"])
    assert shown.pressed_heads() == [3, 5]
    shown.head(3).click(modifiers=["Shift"])
    assert shown.pressed_heads() == [5]
    shown.head(5).click()
    assert shown.pressed_heads() == []


@pytest.mark.parametrize("heads", [[], [3], [1, 8]])
def test_numbers_of_a_hovered_token_are_the_weights(
    opened: Opened, view: AttnView, attention: Attention, heads: list[int]
) -> None:
    view.heads = heads
    shown = opened.view(view)
    mean = attention.weights(3).astype(np.float64)[heads or slice(None)].mean(axis=0)
    for query in (0, 3, len(mean) - 1):
        shown.token("query", query).hover()
        expect(shown.find(".tokens-key .token-value").first).not_to_have_text("")
        texts = shown.values()
        numbers = np.array([printed(text)[0] for text in texts])
        assert np.abs(numbers - mean[query]).max() < 0.001
        if len(heads) == 1:
            assert_printed(texts, attention.weights(3, heads[0])[query])
    shown.rest()
    expect(shown.find(".tokens-key .token-value").first).to_have_text("")


def test_a_hovered_key_shows_who_looks_at_it(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.heads = [7]
    shown = opened.view(view)
    shown.token("key", 2).hover()
    expect(shown.find(".tokens-query .token-value").first).not_to_have_text("")
    assert_printed(shown.values("query"), attention.weights(3, 7)[:, 2])


def test_tokens_are_pinned_added_and_freed(opened: Opened, view: AttnView, proves: Proofs) -> None:
    shown = opened.view(view)
    shown.token("query", 3).click()
    assert shown.selected("query") == [3]
    shown.rest()
    expect(shown.find(".tokens-key .token-value").first).not_to_have_text("")
    pinned = shown.values()
    shown.token("query", 5).hover()
    assert shown.values() == pinned, "what is locked does not follow the pointer"
    shown.token("query", 5).click(modifiers=["Shift"])
    assert shown.selected("query") == [3, 5]
    shown.token("query", 3).click(modifiers=["Shift"])
    assert shown.selected("query") == [5]
    shown.token("query", 5).click()
    assert shown.selected("query") == []
    shown.token("query", 1).click()
    shown.page.keyboard.press("Escape")
    assert shown.selected("query") == []
    proves(CHROMIUM, "interacts")


def test_token_text_can_be_marked_without_locking(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    box = shown.token("query", 6).locator(".token-text").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    shown.page.mouse.move(box["x"] + 1, middle)
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + box["width"] - 1, middle, steps=4)
    shown.page.mouse.up()
    assert shown.page.evaluate("getSelection().toString()") == "because"
    assert shown.selected("query") == []
    shown.token("query", 2).click()
    assert shown.selected("query") == [2]


def test_tokens_are_reached_by_keyboard(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    shown.token("query", 0).focus()
    shown.page.keyboard.press("ArrowDown")
    shown.page.keyboard.press("ArrowDown")
    shown.page.keyboard.press("Enter")
    assert shown.selected("query") == [2]
    shown.page.keyboard.press("ArrowDown")
    shown.page.keyboard.press("Shift+Enter")
    assert shown.selected("query") == [2, 3]
    shown.page.keyboard.press("Escape")
    assert shown.selected("query") == []


def test_every_control_has_a_name(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    for mode in ("lines", "matrix", "heads"):
        shown.choose(mode)
        for control in shown.find("button, canvas[role=img], [role=option], [role=spinbutton]").all():
            name = control.get_attribute("aria-label") or control.inner_text()
            assert name.strip(), control.evaluate("e => e.outerHTML")


def test_matrix_shows_the_weights(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.heads = [10]
    shown = opened.view(view)
    shown.choose("matrix")
    canvas = shown.find(".cells canvas").first
    expect(canvas).to_be_visible()
    weights = attention.weights(3, 10)
    box = canvas.bounding_box()
    assert box is not None
    n = len(weights)
    for query, key in ((0, 0), (3, 1), (n - 1, n - 1)):
        shown.page.mouse.move(box["x"] + (key + 0.5) * box["width"] / n, box["y"] + (query + 0.5) * box["height"] / n)
        expect(shown.find(".readout strong")).to_be_visible()
        tokens = attention.tokens
        assert shown.find(".readout bdi").all_inner_texts() == [tokens[query].text, tokens[key].text]
        assert_printed([shown.find(".readout strong").inner_text()], weights[query, [key]])
    assert shown.find(".legend-tick").last.inner_text() == f"{weights.max():.3f}"
    shown.page.mouse.click(box["x"] + box["width"] / n / 2, box["y"] + (2 + 0.5) * box["height"] / n)
    expect(shown.find(".axis-query [aria-selected=true]")).to_have_attribute("data-index", "2")


def test_special_highlight_and_its_shares(opened: Opened, view: AttnView, attention: Attention) -> None:
    shown = opened.view(view)
    plain = shown.token("query", 0).locator(".token-text").evaluate("e => getComputedStyle(e).color")
    shown.choose("special")
    cls, word, sep = (
        shown.token("query", index).locator(".token-text").evaluate("e => getComputedStyle(e).color")
        for index in (0, 1, len(attention.tokens) - 1)
    )
    assert cls != plain
    assert word == plain
    assert len({cls, word, sep}) == 3

    kinds = np.array([token.kind for token in attention.key_tokens()])
    rows = attention.weights(3).mean(axis=0, dtype=np.float64).mean(axis=0)
    said = dict(re.findall(r"(\S+?) (\d+) %", shown.find(".ledger p").last.inner_text().replace("\n", " ")))
    for kind, name in (("cls", "[CLS]"), ("sep", "[SEP]"), ("punct", "punctuation"), ("word", "words")):
        # Largest remainder: whole percents that add to 100 may each be one off.
        assert abs(int(said[name]) - 100 * rows[kinds == kind].sum()) < 1
    assert sum(map(int, said.values())) == 100


def test_ledger_of_fates_adds_up(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    numbers = [int(x) for x in re.findall(r"(\d+) %", shown.find(".ledger p").first.inner_text())]
    assert sum(numbers) == 100
    assert numbers[0] >= 70
    shown.token("key", 1).click()
    left_out = [int(x) for x in re.findall(r"(\d+) %", shown.find(".ledger p").first.inner_text())]
    assert sum(left_out) == 100
    assert left_out[2] > 50


def test_every_layer_shows_its_shares(opened: Opened, view: AttnView, attention: Attention) -> None:
    shown = opened.view(view)
    kinds = np.array([token.kind for token in attention.key_tokens()])
    bars = shown.find(".layer-bar")
    assert bars.count() == 6
    for layer in range(6):
        share = attention.weights(layer)[:, :, kinds == "cls"].sum(axis=2, dtype=np.float64).mean()
        assert f"[CLS] {share * 100:.0f} %" in (bars.nth(layer).get_attribute("title") or "")
    bars.nth(1).click()
    assert shown.layer() == 1


def test_query_highlight(opened: Opened, view: AttnView) -> None:
    view.highlight = "query"
    view.selected_queries = [3]
    shown = opened.view(view)
    orange = shown.find("canvas[data-strokes]").evaluate(
        """canvas => {
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let orange = 0;
            for (let at = 0; at < data.length; at += 4)
                orange += data[at + 3] > 100 && data[at] > 180 && data[at + 2] < 90;
            return orange;
        }"""
    )
    assert orange > 100


def test_pinned_heads_of_several_layers(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.pinned = [(1, 8), (5, 10)]
    shown = opened.view(view)
    shown.token("query", 2).hover()
    expect(shown.find(".tokens-key .token-value").first).not_to_have_text("")
    mean = (attention.weights(1, 8)[2] + attention.weights(5, 10)[2]) / 2
    assert np.abs(np.array([printed(text)[0] for text in shown.values()]) - mean).max() < 0.001
    expect(shown.find(".side-title")).to_contain_text("L1 H8, L5 H10")


def test_the_page_opens_in_the_state_of_the_view(opened: Opened, view: AttnView) -> None:
    view.mode, view.layer, view.heads, view.selected_queries, view.highlight = "matrix", 5, [2, 4], [1], "special"
    shown = opened.view(view)
    assert shown.layer() == 5
    assert shown.pressed_heads() == [2, 4]
    expect(shown.find("[data-value=matrix]")).to_have_attribute("aria-checked", "true")
    expect(shown.find("[data-value=special]")).to_have_attribute("aria-checked", "true")
    expect(shown.find(".axis-query [aria-selected=true]")).to_have_attribute("data-index", "1")


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("mode", ["lines", "matrix", "heads"])
@pytest.mark.parametrize("width", [400, 1000, 1600])
def test_nothing_overflows(opened: Opened, view: AttnView, lang: str, mode: str, width: int) -> None:
    view.lang, view.mode = lang, mode
    shown = opened.view(view, width=width)
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
    wide = shown.root.evaluate(
        """root => [...root.querySelectorAll("*")]
            .filter(e => e.getBoundingClientRect().right > root.getBoundingClientRect().right + 1)
            .map(e => e.className)"""
    )
    assert wide == []


def test_hovering_moves_nothing(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    where = (
        "e => JSON.stringify([...e.querySelectorAll('.ledger, .tokens, canvas, .layers')].map(x => "
        "{const r = x.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]}))"
    )
    before = shown.root.evaluate(where)
    for side, index in (("query", 2), ("query", 11), ("key", 0)):
        shown.token(side, index).hover()
        shown.page.wait_for_timeout(60)
        assert shown.root.evaluate(where) == before


def test_dark_and_light(opened: Opened, view: AttnView, proves: Proofs) -> None:
    colour = "e => getComputedStyle(e.querySelector('.card')).backgroundColor"
    light = opened.view(view).root.evaluate(colour)
    assert light == "rgb(255, 255, 255)"
    dark = opened.view(view, dark=True)
    dark.assert_dark()
    proves(CHROMIUM, "dark")
    proves.look(CHROMIUM, dark.page, dark=True)
    view.theme = "light"
    assert opened.view(view, dark=True).root.evaluate(colour) == light
    view.theme = "dark"
    opened.view(view).assert_dark()


def test_several_views_on_one_page(opened: Opened, view: AttnView) -> None:
    page = opened.page(pages.to_html([view, view]))
    one, two = Shown(page, 0).ready(), Shown(page, 1).ready()
    one.find("[aria-label='Next layer']").click()
    assert (one.layer(), two.layer()) == (4, 3)
