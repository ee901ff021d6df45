"""`view.snapshot()`: what a notebook keeps of it, and what is left where frames or scripts are taken away."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter

from attnwidget.export import page
from attnwidget.export.snapshot import Snapshot
from attnwidget.view import AttnView


@pytest.fixture(autouse=True)
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "page.js"
    path.write_text("const a = '</script>', b = \"&quot; &\";\n")
    monkeypatch.setattr(page, "BUNDLE", path)


@pytest.fixture
def view() -> AttnView:
    weights = np.full((2, 3, 4, 4), 0.25, np.float32)
    return AttnView.from_arrays(weights, ["[CLS]", '"&amp;', "</iframe><script>x</script>", "[SEP]"], model_name="bert")


class Elements(HTMLParser):
    """Elements with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def bundle_of(snapshot: Snapshot) -> dict[str, Any]:
    return snapshot._repr_mimebundle_()


def test_it_is_a_page_in_a_frame_that_may_only_run_scripts_and_save(view: AttnView) -> None:
    elements = Elements(bundle_of(view.snapshot())["text/html"]).found
    assert [tag for tag, _ in elements] == ["div", "img", "div", "iframe"]
    (_, frame) = elements[-1]
    assert frame["sandbox"] == "allow-scripts allow-downloads"
    assert frame["srcdoc"] == view.to_html()
    assert "src" not in frame
    assert str(elements[1][1]["src"]).startswith("data:image/png;base64,")


def test_the_other_forms_are_the_picture_and_the_text(view: AttnView) -> None:
    data = bundle_of(view.snapshot())
    assert set(data) == {"text/html", "image/png", "text/plain"}
    assert base64.b64decode(data["image/png"]) == view._picture()
    assert data["text/plain"] == repr(view) == repr(view.snapshot())


def test_it_stays_as_it_was(view: AttnView) -> None:
    before = view.snapshot()
    html = before.html
    view.layer = 1
    view.close()
    assert before.html == html
    assert before._repr_mimebundle_()["text/html"] == html


def test_it_takes_what_to_html_takes(view: AttnView) -> None:
    (_, frame) = Elements(view.snapshot(layers=[1], title="T", height=333).html).found[-1]
    assert frame["srcdoc"] == view.to_html(layers=[1], title="T")
    assert (frame["height"], frame["title"]) == ("333", "T")
    with pytest.raises(ValueError, match="max_bytes"):
        view.snapshot(max_bytes=1000)


def test_large_weights_are_base64_in_it(view: AttnView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "DENSE_FROM", 1)
    inside = str(Elements(view.snapshot().html).found[-1][1]["srcdoc"])
    assert 'data-coding="base64"' in inside
    assert 'data-coding="dense"' not in inside
    # What JSON would have to write in six characters each.
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", inside)


def test_it_survives_a_notebook_and_what_is_made_of_it(view: AttnView, tmp_path: Path) -> None:
    output = nbformat.v4.new_output("execute_result", data=bundle_of(view.snapshot()), execution_count=1)
    cell = nbformat.v4.new_code_cell("view.snapshot()", outputs=[output], execution_count=1)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    nbformat.validate(notebook)
    nbformat.write(notebook, tmp_path / "a.ipynb")
    again = nbformat.read(tmp_path / "a.ipynb", 4)
    kept = again.cells[0].outputs[0].data["text/html"]
    assert kept == view.snapshot().html
    html, _ = HTMLExporter(template_name="basic").from_notebook_node(again)
    (frame,) = (attributes for tag, attributes in Elements(html).found if tag == "iframe")
    assert frame["srcdoc"] == view.to_html()
