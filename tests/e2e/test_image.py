"""Images in a browser: patches chosen on the picture itself, weights over it, other tokens beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import transformers
from opened import Opened, Shown
from playwright.sync_api import expect
from sklearn.datasets import load_digits

import attnwidget
from attnwidget import AttnView

if TYPE_CHECKING:
    from playwright.sync_api import Locator

SIDE, PATCH = 48, 6
GRID = SIDE // PATCH


@pytest.fixture(scope="module")
def digit() -> np.ndarray:
    """A handwritten three, [3, 48, 48], 0 to 1."""
    pixels = load_digits().images[3] / 16
    return np.stack([np.kron(pixels, np.ones((SIDE // 8, SIDE // 8)))] * 3).astype(np.float32)


@pytest.fixture(scope="module")
def vit() -> transformers.ViTModel:
    torch.manual_seed(7)
    config = transformers.ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=32,
        image_size=SIDE,
        patch_size=PATCH,
    )
    model = transformers.ViTModel(config).eval()
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.data *= 20
    return model


@pytest.fixture
def seen(opened: Opened, vit: transformers.ViTModel, digit: np.ndarray) -> tuple[Shown, np.ndarray]:
    view = AttnView(vit, digit, mode="matrix", layer=1, heads=[2])
    return opened.view(view), view.attention_data.weights(1, 2)


def side(shown: Shown, name: str) -> Locator:
    return shown.find(f".image-side[data-side={name}]")


def middle(row: int, column: int, box: dict[str, float]) -> tuple[float, float]:
    return box["x"] + (column + 0.5) * box["width"] / GRID, box["y"] + (row + 0.5) * box["height"] / GRID


def at(shown: Shown, name: str, row: int, column: int) -> tuple[float, float]:
    box = side(shown, name).locator(".image-box").bounding_box()
    assert box is not None
    return middle(row, column, dict(box))


def colours(shown: Shown, name: str) -> np.ndarray:
    """Mean colour of each patch as drawn, [row, column, 3]."""
    found = (
        side(shown, name)
        .locator("canvas")
        .evaluate(
            """(canvas, grid) => {
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const out = [];
            for (let row = 0; row < grid; row++) for (let column = 0; column < grid; column++) {
                const sum = [0, 0, 0];
                let count = 0;
                for (let y = 0.35; y < 0.65; y += 0.05) for (let x = 0.35; x < 0.65; x += 0.05) {
                    const at = 4 * (Math.floor((row + y) * canvas.height / grid) * canvas.width
                        + Math.floor((column + x) * canvas.width / grid));
                    for (let i = 0; i < 3; i++) sum[i] += data[at + i];
                    count += 1;
                }
                out.push(sum.map((x) => x / count));
            }
            return out;
        }""",
            GRID,
        )
    )
    return np.array(found).reshape(GRID, GRID, 3)


def test_the_picture_is_the_one_that_the_model_saw(seen: tuple[Shown, np.ndarray], digit: np.ndarray) -> None:
    shown, _ = seen
    patches = digit[0].reshape(GRID, PATCH, GRID, PATCH).mean(axis=(1, 3))
    expect(side(shown, "query").locator("canvas")).to_have_attribute("data-overlay", "none")
    assert np.abs(colours(shown, "query")[..., 0] / 255 - patches).max() < 0.02


def test_a_hovered_query_patch_shows_where_it_looks(seen: tuple[Shown, np.ndarray]) -> None:
    shown, weights = seen
    shown.page.mouse.move(*at(shown, "query", 2, 5))
    keys = side(shown, "key")
    expect(keys.locator("canvas")).to_have_attribute("data-overlay", "row")
    row = weights[1 + 2 * GRID + 5]
    expect(keys.locator(".image-chip")).to_contain_text(f"{row[0]:.4f}"[:4])
    # Crimson on grey: the more weight, the less green there is beside red.
    drawn = colours(shown, "key")
    tint = (drawn[..., 0] - drawn[..., 1]).reshape(-1)
    order = np.argsort(row[1:])
    assert tint[order[-1]] > 40
    assert tint[order[0]] < tint[order[-1]] / 2
    assert np.corrcoef(np.sqrt(row[1:]), tint)[0, 1] > 0.95
    shown.rest()
    expect(keys.locator("canvas")).to_have_attribute("data-overlay", "mean")


def test_patches_follow_the_lock_rule(seen: tuple[Shown, np.ndarray]) -> None:
    shown, weights = seen

    def chosen(name: str) -> list[str | None]:
        return [x.get_attribute("data-index") for x in shown.find(f".axis-{name} [aria-selected=true]").all()]

    patch = 1 + 3 * GRID + 4
    shown.page.mouse.click(*at(shown, "query", 3, 4))
    assert chosen("query") == [str(patch)]
    shown.rest()
    keys = side(shown, "key")
    expect(keys.locator("canvas")).to_have_attribute("data-overlay", "row")
    shown.page.mouse.move(*at(shown, "key", 0, 0))
    said = keys.locator(".image-name").inner_text()
    assert "r0 c0" in said
    assert abs(float(said.split()[-1].strip("<")) - float(weights[patch, 1])) < 0.0011
    shown.page.keyboard.down("Shift")
    shown.page.mouse.click(*at(shown, "query", 6, 5))
    shown.page.keyboard.up("Shift")
    assert chosen("query") == [str(patch), str(patch + 3 * GRID + 1)]
    shown.page.keyboard.press("Escape")
    assert chosen("query") == []
    shown.page.mouse.click(*at(shown, "key", 6, 1))
    assert chosen("key") == [str(1 + 6 * GRID + 1)]
    shown.rest()
    expect(side(shown, "query").locator("canvas")).to_have_attribute("data-overlay", "column")
    shown.page.mouse.click(*at(shown, "key", 6, 1))
    assert chosen("key") == []


def test_tokens_that_are_no_patch_stand_beside_it(seen: tuple[Shown, np.ndarray]) -> None:
    shown, weights = seen
    chip = side(shown, "query").locator(".image-chip")
    assert chip.inner_text().strip() == "[CLS]"
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(side(shown, "key").locator("canvas")).to_have_attribute("data-overlay", "row")
    number = side(shown, "key").locator(".image-chip .number").inner_text()
    assert abs(float(number.strip("<")) - float(weights[0, 0])) < 0.0011
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "false")


def test_patches_are_reached_by_keys(seen: tuple[Shown, np.ndarray]) -> None:
    shown, _ = seen
    keys = side(shown, "query").locator("[role=listbox]")
    keys.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        shown.page.keyboard.press(key)
    option = keys.locator("[role=option]")
    expect(option).to_have_text("r2 c1")
    expect(option).to_have_attribute("aria-selected", "true")
    shown.page.keyboard.press("End")
    expect(option).to_have_text(f"r2 c{GRID - 1}")
    assert keys.get_attribute("aria-activedescendant") == option.get_attribute("id")


def test_it_is_shown_in_lines_and_stays_in_place(seen: tuple[Shown, np.ndarray]) -> None:
    shown, _ = seen
    shown.choose("lines")
    shown.page.mouse.click(*at(shown, "query", 1, 1))
    assert shown.selected("query") == [1 + GRID + 1]
    before = at(shown, "query", 0, 0)
    shown.page.mouse.move(*at(shown, "key", 1, 1))
    assert at(shown, "query", 0, 0) == before
    shown.rest()
    assert at(shown, "query", 0, 0) == before


def test_narrow_and_dark_pages(opened: Opened, vit: transformers.ViTModel, digit: np.ndarray) -> None:
    shown = opened.view(AttnView(vit, digit, mode="matrix"), width=400, dark=True)
    assert shown.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    boxes = [side(shown, name).locator(".image-box").bounding_box() for name in ("query", "key")]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]
    assert boxes[0]["width"] > 140


def test_patches_without_a_picture_are_shown_too(opened: Opened, vit: transformers.ViTModel, digit: np.ndarray) -> None:
    captured = attnwidget.capture(vit, digit)
    assert isinstance(captured, attnwidget.Attention)
    shown = opened.view(AttnView(captured, mode="matrix"))
    shown.page.mouse.move(*at(shown, "query", 4, 4))
    expect(side(shown, "key").locator("canvas")).to_have_attribute("data-overlay", "row")
    expect(side(shown, "query").locator(".image-name")).to_contain_text("r4 c4")


def test_texts_have_no_picture(opened: Opened, view: AttnView) -> None:
    view.mode = "matrix"
    expect(opened.view(view).find(".image")).to_have_count(0)
