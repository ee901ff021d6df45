"""A notebook saved with its widgets, closed, and opened again while nobody remembers it."""

from __future__ import annotations

import json
import re

import pytest
from lab import LONG, SHELLS, SHORT, Lab
from opened import READY, Shown
from playwright.sync_api import Page, expect
from where import JUPYTER, SNAPSHOT, Proofs


@pytest.mark.parametrize("shell", SHELLS)
def test_drawn_from_the_file(lab: Lab, page: Page, shell: str, proves: Proofs) -> None:
    name = f"saved_{shell}"
    notebook = lab.open(page, name, [SHORT, LONG], shell=shell)
    notebook.run_all()
    for index in range(2):
        expect(Shown(page, index).find(READY).first).to_be_visible(timeout=60_000)
    view = Shown(page)
    view.find("[aria-label='Next layer']").click()
    view.token("query", 2).click()
    page.wait_for_timeout(300)
    notebook.save()
    saved = json.loads((lab.folder / f"{name}.ipynb").read_text(encoding="utf-8"))
    states = saved["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert sum("buffers" in state for state in states.values()) == 2
    page.goto("about:blank")
    lab.shut_kernels()

    lab.reopen(page, name, shell=shell)
    short, long = Shown(page, 0), Shown(page, 1)
    expect(short.find(READY).first).to_be_visible(timeout=60_000)
    assert short.layer() == 1
    assert short.selected("query") == [2]
    assert short.ink("canvas[data-strokes]") > 300
    short.find("[aria-label='Previous layer']").click()
    expect(short.find(READY).first).to_be_visible()
    short.token("query", 4).click()
    assert short.selected("query") == [4]
    proves(JUPYTER[shell], "saved and reopened")
    # There is a kernel, but it has never seen this view.
    expect(long.find(READY).first).to_be_visible()
    long.find("[aria-label='Next layer']").click()
    expect(long.find(".absence")).to_contain_text("Layer 1 is not in this page. It needs a running kernel")


@pytest.mark.parametrize("shell", SHELLS)
def test_without_kernel_and_without_trust(lab: Lab, page: Page, shell: str, proves: Proofs) -> None:
    """Where the widget itself cannot come back: the snapshot beside it does, and a picture where not even that may."""
    name = f"bare_{shell}"
    notebook = lab.open(page, name, [SHORT, "view.snapshot()"], shell=shell)
    notebook.run_all()
    snapshot = page.frame_locator(".jp-OutputArea-output iframe")
    expect(snapshot.locator(READY).first).to_be_visible(timeout=60_000)
    notebook.save()
    page.goto("about:blank")
    lab.shut_kernels()

    # A server that starts no kernel.
    page.route(re.compile("/api/(sessions|kernels)"), lambda route: route.fulfill(status=500, json={"message": "none"}))
    lab.read(page, name, shell=shell)
    expect(snapshot.locator(READY).first).to_be_visible(timeout=60_000)
    assert page.evaluate("jupyterapp.shell.currentWidget.sessionContext.session?.kernel ?? null") is None
    page.get_by_role("dialog").get_by_role("button").last.click()
    snapshot.locator("[aria-label='Next layer']").click()
    expect(snapshot.locator("[role=spinbutton]")).to_have_text("1")
    proves(SNAPSHOT, "draws", "interacts", "saved and reopened", "without a kernel")

    # Whoever gets the file from somebody else has not signed it.
    path = lab.folder / f"{name}.ipynb"
    changed = json.loads(path.read_text("utf-8"))
    changed["cells"][0]["source"].append("# passed on")
    path.write_text(json.dumps(changed), "utf-8")
    lab.read(page, name, shell=shell)
    pictures = page.locator(".jp-OutputArea-output img")
    expect(pictures).to_have_count(2)
    for picture in pictures.all():
        expect(picture).to_be_visible()
        assert picture.evaluate("image => image.naturalWidth") == 760
    assert page.locator(".jp-OutputArea-output iframe").count() == 0
    # What is shown where not even pictures are.
    texts = [cell["outputs"][0]["data"]["text/plain"] for cell in changed["cells"]]
    for text in map("".join, texts):
        assert text.startswith("AttnView: arrays · 2 layers × 3 heads · 6 tokens\n  text: the dog chased the cat .")
        assert "strongest links" in text
