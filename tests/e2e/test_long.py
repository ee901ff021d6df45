"""Texts of which the page holds the largest weights alone: every mode draws or says what it does, and asks little."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import transformers
from live import Live
from opened import until
from playwright.sync_api import Browser, expect

import attnwidget
from attnwidget import AttnView
from attnwidget.answers import statistics

TOKENS = 2100
MANY = 16_384


def shown(browser: Browser, tokens: int, layers: int, heads: int) -> Iterator[Live]:
    """A causal model on a page that it answers."""
    torch.manual_seed(3)
    sizes: dict[str, Any] = {"n_embd": 8 * heads, "n_layer": layers, "n_head": heads, "n_positions": tokens}
    model = transformers.GPT2Model(transformers.GPT2Config(**sizes, vocab_size=50, n_inner=16)).eval()
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.data *= 8
    captured = attnwidget.capture(model, {"input_ids": torch.randint(0, 50, (1, tokens))})
    page = browser.new_page(viewport={"width": 1000, "height": 1300})
    page.set_default_timeout(60_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.goto("about:blank")
    # In a tab that nobody looks at nothing is sent for that nobody asked for.
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    yield Live(page, AttnView(captured)).ready()
    page.close()
    assert complaints == []


@pytest.fixture(scope="module")
def live(browser: Browser) -> Iterator[Live]:
    """One page for most tests here."""
    yield from shown(browser, TOKENS, 3, 6)


@pytest.fixture
def longest(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.setattr(statistics, "MOST_READ", 0)  # the fewest rows that there may be
    yield from shown(browser, MANY, 2, 2)


def cancelled(live: Live) -> int:
    count: int = live.page.evaluate("window.sent.filter(one => one.kind === 'cancel').length")
    return count


def test_lines_are_a_window_of_bounded_strokes_beside_a_minimap(live: Live) -> None:
    expect(live.find(".minimap")).to_be_visible()
    assert 0 < live.strokes() <= 2000
    assert live.find(".token").count() < 200
    live.find(".minimap").click(position={"x": 5, "y": 400})
    expect(live.find(".tokens-query .token").first).to_have_attribute("data-index", re.compile(r"^([5-9]\d\d|\d{4,})$"))
    assert 0 < live.strokes() <= 2000
    # Rows above the diagonal's key are known to be empty there, asked for or not.
    key = live.find(".tokens-key .token").nth(20)
    key.hover()
    above = live.find(".tokens-query .token-value").all_inner_texts()[:15]
    assert set(above) == {"0"}
    live.rest()


def test_a_pointer_that_races_asks_no_faster_than_python_answers(live: Live) -> None:
    before = len(live.asked)
    box = live.find(".tokens-query").bounding_box()
    frame = live.find(".scroller").bounding_box()
    assert box is not None
    assert frame is not None
    x = box["x"] + box["width"] / 2
    live.page.mouse.move(x, frame["y"] + 4)
    live.page.mouse.move(x, frame["y"] + frame["height"] - 10, steps=100)
    # The last one is answered with whole numbers.
    expect(live.find(".tokens-key .token-value").first).not_to_contain_text("≥")
    rows = [one for one in live.asked[before:] if one["what"] == "rows"]
    asked = [tuple(one["queries"]) for one in rows]
    assert 0 < len(asked) <= 40
    assert max(Counter(asked).values()) == 1, "what has come is not asked for again"
    # Held now: pointing at it once more asks for nothing.
    count = len(live.asked)
    live.page.mouse.move(x, frame["y"] + frame["height"] - 30)
    live.page.mouse.move(x, frame["y"] + frame["height"] - 10)
    live.page.wait_for_timeout(150)
    again = [tuple(one["queries"]) for one in live.asked[count:]]
    assert asked[-1] not in again
    live.rest()


def test_layers_passed_by_are_given_up(live: Live) -> None:
    before = cancelled(live)
    live.page.evaluate(
        """() => {
            const {shadowRoot} = [...document.querySelectorAll("*")].find(one => one.shadowRoot);
            const step = (name) => shadowRoot.querySelector(`[aria-label="${name} layer"]`).click();
            step("Next");
            return new Promise(go => setTimeout(() => { step("Previous"); go(); }));
        }"""
    )
    live.ready()
    assert live.layer() == 0
    assert cancelled(live) == before + 1
    live.find("[aria-label='Next layer']").click()
    live.ready()
    live.find("[aria-label='Previous layer']").click()
    live.ready()


def test_other_layers_follow_while_the_reader_rests(live: Live) -> None:
    before = len(live.asked)
    here = live.find(".layer-bar > .layer-stack > :first-child")
    expect(here).to_have_count(2)
    live.page.evaluate("delete document.hidden")
    expect(here).to_have_count(3)
    assert [(one["what"], one.get("layer")) for one in live.asked[before:]] == [("layer", 2)]
    # Nothing is asked for when the reader goes there.
    live.find(".layer-bar").nth(2).click()
    live.ready()
    assert live.layer() == 2
    live.find(".layer-bar").nth(0).click()
    live.ready()
    assert [one for one in live.asked[before:] if one["what"] == "layer"][1:] == []


@pytest.mark.parametrize("mode", ["matrix", "heads", "profile", "trace", "steps", "lines"])
def test_every_mode_draws_or_says_what_it_does(live: Live, mode: str) -> None:
    live.choose(mode)
    live.rest()
    if mode == "matrix":
        expect(live.find(".matrix-note[data-waiting='0']")).to_be_visible()
        until(live.page, lambda: live.ink(".cells canvas") > 10_000, "the cells are drawn")
        # A key of thousands of rows: what it takes of all of them is said at once.
        live.find(".axis-key .axis-label").nth(2).hover()
        expect(live.find(".takes")).to_contain_text("%")
        expect(live.find(".links tr")).not_to_have_count(0)
    elif mode == "heads":
        expect(live.find(".atlas-heads canvas")).to_be_visible()
        until(live.page, lambda: live.ink(".atlas-heads canvas") > 1000, "the heads are drawn")
    elif mode == "profile":
        expect(live.find(".picture")).to_contain_text("%")
    elif mode in ("trace", "steps"):
        expect(live.find(f".picture .{mode}[aria-busy=true]")).to_have_count(0)
        expect(live.find(".picture canvas, .picture table").first).to_be_attached()
    else:
        live.ready()
        assert 0 < live.strokes() <= 2000
        assert live.find(".token").count() < 200


def test_sixteen_thousand_tokens_in_every_mode(longest: Live) -> None:
    assert 0 < longest.strokes() <= 2000
    longest.find(".minimap").click(position={"x": 5, "y": 600})
    token = longest.find(".tokens-query .token").nth(10)
    expect(token).not_to_have_attribute("data-index", "10")
    assert int(token.get_attribute("data-index") or 0) > MANY // 2
    token.hover()
    expect(longest.find(".said")).to_contain_text("of what is written")
    assert longest.find(".token").count() < 200
    longest.rest()
    longest.choose("matrix")
    expect(longest.find(".matrix-note[data-waiting='0']")).to_be_visible(timeout=60_000)
    until(longest.page, lambda: longest.ink(".cells canvas") > 10_000, "the cells are drawn")
    longest.choose("heads")
    expect(longest.find(".gate")).to_contain_text(f"Read from 256 of its {MANY} rows")
    # Pictures of the layer that nobody looked at come as well.
    expect(longest.find(".atlas-cells")).to_have_attribute("data-missing", "0")
    longest.choose("profile")
    expect(longest.find(".parts figcaption")).to_contain_text(f"256 of the {MANY} rows of this text, evenly spaced")
    expect(longest.find(".verdict")).to_contain_text("rows: 256")
    longest.choose("trace")
    expect(longest.find(".trace[aria-busy=false] .trace-top li").first).to_be_visible()
    longest.choose("steps")
    expect(longest.find(".steps[aria-busy=false] .steps-row").first).to_be_visible()
    # The token that was chosen for the reader is among those that are seen.
    expect(longest.find(".pick-token[data-chosen]")).to_be_in_viewport()
    assert longest.page.evaluate(
        """() => {
            const {shadowRoot} = [...document.querySelectorAll("*")].find(one => one.shadowRoot);
            const [list, chosen] = [".pick-tokens", ".pick-token[data-chosen]"].map(
                (one) => shadowRoot.querySelector(one).getBoundingClientRect());
            return chosen.top >= list.top && chosen.bottom <= list.bottom;
        }"""
    )
