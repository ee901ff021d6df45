"""Run demo.ipynb and write it back as it is committed: `python tests/tour.py`.

What is committed can be read where nothing runs: of every view there is a picture of its page in a browser. The widget
itself needs a kernel, and its state would make the file several times as large. Needs Chromium (CHROMIUM names one).
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import numpy as np

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "demo.ipynb"
WIDGET = "application/vnd.jupyter.widget-view+json"

# Of the pictures of views: about as wide as GitHub shows a notebook.
_WIDTH = 860
# Of all pictures: text, lines and tints get by with few colours, in a third of the bytes.
_COLOURS = 128

# Runs before the notebook: every view that is displayed also writes itself as a page, in order.
_PAGES = """
import pathlib as _pathlib
from attnwidget import AttnView as _AttnView
def _bundle(self, _plain=_AttnView._repr_mimebundle_, _folder=_pathlib.Path({folder!r}), **kwargs):
    (_folder / f"{{len(list(_folder.iterdir())):03}}.html").write_text(self.to_html(), encoding="utf-8")
    return _plain(self, **kwargs)
_AttnView._repr_mimebundle_ = _bundle
"""


def read() -> Any:
    """The notebook."""
    return nbformat.read(NOTEBOOK, as_version=4)


def execute(notebook: Any) -> None:
    """Run all cells, from the folder that a reader's Jupyter would run them in; the first error is raised."""
    resources = {"metadata": {"path": str(ROOT)}}
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources).execute()


def views(notebook: Any) -> Iterator[Any]:
    """The outputs that are views, in order."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if WIDGET in output.get("data", {}):
                yield output


def strip(notebook: Any) -> None:
    """Leave out what differs between two runs or machines, and what only a kernel could use."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
            output.get("metadata", {}).clear()


def pictures(pages: list[Path]) -> Iterator[bytes]:
    """Each page as a browser draws it: PNG."""
    from playwright.sync_api import expect, sync_playwright

    named = os.environ.get("CHROMIUM", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which(named) or named, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": _WIDTH, "height": 900})
        for path in pages:
            page.goto(path.as_uri())
            expect(page.locator(".attnwidget")).to_be_visible()
            expect(page.locator("[aria-busy=true]")).to_have_count(0)
            page.wait_for_timeout(400)  # canvases are painted a frame later
            yield page.locator(".attnwidget").screenshot()
        browser.close()


def smaller(picture: bytes) -> bytes:
    """The same PNG in few colours: the most frequent as they are, so that plain areas stay; the rest by spread."""
    from PIL import Image

    shot = Image.open(io.BytesIO(picture)).convert("RGB")
    colours, place, counts = np.unique(np.asarray(shot).reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    frequent = colours[np.argsort(-counts)[: _COLOURS // 2]]
    spread = shot.quantize(_COLOURS - len(frequent), Image.Quantize.MAXCOVERAGE).getpalette()
    palette = np.concatenate([frequent, np.array(spread, np.uint8).reshape(-1, 3)])
    away = ((colours[:, None].astype(np.int32) - palette[None]) ** 2).sum(axis=2)
    drawn = Image.fromarray(away.argmin(axis=1).astype(np.uint8)[place].reshape(shot.height, shot.width), "P")
    drawn.putpalette(palette.tobytes())
    packed = io.BytesIO()
    drawn.save(packed, "PNG", optimize=True)
    return min(packed.getvalue(), picture, key=len)


def main() -> None:
    """Run, take the pictures, write."""
    notebook = read()
    with tempfile.TemporaryDirectory() as folder:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(_PAGES.format(folder=folder)))
        execute(notebook)
        del notebook.cells[0]
        for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), 1):
            cell.execution_count = number
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = number
        shown = list(views(notebook))
        for output, picture in zip(shown, pictures(sorted(Path(folder).iterdir())), strict=True):
            output.data["image/png"] = base64.b64encode(picture).decode()
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if (picture := output.get("data", {}).get("image/png")) is not None:
            output.data["image/png"] = base64.b64encode(smaller(base64.b64decode(picture))).decode()
    strip(notebook)
    nbformat.write(notebook, NOTEBOOK)
    print(f"{NOTEBOOK.name}: {len(shown)} views, {NOTEBOOK.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
