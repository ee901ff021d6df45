"""Lines in a real Chromium: strips of heads, both directions of a token, search, long texts, keyboard."""

from __future__ import annotations

import re

import numpy as np
import pytest
from opened import Opened, Shown
from playwright.sync_api import expect
from test_page import assert_printed, printed

from attnwidget import Attention, AttnView, capture

LONG = 900


def softmax_rows(*shape: int, seed: int = 0) -> np.ndarray:
    scores = np.random.default_rng(seed).normal(size=shape) * 2
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def long_weights() -> np.ndarray:
    return softmax_rows(1, 2, LONG, LONG)


@pytest.fixture
def long_view(long_weights: np.ndarray) -> AttnView:
    tokens = [f"w{i}" for i in range(LONG)]
    tokens[17] = tokens[700] = "Needle"
    return AttnView.from_arrays(long_weights, tokens)


def cell(shown: Shown, side: str, head: int, index: int, heads: int = 12) -> tuple[float, float]:
    """Where a cell of a strip is on the page."""
    box = shown.find(f".strip-{side}").bounding_box()
    row = shown.token(side, index).bounding_box()
    assert box is not None
    assert row is not None
    return box["x"] + (head + 0.5) * box["width"] / heads, row["y"] + row["height"] / 2


def said_of_cell(shown: Shown, side: str, head: int, index: int) -> str:
    """The number that a strip gives for a cell."""
    shown.page.mouse.move(*cell(shown, side, head, index))
    title = shown.find(f".strip-{side}").get_attribute("title") or ""
    found = re.match(rf"Head {head} · .*: (\S+)\n", title)
    assert found is not None, title
    return found[1]


def rows_in_view(shown: Shown) -> tuple[int, int]:
    found = re.match(r"rows (\d+)–(\d+) of (\d+)", shown.find(".picture-rows").inner_text())
    assert found is not None
    assert int(found[3]) == LONG
    return int(found[1]), int(found[2])


def test_strips_hold_what_heads_give_and_take(opened: Opened, view: AttnView, attention: Attention) -> None:
    shown = opened.view(view)
    weights = attention.weights(3).astype(np.float64)
    for head, index in ((0, 0), (3, 2), (11, len(attention.tokens) - 1)):
        assert_printed([said_of_cell(shown, "query", head, index)], weights[head, [index]].max(axis=1))
        shown.rest()
        number, half = printed(said_of_cell(shown, "key", head, index))
        # A mean of cells of three decimals.
        assert abs(number - weights[head, :, index].mean()) <= half + 0.0005
        shown.rest()


def test_strips_follow_the_focus(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.selected_queries = [6]
    shown = opened.view(view)
    weights = attention.weights(3)
    for head, index in ((1, 0), (6, 4), (10, 7)):
        assert_printed([said_of_cell(shown, "key", head, index)], weights[head, 6, [index]])
        assert_printed([said_of_cell(shown, "query", head, index)], weights[head, index, [6]])
    name = shown.find(".strip-key").get_attribute("aria-label") or ""
    assert "takes from “because”" in name
    assert "by keyboard" in name


def test_a_cell_previews_and_locks_its_head(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    whole = shown.strokes()
    shown.head(5).hover()
    expect(shown.find("canvas[data-strokes]")).not_to_have_attribute("data-strokes", str(whole))
    alone = shown.strokes()
    shown.rest()
    expect(shown.find("canvas[data-strokes]")).to_have_attribute("data-strokes", str(whole))
    shown.page.mouse.move(*cell(shown, "query", 5, 3))
    expect(shown.find("canvas[data-strokes]")).to_have_attribute("data-strokes", str(alone))
    assert shown.find(".strip-head").first.inner_text() == "H5"
    shown.page.mouse.click(*cell(shown, "query", 5, 3))
    assert shown.pressed_heads() == [5]
    shown.page.keyboard.down("Shift")
    shown.page.mouse.click(*cell(shown, "key", 9, 1))
    shown.page.keyboard.up("Shift")
    assert shown.pressed_heads() == [5, 9]
    shown.page.mouse.click(*cell(shown, "key", 9, 1))
    shown.page.mouse.click(*cell(shown, "key", 9, 1))
    assert shown.pressed_heads() == []


def test_strips_stay_away_with_a_reason(opened: Opened, view: AttnView) -> None:
    narrow = opened.view(view, width=400)
    expect(narrow.find(".strip")).to_have_count(0)
    assert "too narrow" in (narrow.find(".column-head-key").get_attribute("title") or "")
    many = opened.view(AttnView.from_arrays(softmax_rows(1, 40, 6, 6), list("abcdef")))
    expect(many.find(".strip")).to_have_count(0)
    assert "this layer has 40" in (many.find(".column-head-key").get_attribute("title") or "")


@pytest.mark.parametrize("side", ["query", "key"])
def test_a_token_shows_both_directions(opened: Opened, view: AttnView, attention: Attention, side: str) -> None:
    view.heads = [7]
    shown = opened.view(view)
    shown.token(side, 4).hover()
    expect(shown.token("key", 0).locator(".token-value")).not_to_have_text("")
    weights = attention.weights(3, 7)
    assert_printed(shown.values("key"), weights[4])
    assert_printed(shown.values("query"), weights[:, 4])
    assert shown.find(".column-head-query .column-value").inner_text() == "to “the”"
    assert shown.find(".column-head-key .column-value").inner_text() == "from “the”"
    colours = {
        way: shown.token(way, 4).locator(".token-value").evaluate("e => getComputedStyle(e).color")
        for way in ("query", "key")
    }
    assert colours["query"] != colours["key"]
    shown.rest()
    expect(shown.token("key", 0).locator(".token-value")).to_have_text("")
    expect(shown.token("query", 0).locator(".token-value")).to_have_text("")


def test_locked_tokens_keep_both_directions(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.heads = [7]
    shown = opened.view(view)
    weights = attention.weights(3, 7)
    shown.token("query", 2).click()
    shown.rest()
    assert_printed(shown.values("key"), weights[2])
    assert_printed(shown.values("query"), weights[:, 2])
    shown.token("key", 5).click()
    shown.rest()
    assert_printed(shown.values("key"), weights[2])
    assert_printed(shown.values("query"), weights[:, 5])
    assert shown.find(".column-head-query .column-value").inner_text() == "to “cat”"
    shown.token("query", 3).click(modifiers=["Shift"])
    shown.rest()
    expect(shown.find(".column-head-key .column-value")).to_have_text("mean of 2 queries")
    numbers = [printed(text)[0] for text in shown.values("key")]
    assert np.abs(np.array(numbers) - weights[[2, 3]].mean(axis=0)).max() < 0.001


def bars(shown: Shown, side: str) -> np.ndarray:
    """How long the bar under each token of a column is drawn, as a share of the room there is."""
    found: list[float] = shown.find(".strokes-canvas").evaluate(
        """(canvas, side) => {
            const root = canvas.getRootNode();
            const box = canvas.getBoundingClientRect();
            const ratio = canvas.width / box.width;
            const copy = canvas.cloneNode().getContext("2d", { willReadFrequently: true });
            copy.drawImage(canvas, 0, 0);
            const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
            return [...root.querySelectorAll(`.tokens-${side} .token-cell`)].map((cell) => {
                const at = cell.getBoundingClientRect();
                const y = Math.floor((at.top + at.height / 2 - box.top) * ratio);
                const [from, to] = [at.left, at.right].map((x) => Math.round((x - box.left) * ratio));
                let drawn = 0;
                for (let x = from; x < to; x++) drawn += data[(y * canvas.width + x) * 4 + 3] > 8;
                return drawn / (to - from);
            });
        }""",
        side,
    )
    return np.array(found)


def test_bars_lie_under_the_tokens_in_proportion(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.heads = [7]
    shown = opened.view(view)
    assert not bars(shown, "key").any()
    shown.token("query", 2).click()
    shown.rest()
    weights = attention.weights(3, 7)
    out, into = weights[2], weights[:, 2]
    # Both directions have one scale; a hundredth of the column is the least that is drawn.
    most = max(out.max(), into.max())
    for side, wanted in (("key", out), ("query", into)):
        assert np.abs(bars(shown, side) - np.maximum(wanted / most, 0.01)).max() < 0.02


def test_the_rest_is_grey(opened: Opened) -> None:
    weights = np.full((1, 1, 4, 4), 0.001, dtype=np.float32)
    weights[..., 1] = 0.997
    shown = opened.view(AttnView.from_arrays(weights, list("abcd")))
    shown.token("query", 0).hover()
    muted = shown.find(".column-head").first.evaluate("one => getComputedStyle(one).color")
    text = ".token-text, .token-value"
    for key, grey in ((1, False), (2, True), (3, True)):
        for one in shown.token("key", key).locator(text).all():
            assert (one.evaluate("one => getComputedStyle(one).color") == muted) == grey


def test_two_sequences_have_one_direction(opened: Opened) -> None:
    weights = softmax_rows(1, 1, 5, 8)
    view = AttnView.from_arrays(weights, [f"q{i}" for i in range(5)], [f"k{i}" for i in range(8)])
    shown = opened.view(view)
    shown.token("query", 2).hover()
    expect(shown.token("key", 0).locator(".token-value")).not_to_have_text("")
    assert_printed(shown.values("key"), weights[0, 0, 2])
    assert set(shown.values("query")) == {""}
    shown.token("key", 6).hover()
    expect(shown.token("query", 0).locator(".token-value")).not_to_have_text("")
    assert_printed(shown.values("query"), weights[0, 0, :, 6])
    assert set(shown.values("key")) == {""}


def test_search_counts_steps_and_clears(opened: Opened, view: AttnView) -> None:
    view.selected_queries = [3]
    shown = opened.view(view)
    box, count = shown.find(".search-input"), shown.find(".search-count")
    box.fill("THE")
    expect(count).to_have_text("1 of 2")
    marked = shown.find(".tokens-query [data-find]")
    assert [x.get_attribute("data-index") for x in marked.all()] == ["1", "4"]
    expect(shown.find(".tokens-query [data-find=shown]")).to_have_attribute("data-index", "1")
    expect(shown.find(".tokens-key [data-find=shown]")).to_have_attribute("data-index", "1")
    box.press("Enter")
    expect(count).to_have_text("2 of 2")
    expect(shown.find(".tokens-query [data-find=shown]")).to_have_attribute("data-index", "4")
    box.press("Enter")
    expect(count).to_have_text("1 of 2")
    box.press("Shift+Enter")
    expect(count).to_have_text("2 of 2")
    shown.find("[aria-label='Previous find']").click()
    expect(count).to_have_text("1 of 2")
    box.fill("elephant")
    expect(count).to_have_text("not found")
    expect(shown.find("[aria-label='Next find']")).to_be_disabled()
    box.press("Escape")
    expect(box).to_have_value("")
    expect(shown.find("[data-find]")).to_have_count(0)
    assert shown.selected("query") == [3], "Esc in a search that is under way means the search alone"
    box.press("Escape")
    assert shown.selected("query") == []


def test_search_brings_finds_into_view(opened: Opened, long_view: AttnView) -> None:
    shown = opened.view(long_view, height=1400)
    shown.find(".search-input").fill("needle")
    expect(shown.find(".search-count")).to_have_text("1 of 2")
    expect(shown.token("query", 17)).to_be_in_viewport()
    shown.find(".search-input").press("Enter")
    expect(shown.token("key", 700)).to_be_in_viewport()
    first, last = rows_in_view(shown)
    assert first <= 700 <= last


def test_a_long_text_shows_the_rows_in_view_and_says_so(
    opened: Opened, long_view: AttnView, long_weights: np.ndarray
) -> None:
    shown = opened.view(long_view)
    first, last = rows_in_view(shown)
    assert first == 0
    assert 20 < last < 60
    assert 0 < shown.strokes() <= 2000
    assert shown.find(".token").count() < 200
    kinds = [int(x) for x in re.findall(r"(\d+) %", shown.find(".ledger p").first.inner_text())]
    assert sum(kinds) == 100
    frame = shown.find(".minimap")
    assert shown.ink(".minimap") > 1000
    assert frame.get_attribute("aria-valuetext") == f"rows {first}–{last} of {LONG}"
    shown.token("query", 5).hover()
    expect(shown.token("key", 0).locator(".token-value")).not_to_have_text("")
    mean = long_weights[0].astype(np.float64).mean(axis=0)
    texts = shown.values("query")[: last + 1]
    assert np.abs(np.array([printed(x)[0] for x in texts]) - mean[: last + 1, 5]).max() < 0.001
    above, below = (shown.find(".edge").nth(at).inner_text() for at in (0, 1))
    assert above == ""
    outside = printed(re.sub(r"[^\d.<]", "", below))[0]
    # A sum of hundreds of cells of three decimals.
    assert abs(outside - mean[5, last + 1 :].sum()) < 0.01


def test_the_minimap_moves_the_window(opened: Opened, long_view: AttnView) -> None:
    shown = opened.view(long_view, height=1400)
    frame = shown.find(".minimap")
    box = frame.bounding_box()
    assert box is not None
    x = box["x"] + box["width"] / 2
    shown.page.mouse.click(x, box["y"] + box["height"] / 2)
    expect(frame).not_to_have_attribute("aria-valuenow", "0")
    first, last = rows_in_view(shown)
    assert abs((first + last) / 2 - LONG / 2) < 12
    shown.page.mouse.move(x, box["y"] + box["height"] / 2)
    shown.page.mouse.down()
    shown.page.mouse.move(x, box["y"] + box["height"] * 0.75, steps=4)
    shown.page.mouse.up()
    expect(frame).to_have_attribute("aria-valuenow", re.compile(r"^6[4-6]\d$"))
    first, last = rows_in_view(shown)
    assert abs((first + last) / 2 - 0.75 * LONG) < 12
    frame.focus()
    shown.page.keyboard.press("End")
    expect(shown.token("query", LONG - 1)).to_be_in_viewport()
    shown.page.keyboard.press("ArrowUp")
    assert rows_in_view(shown)[1] == LONG - 2
    before = rows_in_view(shown)
    shown.page.keyboard.press("PageUp")
    assert rows_in_view(shown)[1] <= before[0]
    shown.page.keyboard.press("Home")
    assert rows_in_view(shown)[0] == 0


def test_what_python_selects_far_away_is_brought_into_view(opened: Opened, long_view: AttnView) -> None:
    long_view.selected_queries = [640]
    shown = opened.view(long_view, height=1400)
    expect(shown.token("query", 640)).to_be_in_viewport()
    assert shown.selected("query") == [640]
    shown.find(".edge button").first.click()
    first, last = rows_in_view(shown)
    assert not first <= 640 <= last
    expect(shown.find(".column-head-key .column-value")).to_have_text("from “w640”")


def test_keys_reach_every_token_of_a_long_text(opened: Opened, long_view: AttnView) -> None:
    shown = opened.view(long_view, height=1400)
    shown.token("query", 0).focus()
    shown.page.keyboard.press("End")
    expect(shown.token("query", LONG - 1)).to_be_focused()
    shown.page.keyboard.press("PageUp")
    expect(shown.token("query", LONG - 11)).to_be_focused()
    shown.page.keyboard.press("Enter")
    assert shown.selected("query") == [LONG - 11]
    shown.page.keyboard.press("Home")
    expect(shown.token("query", 0)).to_be_focused()
    shown.page.keyboard.press("ArrowDown")
    expect(shown.token("query", 1)).to_be_focused()
    shown.find(".scroller").evaluate("e => { e.scrollTop = 9000 }")
    expect(shown.token("key", 9000 // 18 + 1)).to_be_visible()
    first = int(shown.find(".tokens-key [tabindex='0']").get_attribute("data-index") or -1)
    assert abs(first - 9000 // 18) < 12, "a token in view is in the tab order"


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("width", [360, 400, 640, 1000])
def test_a_long_text_overflows_nowhere(opened: Opened, long_view: AttnView, lang: str, width: int) -> None:
    long_view.lang, long_view.selected_queries = lang, [3]
    shown = opened.view(long_view, width=width)
    assert shown.page.evaluate("document.documentElement.scrollWidth") <= width
    wide = shown.root.evaluate(
        """root => [...root.querySelectorAll(".lines-view, .lines-view *")]
            .filter(e => e.getBoundingClientRect().right > root.getBoundingClientRect().right + 1)
            .map(e => e.className)"""
    )
    assert wide == []


def test_keys_left_out_have_no_number(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.sinks = "leave_out"
    shown = opened.view(view)
    shown.token("query", 3).hover()
    expect(shown.token("key", 1).locator(".token-value")).not_to_have_text("")
    special = [token.role in ("cls", "sep") for token in attention.key_tokens()]
    assert [text == "–" for text in shown.values("key")] == special
    for key in np.flatnonzero(special):
        assert shown.token("key", int(key)).locator(".token-value").get_attribute("title") == "left out"


def test_words_show_the_sum_over_their_pieces(opened: Opened, minilm_path: str) -> None:
    captured = capture(minilm_path, "unbelievable tokenization")
    assert isinstance(captured, Attention)
    shown = opened.view(AttnView(captured, layer=2, heads=[4], unit="words"))
    tokens = captured.key_tokens()
    assert len(tokens) > 4, "the words are in pieces"
    starts = [i for i, token in enumerate(tokens) if i == 0 or token.word is None or token.word != tokens[i - 1].word]
    shown.token("query", 0).hover()
    expect(shown.token("key", 0).locator(".token-value")).not_to_have_text("")
    row = np.add.reduceat(captured.weights(2, 4)[0].astype(np.float64), starts)
    assert np.abs(np.array([printed(text)[0] for text in shown.values("key")]) - row).max() < 0.002
    shown.token("query", 1).click()
    expect(shown.token("query", 1)).to_have_attribute("aria-selected", "true")
    assert shown.selected("query") == [1]
