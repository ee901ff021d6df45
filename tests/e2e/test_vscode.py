"""VS Code's widget manager, from its npm package, in a page that speaks to a real kernel."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from lab import LONG, SHORT, Lab
from opened import READY, Shown, until
from playwright.sync_api import Browser, Page, Route, expect
from test_hosts import ANYWIDGET
from where import VSCODE, Proofs

from attnwidget import AttnView

HERE = Path(__file__).parent
JS = HERE.parent.parent / "js"
MANAGER = "@vscode/jupyter-ipywidgets8"
VERSION = "1.0.9"
#: As VS Code puts it on its outputs: nothing from elsewhere, scripts also from blob: addresses.
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws:"
)
PAGE = """<!doctype html><meta charset="utf-8"><title>output</title>
<body class="vscode-{theme}" data-vscode-theme-kind="vscode-{theme}">
<style>body {{ --vscode-editor-background: {back}; background: {back} }}</style><div id="output"></div>
<script src="/harness/require.js"></script><script src="/harness/page.js"></script></body>"""


def run(*command: str | Path, cwd: Path, **env: str) -> None:
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr[-3000:]}"


def tool(name: str) -> str:
    """Node's, from PATH or from the package that brings it along."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is needed"
    return found


@pytest.fixture(scope="module")
def harness() -> Path:
    """A folder with page.js and require.js; the packages are installed once, and again when others are wanted."""
    wanted = (HERE / "vscode" / "package.json").read_bytes() + VERSION.encode()
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = caches / "attnwidget-tests" / f"vscode-{hashlib.sha256(wanted).hexdigest()[:12]}"
    modules = folder / "node_modules"
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(HERE / "vscode" / "package.json", folder)
        run(tool("npm"), "install", "--no-audit", "--no-fund", "--ignore-scripts", cwd=folder)
        run(tool("npm"), "pack", f"{MANAGER}@{VERSION}", "--ignore-scripts", cwd=folder)
        (archive,) = folder.glob("*.tgz")
        (modules / MANAGER).mkdir(parents=True)
        shutil.unpack_archive(archive, folder / "packed", filter="data")
        shutil.copytree(folder / "packed" / "package", modules / MANAGER, dirs_exist_ok=True)
        (folder / "installed").touch()
    esbuild = JS / "node_modules" / "esbuild" / "bin" / "esbuild"
    assert esbuild.exists(), "build the page first: python js/bundle.py"
    page = HERE / "vscode" / "page.js"
    built = (f"--outfile={folder / 'page.js'}", "--bundle", "--format=iife", "--log-level=error")
    run(tool("node"), esbuild, page, *built, cwd=folder, NODE_PATH=str(modules))
    shutil.copy(modules / "requirejs" / "require.js", folder / "require.js")
    return folder


@pytest.fixture
def page(browser: Browser, lab: Lab, harness: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1000, "height": 1800})
    # The page is not the server's own, so Chromium asks whether it may speak to this machine.
    context.grant_permissions(["local-network-access"], origin=lab.url)
    page = context.new_page()
    page.set_default_timeout(60_000)
    theme = {"dark": ("dark", "#1e1e1e"), "light": ("light", "#ffffff")}

    def answer(route: Route) -> None:
        _, _, name = route.request.url.rpartition("/harness/")
        if name.endswith(".js"):
            route.fulfill(path=harness / name, content_type="text/javascript")
            return
        kind, back = theme[name]
        html = PAGE.format(theme=kind, back=back)
        route.fulfill(body=html, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    page.route("**/harness/*", answer)
    page.route(
        "**/nbextensions/anywidget/index.js",
        lambda route: route.fulfill(path=ANYWIDGET, content_type="text/javascript"),
    )
    yield page
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_drawn_heard_and_answered(page: Page, lab: Lab, theme: str, proves: Proofs) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{lab.url}/harness/{theme}")
    page.wait_for_function("!!window.run")
    page.evaluate("code => run(code)", SHORT)
    page.evaluate("code => run(code)", LONG)
    short, long = Shown(page, 0), Shown(page, 1)
    for view in (short, long):
        expect(view.find(READY).first).to_be_visible()
        assert view.strokes() > 0
    assert short.ink("canvas[data-strokes]") > 300
    expect(short.root).to_have_attribute("data-theme", theme)
    short.find("[aria-label='Next layer']").click()
    short.token("query", 2).click()
    long.find("[aria-label='Next layer']").click()
    expect(long.find(READY).first).to_be_visible()
    ask = "run('print(json.dumps([view.layer, view.selected_queries, long.layer]))')"
    until(page, lambda: json.loads(page.evaluate(ask)) == [1, [2], 1], "Python has heard of it")
    proves(VSCODE, "draws", "interacts", "Python hears")
    proves.look(VSCODE, page, dark=theme == "dark")
    if theme == "dark":
        short.assert_dark()
        proves(VSCODE, "dark")
    page.evaluate("run('view.layer = 0')")
    expect(short.find("[role=spinbutton]")).to_have_text("0")
    assert page.evaluate("failures") == []
    assert errors == []

    lab.shut_kernels()
    short.find("[aria-label='Next layer']").click()
    expect(short.find("[role=spinbutton]")).to_have_text("1")
    expect(short.find(READY).first).to_be_visible()
    short.token("query", 4).click()
    assert short.selected("query") == [4]
    proves(VSCODE, "without a kernel")


def test_a_snapshot_is_drawn_under_its_policy(page: Page, lab: Lab) -> None:
    """VS Code brings no widget back that was saved: this output is what it keeps."""
    page.goto(f"{lab.url}/harness/light")
    page.wait_for_function("!!window.run")
    weights = np.random.default_rng(1).random((2, 3, 6, 6))
    view = AttnView.from_arrays(weights / weights.sum(-1, keepdims=True), ["the", "dog", "chased", "the", "cat", "."])
    page.evaluate("html => { document.getElementById('output').innerHTML = html }", view.snapshot().html)
    frame = page.frame_locator("iframe")
    expect(frame.locator(READY).first).to_be_visible()
    frame.locator("[aria-label='Next layer']").click()
    expect(frame.locator("[role=spinbutton]")).to_have_text("1")
