"""Hosts other than JupyterLab: each starts its own server on loopback, and stops it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import nbformat
from lab import free_port
from playwright.sync_api import Page

#: A view without a model, and the sentence in which the host says what Python has heard.
VIEW = """
import numpy as np
from attnwidget import AttnView
weights = np.random.default_rng(0).random((2, 3, 6, 6))
weights /= weights.sum(-1, keepdims=True)
view = AttnView.from_arrays(weights, "the dog chased the cat .".split())
"""
HEARD = 'f"heard layer {view.layer} queries {view.selected_queries}"'

MARIMO = """
import marimo
app = marimo.App()

@app.cell
def _():
    import marimo as mo
{view}
    shown = mo.ui.anywidget(view)
    return mo, shown

@app.cell
def _(shown):
    shown
    return

@app.cell
def _(mo, shown):
    mo.md(f"heard layer {{shown.value['layer']}} queries {{shown.value['selected_queries']}}")
    return

if __name__ == "__main__":
    app.run()
"""
VOILA = [
    f"""{VIEW}
import ipywidgets
heard = ipywidgets.Label("heard")
view.observe(lambda _: setattr(heard, "value", {HEARD}))
heard""",
    "view",
]
PANEL = f"""{VIEW}
import panel as pn
pn.extension("ipywidgets")
heard = pn.pane.Markdown("heard")
view.observe(lambda _: setattr(heard, "object", {HEARD}))
pn.Column(heard, pn.pane.IPyWidget(view)).servable()
"""
SHINY = f"""
from shiny import App, render, ui
from shinywidgets import output_widget, reactive_read, render_widget

scheme = ui.input_dark_mode(id="scheme", mode="light")
app_ui = ui.page_fluid(scheme, ui.output_text("heard"), output_widget("shown", height="auto"))

def server(input, output, session):
    @render_widget
    def shown():
{indent(VIEW, "        ")}
        return view

    @render.text
    def heard():
        read = lambda name: reactive_read(shown.widget, name)
        return f"heard layer {{read('layer')}} queries {{read('selected_queries')}}"

app = App(app_ui, server)
"""


@dataclass(frozen=True)
class Host:
    """How a host is started on a file, at what path it is ready and shows the file, and how it is made dark."""

    file: str
    write: Callable[[Path], None]
    command: tuple[str, ...]
    ready: str
    darken: Callable[[Page], object]
    page: str = "/"


def _text(content: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(content, encoding="utf-8")

    return write


def _marimo(path: Path) -> None:
    path.write_text(MARIMO.format(view=indent(VIEW, "    ")), encoding="utf-8")
    # An editor runs no cells on opening unless told so, in the settings of its user.
    settings = path.parent / "settings" / "marimo" / "marimo.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[runtime]\nauto_instantiate = true\n[display]\ntheme = "system"\n', encoding="utf-8")


def _notebook(cells: list[str]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, path)

    return write


def _again_dark(page: Page) -> None:
    page.goto(f"{page.url}?theme=dark")


def _by_system(page: Page) -> None:
    page.emulate_media(color_scheme="dark")


_MARIMO_FLAGS = ("app.py", "--headless", "--no-token", "--host=127.0.0.1", "--port={port}")
HOSTS = {
    "marimo run": Host("app.py", _marimo, ("marimo", "-q", "-y", "run", *_MARIMO_FLAGS), "/health", _by_system),
    "marimo edit": Host("app.py", _marimo, ("marimo", "-q", "-y", "edit", *_MARIMO_FLAGS), "/health", _by_system),
    "Voila": Host(
        "app.ipynb",
        _notebook(VOILA),
        ("voila", "app.ipynb", "--no-browser", "--port={port}", "--Voila.ip=127.0.0.1"),
        # Every look at the page itself runs the notebook.
        "/voila/static/voila.js",
        _again_dark,
    ),
    "Panel": Host(
        "app.py",
        _text(PANEL),
        (
            "panel",
            "serve",
            "app.py",
            "--port={port}",
            "--address=127.0.0.1",
            "--allow-websocket-origin=127.0.0.1:{port}",
        ),
        "/app",
        _again_dark,
        "/app",
    ),
    "Shiny": Host(
        "app.py",
        _text(SHINY),
        ("shiny", "run", "--host=127.0.0.1", "--port={port}", "app.py"),
        "/",
        lambda page: page.locator("#scheme").click(),
    ),
}


@contextmanager
def served(host: Host, folder: Path) -> Iterator[str]:
    """The address of a host's page, while its server runs."""
    host.write(folder / host.file)
    port = free_port()
    env = {
        **os.environ,
        **{f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")},
        "IPYTHONDIR": str(folder / "ipython"),
        "XDG_CONFIG_HOME": str(folder / "settings"),
        "BOKEH_RESOURCES": "server",
        "MARIMO_SKIP_UPDATE_CHECK": "1",
    }
    log = (folder / "host.log").open("w")
    command = [sys.executable, "-m", *(part.format(port=port) for part in host.command)]
    server = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        _await(f"http://127.0.0.1:{port}{host.ready}", server, folder / "host.log")
        yield f"http://127.0.0.1:{port}{host.page}"
    finally:
        server.terminate()
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _await(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end and server.poll() is None:
        if _answers(url):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the host did not start: {json.dumps(log.read_text()[-2000:])}")
