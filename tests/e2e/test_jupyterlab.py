"""The widget in a real JupyterLab: drawn, clicked, heard by Python, and moved by it."""

from __future__ import annotations

import json

import pytest
from lab import Lab, LabNotebook
from opened import Shown, drawn
from playwright.sync_api import Page, expect

HOSTILE_TOKENS = [
    "</script><script>window.hurt=1</script>",
    "<img src=x onerror='window.hurt=1'>",
    "\u202eright to left",
    "👩‍👩‍👧‍👦",
    "\ud800",
    "\u0000",
    "",
]
VIEW = """
import torch; torch.set_num_threads(1)
from attnwidget import AttnView, capture
attention = capture({path!r}, "The dog chased the cat")
view = AttnView(attention, layer=3)
view
"""


def read(notebook: LabNotebook, index: int) -> object:
    return json.loads(notebook.run(index))


def test_click_on_the_page_is_read_in_the_next_cell(lab: Lab, page: Page, minilm_path: str) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    notebook = lab.open(
        page,
        "one",
        [
            VIEW.format(path=minilm_path),
            "import json; print(json.dumps([view.layer, view.heads, view.selected_queries, view.mode]))",
            "view.layer = 1; view.heads = [8]; view.mode = 'lines'; view.highlight = 'special'",
            "print(json.dumps(view.selection_frame().groupby('query').weight.sum().round(5).tolist()))",
            "try:\n    view.mode = 'pie'\nexcept Exception as error:\n    print(json.dumps(str(error)))",
        ],
    )
    notebook.run(0)
    view = drawn(page)
    assert view.strokes() > 0
    assert view.ink("canvas[data-strokes]") > 500
    view.find("[aria-label='Next layer']").click()
    view.token("query", 3).click()
    view.token("query", 5).click(modifiers=["Shift"])
    view.head(2).click()
    view.choose("matrix")
    notebook.until(1, [4, [2], [3, 5], "matrix"])

    notebook.run(2)
    expect(view.find("[data-value=lines]")).to_have_attribute("aria-checked", "true")
    assert view.layer() == 1
    assert view.pressed_heads() == [8]
    expect(view.find("[data-value=special]")).to_have_attribute("aria-checked", "true")
    assert read(notebook, 3) == pytest.approx([1.0, 1.0], abs=1e-4)
    assert "lines" in str(read(notebook, 4))

    # Keys meant for the page must not reach the notebook's own shortcuts ("d d" deletes a cell).
    cells = page.locator(".jp-CodeCell").count()
    view.token("query", 0).focus()
    for key in ("d", "d", "a", "ArrowDown", "Escape"):
        page.keyboard.press(key)
    assert page.locator(".jp-CodeCell").count() == cells
    assert view.selected("query") == []
    assert errors == []


def test_two_views_of_one_widget_and_two_widgets(lab: Lab, page: Page, minilm_path: str) -> None:
    notebook = lab.open(
        page,
        "two",
        [
            VIEW.format(path=minilm_path),
            "view",
            "other = AttnView(attention, layer=0)\nother",
            "import json; print(json.dumps([view.layer, other.layer]))",
            "view.close()",
        ],
    )
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    for cell in range(3):
        notebook.run(cell)
    one, same, other = (drawn(page, index) for index in range(3))
    same.find("[aria-label='Next layer']").click()
    expect(one.find("[role=spinbutton]")).to_have_text("4")
    assert same.layer() == 4
    assert other.layer() == 0
    other.find("[aria-label='Next layer']").click()
    notebook.until(3, [4, 1])
    # What is closed is gone, without a word; the other goes on.
    complaints.clear()
    notebook.run(4)
    expect(page.locator("div.attnwidget")).to_have_count(1)
    other = Shown(page)
    other.find("[aria-label='Next layer']").click()
    drawn(page)
    assert other.layer() == 2
    assert complaints == []


HOSTILE = """
import numpy as np
from attnwidget import AttnView
tokens = {tokens!r}
weights = np.full((1, 2, len(tokens), len(tokens)), 1 / len(tokens))
AttnView.from_arrays(weights, tokens, title="</title><script>window.hurt=1</script>", heads=[0])
"""


def test_hostile_tokens_stay_text(lab: Lab, page: Page) -> None:
    notebook = lab.open(page, "hostile", [HOSTILE.format(tokens=HOSTILE_TOKENS)])
    notebook.run(0)
    view = drawn(page)
    assert view.find(".tokens-query .token").count() == len(HOSTILE_TOKENS)
    view.token("query", 0).hover()
    view.choose("matrix")
    assert view.find("script, img, b, a").count() == 0
    assert page.evaluate("window.hurt") is None


def test_layers_beyond_the_first_message_are_asked_for(lab: Lab, page: Page, minilm_path: str) -> None:
    words = " ".join(["The dog chased the cat because it was hungry."] * 28)
    notebook = lab.open(
        page,
        "long",
        [
            VIEW.format(path=minilm_path).replace("The dog chased the cat", words),
            "import json; print(json.dumps([len(view.attention), len(attention.tokens)]))",
        ],
    )
    notebook.run(0)
    view = drawn(page)
    size, tokens = read(notebook, 1)  # type: ignore[misc]
    assert tokens > 250
    assert size < 2_100_000, "the first message holds what is seen first, not everything"
    for layer in (4, 5):
        view.find("[aria-label='Next layer']").click()
        assert view.layer() == layer
        drawn(page)
        assert view.strokes() > 0
