"""Mode Heads: every head pictured, labelled, sorted, filtered, collected; in a page of its own and live, both ways."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from bridged import Bridged, LiveView
from conftest import SENTENCE
from opened import Opened, Shown, until
from playwright.sync_api import Browser, expect

from attnwidget import AttnView
from attnwidget.answers import statistics as page_statistics
from attnwidget.statistics.corpus import HeadProfile

if TYPE_CHECKING:
    from attnwidget import Attention

TEXTS = 24


@pytest.fixture(scope="module")
def corpus(attention: Attention) -> HeadProfile:
    """One text many times over: quick, and different from the text in nothing but its certainty."""
    return HeadProfile.from_statistics([attention.statistics()] * TEXTS)


@pytest.fixture
def live(browser: Browser) -> Iterator[Callable[[LiveView], Bridged]]:
    shown: list[Bridged] = []

    def show(view: LiveView) -> Bridged:
        page = browser.new_page(viewport={"width": 1000, "height": 1200})
        page.set_default_timeout(60_000)
        shown.append(Bridged(page, view))
        return shown[-1]

    yield show
    for one in shown:
        one.page.close()
        one.view.close()
        assert one.complaints == []


def to(shown: Shown, layer: int, position: int) -> None:
    """Put the keyboard's focus on a head, counted as shown."""
    shown.find(".atlas-heads").focus()
    press = shown.page.keyboard.press
    for _ in range(80):
        press("ArrowUp")
    press("Home")
    for _ in range(layer):
        press("ArrowDown")
    for _ in range(position):
        press("ArrowRight")


def point(shown: Shown, layer: int, position: int) -> tuple[float, float]:
    """Where a head is on the screen: in the middle of the frame that the keyboard puts around it."""
    to(shown, layer, position)
    box = shown.find(".here").bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def tip(shown: Shown) -> str:
    return re.sub(r"\s+", " ", shown.find(".tip").inner_text())


def sorted_heads(attention: Attention, layer: int, name: str) -> list[int]:
    values = attention.statistics()[name][layer]
    return sorted(range(len(values)), key=lambda head: (-float(f"{values[head]:.4g}"), head))


def test_every_head_is_pictured_and_counted_by_label(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode = "heads"
    shown = opened.view(view)
    assert shown.ink(".atlas-heads canvas") > 100_000
    counts = Counter(label.label for label in attention.labels())
    expect(shown.find(".filter-chips button[data-label]")).to_have_count(len(counts))
    for button in shown.find(".filter-chips button[data-label]").all():
        label = button.get_attribute("data-label") or ""
        assert int(button.locator(".number").inner_text()) == counts[label]
    expect(shown.find(".filter-count")).to_have_text("72 of 72 heads")
    expect(shown.find(".gate")).to_contain_text("described, not judged")


def test_a_head_under_the_pointer_says_what_it_does(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode = "heads"
    shown = opened.view(view)
    labels = {(label.layer, label.head): label for label in attention.labels()}
    kinds = np.array([token.kind for token in attention.key_tokens()])
    for place in ((0, 2), (1, 8), (5, 11)):
        shown.page.mouse.move(*point(shown, *place))
        expect(shown.find(".tip")).to_contain_text(labels[place].text())
        share = attention.weights(*place)[:, kinds == "cls"].sum(axis=1, dtype=np.float64).mean()
        said = re.search(r"\[CLS\] (\d+) %", tip(shown))
        assert said is not None
        assert abs(int(said[1]) - 100 * share) < 1
    shown.rest()
    expect(shown.find(".tip")).to_have_count(0)


def test_heads_are_sorted_within_their_layer(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode, view.sort = "heads", "entropy"
    shown = opened.view(view)
    expect(shown.find("select")).to_have_value("entropy")
    statistics = attention.statistics()
    for layer, position in ((0, 0), (0, 11), (3, 4)):
        head = sorted_heads(attention, layer, "entropy")[position]
        to(shown, layer, position)
        assert tip(shown).startswith(f"L{layer} H{head} ")
        printed = re.search(r"entropy: ([\d.]+) \(nats\)", tip(shown))
        assert printed is not None
        assert abs(float(printed[1]) - statistics["entropy"][layer, head]) < 0.006
    shown.find("select").select_option("")
    to(shown, 3, 4)
    assert tip(shown).startswith("L3 H4 ")


def test_only_heads_of_a_label_are_pictured(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode = "heads"
    shown = opened.view(view)
    count = sum(label.label == "cls_sink" for label in attention.labels())
    button = shown.find("[data-label=cls_sink]")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(shown.find(".filter-count")).to_have_text(f"{count} of 72 heads")
    shown.find(".heads-table summary").click()
    expect(shown.find(".heads-table tbody tr")).to_have_count(count)
    button.click()
    expect(shown.find(".filter-count")).to_have_text("72 of 72 heads")
    everything = shown.ink(".atlas-heads canvas")
    view.only = "cls_sink"
    assert opened.view(view).ink(".atlas-heads canvas") < 0.6 * everything


def test_names_that_are_none_are_told(opened: Opened, view: AttnView) -> None:
    view.mode, view.sort, view.only = "heads", "charm", "wizard"
    shown = opened.view(view)
    expect(shown.find(".atlas")).to_contain_text("“charm” is not a statistic")
    expect(shown.find(".atlas")).to_contain_text("no head here is labelled “wizard”")
    expect(shown.find(".filter-count")).to_have_text("0 of 72 heads")
    to(shown, 0, 3)
    assert tip(shown).startswith("L0 H3 ")


def test_click_opens_and_shift_click_collects(opened: Opened, view: AttnView) -> None:
    view.mode = "heads"
    shown = opened.view(view)
    places = [point(shown, 1, 8), point(shown, 5, 10)]
    below = shown.find(".atlas-heads").bounding_box()
    shown.page.keyboard.down("Shift")
    for place in places:
        shown.page.mouse.click(*place)
    shown.page.keyboard.up("Shift")
    expect(shown.find(".tray")).to_contain_text("2 heads:")
    expect(shown.find(".tray li .number")).to_have_text(["L1 H8", "L5 H10"])
    assert shown.find(".atlas-heads").bounding_box() == below, "nothing moves when a head is collected"
    shown.find(".tray li button").first.click()
    expect(shown.find(".tray li .number")).to_have_text(["L5 H10"])
    shown.page.keyboard.down("Shift")
    shown.page.mouse.click(*places[0])
    shown.page.keyboard.up("Shift")
    shown.find(".tray-show").click()
    expect(shown.find("[data-value=lines]")).to_have_attribute("aria-checked", "true")
    expect(shown.find(".side-title")).to_contain_text("L5 H10, L1 H8")
    shown.choose("heads")
    shown.page.mouse.click(*point(shown, 4, 2))
    assert (shown.layer(), shown.pressed_heads()) == (4, [2])


def test_the_keyboard_moves_opens_collects_and_is_read_out(
    opened: Opened, view: AttnView, attention: Attention
) -> None:
    view.mode = "heads"
    shown = opened.view(view)
    to(shown, 1, 8)
    label = next(label for label in attention.labels() if (label.layer, label.head) == (1, 8))
    expect(shown.find(".spoken")).to_contain_text(f"Layer 1, head 8. {label.text()}")
    shown.page.keyboard.press("Shift+Enter")
    expect(shown.find(".tray li .number")).to_have_text(["L1 H8"])
    shown.page.keyboard.press("Escape")
    expect(shown.find(".tray li")).to_have_count(0)
    shown.page.keyboard.press("End")
    shown.page.keyboard.press("ArrowDown")
    assert tip(shown).startswith("L2 H11 ")
    shown.page.keyboard.press("Enter")
    assert (shown.layer(), shown.pressed_heads()) == (2, [11])


def test_a_finger_sees_first_then_opens_or_collects(browser: Browser, view: AttnView, tmp_path: Any) -> None:
    view.mode = "heads"
    path = tmp_path / "page.html"
    path.write_text(view.to_html(), encoding="utf-8")
    context = browser.new_context(viewport={"width": 400, "height": 900}, has_touch=True)
    page = context.new_page()
    page.goto(path.as_uri())
    shown = Shown(page)
    expect(shown.find(".filter")).to_be_visible()
    page.touchscreen.tap(*point(shown, 0, 2))
    expect(shown.find(".tray-touched")).to_contain_text("L0 H2")
    expect(shown.find(".tip")).to_contain_text("previous token")
    shown.find(".tray-touched button").nth(1).tap()
    expect(shown.find(".tray li .number")).to_have_text(["L0 H2"])
    shown.find(".tray-touched button").first.tap()
    assert (shown.layer(), shown.pressed_heads()) == (0, [2])
    context.close()


def test_pictures_relative_to_an_even_share(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode, view.scale = "heads", "relative"
    shown = opened.view(view)
    expect(shown.find(".filter")).to_be_visible()
    assert shown.find(".legend .legend-tick").all_inner_texts() == ["≤1/16×", "1×", "16×"]
    expect(shown.find(".legend")).to_contain_text("÷ even share")
    # Of layer 0 head 2, which looks at the previous token: red on that diagonal, blue beside it.
    weights = attention.weights(0, 2)
    middle = point(shown, 0, 2)
    frame, canvas = shown.find(".here").bounding_box(), shown.find(".atlas-heads canvas").bounding_box()
    assert frame is not None
    assert canvas is not None
    size = frame["width"] - 6
    pixels = shown.find(".atlas-heads canvas").evaluate(
        """(canvas, [x, y, cell, n]) => {
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), at = [];
            for (let row = 0; row < n; row++) for (let column = 0; column < n; column++) {
                const place = [x + (column + 0.5) * cell / n, y + (row + 0.5) * cell / n].map(Math.round);
                const pixel = 4 * (place[1] * canvas.width + place[0]);
                at.push([...data.slice(pixel, pixel + 3)]);
            }
            return at;
        }""",
        [middle[0] - canvas["x"] - size / 2, middle[1] - canvas["y"] - size / 2, size, len(weights)],
    )
    red = np.array(pixels).reshape(*weights.shape, 3)
    warm = red[..., 0].astype(int) - red[..., 2]
    assert (warm[weights > 2 / len(weights)] > 20).all()
    assert (warm[weights < 0.3 / len(weights)] < -20).all()


# ---- both ways


def test_nothing_is_asked_before_heads_is_opened(live: Callable[[LiveView], Bridged], attention: Attention) -> None:
    shown = live(LiveView(attention, layer=3)).ready()
    assert shown.asked == []
    shown.view.mode = "heads"
    shown.give(shown.find(".filter"))
    assert shown.asked == ["statistics"]
    shown.choose("profile")
    expect(shown.find(".verdict h3")).to_be_visible()
    assert shown.asked == ["statistics"], "one answer serves both modes"


def test_sort_and_only_are_set_from_python_and_heard_there(
    live: Callable[[LiveView], Bridged], attention: Attention
) -> None:
    shown = live(LiveView(attention, mode="heads"))
    view = shown.view
    shown.give(shown.find(".filter"))
    view.sort, view.only = "prev", "broad"
    shown.give(shown.find("[data-label=broad][aria-pressed=true]"))
    expect(shown.find("select")).to_have_value("prev")
    to(shown, 0, 0)
    assert tip(shown).startswith("L0 H2 "), "the previous-token head of layer 0 comes first"
    shown.find("select").select_option("mi")
    shown.find("[data-label=previous]").click()
    until(shown.page, lambda: (view.sort, view.only) == ("mi", "previous"), "Python has heard of it")
    shown.find("[data-label=previous]").click()
    until(shown.page, lambda: view.only == "", "Python has heard of it")


def test_evidence_is_switched_from_both_sides(
    live: Callable[[LiveView], Bridged], attention: Attention, corpus: HeadProfile
) -> None:
    shown = live(LiveView(attention, mode="heads", profile=corpus))
    view = shown.view
    expect(shown.find(".gate")).to_contain_text(f"Judged on {TEXTS} texts")
    assert shown.asked == [], "the profile came with the view"
    shown.choose("text")
    shown.give(shown.find(".gate").filter(has_text="One text: described, not judged"))
    assert view.evidence == "text"
    assert shown.asked == ["statistics"]
    view.evidence = "corpus"
    shown.give(shown.find(".gate").filter(has_text="Judged on"))
    to(shown, 0, 2)
    assert f"on these {TEXTS} texts" in tip(shown)


def test_collected_heads_are_pinned_in_python(live: Callable[[LiveView], Bridged], attention: Attention) -> None:
    shown = live(LiveView(attention, mode="heads", pinned=[(1, 8)]))
    shown.give(shown.find(".filter"))
    expect(shown.find(".tray li .number")).to_have_text(["L1 H8"])
    to(shown, 5, 10)
    shown.page.keyboard.press("Shift+Enter")
    until(shown.page, lambda: shown.view.pinned == [(1, 8), (5, 10)], "Python has heard of it")
    shown.view.pinned = []
    shown.give()
    expect(shown.find(".tray li")).to_have_count(0)
    shown.page.keyboard.press("Enter")
    opened_head = ("lines", 5, [10])
    until(
        shown.page,
        lambda: (shown.view.mode, shown.view.layer, shown.view.heads) == opened_head,
        "Python has heard of it",
    )


def test_a_released_view_says_so_and_tries_again(live: Callable[[LiveView], Bridged], attention: Attention) -> None:
    shown = live(LiveView(attention, layer=3)).ready()
    shown.view.release()
    shown.view.mode = "heads"
    shown.give(shown.find(".gate").filter(has_text="released its capture"))
    shown.page.wait_for_timeout(1100)
    shown.view._show(attention, "encoder")
    shown.find(".gate button").click()
    shown.give(shown.find(".filter"))


# ---- other models, other sizes


def test_shared_keys_and_windows_are_told(opened: Opened, make_gemma: Any) -> None:
    view = AttnView(make_gemma, {"input_ids": torch.arange(2, 20)[None]}, mode="heads")
    shown = opened.view(view)
    expect(shown.find(".atlas-notes")).to_contain_text("Bracket: heads that share keys and values")
    to(shown, 0, 1)
    expect(shown.find(".tip")).to_contain_text("Shares its keys and values with heads 0.")
    view.sort = "entropy"
    again = opened.view(view)
    expect(again.find(".atlas-notes")).not_to_contain_text("Bracket")


@pytest.fixture(scope="module")
def make_gemma() -> Any:
    import transformers
    from tiny import peaky

    config = transformers.Gemma2Config(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=6,
    )
    return peaky(transformers.Gemma2ForCausalLM(config))


def test_a_layer_without_weights_keeps_its_row(opened: Opened) -> None:
    weights = softmax(3, 2, 6)
    view = AttnView.from_arrays([weights[0], None, weights[2]], list("abcdef"), mode="heads")
    shown = opened.view(view)
    to(shown, 0, 1)
    assert tip(shown).startswith("L0 H1")
    shown.page.keyboard.press("ArrowDown")
    assert tip(shown).startswith("L2 H1")


def softmax(layers: int, heads: int, n: int) -> np.ndarray[Any, Any]:
    cells = np.exp(2 * np.random.default_rng(0).normal(size=(layers, heads, n, n)))
    weights: np.ndarray[Any, Any] = (cells / cells.sum(-1, keepdims=True)).astype(np.float32)
    return weights


@pytest.mark.parametrize("width", [400, 1000])
def test_a_thousand_heads_are_one_canvas(opened: Opened, width: int) -> None:
    view = AttnView.from_arrays(softmax(32, 32, 8), [f"w{i}" for i in range(8)], mode="heads")
    shown = opened.view(view, width=width)
    expect(shown.find(".filter-count")).to_have_text("1024 of 1024 heads")
    assert shown.root.evaluate("root => root.querySelectorAll('*').length") < 400
    wide = shown.root.evaluate("root => [root.scrollWidth, root.clientWidth]")
    assert wide[0] <= wide[1]
    lines = 1 if width == 1000 else 2
    to(shown, 31 * lines, 5)
    assert tip(shown).startswith("L31 H5 ")


def test_without_statistics_heads_are_still_there_and_what_lacks_is_named(
    opened: Opened, attention: Attention, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_statistics, "for_export", lambda *_: {})
    monkeypatch.setattr("attnwidget.written.for_export", lambda *_: {})
    shown = opened.view(AttnView(attention, mode="heads"))
    expect(shown.find(".gate")).to_contain_text('view.save("attn.html")')
    assert shown.ink(".atlas-heads canvas") > 50_000
    expect(shown.find(".filter")).to_have_count(0)
    to(shown, 1, 8)
    assert tip(shown) == "L1 H8"


def test_pictures_of_a_long_text_are_brought_layer_by_layer(
    live: Callable[[LiveView], Bridged], attention: Attention, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnwidget.view.ALL_AT_ONCE", 100)
    monkeypatch.setattr(import_module("attnwidget.wire.encode"), "MOST_PICTURED_CELLS", 100)
    shown = live(LiveView(attention, layer=3)).ready()
    shown.view.mode = "heads"
    shown.give(shown.find(".filter"))
    every = {"statistics": 1, "pictures": 5}
    until(
        shown.page,
        lambda: Counter(shown.give().asked) == every and shown.ink(".atlas-heads canvas") > 100_000,
        "every layer but the one that was shown was asked for, once, and is drawn",
    )
    shown.page.wait_for_timeout(500)
    assert Counter(shown.give().asked) == every


def test_pictures_of_a_short_text_are_not_asked_for(
    live: Callable[[LiveView], Bridged], attention: Attention, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnwidget.view.ALL_AT_ONCE", 100)
    shown = live(LiveView(attention, mode="heads"))
    shown.give(shown.find(".filter"))
    shown.page.wait_for_timeout(200)
    assert shown.asked == ["statistics"]


@pytest.mark.parametrize(("lang", "word"), [("en", "previous"), ("ja", "直前")])
def test_labels_are_in_the_language_of_the_page(opened: Opened, attention: Attention, lang: str, word: str) -> None:
    shown = opened.view(AttnView(attention, mode="heads", lang=lang))
    expect(shown.find("[data-label=previous] .chip")).to_have_text(word)
    to(shown, 0, 2)
    label = next(label for label in attention.labels() if (label.layer, label.head) == (0, 2))
    expect(shown.find(".tip")).to_contain_text(label.text(lang))
    assert SENTENCE in attention.text
