"""demo.ipynb runs from top to bottom, offline once its models are fetched; its own assertions and those below hold.

Its committed form is readable without a kernel.
"""

from __future__ import annotations

import re

import nbformat
import pytest
from models import folder
from tour import NOTEBOOK, WIDGET, execute, read, views

# What section 4 says in words about its pictures, in the variables of its cells; other sections assert for themselves.
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
VIEWS = 14


def _code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.slow
def test_it_runs_and_what_it_says_is_so() -> None:
    for model in ("e5", "smollm2", "rxnmapper"):  # fetched and unpacked in no cell's time
        folder(model)
    notebook = read()
    after = max(i for i, cell in enumerate(notebook.cells) if cell.id.startswith("special-"))
    notebook.cells.insert(after + 1, nbformat.v4.new_code_cell(CLAIMS))
    execute(notebook)
    shown = list(views(notebook))
    assert len(shown) == VIEWS
    assert all("image/png" in output.data and "strongest links" in output.data["text/plain"] for output in shown)
    streams = [output for cell in _code(notebook) for output in cell.outputs if output.output_type == "stream"]
    printed = "".join(output.text for output in streams if output.name == "stdout")
    assert "chosen: [7]" in printed
    assert "trained: ordinary | random weights: untrained" in printed


def test_what_is_committed_is_small_and_shows_the_views() -> None:
    notebook = read()
    assert "widgets" not in notebook.metadata, "state without its widgets keeps viewers from rendering the file"
    outputs = [output for cell in _code(notebook) for output in cell.outputs]
    assert all(output.output_type != "error" and output.get("name") != "stderr" for output in outputs)
    held = [output.data for output in outputs if "data" in output]
    assert {kind for data in held for kind in data} == {"image/png", "text/html", "text/markdown", "text/plain"}
    assert WIDGET not in {kind for data in held for kind in data}
    drawn = [data for data in held if data["text/plain"].startswith("AttnView")]
    assert len(drawn) == VIEWS
    assert all("image/png" in data for data in drawn)
    assert NOTEBOOK.stat().st_size < 1_500_000
    text = NOTEBOOK.read_text("utf-8")
    assert not re.search(r"/home/|/root/|/tmp/|[A-Z]:\\\\Users", text), "a path of the machine it was run on"


def test_what_it_teaches_is_in_both_languages() -> None:
    notebook = read()
    taught = [cell.source for cell in notebook.cells if cell.cell_type == "markdown" and "\n## " in f"\n{cell.source}"]
    assert [re.findall(r"^## (\d+) · ", source, re.M) for source in taught] == [[str(n)] for n in range(1, 11)]
    assert all(re.search(r"^> .*[ぁ-ん]", source, re.M) for source in taught)


def test_every_model_that_is_fetched_has_its_line_for_a_model_hub() -> None:
    loading = [
        cell.source for cell in _code(read()) if "from_pretrained(" in cell.source or "ViTConfig(" in cell.source
    ]
    assert len(loading) == 5
    assert all("# with a model hub: " in source or "rxnmapper" in source for source in loading)
