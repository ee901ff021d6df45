"""A notebook saved with its widgets, closed, and opened again while nobody remembers it."""

from __future__ import annotations

import json

import pytest
from lab import LONG, SHELLS, SHORT, Lab
from opened import READY, Shown
from playwright.sync_api import Page, expect


@pytest.mark.parametrize("shell", SHELLS)
def test_drawn_from_the_file(lab: Lab, page: Page, shell: str) -> None:
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
    # There is a kernel, but it has never seen this view.
    expect(long.find(READY).first).to_be_visible()
    long.find("[aria-label='Next layer']").click()
    expect(long.find(".absence")).to_contain_text("Layer 1 is not in this page. It needs a running kernel")
