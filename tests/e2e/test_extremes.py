"""Shapes and texts that break viewers: the page shows something right for each of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from opened import Opened, Shown, until
from playwright.sync_api import expect

from attnwidget import Attention, AttnView
from attnwidget.export import pages
from attnwidget.modes import MODES

HOSTILE = [
    "</script><script>window.hurt=1</script>",
    "<img src=x onerror='window.hurt=1'>",
    "<!--<script>",
    "\"'`&lt;",
    "]]>",
    "javascript:window.hurt=1",
    "\u202eright to left",
    "مرحبا",
    "e\u0301\u0301\u0301",
    "👩‍👩‍👧‍👦",
    "犬",
    "\u0000\u0007\u001b[31m",
    "\ud800",
    "a\nb\tc",
    "",
    " ",
    "x" * 300,
    "__proto__",
    "${window.hurt=1}",
]


def softmax_rows(*shape: int) -> np.ndarray:
    scores = np.random.default_rng(0).normal(size=shape) * 2
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("mode", ["lines", "matrix", "heads"])
@pytest.mark.parametrize(
    ("layers", "heads", "queries", "keys"),
    [(1, 1, 1, 1), (2, 1, 5, 5), (2, 64, 9, 9), (2, 3, 2, 40), (2, 3, 40, 2), (1, 2, 300, 300)],
)
def test_shapes(opened: Opened, mode: str, layers: int, heads: int, queries: int, keys: int) -> None:
    view = AttnView.from_arrays(
        softmax_rows(layers, heads, queries, keys),
        [f"q{i}" for i in range(queries)],
        [f"k{i}" for i in range(keys)],
        mode=mode,
    )
    shown = opened.view(view)
    assert shown.find("button.head").count() == (0 if mode == "heads" else heads)
    assert shown.ink(".picture canvas") > 0
    expect(shown.find(".absence")).to_have_count(0)


def test_layers_with_different_head_counts(opened: Opened) -> None:
    arrays = [softmax_rows(heads, 4, 4) for heads in (2, 5, 1)]
    view = AttnView.from_arrays(arrays, list("abcd"), heads=[1])
    shown = opened.view(view)
    for heads in (2, 5, 1):
        expect(shown.find("button.head")).to_have_count(heads)
        assert shown.strokes() > 0
        following = shown.find("[aria-label='Next layer']")
        if following.is_enabled():
            following.click()
            shown.ready()


@pytest.mark.parametrize("mode", ["lines", "matrix"])
def test_hostile_tokens_and_title(opened: Opened, mode: str) -> None:
    n = len(HOSTILE)
    view = AttnView.from_arrays(softmax_rows(1, 2, n, n), HOSTILE, mode=mode)
    view.title = "</title></script><script>window.hurt=1</script><b>bold</b>"
    shown = opened.view(view)
    assert shown.page.evaluate("window.hurt") is None
    assert shown.find("script, img, b, a").count() == 0
    assert (
        shown.page.locator(
            "body > *:not(main):not(script):not(noscript), main > *:not(h1):not(h2):not(div):not(script):not(noscript)"
        ).count()
        == 0
    )
    if mode == "lines":
        assert shown.find(".tokens-query .token").count() == n
        for index in range(n):
            assert shown.token("query", index).locator(".token-text").inner_text().strip() != "" or index == 15
    expect(shown.find(".footer-title")).to_contain_text("<b>bold</b>")


def test_hostile_texts_in_every_mode_and_in_a_comparison(opened: Opened) -> None:
    """Nothing of it becomes an element, nothing runs, and nothing is asked for, as `opened` sees to."""
    n, hurt = len(HOSTILE), HOSTILE[1]
    weights = softmax_rows(2, 2, n, n)
    one, two = (Attention.from_arrays(weights, HOSTILE, model_name=name, text=name) for name in (hurt, HOSTILE[0]))
    view = AttnView(one, selected_queries=[1], selected_keys=[0])
    compared = AttnView.compare(one, two, names=(hurt, HOSTILE[0]))
    page = opened.page(pages.to_html([view, compared], title=hurt))
    for index in (0, 1):
        shown = Shown(page, index).ready()
        for mode in MODES:
            shown.choose(mode)
            expect(shown.find(f"[data-value='{mode}']").first).to_have_attribute("aria-checked", "true")
            page.wait_for_timeout(100)
            assert shown.find("script, img, b, iframe, object, embed, style, link").count() == 0, mode
    assert page.evaluate("window.hurt") is None


def test_a_long_text_scrolls_and_keeps_few_elements(opened: Opened) -> None:
    n = 1200
    view = AttnView.from_arrays(softmax_rows(1, 1, n, n), [f"t{i}" for i in range(n)])
    shown = opened.view(view)
    assert shown.strokes() <= 2000
    assert shown.find(".token").count() < 300
    shown.find(".scroller").evaluate("e => { e.scrollTop = e.scrollHeight }")
    expect(shown.token("query", n - 1)).to_be_visible()
    shown.token("query", n - 1).hover()
    expect(shown.token("key", n - 1).locator(".token-value")).not_to_have_text("")


def test_a_hidden_tab_draws_without_animation_frames(opened: Opened, view: AttnView, tmp_path: Path) -> None:
    """Browsers give none to a page that nobody sees; once it is seen everything must be there."""
    path = tmp_path / "hidden.html"
    path.write_text(view.to_html(), encoding="utf-8")
    page = opened.browser.new_page()
    page.add_init_script("window.requestAnimationFrame = () => 0")
    page.goto(path.as_uri())
    shown = Shown(page).ready()
    assert shown.ink("canvas[data-strokes]") > 500
    shown.find("[aria-label='Next layer']").click()
    for mode in ("matrix", "heads", "lines"):
        shown.choose(mode)
        shown.ready()
        until(page, lambda: shown.ink(".picture canvas") > 500, "the picture is painted")
    assert shown.layer() == 4
    page.close()
