"""Exported pages and snapshots in a stock Firefox, offline, from a file, under their strict policy."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np
import pytest
from firefox import Firefox, Tab
from where import FIREFOX, Proofs

if TYPE_CHECKING:
    from attnwidget import Attention, AttnView

READY = ".picture[aria-busy=false] canvas"
INK = """(c => {
    const {data} = c.getContext("2d").getImageData(0, 0, c.width, c.height);
    let painted = 0;
    for (let at = 3; at < data.length; at += 4) painted += data[at] > 0;
    return painted;
})(e)"""

SCROLL_BAR = "e.clientHeight > 0 && e.offsetHeight - e.clientHeight > 2 * e.clientTop + 2"
#: What the page's policy says of a script that is put in afterwards.
REFUSED = """new Promise((done) => {
    document.addEventListener("securitypolicyviolation", (event) => done(event.violatedDirective));
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.body.append(script);
})"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    started = Firefox(tmp_path_factory.mktemp("firefox"))
    yield started
    started.close()


@pytest.fixture
def fox(browser: Firefox) -> Iterator[Firefox]:
    """Watched: afterwards nothing may have been complained of or asked for."""
    browser.complaints.clear()
    browser.requests.clear()
    yield browser
    assert browser.complaints == []
    outside = [url for url in browser.requests if not url.startswith(("file:", "data:", "blob:", "about:"))]
    assert outside == []


def opened(fox: Firefox, html: str, folder: Path, **size: int) -> Tab:
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    return fox.open(path, **size)


def sheets(pdf: bytes) -> int:
    """Pages of a PDF, whose list of contents may itself be packed."""
    packed = (match[1] for match in re.finditer(rb"/ObjStm.*?stream\r?\n(.*?)endstream", pdf, re.DOTALL))
    texts = [pdf, *(zlib.decompressobj().decompress(stream) for stream in packed)]
    return sum(len(re.findall(rb"/Type\s*/Page\b", text)) for text in texts)


def test_a_page_draws_and_answers(
    fox: Firefox, view: AttnView, attention: Attention, tmp_path: Path, proves: Proofs
) -> None:
    tab = opened(fox, view.to_html(), tmp_path)
    assert "default-src 'none'" in tab.evaluate("document.querySelector('meta[http-equiv]').content")
    tab.one(READY, "1")
    assert tab.one("canvas[data-strokes]", INK) > 500
    tab.until(".attnwidget", "e.dataset.theme", "dark")
    proves(FIREFOX, "draws", "dark", "without a kernel")
    proves.look(FIREFOX, tab, dark=True)
    assert tab.all(".tokens-query .token-text") == [token.text for token in attention.query_tokens()]

    tab.press("[aria-label='Next layer']")
    tab.until("[role=spinbutton]", "e.innerText", "4")
    tab.press("button[data-head='8']")
    tab.until("button[data-head='8']", "e.getAttribute('aria-pressed')", "true")
    tab.point(".tokens-query [data-index='3']")
    tab.until(".tokens-key .token-value", "e.innerText !== ''", True)
    printed = [float(text.lstrip("<")) for text in tab.all(".tokens-key .token-value")]
    assert np.abs(np.array(printed) - attention.weights(4, 8)[3]).max() < 0.001
    tab.press(".tokens-query [data-index='2']")
    tab.until(".tokens-query [data-index='2']", "e.getAttribute('aria-selected')", "true")

    for mode in ("matrix", "heads", "lines"):
        tab.press(f"[data-value={mode}]")
        tab.until(f"[data-value={mode}]", "e.getAttribute('aria-checked')", "true")
        assert tab.one(READY, INK) > 500
        # Its scroll bars take room of the page, and come where anything is a pixel too wide.
        assert tab.all("*", SCROLL_BAR).count(True) == 0, mode
    assert tab.evaluate("document.documentElement.scrollWidth") <= 1000
    proves(FIREFOX, "interacts")
    assert sheets(tab.printed()) == 1
    assert tab.evaluate(REFUSED) == "script-src-elem"
    assert tab.evaluate("window.ran") is None
    assert [line for line in fox.complaints if "script-src-elem" not in line] == []
    fox.complaints.clear()
    tab.close()


def test_a_page_is_saved_and_opened_again(fox: Firefox, view: AttnView, tmp_path: Path, proves: Proofs) -> None:
    tab = opened(fox, view.to_html(), tmp_path)
    tab.press("[aria-label='Next layer']")
    tab.press(".menu-button")
    tab.press("[data-save=svg]")
    picture = fox.downloaded("svg")
    assert picture is not None
    assert ElementTree.fromstring(picture.decode()).tag.endswith("svg")
    tab.press("[data-save=html]")
    data = fox.downloaded("html")
    assert data is not None
    tab.close()
    again = opened(fox, data.decode(), tmp_path)
    again.one(READY, "1")
    assert again.one("[role=spinbutton]") == "4"
    proves(FIREFOX, "saved and reopened")
    again.close()
    view.theme = "light"
    light = opened(fox, view.to_html(), tmp_path)
    light.one(READY, "1")
    assert light.one(".card", "getComputedStyle(e).backgroundColor") == "rgb(255, 255, 255)"
    proves.look(FIREFOX, light, dark=False)
    light.close()


@pytest.mark.parametrize("allowed", [True, False])
def test_a_snapshot_draws_and_saves_or_says_why_not(
    fox: Firefox, view: AttnView, tmp_path: Path, allowed: bool
) -> None:
    html = view.snapshot().html
    html = html if allowed else html.replace(" allow-downloads", "")
    tab = opened(fox, f"<!doctype html><meta charset=utf-8>{html}", tmp_path, height=1200)
    frame = tab.frame()
    frame.one(READY, "1")
    assert frame.evaluate("origin") == "null"
    frame.press("[aria-label='Next layer']")
    frame.until("[role=spinbutton]", "e.innerText", "4")
    frame.press(".menu-button")
    frame.press("[data-save=svg]")
    if allowed:
        assert fox.downloaded("svg") is not None
    assert "may forbid downloads" in frame.one(".save-said")
    frame.press(".save-said button")
    text = frame.one(".save-kept textarea", "e.value")
    assert ElementTree.fromstring(text).tag.endswith("svg")
    tab.close()
