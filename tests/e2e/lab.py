"""A real JupyterLab, with Notebook 7 beside it, on loopback: started and stopped by the test, driven as users do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import nbformat
from playwright.sync_api import Page


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


#: Where each of the two shows a notebook.
PATHS = {"lab": "lab/tree", "notebook": "notebooks"}
SHELLS = tuple(PATHS)
#: Without this a saved notebook knows nothing of its widgets.
SAVE_STATE = {"@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True}}

#: So long that the page gets the first layer only, and asks for the others.
LONG = """
import json
import numpy as np
from attnwidget import AttnView
tokens = [f"word{n}" for n in range(256)]
weights = np.random.default_rng(0).random((8, 8, 256, 256), dtype=np.float32) ** 4
weights /= weights.sum(-1, keepdims=True)
long = AttnView.from_arrays(weights, tokens)
long
"""
SHORT = """
import json
import numpy as np
from attnwidget import AttnView
weights = np.random.default_rng(1).random((2, 3, 6, 6))
weights /= weights.sum(-1, keepdims=True)
view = AttnView.from_arrays(weights, "the dog chased the cat .".split())
view
"""
HEARD = "print(json.dumps([view.layer, view.selected_queries]))"


class Lab:
    """The server. Settings and state live in `folder` alone, so that a user's own are neither read nor written."""

    def __init__(self, folder: Path, settings: Mapping[str, object]) -> None:
        self.folder = folder
        for plugin, values in settings.items():
            self.set(plugin, values)
        self.port = free_port()
        self.log = (folder / "server.log").open("w")
        env = {
            **os.environ,
            **{f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")},
            "IPYTHONDIR": str(folder / "ipython"),
            "HF_HUB_OFFLINE": "1",
        }
        self.server = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={self.port}",
                "--ServerApp.port_retries=0",
                "--IdentityProvider.token=",
                "--ServerApp.disable_check_xsrf=True",
                f"--ServerApp.root_dir={folder}",
                "--LabApp.expose_app_in_browser=True",
                "--JupyterNotebookApp.expose_app_in_browser=True",
            ],
            env=env,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self._await_status()

    def set(self, plugin: str, values: object) -> None:
        """Settings of one plugin, for pages opened from now on."""
        path = self.folder / "config" / "lab" / "user-settings" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _await_status(self) -> None:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            if self.server.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/api/status", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        self.stop()
        raise RuntimeError("the server did not start:\n" + (self.folder / "server.log").read_text()[-3000:])

    def open(self, page: Page, name: str, cells: list[str], *, shell: str = "lab") -> LabNotebook:
        """A new notebook of these cells, in JupyterLab or in Notebook 7; none is run."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.folder / f"{name}.ipynb")
        return self.reopen(page, name, shell=shell)

    def read(self, page: Page, name: str, *, shell: str = "lab") -> None:
        """A notebook from its file, whether there is a kernel or not."""
        page.goto(f"{self.url}/{PATHS[shell]}/{name}.ipynb?reset")
        page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.context?.isReady", timeout=60_000)

    def reopen(self, page: Page, name: str, *, shell: str = "lab") -> LabNotebook:
        """A notebook from its file, with the kernel that it has, or a fresh one."""
        self.read(page, name, shell=shell)
        page.wait_for_function(
            "jupyterapp.shell.currentWidget.sessionContext?.session?.kernel?.status === 'idle'", timeout=60_000
        )
        return LabNotebook(page)

    def shut_kernels(self) -> None:
        """End every kernel, as a server that was restarted has none."""
        with urllib.request.urlopen(f"{self.url}/api/sessions", timeout=10) as reply:
            sessions = json.load(reply)
        for session in sessions:
            request = urllib.request.Request(f"{self.url}/api/sessions/{session['id']}", method="DELETE")
            with urllib.request.urlopen(request, timeout=10):
                pass

    def stop(self) -> None:
        self.server.terminate()
        try:
            self.server.wait(15)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        self.log.close()


class LabNotebook:
    def __init__(self, page: Page) -> None:
        self.page = page

    def run(self, index: int) -> str:
        """Run one cell and give its text output."""
        self.page.evaluate(
            """async index => {
                const {content} = jupyterapp.shell.currentWidget;
                content.activeCellIndex = index;
                await jupyterapp.commands.execute("notebook:run-cell");
            }""",
            index,
        )
        text: str = self.page.evaluate(
            """index => {
                const {outputs} = jupyterapp.shell.currentWidget.content.widgets[index].model.toJSON();
                return outputs.map(o => o.text ?? o.traceback?.join("\\n") ?? "").flat().join("");
            }""",
            index,
        )
        return text

    def until(self, index: int, value: object) -> None:
        """Run a cell until it prints this, as JSON: what is done on a page takes a moment to be heard."""
        end = time.monotonic() + 60
        while (found := json.loads(self.run(index))) != value:
            assert time.monotonic() < end, f"cell {index} prints {found!r}, not {value!r}"
            self.page.wait_for_timeout(50)

    def run_all(self) -> None:
        self.page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")

    def restart(self) -> None:
        """Restart the kernel, which forgets everything."""
        self.page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        self.page.wait_for_function("jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'")

    def darken(self, dark: bool) -> None:
        """Choose one of the two themes that come with it."""
        theme = f"JupyterLab {'Dark' if dark else 'Light'}"
        self.page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)

    def save(self) -> None:
        self.page.evaluate("jupyterapp.commands.execute('docmanager:save')")
