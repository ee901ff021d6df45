"""demo.ipynb runs from top to bottom, offline; what it says is so; its committed form is readable without a kernel."""

from __future__ import annotations

from pathlib import Path

import nbclient
import nbformat
import pytest

NOTEBOOK = Path(__file__).parent.parent / "demo.ipynb"
WIDGET = "application/vnd.jupyter.widget-view+json"
# What the section on special tokens says in words, in the variables of its cells.
CLAIMS = """
inside, last = range(1, 5), attention.n_layers - 1
by_chance = shares["cls"]["uniform"]
assert (shares["cls"][1:-1] > 3 * by_chance).all()
assert (shares["sep"][1:-1] < by_chance).all()

weight, taken = corpus.shares(), corpus.shares("contribution")
assert (weight["cls"][inside] > 0.5).all()
assert (taken["cls"] < 0.1).all()
assert (taken["cls"] + taken["sep"] < 0.15).all()

assert (45 < reading[inside]).all()
assert (row["self"][inside] > 85).all()
assert row["content"][last] > 50 > 20 < row["content"][0] < row["self"][0]

assert (nu[leaning] <= 0.5).sum() >= leaning.sum() - 2
assert (found["cls"].mean(axis=1) > 3 * found["word"].mean(axis=1) / kinds.count("word")).all()
assert (turned["word"] > 2 * turned["cls"]).all()
assert turned["cls"].median() < 2 * turned["sep"].median()

assert (untrained["cls"] < 1.2 * summary.baselines["cls"]).all()
assert (corpus.diagnosis, untrained.diagnosis) == ("ordinary", "untrained")
assert corpus["entropy_norm"].max() < 0.99 < untrained["entropy_norm"].min()
"""


@pytest.mark.slow
def test_it_runs_and_its_views_show() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(CLAIMS))
    nbclient.NotebookClient(notebook, timeout=180, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    views = [output.data for output in outputs if WIDGET in output.get("data", {}) and "image/png" in output.data]
    assert len(views) == 3
    assert all("strongest links" in view["text/plain"] for view in views)
    printed = "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")
    assert "chosen: [3]" in printed
    assert "trained: ordinary | random weights: untrained" in printed


def test_what_is_committed_is_small_and_shows_the_views() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert "widgets" not in notebook.metadata, "state without its widgets keeps viewers from rendering the file"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    views = [output for cell in code if not cell.id.startswith("normal-") for output in cell.outputs]
    assert [sorted(output.data) for output in views] == [["image/png", "text/plain"]] * 3
    section = [cell for cell in code if cell.id.startswith("normal-")]
    assert all(cell.outputs for cell in section)
    held = [output.get("data", {"text/plain": ""}) for cell in section for output in cell.outputs]
    assert {kind for data in held for kind in data} == {"image/png", "text/html", "text/markdown", "text/plain"}
    assert sum("image/png" in data for data in held) == 5
    assert NOTEBOOK.stat().st_size < 1_500_000
