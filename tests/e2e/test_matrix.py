"""Matrix mode in a browser: zoom, numbers, margins, scales, keys, and long texts whose cells Python is asked for."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import transformers
from live import Live
from opened import Opened, Shown, until
from playwright.sync_api import expect

import attnwidget
from attnwidget import AttnView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator

    from attnwidget import Attention

LONG = 2100
HEADS = 6


def cells(shown: Shown) -> tuple[float, float, float, float]:
    box = shown.find(".cells").bounding_box()
    assert box is not None
    return box["x"], box["y"], box["width"], box["height"]


def labels(shown: Shown, side: str) -> list[int]:
    return [int(x.get_attribute("data-index") or -1) for x in shown.find(f".axis-{side} .axis-label").all()]


def point(shown: Shown, query: int, key: int, n: int) -> None:
    """Move onto a cell of a whole square matrix."""
    x, y, width, height = cells(shown)
    shown.page.mouse.move(x + (key + 0.5) * width / n, y + (query + 0.5) * height / n)


def wheel(shown: Shown, times: int, at: tuple[float, float] = (0.5, 0.5), key: str = "Control") -> None:
    x, y, width, height = cells(shown)
    shown.page.mouse.move(x + width * at[0], y + height * at[1])
    shown.page.keyboard.down(key)
    for _ in range(times):
        shown.page.mouse.wheel(0, -60)
        shown.page.wait_for_timeout(30)
    shown.page.keyboard.up(key)


def numbers(shown: Shown) -> int:
    return int(shown.find(".cells canvas[data-numbers]").get_attribute("data-numbers") or -1)


def readout(shown: Shown) -> Locator:
    return shown.find(".readout")


@pytest.fixture
def matrix(opened: Opened, view: AttnView) -> Shown:
    view.mode = "matrix"
    view.heads = [10]
    return opened.view(view)


def test_zoom_by_wheel_buttons_keys_and_back(matrix: Shown) -> None:
    n = 12
    assert labels(matrix, "key") == list(range(n))
    expect(matrix.find(".matrix-map")).to_have_count(0)
    x, y, width, height = cells(matrix)
    wheel(matrix, 2, (0.9, 0.9))
    near = labels(matrix, "query")
    assert len(near) < n
    assert near[-1] == n - 1, "what is under the pointer stays there"
    assert cells(matrix) == (x, y, width, height), "the frame does not move"
    expect(matrix.find(".matrix-map")).to_be_visible()
    matrix.find("[data-zoom=out]").click()
    matrix.find("[data-zoom=out]").click()
    expect(matrix.find("[data-zoom=out]")).to_be_disabled()
    assert labels(matrix, "query") == list(range(n))
    matrix.find("[data-zoom=in]").click()
    assert len(labels(matrix, "query")) < n
    matrix.find("[data-zoom=all]").click()
    assert labels(matrix, "query") == list(range(n))
    matrix.find(".cells-keys").focus()
    matrix.page.keyboard.press("+")
    assert len(labels(matrix, "query")) < n
    matrix.page.keyboard.press("0")
    assert labels(matrix, "query") == list(range(n))


def test_a_plain_wheel_scrolls_the_page(opened: Opened, view: AttnView) -> None:
    view.mode = "matrix"
    shown = opened.view(view, height=500)
    x, y, *_ = cells(shown)
    shown.page.mouse.move(x + 50, y + 20)
    before = labels(shown, "query")
    shown.page.mouse.wheel(0, 120)
    until(shown.page, lambda: shown.page.evaluate("scrollY") > 50, "the page is scrolled")
    assert labels(shown, "query") == before


def test_a_double_click_comes_closer_and_chooses_nothing(matrix: Shown) -> None:
    matrix.find(".axis-query [data-index='4']").click()
    x, y, width, height = cells(matrix)
    matrix.page.mouse.dblclick(x + width * 6.5 / 12, y + height * 6.5 / 12)
    assert len(labels(matrix, "query")) < 12
    assert 6 in labels(matrix, "query")
    matrix.find("[data-zoom=all]").click()
    chosen = matrix.find(".axis-label[aria-selected=true]")
    assert [one.get_attribute("data-index") for one in chosen.all()] == ["4"]


def test_dragging_pans_and_the_small_matrix_goes_elsewhere(matrix: Shown) -> None:
    wheel(matrix, 2, (0.01, 0.01))
    before = labels(matrix, "key")
    assert before[0] == 0
    x, y, width, height = cells(matrix)
    matrix.page.mouse.move(x + width * 0.8, y + height * 0.8)
    matrix.page.mouse.down()
    matrix.page.mouse.move(x + width * 0.3, y + height * 0.8, steps=4)
    matrix.page.mouse.up()
    moved = labels(matrix, "key")
    assert moved[0] > 0
    assert labels(matrix, "query")[0] == 0
    assert matrix.find(".axis-label[aria-selected=true]").count() == 0, "a drag is no click"
    small = matrix.find(".matrix-map")
    box = small.bounding_box()
    assert box is not None
    small.click(position={"x": box["width"] - 3, "y": box["height"] - 3})
    assert labels(matrix, "query")[-1] == 11
    assert labels(matrix, "key")[-1] == 11


def test_a_cell_is_locked_by_the_lock_rule(matrix: Shown) -> None:
    def chosen() -> tuple[list[str | None], list[str | None]]:
        return tuple(  # type: ignore[return-value]
            [x.get_attribute("data-index") for x in matrix.find(f".axis-{side} [aria-selected=true]").all()]
            for side in ("query", "key")
        )

    def click(query: int, key: int, *keys: str) -> None:
        point(matrix, query, key, 12)
        for one in keys:
            matrix.page.keyboard.down(one)
        matrix.page.mouse.down()
        matrix.page.mouse.up()
        for one in keys:
            matrix.page.keyboard.up(one)
        matrix.page.wait_for_timeout(600)  # two clicks soon after each other would be a double click

    click(2, 5)
    assert chosen() == (["2"], ["5"])
    click(2, 7)
    assert chosen() == (["2"], ["7"])
    click(4, 7, "Shift")
    assert chosen() == (["2", "4"], ["7"])
    click(3, 1)
    assert chosen() == (["3"], ["1"])
    click(3, 1)
    assert chosen() == ([], [])


def test_keys_move_a_focus_that_is_read_out(matrix: Shown, attention: Attention) -> None:
    weights = attention.weights(3, 10)
    matrix.find(".cells-keys").focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        matrix.page.keyboard.press(key)
    option = matrix.find(".cells-keys [role=option]")
    tokens = attention.tokens
    expect(option).to_have_text(re.compile(re.escape(f"{tokens[2].text} → {tokens[1].text} {weights[2, 1]:.3f}"[:-2])))
    expect(matrix.find(".readout[aria-live] strong")).to_have_text(option.inner_text().split(" ")[-1])
    matrix.page.keyboard.press("End")
    expect(matrix.find(".readout bdi").last).to_have_text(tokens[-1].text)
    matrix.page.keyboard.press("Enter")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(matrix.find(".axis-query [aria-selected=true]")).to_have_attribute("data-index", "2")
    expect(matrix.find(".axis-key [aria-selected=true]")).to_have_attribute("data-index", "11")
    matrix.page.keyboard.press("Enter")
    expect(option).to_have_attribute("aria-selected", "false")


def test_keys_bring_the_frame_along(matrix: Shown) -> None:
    matrix.find(".cells-keys").focus()
    matrix.page.keyboard.press("ArrowUp")
    for _ in range(3):
        matrix.page.keyboard.press("+")
    assert 11 not in labels(matrix, "query")
    for _ in range(11):
        matrix.page.keyboard.press("ArrowDown")
    assert 11 in labels(matrix, "query")


def test_numbers_appear_where_they_fit(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode, view.heads = "matrix", [10]
    shown = opened.view(view)
    weights = attention.weights(3, 10)
    assert numbers(shown) == int((weights >= 0.0005).sum()), "cells of 40 pixels print three digits"
    shown.page.set_viewport_size({"width": 400, "height": 900})
    expect(shown.find(".cells canvas[data-numbers='0']")).to_be_visible()
    wheel(shown, 2)
    assert numbers(shown) > 0


def test_numbers_are_read_in_both_themes(opened: Opened, view: AttnView) -> None:
    view.mode, view.heads = "matrix", [10]
    for dark in (False, True):
        shown = opened.view(view, dark=dark)
        found: dict[str, Any] = shown.find(".cells canvas").first.evaluate(
            """canvas => {
                const cell = canvas.width / 12;
                const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                const light = (at) => {
                    const [r, g, b] = [0, 1, 2].map((i) => {
                        const c = data[at + i] / 255;
                        return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
                    });
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                };
                const out = {least: 99, cells: 0};
                for (let q = 0; q < 12; q++) for (let k = 0; k < 12; k++) {
                    const at = (x, y) => 4 * (Math.floor(y) * canvas.width + Math.floor(x));
                    const paper = light(at(k * cell + 5, q * cell + 5));
                    let most = 1;
                    for (let y = q * cell + cell / 3; y < q * cell + cell * 2 / 3; y++)
                        for (let x = k * cell + 4; x < (k + 1) * cell - 4; x++) {
                            const ink = light(at(x, y));
                            most = Math.max(most, (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05));
                        }
                    out.cells += 1;
                    out.least = Math.min(out.least, most);
                }
                return out;
            }"""
        )
        assert found["cells"] == 144
        assert found["least"] >= 4.5


def test_margins_say_who_is_looked_at_and_how_widely(matrix: Shown, attention: Attention) -> None:
    weights = attention.weights(3, 10).astype(np.float64)
    point(matrix, 4, 2, 12)
    said = readout(matrix).inner_text()
    mean = re.search(r"takes ([\d.]+) on average over 12 rows", said)
    entropy = re.search(r"entropy ([\d.]+) of at most ([\d.]+) nats", said)
    assert mean is not None
    assert entropy is not None
    assert abs(float(mean[1]) - weights[:, 2].mean()) < 0.0011
    assert abs(float(entropy[1]) - float(-(weights[4] * np.log(weights[4])).sum())) < 0.006
    assert abs(float(entropy[2]) - np.log(12)) < 0.006
    assert int(matrix.find(".margin-top").get_attribute("data-bars") or 0) == 12
    assert int(matrix.find(".margin-right").get_attribute("data-bars") or 0) == 12
    matrix.find(".margin-top").hover(position={"x": 5, "y": 20})
    expect(readout(matrix)).to_contain_text("takes")
    expect(readout(matrix).locator("bdi")).to_have_text(attention.tokens[0].text)
    matrix.find(".axis-query [data-index='4']").click()
    point(matrix, 4, 2, 12)
    expect(readout(matrix)).to_contain_text("in this row")


def test_nothing_overlaps_and_margins_give_way_on_narrow_pages(opened: Opened, view: AttnView) -> None:
    view.mode = "matrix"
    for width in (1000, 400):
        shown = opened.view(view, width=width)
        expect(shown.find(".margin")).to_have_count(2 if width > 500 else 0)
        x, y, wide, _ = cells(shown)
        for side in ("top", "right") if width > 500 else ():
            box = shown.find(f".margin-{side}").bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= y if side == "top" else box["x"] >= x + wide
            for label in shown.find(".axis-label").all():
                text = label.bounding_box()
                assert text is not None
                apart = (
                    text["x"] + text["width"] <= box["x"] + 1
                    or box["x"] + box["width"] <= text["x"] + 1
                    or text["y"] + text["height"] <= box["y"] + 1
                    or box["y"] + box["height"] <= text["y"] + 1
                )
                assert apart, (side, label.inner_text())
        assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scale", ["linear", "sqrt", "log", "relative"])
def test_scales_have_numbers(opened: Opened, view: AttnView, attention: Attention, scale: str) -> None:
    view.mode, view.heads, view.scale = "matrix", [10], scale
    shown = opened.view(view)
    weights = attention.weights(3, 10)
    ticks = shown.find(".matrix-head .legend-tick").all_inner_texts()
    if scale == "relative":
        times = weights.max() * 12
        assert ticks[1] == "1×"
        most = float(re.sub(r"[≥×]", "", ticks[-1]))
        assert most >= times > most / 2
        point(shown, 0, 0, 12)
        expect(readout(shown)).to_contain_text("× uniform")
    else:
        assert ticks[-1] == f"{weights.max():.3f}"
        assert all(float(tick.strip("≤")) <= weights.max() + 0.001 for tick in ticks)
    boxes = [box for tick in shown.find(".matrix-head .legend-tick").all() if (box := tick.bounding_box())]
    for left, right in pairwise(boxes):
        assert left["x"] + left["width"] < right["x"]


def test_finds_of_the_search_are_marked_and_brought_into_view(matrix: Shown, attention: Attention) -> None:
    texts = [token.text for token in attention.tokens]
    wanted = texts.index("hungry")
    wheel(matrix, 2, (0.01, 0.01))
    assert wanted not in labels(matrix, "query")
    matrix.find(".search-input").fill("hungry")
    for side in ("query", "key"):
        expect(matrix.find(f".axis-{side} [data-find=shown]")).to_have_attribute("data-index", str(wanted))


# ---- long texts


@pytest.fixture(scope="module")
def long() -> Attention:
    torch.manual_seed(3)
    config = transformers.GPT2Config(
        n_embd=HEADS * 8, n_layer=1, n_head=HEADS, n_positions=LONG, vocab_size=50, n_inner=16
    )
    model = transformers.GPT2Model(config).eval()
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.data *= 8
    captured = attnwidget.capture(model, {"input_ids": torch.randint(0, 50, (1, LONG))})
    assert isinstance(captured, attnwidget.Attention)
    return captured


@pytest.fixture
def live(browser: Browser, long: Attention) -> Iterator[Live]:
    page = browser.new_page(viewport={"width": 1000, "height": 1000})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.goto("about:blank")
    yield Live(page, AttnView(long, mode="matrix")).ready()
    page.close()
    assert complaints == []


def arrived(shown: Shown) -> None:
    shown.page.wait_for_timeout(100)
    expect(shown.find(".matrix-note[data-waiting='0']")).to_be_visible()


def tiles(live: Live) -> list[dict[str, Any]]:
    return [one for one in live.asked if one["what"] == "tile"]


def test_cells_of_a_long_text_come_from_python(live: Live, long: Attention) -> None:
    arrived(live)
    assert 0.5 < tiles(live)[-1]["step"] * cells(live)[2] / LONG <= 1, "bins of about a pixel"
    mean = long.weights(0).mean(axis=0, dtype=np.float64)
    x, y, width, height = cells(live)
    live.page.mouse.dblclick(x + width * 0.3, y + height * 0.7)
    arrived(live)
    assert tiles(live)[-1]["step"] == 1
    query = labels(live, "query")[3]
    key = labels(live, "key")[2]
    live.find(f".axis-query [data-index='{query}']").hover()
    rows = live.find(f".axis-query [data-index='{query}']").bounding_box()
    columns = live.find(f".axis-key [data-index='{key}']").bounding_box()
    assert rows is not None
    assert columns is not None
    live.page.mouse.move(columns["x"] + 6, rows["y"] + rows["height"] / 2)
    said = live.find(".readout strong").inner_text()
    hovered = int(live.find(".axis-key [data-hovered]").get_attribute("data-index") or -1)
    row = int(live.find(".axis-query [data-hovered]").get_attribute("data-index") or -1)
    weight = mean[row, hovered]
    printed = 0.0001 if said.startswith("<") else float(said)
    assert abs(printed - weight) <= max(0.0001, 0.06 * weight)
    assert numbers(live) > 0


def test_panning_gives_up_what_left_the_view(live: Live) -> None:
    arrived(live)
    before = len(tiles(live))
    x, y, _, height = cells(live)
    live.page.mouse.dblclick(x + 30, y + height * 0.95)
    arrived(live)
    small = live.find(".matrix-map")
    box = small.bounding_box()
    assert box is not None
    for step in range(12):
        live.page.mouse.move(box["x"] + 2 + step, box["y"] + 2 + step * 3 % box["height"])
        live.page.mouse.down()
        live.page.mouse.up()
    arrived(live)
    asked = tiles(live)[before:]
    cancelled = live.page.evaluate("window.sent.filter(one => one.kind === 'cancel').length")
    kinds = {tuple(str(one[name]) for name in ("queries", "keys", "step")) for one in asked}
    assert len(asked) > 0
    assert len(asked) - cancelled <= len(kinds), "what has come is not asked for again"


def test_a_page_without_python_says_what_it_lacks(opened: Opened, long: Attention) -> None:
    shown = opened.view(AttnView(long, mode="matrix", heads=[2]))
    expect(shown.find(".matrix-note")).to_contain_text("16 largest")
    expect(shown.find(".matrix-note")).to_contain_text("kernel")
    x, y, width, height = cells(shown)
    shown.page.mouse.dblclick(x + width * 0.2, y + height * 0.8)
    point(shown, 2, 2, 12)
    said = shown.find(".readout strong").inner_text()
    assert said == "…" or float(said.strip("<")) > 0
    expect(shown.find(".cells[data-held]")).to_be_visible()
