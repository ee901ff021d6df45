"""Where the widget works, as the tests saw it: noted while they run, in the end compared with the README's table."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

README = Path(__file__).parents[2] / "README.md"
COLUMNS = ("draws", "interacts", "Python hears", "saved and reopened", "without a kernel", "dark")
_DRAWS, _INTERACTS, _HEARS, _SAVED, _WITHOUT, _DARK = COLUMNS

LAB, NOTEBOOK = "JupyterLab 4", "Notebook 7"
VSCODE = "VS Code (its widget manager, in a test page)"
COLAB = "Colab (its rules, simulated)"
STATE = "saved widget state on a page (Quarto, MyST)"
SNAPSHOT = "`view.snapshot()` in a saved notebook"
CHROMIUM, FIREFOX = ("an exported page, from `file://`, in " + name for name in ("Chromium", "Firefox"))
#: By the name of its shell, see lab.py.
JUPYTER = {"lab": LAB, "notebook": NOTEBOOK}
APPS = ("marimo run", "marimo edit", "Voila", "Panel", "Shiny")

#: What a host cannot have: apps keep no outputs and VS Code no widgets, pages have no Python, Shiny empties a page that
#: it leaves.
NOT_THERE = {
    **dict.fromkeys((*APPS, VSCODE), (_SAVED,)),
    "Shiny": (_SAVED, _WITHOUT),
    **dict.fromkeys((STATE, SNAPSHOT, CHROMIUM, FIREFOX), (_HEARS,)),
}
HOSTS = (LAB, NOTEBOOK, *APPS, VSCODE, COLAB, STATE, SNAPSHOT, CHROMIUM, FIREFOX)

#: Environment variable that names a folder for a picture of every host, light and dark.
PICTURES = "ATTNWIDGET_PICTURES"


class Proofs:
    """``proves(host, *columns)`` after the lines that show it."""

    def __init__(self) -> None:
        self.cells: set[tuple[str, str]] = set()
        #: Whether every test that proves something is part of this run.
        self.whole = True

    def __call__(self, host: str, *columns: str) -> None:
        for column in columns:
            if host not in HOSTS or column not in COLUMNS or column in NOT_THERE.get(host, ()):
                raise ValueError(f"{host}, {column}: not a cell of the table")
            self.cells.add((host, column))

    def look(self, host: str, page: Any, *, dark: bool) -> None:
        """Leave a picture of the page, where somebody wants to see it."""
        folder = os.environ.get(PICTURES)
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            name = re.sub(r"\W+", "-", host).strip("-").lower()
            data = page.screenshot()
            Path(folder, f"{name}-{'dark' if dark else 'light'}.png").write_bytes(data)


def table(cells: set[tuple[str, str]]) -> list[str]:
    """Lines of the README's table."""

    def cell(host: str, column: str) -> str:
        return "–" if column in NOT_THERE.get(host, ()) else "✓" if (host, column) in cells else ""

    def line(*texts: str) -> str:
        return f"| {' | '.join(texts)} |".replace("|  |", "| |").replace("|  |", "| |")

    head = line("", *COLUMNS)
    return [head, "|---" * (len(COLUMNS) + 1) + "|"] + [
        line(host, *(cell(host, column) for column in COLUMNS)) for host in HOSTS
    ]


def said() -> list[str]:
    """That table as the README has it."""
    section = README.read_text("utf-8").split("\n## Where it works\n")[1].split("\n## ")[0]
    return [one for one in section.splitlines() if one.startswith("|")]
