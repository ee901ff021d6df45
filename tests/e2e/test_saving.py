"""Saving from the page, in a real Chromium: what is downloaded, and what is said where nothing can be."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import pytest
from opened import Opened, Shown
from playwright.sync_api import Page, expect
from where import CHROMIUM, Proofs

from attnwidget import Attention, AttnView
from attnwidget.export import page as export

if TYPE_CHECKING:
    from numpy.typing import NDArray

SVG = "{http://www.w3.org/2000/svg}"


def saved(shown: Shown, form: str) -> tuple[str, bytes]:
    """Name and content of the file that a button of the menu downloads."""
    button = shown.find(f"[data-save={form}]")
    if not button.is_visible():
        shown.find(".menu-button").first.click()
    with shown.page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def drawing(shown: Shown) -> ElementTree.Element:
    """The vector picture, read by a parser that forgives nothing."""
    name, data = saved(shown, "svg")
    assert name.endswith(".svg")
    return ElementTree.fromstring(data.decode())


def words(root: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


def strokes(root: ElementTree.Element) -> list[ElementTree.Element]:
    (group,) = [group for group in root.iter(f"{SVG}g") if group.get("class") == "strokes"]
    return group.findall(f"{SVG}path")


def table(shown: Shown) -> list[dict[str, str]]:
    name, data = saved(shown, "csv")
    assert name.endswith(".csv")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def test_lines_are_saved_as_the_strokes_that_are_drawn(opened: Opened, view: AttnView, attention: Attention) -> None:
    shown = opened.view(view)
    root = drawing(shown)
    assert len(strokes(root)) == shown.strokes()
    tokens = [token.text for token in attention.tokens]
    found = words(root)
    for text in set(tokens):
        assert found.count(text) >= 2 * tokens.count(text)
    said = " ".join(found)
    for line in shown.find(".ledger p").all():
        for number in re.findall(r"(\d+) %", line.inner_text()):
            assert number == "0" or f"{number} %" in said
    # Every curve begins and ends at a token's row.
    for path in strokes(root):
        numbers = [float(x) for x in re.findall(r"[\d.]+", str(path.get("d")))]
        assert (numbers[1] - 13) % 26 == (numbers[-1] - 13) % 26 == 0


def test_few_heads_and_a_chosen_query(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.heads, view.selected_queries = [0, 5], [3]
    shown = opened.view(view)
    root = drawing(shown)
    colours = {path.get("stroke") for path in strokes(root)}
    assert {"#2563c9", "#c22e5c"} <= colours
    found = words(root)
    assert {"L3 H0", "L3 H5"} <= set(found)
    printed = [float(text) for text in found if re.fullmatch(r"0\.\d+", text)]
    row = attention.weights(3, [0, 5])[:, 3].mean(axis=0)
    assert all(np.abs(np.array(printed) - weight).min() < 0.001 for weight in row)


def test_the_dark_page_is_saved_for_paper(opened: Opened, view: AttnView) -> None:
    light, dark = (saved(opened.view(view, dark=dark), "svg")[1] for dark in (False, True))
    assert dark == light


def test_the_matrix_is_saved_with_its_numbers(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.mode, view.heads, view.lang = "matrix", [10], "ja"
    root = drawing(opened.view(view))
    (cells,) = [group for group in root.iter(f"{SVG}g") if group.get("class") == "cells"]
    squares = sum(str(path.get("d")).count("z") for path in cells.iter(f"{SVG}path"))
    weights = attention.weights(3, 10)
    assert squares == weights.size
    printed = [float(text) for text in words(root) if re.fullmatch(r"\.\d{3}|1\.00", text)]
    assert len(printed) == (weights >= 0.0005).sum()
    assert abs(max(printed) - weights.max()) < 0.001
    assert any("ヘッド 10" in text for text in words(root)), words(root)[-4:]


def test_a_png_is_the_picture_at_twice_its_size(opened: Opened, view: AttnView) -> None:
    shown = opened.view(view)
    root = drawing(shown)
    name, data = saved(shown, "png")
    assert name.endswith(".png")
    assert data.startswith(b"\x89PNG")
    size = [int.from_bytes(data[at : at + 4], "big") for at in (16, 20)]
    assert size == [2 * int(str(root.get(side))) for side in ("width", "height")]
    assert len(data) > 20_000


def test_the_table_has_the_weights(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.heads, view.selected_queries, view.selected_keys = [7, 2], [1, 4], [0, 2, 3]
    rows = table(opened.view(view))
    assert len(rows) == 12
    weights, norms = attention.weights(3), attention.value_norms(3)
    assert norms is not None
    for row in rows:
        at = int(row["head"]), int(row["query"]), int(row["key"])
        assert row["layer"] == "3"
        assert row["query_token"] == attention.tokens[at[1]].text
        assert row["key_token"] == attention.tokens[at[2]].text
        assert abs(float(row["weight"]) - weights[at]) < 0.0006
        norm = norms[at[0], at[2]]
        assert abs(float(row["contribution"]) - weights[at] * norm) < 0.0006 * norm
    assert {(row["head"], row["query"], row["key"]) for row in rows} == {
        (str(h), str(q), str(k)) for h in (2, 7) for q in (1, 4) for k in (0, 2, 3)
    }


def softmax(*shape: int) -> NDArray[np.float32]:
    cells = np.exp(2 * np.random.default_rng(1).normal(size=shape))
    return (cells / cells.sum(axis=-1, keepdims=True)).astype(np.float32)


HOSTILE = ["</text><script>alert(1)</script>", "=cmd|' /C calc'!A0", '"><img onerror=x>', "&lt;", "a,b\nc", "犬"]


def test_hostile_tokens_are_text_in_every_file(opened: Opened) -> None:
    made = AttnView.from_arrays(softmax(1, 1, 6, 6), HOSTILE, title="../</title><script>x</script>")
    shown = opened.view(made)
    texts = [token["text"] for token in made.tokens["text"]]
    root = drawing(shown)
    assert not [element for element in root.iter() if element.tag not in {f"{SVG}{tag}" for tag in TAGS}]
    assert {text if len(text) <= 24 else f"{text[:23]}…" for text in texts} <= set(words(root))
    rows = table(shown)
    assert [row["key_token"] for row in rows[:6]] == [f"'{text}" if text[0] in "=+-@" else text for text in texts]
    name, data = saved(shown, "html")
    assert "/" not in name
    assert not name.startswith(".")
    again = Shown(opened.page(data.decode())).ready()
    assert [box.inner_text() for box in again.find(".tokens-key .token-text").all()][1].startswith("=cmd")


TAGS = ("svg", "title", "rect", "text", "clipPath", "g", "path")


def test_the_page_saves_itself_as_it_is_now(opened: Opened, view: AttnView, proves: Proofs) -> None:
    shown = opened.view(view)
    shown.find("[aria-label='Next layer']").click()
    shown.head(4).click()
    name, data = saved(shown, "html")
    assert name.endswith(".html")
    again = Shown(opened.page(data.decode())).ready()
    assert (again.layer(), again.pressed_heads()) == (4, [4])
    proves(CHROMIUM, "saved and reopened")
    assert saved(again, "html")[1] == data
    # A page once saved is as strict as the first.
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', data.decode())
    assert policy is not None
    assert policy[1] in view.to_html()


def test_a_dense_page_is_drawn_and_saves_itself(
    opened: Opened, view: AttnView, attention: Attention, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "DENSE_FROM", 1)
    shown = opened.view(view)
    assert table(shown)[0]["weight"] == f"{attention.weights(3)[0, 0, 0]:.3f}"
    data = saved(shown, "html")[1].decode()
    assert 'data-coding="dense"' in data
    assert Shown(opened.page(data)).ready().strokes() == shown.strokes()


def test_a_page_of_some_layers_and_heads_says_what_it_lacks(opened: Opened, view: AttnView) -> None:
    view.layer = 1
    shown = Shown(opened.page(view.to_html(layers=[1, 3], heads=[2, 5]))).ready()
    assert shown.pressed_heads() == [2, 5]
    shown.head(7).click()
    expect(shown.find("[role=status]").first).to_contain_text("Of layer 1 this page has heads 2, 5 only.")
    assert shown.pressed_heads() == [2, 5]
    shown.head(5).click()
    assert shown.pressed_heads() == [5]
    shown.find("[aria-label='Next layer']").click()
    expect(shown.find(".absence")).to_contain_text("Layer 2 is not in this page")
    shown.find("[aria-label='Next layer']").click()
    expect(shown.find(".absence")).to_have_count(0)
    assert shown.layer() == 3


def framed(opened: Opened, view: AttnView, sandbox: str) -> tuple[Page, Any]:
    html = view.to_html(fragment=True).replace("allow-scripts allow-downloads", sandbox)
    page = opened.page(f"<!DOCTYPE html><meta charset=utf-8>{html}")
    frame = page.frame_locator("iframe")
    expect(frame.locator(".picture[aria-busy=false] canvas").first).to_be_visible()
    frame.locator(".menu-button").first.click()
    return page, frame


def test_a_fragment_downloads(opened: Opened, view: AttnView) -> None:
    page, frame = framed(opened, view, "allow-scripts allow-downloads")
    with page.expect_download() as download:
        frame.locator("[data-save=svg]").click()
    assert download.value.suggested_filename.endswith(".svg")


def test_a_frame_that_forbids_downloads_offers_the_text(opened: Opened, view: AttnView) -> None:
    _, frame = framed(opened, view, "allow-scripts")
    frame.locator("[data-save=svg]").click()
    expect(frame.locator(".save-said")).to_contain_text("may forbid downloads")
    frame.locator(".save-said button").click()
    root = ElementTree.fromstring(frame.locator(".save-kept textarea").input_value())
    assert len(strokes(root)) > 20
    frame.locator("[data-save=png]").click()
    frame.locator(".save-said button").click()
    expect(frame.locator(".save-kept img")).to_be_visible()
    # The browser complains of each refused download.
    opened.complaints.clear()


def test_every_mode_is_saved_as_it_is_shown(opened: Opened, view: AttnView, attention: Attention) -> None:
    view.heads, view.selected_queries, view.selected_keys = [8], [3], [2]
    view.mode = "steps"
    shown = opened.view(view, dark=True)
    expect(shown.find(".steps-what")).to_be_visible()
    row = attention.weights(3, 8)[3]
    by_key = {line["row"]: line for line in table(shown)}
    for key, weight in enumerate(row):
        assert abs(float(by_key[str(key)]["weight"]) - weight) < 1e-5
        products = [float(by_key[str(key)][f"qk{at}"]) for at in range(attention.query(3, 8).shape[-1])]
        assert abs(sum(products) - float(by_key[str(key)]["sum"])) < 1e-4
    found = words(drawing(shown))
    assert {token.text for token in attention.tokens} <= set(found)
    assert {f"{weight:.3f}" for weight in row if weight > 0.1} <= set(found)

    shown.choose("trace")
    expect(shown.find(".trace-cells").first).to_be_visible()
    rows = [line for line in table(shown) if (line["query"], line["key"]) == ("3", "2")]
    weights = np.array([attention.weights(layer)[:, 3, 2] for layer in range(attention.n_layers)])
    assert np.abs(np.array([float(line["weight"]) for line in rows]) - weights.ravel()).max() < 0.0006
    root = drawing(shown)
    assert sum(rect.get("shape-rendering") == "crispEdges" for rect in root.iter(f"{SVG}rect")) == 2 * weights.size
    assert "chased \N{RIGHTWARDS ARROW} dog" in " ".join(words(root)).replace("\u2068", "").replace("\u2069", "")

    shown.choose("profile")
    expect(shown.find(".part-rows")).to_be_visible()
    mass = {(line["layer"], line["key"]): float(line["weight"]) for line in table(shown)}
    for layer in range(attention.n_layers):
        assert abs(mass[str(layer), "cls"] - attention.weights(layer)[..., 0].mean()) < 1e-3
    assert {"[CLS]", "[SEP]", "0", "5"} <= set(words(drawing(shown)))

    shown.choose("heads")
    expect(shown.find(".filter")).to_be_visible()
    heads = table(shown)
    assert len(heads) == sum(attention.weights(layer).shape[0] for layer in range(attention.n_layers))
    assert abs(float(heads[44]["cls"]) - attention.weights(3)[8, :, 0].mean()) < 1e-3
    root = drawing(shown)
    assert len(list(root.iter(f"{SVG}image"))) == len(heads)
    assert {f"L{layer}" for layer in range(attention.n_layers)} <= set(words(root))
    name, data = saved(shown, "png")
    assert (name[-4:], data[:4]) == (".png", b"\x89PNG")
    expect(shown.root).to_have_attribute("data-theme", "dark")


def test_a_comparison_is_saved(opened: Opened, attention: Attention) -> None:
    shown = opened.view(AttnView.compare((attention, 1), (attention, 4), heads=[2], names=("one", "four")))
    expect(shown.find("canvas[data-changes]")).to_be_visible()
    rows = table(shown)
    change = attention.weights(4, 2).astype(float) - attention.weights(1, 2)
    assert np.abs([float(row["change"]) for row in rows] - change.ravel()).max() < 0.0011
    drawn = int(shown.find("canvas[data-changes]").get_attribute("data-changes") or 0)
    root = drawing(shown)
    assert sum(path.get("stroke-opacity") is not None for path in root.iter(f"{SVG}path")) == drawn
    assert any("one" in text for text in words(root))


def test_an_old_browser_is_told(opened: Opened, view: AttnView, tmp_path: Path) -> None:
    path = tmp_path / "old.html"
    path.write_text(view.to_html(), encoding="utf-8")
    page = opened.browser.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(path.as_uri())
    expect(page.locator(".attnwidget-view")).to_contain_text("needs a browser of 2023 or later")
    page.close()
