"""Write the API reference out of the docstrings: `python tests/reference.py [FOLDER]` (needs pdoc).

What it warns of is an error: a signature that cannot be read, an annotation that names nothing.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

#: What is imported by name, and the modules that its docstrings send readers to.
PUBLIC = (
    "attnwidget",
    "attnwidget.export.pages",
    "attnwidget.holdings",
    "attnwidget.inputs.tokens",
    "attnwidget.layers",
    "attnwidget.linking",
    "attnwidget.memory",
    "attnwidget.overviews",
    "attnwidget.statistics.definitions",
    "attnwidget.statistics.heads",
    "attnwidget.statistics.labels",
    "attnwidget.wire",
    "attnwidget.words",
)


def write(folder: Path) -> None:
    """Write the reference, a page a module."""
    import pdoc
    import pdoc.render

    # Lines of parameters are read as numpy's; search and sources make the pages heavy, and the sources are at hand.
    pdoc.render.configure(docformat="numpy", show_source=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        pdoc.pdoc(*PUBLIC, output_directory=folder)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "reference"))
