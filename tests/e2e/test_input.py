"""The input box and linked views in a real JupyterLab: typed on the page, run by the kernel, drawn on the page."""

from __future__ import annotations

import json

from lab import Lab, LabNotebook
from opened import Opened, drawn, until
from playwright.sync_api import Page, expect

from attnwidget import AttnView

MODEL = """
import torch; torch.set_num_threads(1)
import transformers
from attnwidget import AttnView
model = transformers.AutoModel.from_pretrained({path!r}).eval()
tokenizer = transformers.AutoTokenizer.from_pretrained({path!r})
view = AttnView(model, "The dog chased the cat", tokenizer=tokenizer, layer=3, selected_queries=[2])
view
"""

# IPython keeps what cells gave, too.
FORGET = """
import gc
def forget():
    global model, _, __, ___
    Out.clear()
    del model
    _ = __ = ___ = None
forget()
gc.collect()
"""


def read(notebook: LabNotebook, index: int) -> object:
    return json.loads(notebook.run(index))


def test_another_text_is_typed_run_and_drawn(lab: Lab, page: Page, minilm_path: str) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    notebook = lab.open(
        page,
        "input",
        [
            MODEL.format(path=minilm_path),
            "import json; print(json.dumps([[t['text'] for t in view.tokens['text']], view.inputs, view.layer]))",
            "view.run('It rains.')",
            FORGET,
            "print(json.dumps(view.can_run))",
            "view.mode, view.heads = 'matrix', [0]; view.run('one two three four five six seven eight nine')",
            "view.run('It rains.')",
        ],
    )
    notebook.run(0)
    view = drawn(page)
    expect(view.find(".input-now")).to_have_text("The dog chased the cat")
    view.find(".input-head button").click()
    field = view.find("textarea[name=text]")
    expect(field).to_have_value("The dog chased the cat")
    field.fill("Cats sleep")
    # What is typed is no shortcut of the notebook, nor of the page.
    field.press("End")
    cells = page.locator(".jp-CodeCell").count()
    field.press_sequentially(" all ddaa day.")
    assert page.locator(".jp-CodeCell").count() == cells
    field.press("Control+Enter")
    expect(view.find(".input-said")).to_have_text("Done: the picture shows the new text.", timeout=60_000)
    drawn(page)
    texts = view.find(".tokens-query .token-text").all_inner_texts()
    assert texts[:3] == ["[CLS]", "cats", "sleep"]
    told = read(notebook, 1)
    assert told == [texts, {"text": "Cats sleep all ddaa day.", "text_pair": None, "target": None}, 3]
    assert "Cats sleep all" in view.find(".footer-title").inner_text()
    assert view.strokes() > 0
    assert view.selected("query") == []

    # The other way: Python runs, the field follows.
    notebook.run(2)
    expect(view.find("textarea[name=text]")).to_have_value("It rains.")

    # Nothing is left of the text before: not where the pointer is, nor in numbers that are drawn one by one.
    notebook.run(5)

    def numbers() -> int:
        return int(view.find(".cells canvas").first.get_attribute("data-numbers") or 0)

    until(page, lambda: numbers() > 25, "the longer text's numbers are drawn")
    last = view.find(".cells canvas").first.bounding_box()
    assert last is not None
    page.mouse.click(last["x"] + last["width"] - 5, last["y"] + last["height"] - 5)
    expect(view.find(".readout strong")).to_be_visible()
    notebook.run(6)
    until(page, lambda: 0 < numbers() <= 25, "the shorter text's numbers are drawn")
    assert view.find(".absence").count() == 0

    # What the model cannot do is said here, not in the notebook.
    view.find("textarea[name=text]").fill("word " * 4000)
    view.find(".input-run").click()
    expect(view.find(".input-said")).to_contain_text("The model did not run:", timeout=60_000)
    assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0

    # The kernel tells once the cell is done: a model may die in the middle of anything.
    notebook.run(3)
    assert read(notebook, 4) is False
    expect(view.find(".input-reason")).to_contain_text("no longer in memory")
    view.find("textarea[name=text]").fill("Still here?")
    expect(view.find(".input-run")).to_have_attribute("aria-disabled", "true")
    view.find("textarea[name=text]").press("Control+Enter")
    expect(view.find(".input-said")).not_to_contain_text("Python runs")
    assert errors == []


def test_linked_views_move_together_on_the_page(lab: Lab, page: Page, minilm_path: str) -> None:
    cell = MODEL.format(path=minilm_path).replace(
        "\nview\n", "\nother = AttnView(view.attention_data)\nview.beside(other)\n"
    )
    notebook = lab.open(page, "linked", [cell, "import json; print(json.dumps([other.layer, other.selected_queries]))"])
    notebook.run(0)
    one, two = drawn(page, 0), drawn(page, 1)
    assert (two.layer(), two.selected("query")) == (3, [2])
    two.find("[aria-label='Next layer']").click()
    expect(one.find("[role=spinbutton]")).to_have_text("4")
    one.token("query", 4).click()
    expect(two.find(".tokens-query [data-index='4']")).to_have_attribute("aria-selected", "true")
    assert read(notebook, 1) == [4, [4]]


def test_an_exported_page_offers_no_box(opened: Opened, view: AttnView) -> None:
    assert opened.view(view).find(".input-box").count() == 0
