"""demo.ipynb runs from top to bottom, offline, and its committed form holds pictures only."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOK = Path(__file__).parent.parent / "demo.ipynb"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.mark.slow
def test_it_runs_and_its_views_show() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=180, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    views = [output.data for output in outputs if WIDGET in output.get("data", {}) and "image/png" in output.data]
    assert len(views) == 3
    assert all("strongest links" in view["text/plain"] for view in views)
    printed = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert "chosen: [3]" in printed


def test_what_is_committed_is_small_and_shows_the_views() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert "widgets" not in notebook.metadata, "state without its widgets keeps viewers from rendering the file"
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert [sorted(output.data) for output in outputs] == [["image/png", "text/plain"]] * 3
    assert NOTEBOOK.stat().st_size < 300_000
