"""Mode Steps in a browser: every number is the model's, and a live page asks Python for what it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lab import Lab
from opened import Opened, Shown, until
from playwright.sync_api import Browser, expect

from attnwidget import Attention, AttnView, capture
from attnwidget.wire.codec import format_weight

if TYPE_CHECKING:
    pass

DOG, HUNGRY = 2, 9


def settled(shown: Shown, layer: int, head: int, query: int) -> Shown:
    expect(shown.find(f".steps[aria-busy=false] [data-shown='{layer}/{head}/{query}']")).to_be_visible()
    return shown


def number(text: str) -> float:
    return -np.inf if text == "−∞" else float(text.replace("−", "-"))


def column(shown: Shown, name: str) -> list[str]:
    """The printed numbers of a column, key by key."""
    return shown.find(f"td[data-column='{name}']").all_inner_texts()


def weights(shown: Shown) -> list[str]:
    return shown.find("tr.steps-row .steps-weight strong").all_inner_texts()


def labels(shown: Shown) -> list[str]:
    return shown.find("tr.steps-row .token-text").all_inner_texts()


def said(shown: Shown) -> str:
    return shown.find(".steps-say").inner_text()


def strip(shown: Shown, key: int, place: int, dimension: int, count: int) -> None:
    """Hover one dimension: in the strip of k (0), q × k (1) or the weighted value (the last cell)."""
    found = shown.find(f"tr[data-key='{key}'] td").nth(place)
    box = found.bounding_box()
    assert box is not None
    inner = box["width"] - 14
    found.hover(position={"x": 7 + (dimension + 0.5) * inner / count, "y": box["height"] / 2})


def test_every_printed_number_is_the_models(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode, view.layer, view.heads, view.selected_queries = "steps", 5, [9], [HUNGRY]
    shown = settled(opened.view(view), 5, 9, HUNGRY)
    q, k, v = (getattr(attention, which)(5, 9).astype(float) for which in ("query", "key", "value"))
    sums = k @ q[HUNGRY]
    np.testing.assert_allclose([number(x) for x in column(shown, "sum")], sums, atol=6e-4)
    scores = attention.scores(5, 9)[HUNGRY]
    np.testing.assert_allclose([number(x) for x in column(shown, "scaled")], scores, atol=6e-4)
    printed = weights(shown)
    truth = attention.weights(5, 9)[HUNGRY]
    assert printed == [format_weight(float(weight)) for weight in truth]
    assert labels(shown) == [t.text for t in attention.tokens]
    assert shown.find(".steps-output strong").inner_text() == "1.000"
    assert "12 × 384" in shown.find(".steps-shapes").inner_text()
    assert "12 × 32" in shown.find(".steps-shapes").inner_text()
    assert "1/√32" in shown.find("th[data-column='scaled']").inner_text()

    strip(shown, 3, 0, 17, 32)
    until(shown.page, lambda: re.findall(r"\d+", said(shown))[:1] == ["17"], "dimension 17 is said")
    found = re.findall(r"[−\d.]+", said(shown))
    assert int(found[0]) == 17
    numbers = [number(x) for x in found[1:]]
    wanted = [q[HUNGRY, 17], k[3, 17], q[HUNGRY, 17] * k[3, 17], truth[3], v[3, 17], truth[3] * v[3, 17]]
    np.testing.assert_allclose(numbers, wanted, atol=6e-4)
    assert "chased" in said(shown)
    assert shown.ink(".steps-canvas >> nth=1") > 300, "the dimension is framed"
    strip(shown, 5, -1, 3, 32)
    assert "dimension 3 " in said(shown)
    shown.rest()
    assert said(shown).startswith("Hover a colour")
    assert shown.ink(".steps-canvas >> nth=0") > 20_000


def test_queries_are_previewed_and_locked_and_keys_sorted(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode, view.heads = "steps", [7]
    shown = settled(opened.view(view), 3, 7, HUNGRY)
    shown.find(".pick-query [data-index='2']").hover()
    settled(shown, 3, 7, DOG)
    shown.rest()
    settled(shown, 3, 7, HUNGRY)
    shown.find(".pick-query [data-index='2']").click()
    shown.find(".pick-query [data-index='5']").hover()
    settled(shown, 3, 7, DOG)
    truth = attention.weights(3, 7)[DOG]
    shown.find("[data-value='weight']").click()
    order = np.argsort(-truth, kind="stable")
    assert labels(shown) == [attention.tokens[i].text for i in order]
    assert weights(shown) == [format_weight(float(truth[i])) for i in order]
    shown.find("tr[data-key='4']").click()
    shown.rest()
    expect(shown.find("tr[data-locked]")).to_have_attribute("data-key", "4")
    assert format_weight(float(truth[4])) in said(shown)
    shown.page.keyboard.press("Escape")
    assert shown.find("tr[data-locked]").count() == 0
    settled(shown, 3, 7, HUNGRY)


def test_cells_are_read_by_keyboard(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode, view.heads, view.selected_queries = "steps", [7], [DOG]
    shown = settled(opened.view(view), 3, 7, DOG)
    shown.find(".steps-scroll").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"):
        shown.page.keyboard.press(key)
    q, k = attention.query(3, 7)[DOG, 1], attention.key(3, 7)[1, 1]
    found = [number(x) for x in re.findall(r"[−\d.]+", said(shown))[:4]]
    np.testing.assert_allclose(found, [1, q, k, q * k], atol=6e-4)
    shown.page.keyboard.press("Enter")
    expect(shown.find("tr[data-locked]")).to_have_attribute("data-key", "1")


def test_heads_that_the_page_lacks_are_named_and_all_can_be_had(opened: Opened, view: AttnView) -> None:
    view.mode, view.heads = "steps", [7]
    shown = settled(opened.view(view), 3, 7, HUNGRY)
    shown.head(2).click()
    expect(shown.find(".steps-problem")).to_contain_text("layer 3 head 2")
    expect(shown.find(".steps-problem")).to_contain_text("view.to_html(steps=True)")
    shown.head(7).click()
    expect(shown.find(".steps-problem")).to_have_count(0)
    whole = settled(Shown(opened.page(view.to_html(steps=True))), 3, 7, HUNGRY)
    whole.head(2).click()
    settled(whole, 3, 2, HUNGRY)
    whole.find("[aria-label='Next layer']").click()
    settled(whole, 4, 2, HUNGRY)


def test_finished_weights_have_no_steps(opened: Opened) -> None:
    view = AttnView.from_arrays(np.full((1, 2, 3, 3), 1 / 3), list("abc"), mode="steps")
    shown = Shown(opened.page(view.to_html()))
    expect(shown.find(".steps-problem")).to_contain_text("only its finished weights are known")


def test_softcap_mask_bias_and_sink_have_columns(opened: Opened, make_model: Callable[..., Any]) -> None:
    ids = torch.tensor([[9, 21, 33, 7, 15, 40, 8, 22, 50, 11]])
    shared = {"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 4}
    gemma = make_model("Gemma2", "Gemma2ForCausalLM", attn_logit_softcapping=2.0, attn_implementation="eager", **shared)
    found = capture(gemma, ids)
    assert isinstance(found, Attention)
    shown = settled(opened.view(AttnView(found, mode="steps", heads=[3], selected_queries=[7])), 0, 3, 7)
    scores = found.scores(0, 3)[7]
    np.testing.assert_allclose([number(x) for x in column(shown, "score")], scores, atol=6e-4)
    capped = np.array([number(x) for x in column(shown, "capped")])
    np.testing.assert_allclose(capped[4:8], scores[4:8], atol=6e-4)
    assert column(shown, "mask") == ["−∞"] * 4 + ["+ 0"] * 4 + ["−∞"] * 2
    assert "Heads 2–3 share" in shown.find(".steps-notes").inner_text()

    oss = make_model("GptOss", "GptOssForCausalLM", num_local_experts=2, num_experts_per_tok=1, **shared)
    found = capture(oss, ids)
    assert isinstance(found, Attention)
    shown = settled(opened.view(AttnView(found, mode="steps", heads=[1], selected_queries=[7])), 0, 1, 7)
    sink = shown.find("tr[data-key='sink']")
    assert format_weight(float(found.weights(0, 1)[7, -1])) in sink.inner_text()
    assert "without a key" in sink.inner_text()


def test_a_narrow_page_shows_a_stretch_of_the_columns(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode, view.heads, view.lang = "steps", [7], "ja"
    shown = settled(opened.view(view, width=400), 3, 7, HUNGRY)
    columns = {"weights": ["label", "sum", "scaled", "weight"], "products": ["label", "k", "qk"]}
    columns["values"] = ["label", "weight", "wv"]
    for stretch, names in columns.items():
        shown.choose(stretch)
        heads = shown.find(".steps-head").evaluate_all("all => all.map(e => e.dataset.column)")
        assert heads == names
        assert shown.page.evaluate("document.documentElement.scrollWidth") <= 400
        inner, outer = shown.find(".steps-scroll").evaluate("e => [e.scrollWidth, e.clientWidth]")
        assert inner <= outer, "nothing to scroll"
        assert shown.find("tr.steps-output td").count() >= 1
    assert shown.ink(".steps-canvas") > 2000
    assert weights(shown) == [format_weight(float(x)) for x in attention.weights(3, 7)[HUNGRY]]


LIVE = """
import torch; torch.set_num_threads(1)
import json
from attnwidget import AttnView, capture
text = " ".join(["The dog chased the cat because it was hungry."] * 20)
view = AttnView(capture({path!r}, text), layer=3, mode="steps")
view
"""


def test_a_live_page_asks_python_and_both_see_what_is_chosen(lab: Lab, browser: Browser, minilm_path: str) -> None:
    context = browser.new_context(viewport={"width": 1300, "height": 2400})
    page = context.new_page()
    page.set_default_timeout(60_000)
    told = "print(json.dumps([view.mode, view.layer, view.heads, view.selected_queries, view.selected_keys]))"
    number = "print(view.attention_data.weights(5, 2)[12, 3], len(view.attention_data.tokens))"
    moves = "view.layer = 5; view.heads = [2]; view.selected_queries = [12]"
    notebook = lab.open(page, "steps", [LIVE.format(path=minilm_path), told, moves, number])
    notebook.run(0)
    shown = Shown(page)
    shown.find(".pick-query [data-index='6']").click()
    settled(shown, 3, 0, 6)
    expect(shown.find("tr[data-key='rest']")).to_be_visible()
    shown.head(4).click()
    settled(shown, 3, 4, 6)
    shown.find("tr.steps-row").first.click()
    kept: list[Any] = []

    def heard() -> bool:
        kept[:] = json.loads(notebook.run(1))
        return kept[:4] == ["steps", 3, [4], [6]] and len(kept[4]) == 1

    until(page, heard, "Python has heard of it")

    notebook.run(2)
    settled(shown, 5, 2, 12)
    weight, tokens = notebook.run(3).split()
    shown.choose("trace")
    pair = f"12/{kept[4][0]}"
    expect(shown.find(f".trace[data-shown='{pair}'][aria-busy=false]")).to_be_visible()
    assert "compared with" in shown.find("figcaption").first.inner_text()
    shown.find(".pick-key [data-index='3']").click()
    expect(shown.find(".trace[data-shown='12/3'][aria-busy=false]")).to_be_visible()
    shown.find(".trace-table summary").click()
    cell = shown.find(".trace-table table").first.locator(f"tr[data-cell='{5 * 12 + 2}'] td").nth(2)
    assert cell.inner_text() == format_weight(float(weight))
    assert int(tokens) > 180, "long enough that the page does not hold every layer"
    context.close()
