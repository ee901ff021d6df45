"""A notebook's life in JupyterLab 4 and in Notebook 7: several views, restarts, everything run twice, scrolled away."""

from __future__ import annotations

import json
import re

import pytest
from lab import HEARD, LONG, SHELLS, SHORT, Lab, LabNotebook
from opened import READY, drawn
from playwright.sync_api import Page, expect
from where import JUPYTER, Proofs


def heard(notebook: LabNotebook, index: int) -> object:
    return json.loads(notebook.run(index))


@pytest.mark.parametrize("shell", SHELLS)
def test_several_views_a_restart_and_everything_run_twice(lab: Lab, page: Page, shell: str, proves: Proofs) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    notebook = lab.open(page, f"life_{shell}", [LONG, SHORT, "view", HEARD], shell=shell)
    notebook.run_all()
    long, view, same = (drawn(page, index) for index in range(3))
    assert view.strokes() > 0
    assert view.ink("canvas[data-strokes]") > 300
    view.find("[aria-label='Next layer']").click()
    same.token("query", 2).click()
    expect(view.find("[role=spinbutton]")).to_have_text("1")
    expect(view.find(".tokens-query [data-index='2']")).to_have_attribute("aria-selected", "true")
    notebook.until(3, [1, [2]])
    proves(JUPYTER[shell], "draws", "interacts", "Python hears")
    proves.look(JUPYTER[shell], page, dark=False)
    long.find("[aria-label='Next layer']").click()
    drawn(page)
    assert long.layer() == 1

    notebook.restart()
    # What the page holds goes on working; of what it lacks it says what brings it.
    view.find("[aria-label='Previous layer']").click()
    assert drawn(page, 1).layer() == 0
    # Not another layer: those have followed by now, or have not. Nobody has sent for the code of this mode.
    long.choose("steps")
    expect(long.find(".absence")).to_contain_text("not in the notebook. It needs a running kernel")
    expect(long.find(".absence")).to_contain_text("view.save")
    long.choose("lines")
    long.find("[aria-label='Previous layer']").click()
    expect(long.find(READY).first).to_be_visible()
    proves(JUPYTER[shell], "without a kernel")

    for _ in range(2):
        notebook.run_all()
        page.wait_for_function("jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'")
    expect(page.locator("div.attnwidget")).to_have_count(3)
    long, view = drawn(page, 0), drawn(page, 1)
    assert (long.layer(), view.layer()) == (0, 0)
    for layer in (1, 2):
        long.find("[aria-label='Next layer']").click()
        assert drawn(page).layer() == layer
    view.token("query", 4).click()
    notebook.until(3, [0, [4]])

    assert view.root.get_attribute("data-theme") == "light"
    notebook.darken(True)
    for one in (long, view):
        one.assert_dark()
        assert one.ink(".thumbs") > 300
    proves(JUPYTER[shell], "dark")
    proves.look(JUPYTER[shell], page, dark=True)
    notebook.darken(False)
    expect(view.root).to_have_attribute("data-theme", "light")
    # The notebook's own page complains of a schema that it lacks; nothing of this is ours.
    assert [error for error in errors if re.search("attn|blob:", error)] == []


@pytest.mark.parametrize(("shell", "windowing"), [("lab", "full"), ("notebook", "full"), ("lab", "contentVisibility")])
def test_scrolled_away_and_back(lab: Lab, page: Page, shell: str, windowing: str) -> None:
    """Cells out of sight are hidden or taken out of the document under the one mode, not laid out under the other."""
    lab.set("@jupyterlab/notebook-extension/tracker", {"windowingMode": windowing})
    page.set_viewport_size({"width": 1000, "height": 700})
    fill = ["\n".join(f"line_{n} = {n}" for n in range(80))] * 12
    notebook = lab.open(page, f"scroll_{shell}_{windowing}", [SHORT, "view", *fill, HEARD], shell=shell)
    assert page.evaluate("jupyterapp.shell.currentWidget.content.notebookConfig.windowingMode") == windowing
    notebook.run(0)
    notebook.run(1)
    view = drawn(page)
    view.find("[aria-label='Next layer']").click()
    view.token("query", 3).click()
    show = "index => jupyterapp.shell.currentWidget.content.scrollToItem(index)"
    there = page.locator("div.attnwidget")
    for _ in range(2):
        page.evaluate(show, 14)
        expect(there.first).not_to_be_in_viewport()
        page.evaluate(show, 0)
        expect(there.first).to_be_in_viewport()
    view = drawn(page)
    assert (view.layer(), view.selected("query")) == (1, [3])
    assert view.ink("canvas[data-strokes]") > 300
    view.token("query", 3).click()
    view.token("query", 1).click()
    page.evaluate(show, 1)
    second = page.locator(".jp-Cell:nth-child(2) div.attnwidget, [data-windowed-list-index='1'] div.attnwidget").first
    expect(second.locator(READY).first).to_be_visible()
    expect(second.locator(".tokens-query [data-index='1']")).to_have_attribute("aria-selected", "true")
    notebook.until(14, [1, [1]])
