"""A real Chromium, driven by Playwright. Where there is none, the tests fail and say so: a browser is not optional."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab import SAVE_STATE, Lab
from opened import Opened
from playwright.sync_api import Browser, Page, expect, sync_playwright
from where import Proofs

import attnwidget

if TYPE_CHECKING:
    from attnwidget import Attention, AttnView

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A busy machine with two cores is slow, not wrong.
expect.set_options(timeout=60_000)

SENTENCE = "The dog chased the cat because it was hungry."


HERE = Path(__file__).parent
PROOFS = pytest.StashKey[Proofs]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[PROOFS] = Proofs()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Everything here drives a browser. What sums it up comes last."""
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.path.name == "test_where_it_works.py")
    proving = {path for path in HERE.glob("test_*.py") if "proves(" in path.read_text("utf-8")}
    if not proving <= {item.path for item in ours}:
        config.stash[PROOFS].whole = False


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.config.stash[PROOFS].whole = False


def chromium() -> str:
    named = os.environ.get("CHROMIUM")
    found = shutil.which(named) if named else None
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        found = found or shutil.which(name)
    if not found:
        pytest.fail("no Chromium on PATH and none named by CHROMIUM: `python tests/run.py` installs one")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the whole session: Playwright runs an event loop in this thread for as long as it lives, and other tests
    # have loops of their own.
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def proofs(pytestconfig: pytest.Config) -> Proofs:
    return pytestconfig.stash[PROOFS]


@pytest.fixture
def proves(proofs: Proofs) -> Proofs:
    """Notes for the README's table of hosts what a test has shown."""
    return proofs


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One server for all: JupyterLab, Notebook 7, and kernels for whoever brings a page of their own."""
    server = Lab(tmp_path_factory.mktemp("jupyter"), SAVE_STATE)
    yield server
    server.stop()


@pytest.fixture
def lab(jupyter: Lab) -> Iterator[Lab]:
    """That server, without the kernels of the test before."""
    yield jupyter
    jupyter.shut_kernels()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window so tall that a notebook of some views shows them all."""
    context = browser.new_context(viewport={"width": 1300, "height": 2400})
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


@pytest.fixture(scope="session")
def attention(minilm_path: str) -> Attention:
    captured = attnwidget.capture(minilm_path, SENTENCE)
    assert isinstance(captured, attnwidget.Attention)
    return captured


@pytest.fixture
def view(attention: Attention) -> AttnView:
    return attnwidget.AttnView(attention, layer=3)


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Opened]:
    """Opens views as exported pages, offline; afterwards nothing may have been asked for or complained about."""
    pages = Opened(browser, tmp_path)
    yield pages
    pages.close()
