"""Text of every origin on the page, in every mode and every file that the page saves: text, and nothing else."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from xml.etree import ElementTree

import pytest
from everywhere import views
from live import Live
from opened import Opened, Shown
from playwright.sync_api import Browser, expect

from attnwidget.export import pages
from attnwidget.modes import MODES

#: Runs, becomes an element or a formula wherever it is taken for more than text; the place tells where.
HURTS = (
    "=1</script></title><img src=x onerror=\"hurt='{0}'\">{0}",
    "@x'\"><svg onload=hurt='{0}'></svg><style>*{{display:none}}</style>${{hurt='{0}'}}{0}",
)
#: What the page itself is made of has none of these.
FORBIDDEN = "script, img, iframe, object, embed, style, link, a, b, base, meta, svg, audio, video"
#: Elements of a picture that the page saves.
DRAWN = {"svg", "title", "rect", "text", "clipPath", "g", "path", "image", "linearGradient", "stop"}
#: Of which a cell must not begin with, lest a spreadsheet computes it.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

#: In the data of the page only: the input box is for notebooks, and of a profile the page names no model.
NOT_SHOWN = {"role", "text read", "second segment", "target", "model of the profile", "unread text", "statistic"}


def check(shown: Shown, what: str) -> None:
    assert shown.find(FORBIDDEN).count() == 0, what
    on = "root => [root, ...root.querySelectorAll('*')].filter(one => one.getAttributeNames().some(n => /^on/.test(n)))"
    assert shown.root.evaluate(f"root => ({on})(root).length") == 0, what
    assert shown.page.evaluate("typeof hurt") == "undefined", what


def number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_files(shown: Shown, what: str) -> None:
    """What the menu saves of the picture."""
    shown.find(".menu-button").first.click()
    for form in ("svg", "csv", "html"):
        button = shown.find(f"[data-save={form}]")
        if not button.is_visible():
            shown.find(".menu-button").first.click()
        with shown.page.expect_download() as download:
            button.click()
        name = download.value.suggested_filename
        assert not set(name) & set('<>"/\\:*?|'), name
        data = Path(download.value.path()).read_text("utf-8-sig")
        if form == "svg":
            for element in ElementTree.fromstring(data).iter():
                assert element.tag.removeprefix("{http://www.w3.org/2000/svg}") in DRAWN, what
                assert str(element.get("href", "data:")).startswith("data:"), what
        elif form == "csv":
            for cell in (cell for row in csv.reader(io.StringIO(data)) for cell in row):
                assert number(cell) or not cell.startswith(FORMULA), (what, cell)
        else:
            assert data.count("<script") == data.count("</script"), what
    shown.page.keyboard.press("Escape")


def test_text_of_every_origin_stays_text_in_every_mode(opened: Opened, tmp_path: Path) -> None:
    for hurt in HURTS:
        said: set[str] = set()

        def say(place: str, hurt: str = hurt, said: set[str] = said) -> str:
            said.add(place)
            return hurt.format(place)

        made = views(say, tmp_path)
        made[0].evidence = "corpus"
        page = opened.page(pages.to_html(made, title=say("title of the page"), date=say("date")))
        seen = page.title() + page.locator("head").inner_html()
        for index in (0, 1):
            shown = Shown(page, index)
            for mode in MODES:
                shown.choose(mode)
                expect(shown.find(f"[data-value='{mode}']").first).to_have_attribute("aria-checked", "true")
                expect(shown.find("[aria-busy=false]").or_(shown.find(".absence")).first).to_be_visible()
                check(shown, f"{index} {mode}")
                seen += str(shown.root.evaluate("root => root.outerHTML"))
                if mode in ("lines", "profile") and index == 0:
                    check_files(shown, mode)
        # What is nowhere to be seen would have been tested of nothing.
        assert {place for place in said if f"hurt='{place}'" not in seen} == NOT_SHOWN


def test_what_the_model_read_and_what_a_kernel_answers_is_text(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where somebody answers: the input box, and the errors of a run and of a question."""
    error = HURTS[0].format("error")
    monkeypatch.setattr(
        Live, "_answer", lambda self, asked: {"kind": "reply", "id": asked["id"], "ok": False, "error": error}
    )
    view = views(HURTS[0].format, tmp_path)[0]
    view.mode, view.evidence = "lines", "text"
    page = browser.new_page()
    page.goto("about:blank")
    live = Live(page, view)
    live.ready()
    expect(live.find(".input-now")).to_contain_text("hurt='text read'")
    live.find(".input-head button").click()
    for place, name in (("text read", "text"), ("second segment", "text_pair"), ("target", "target")):
        expect(live.find(f"textarea[name={name}]")).to_have_value(HURTS[0].format(place))
    live.find(".input-run").click()
    expect(live.find(".input-said")).to_contain_text(error)
    check(live, "a run that failed")
    live.choose("heads")
    expect(live.find(".gate")).to_contain_text(error)
    check(live, "a question that failed")
    page.close()
