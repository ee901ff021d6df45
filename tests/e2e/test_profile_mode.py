"""Mode Profile: bars that share out each layer, the verdict with what it rests on, for one text and for a corpus."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from bridged import Bridged, LiveView
from opened import Opened, Shown, until
from playwright.sync_api import Browser, expect

from attnwidget import AttnView
from attnwidget.statistics.corpus import HeadProfile

if TYPE_CHECKING:
    from attnwidget import Attention

TEXTS = 24


@pytest.fixture(scope="module")
def corpus(attention: Attention) -> HeadProfile:
    return HeadProfile.from_statistics([attention.statistics()] * TEXTS)


def shown_by(opened: Opened, view: AttnView, **options: int) -> Shown:
    shown = Shown(opened.page(view.to_html(), **options))
    expect(shown.find(".parts")).to_be_visible()
    return shown


def bar(shown: Shown, layer: int, which: int) -> dict[str, float]:
    """Widths of a layer's parts, as shares of the bar; 0 weight, 1 contribution."""
    widths: dict[str, float] = (
        shown.find(f"[data-layer='{layer}'] .part-bar")
        .nth(which)
        .evaluate(
            "bar => Object.fromEntries([...bar.children].map(e => [e.dataset.part, parseFloat(e.style.width) / 100]))"
        )
    )
    return widths


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def test_every_layer_is_shared_out_as_python_says(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode = "profile"
    shown = shown_by(opened, view)
    statistics = attention.statistics()
    for which, by in enumerate(("weight", "contribution")):
        shares = statistics.shares(by)
        for layer in range(6):
            parts = bar(shown, layer, which)
            assert sum(parts.values()) == pytest.approx(1, abs=1e-4)
            for name, share in shares.items():
                assert parts.get(name, 0) == pytest.approx(share[layer], abs=1e-5)


def test_a_part_under_the_pointer_has_its_numbers(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode = "profile"
    shown = shown_by(opened, view)
    statistics = attention.statistics()
    shown.find("[data-layer='4'] .part-bar [data-part=cls]").first.hover()
    weight, written = (100 * statistics.shares(by)["cls"][4] for by in ("weight", "contribution"))
    said = flat(shown.find(".part-said").inner_text())
    assert said.startswith("Layer 4 · [CLS] weight ")
    found = re.search(r"weight ([\d.]+) % · contribution ([\d.]+) % · even attention ([\d.]+) %", said)
    assert found is not None
    uniform = 100 / len(attention.tokens)
    assert np.allclose([float(x) for x in found.groups()], [weight, written, uniform], atol=0.051)
    before = shown.find(".profile-words").bounding_box()
    shown.rest()
    expect(shown.find(".part-said")).to_contain_text("Hover a part")
    assert shown.find(".profile-words").bounding_box() == before, "nothing moves with the pointer"


def test_the_table_behind_holds_every_number(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode = "profile"
    shown = shown_by(opened, view)
    shown.find(".heads-table summary").click()
    heads = [flat(text) for text in shown.find(".part-table thead th").all_inner_texts()]
    shares = attention.statistics().shares("contribution")
    column = heads.index("contribution %: [CLS]")
    for layer, row in enumerate(shown.find(".part-table tbody tr").all()):
        printed = float(row.locator("th, td").nth(column).inner_text())
        assert printed == pytest.approx(100 * shares["cls"][layer], abs=0.051)


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_one_text_is_described_and_not_judged(opened: Opened, attention: Attention, lang: str) -> None:
    shown = shown_by(opened, AttnView(attention, mode="profile", lang=lang))
    title, *paragraphs = attention.statistics().verdict(lang).split("\n\n")
    expect(shown.find(".verdict h3")).to_have_text(title)
    assert [flat(text) for text in shown.find(".verdict p").all_inner_texts()] == [flat(text) for text in paragraphs]
    gate = {"en": "described, not judged. A verdict needs 20 texts", "ja": "判定には 20 件"}
    expect(shown.find(".gate").first).to_contain_text(gate[lang])
    expect(shown.find(".gate code").first).to_have_text("AttnView(model, text, profile=profile(model, texts))")


def test_numbers_open_to_their_definition_and_source(opened: Opened, view: AttnView) -> None:
    view.mode = "profile"
    shown = shown_by(opened, view)
    nu = shown.find(".evidence .defined").filter(has_text="ν: share of what is written")
    expect(nu.locator("p")).to_be_hidden()
    nu.locator("summary").click()
    expect(nu.locator("p")).to_contain_text("Norm share ÷ attention share of a kind of key.")
    expect(nu.locator("p")).to_contain_text("Source: attnwidget")
    share = shown.find(".evidence .defined").first
    share.locator("summary").click()
    expect(share.locator("p")).to_contain_text("Unit: share of weight. Source: Clark et al. 2019")
    for row in shown.find(".defined").all():
        if row.get_attribute("open") is None:
            row.locator("summary").click()
        assert len(flat(row.locator("p").first.inner_text())) >= 15


def test_evidence_is_what_the_verdict_says(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode = "profile"
    shown = shown_by(opened, view)
    evidence = attention.statistics().to_dict()["verdict"]["evidence"]
    rows = [flat(text) for text in shown.find(".evidence summary").all_inner_texts()]
    assert f"{int(evidence['leaning'])} of 72" in rows[2]
    assert f"{int(evidence['sinks'])} of 72" in rows[3]
    assert f"{int(evidence['no_op'])} of {int(evidence['valued'])}" in rows[6]
    measured = shown.find(".verdict p").first.inner_text()
    share = re.search(r"(\d+) %", rows[0])
    assert share is not None
    assert f"takes {share[1]} % of all attention" in measured


def test_labels_are_counted_and_lead_to_their_heads(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode = "profile"
    shown = shown_by(opened, view)
    counts = Counter(label.label for label in attention.labels())
    rows = shown.find(".labels .defined")
    expect(rows).to_have_count(len(counts))
    for label, count in counts.items():
        expect(shown.find(f".labels [data-label={label}] summary")).to_contain_text(f"{count} of 72")
    sinks = shown.find(".labels [data-label=cls_sink]")
    sinks.locator("summary").click()
    expect(sinks.locator("p").first).to_contain_text("κ of [CLS] ≥ 0.6")
    expect(sinks.locator(".defined-heads .number")).to_have_count(counts["cls_sink"])
    sinks.get_by_text("Show them in Heads").click()
    expect(shown.find(".filter-count")).to_have_text(f"{counts['cls_sink']} of 72 heads")
    shown.choose("profile")
    shown.find(".labels [data-label=next] summary").click()
    shown.find(".labels [data-label=next] .defined-heads .number").click()
    assert (shown.layer(), shown.pressed_heads()) == (1, [8])


def test_a_layer_is_opened_by_click_and_by_keys(opened: Opened, view: AttnView) -> None:
    view.mode = "profile"
    shown = shown_by(opened, view)
    shown.find("[data-layer='3']").focus()
    shown.page.keyboard.press("ArrowDown")
    expect(shown.find("[data-layer='4']")).to_be_focused()
    expect(shown.find(".part-said")).to_contain_text("Weight: where it looks, %: [CLS]")
    shown.page.keyboard.press("Home")
    expect(shown.find("[data-layer='0']")).to_be_focused()
    shown.page.keyboard.press("Enter")
    shown.ready()
    assert shown.layer() == 0
    shown.choose("profile")
    shown.find("[data-layer='5']").click()
    assert shown.layer() == 5


def test_without_values_contributions_are_not_drawn_and_no_no_op_is_said(opened: Opened) -> None:
    cells = np.exp(2 * np.random.default_rng(0).normal(size=(2, 4, 6, 6)))
    weights = (cells / cells.sum(-1, keepdims=True)).astype(np.float32)
    shown = shown_by(opened, AttnView.from_arrays(weights, ["[CLS]", "a", "b", "c", "d", "[SEP]"], mode="profile"))
    expect(shown.find("[data-layer='0'] .part-missing")).to_have_text("not known: values were not recorded")
    expect(shown.find(".evidence")).to_contain_text("cannot tell no-op from read-out")
    expect(shown.find(".evidence")).not_to_contain_text("no-ops by their values")


@pytest.mark.parametrize("width", [400, 1000])
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_nothing_is_wider_than_the_page(
    opened: Opened, attention: Attention, corpus: HeadProfile, width: int, lang: str
) -> None:
    shown = shown_by(opened, AttnView(attention, mode="profile", lang=lang, profile=corpus), width=width)
    over = shown.find(".profile").evaluate(
        """root => [...root.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right >
            root.getBoundingClientRect().right + 1 && !e.closest(".heads-table-scroll")).map(e => e.className)"""
    )
    assert over == []


def test_a_corpus_is_judged_and_both_sides_switch(browser: Browser, attention: Attention, corpus: HeadProfile) -> None:
    page = browser.new_page(viewport={"width": 1000, "height": 1200})
    page.set_default_timeout(60_000)
    shown = Bridged(page, LiveView(attention, mode="profile", profile=corpus))
    view = shown.view
    expect(shown.find(".verdict h3")).to_have_text("Ordinary: nothing here asks for a check.")
    expect(shown.find(".parts figcaption")).to_contain_text(f"over {TEXTS} texts")
    means = corpus.shares("weight")
    assert bar(shown, 2, 0)["cls"] == pytest.approx(means["cls"][2], abs=1e-5)
    view.evidence = "text"
    shown.give(shown.find(".verdict h3").filter(has_text="Described, not judged"))
    shown.choose("corpus")
    until(page, lambda: view.evidence == "corpus", "Python has heard of it")
    shown.find("[data-layer='3']").click()
    until(page, lambda: (view.mode, view.layer, view.heads) == ("lines", 3, []), "Python has heard of it")
    view.lang, view.mode = "ja", "profile"
    shown.give(shown.find(".verdict h3").filter(has_text="通常"))
    assert shown.complaints == []
    view.close()
    page.close()
