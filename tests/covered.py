"""How much of our own code the tests run: Python, and TypeScript outside painters; less than `LEAST` fails the run.

A pytest plugin (`-p covered`), which `tests/run.py` loads for a whole run. Python is counted in this process alone, not
in the kernels and programs that tests start. TypeScript is counted by statements as vitest finds them: run by vitest
itself (`js/coverage/coverage-final.json`), or by Chromium in a page that a test opened, which is told by V8's counts of
the shipped page.js and its source map (widget.js, which notebooks load, has the same sources). Painters are left out.
"""

from __future__ import annotations

import functools
import io
import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

import coverage
import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, CDPSession, Error, Page

ROOT = Path(__file__).resolve().parent.parent
LEAST = 90

_BY_VITEST = ROOT / "js" / "coverage" / "coverage-final.json"
_MAP = ROOT / "js" / "coverage" / "page.js.map"
_PAGE = ROOT / "attnwidget" / "static" / "page.js"

_python = coverage.Coverage(source=[str(ROOT / "attnwidget")], data_file=None, config_file=False)
# At once: what the tests import is run by importing it.
_python.start()


# ---- in the browser


class Watched:
    """Counts of page.js in every page that is opened, taken before it goes."""

    def __init__(self) -> None:
        # Where it could not be built there is nothing to count, and its tests say so.
        self.length = len(_PAGE.read_text(encoding="utf-8")) if _PAGE.exists() else 0
        self.ran = np.zeros(self.length, dtype=np.uint8)
        self._sessions: dict[Page, CDPSession] = {}

    def open(self, page: Page) -> None:
        session = page.context.new_cdp_session(page)
        session.send("Profiler.enable")
        session.send("Profiler.startPreciseCoverage", {"callCount": True, "detailed": True})
        self._sessions[page] = session

    def take(self, pages: list[Page]) -> None:
        for page in pages:
            if (session := self._sessions.pop(page, None)) is None:
                continue
            try:
                found = session.send("Profiler.takePreciseCoverage")["result"]
            except Error:  # the page crashed, as some tests make it
                continue
            for script in found:
                ranges = [one for function in script["functions"] for one in function["ranges"]]
                # By its length: an inline script has the address of its page, and copies have none.
                if max((one["endOffset"] for one in ranges), default=0) == self.length:
                    self._count(ranges)

    def _count(self, ranges: list[dict[str, int]]) -> None:
        ran = np.zeros(self.length, dtype=np.uint8)
        # An inner range says better what the outer one says of it, too.
        for one in sorted(ranges, key=lambda one: (one["startOffset"], -one["endOffset"])):
            ran[one["startOffset"] : one["endOffset"]] = one["count"] > 0
        self.ran |= ran


def _after(method: Callable[..., Page], then: Callable[[Page], None]) -> Callable[..., Page]:
    @functools.wraps(method)
    def made(self: Any, *args: Any, **options: Any) -> Page:
        page = method(self, *args, **options)
        then(page)
        return page

    return made


def _before(method: Callable[..., None], first: Callable[[Any], None]) -> Callable[..., None]:
    @functools.wraps(method)
    def done(self: Any, *args: Any, **options: Any) -> None:
        first(self)
        method(self, *args, **options)

    return done


def _watch(patch: pytest.MonkeyPatch) -> Watched:
    watched = Watched()
    for kind in (Browser, BrowserContext):
        patch.setattr(kind, "new_page", _after(kind.new_page, watched.open))
    of: dict[type, Callable[[Any], list[Page]]] = {
        Page: lambda page: [page],
        BrowserContext: lambda context: context.pages,
        Browser: lambda browser: [page for context in browser.contexts for page in context.pages],
    }
    for kind, pages in of.items():
        patch.setattr(kind, "close", _before(kind.close, lambda self, pages=pages: watched.take(pages(self))))
    return watched


# ---- back to the sources

#: Statements, those that ran, first lines of the others.
Counts = tuple[int, int, list[int]]

#: No line is as long.
_LINE_END = 10**6

_DIGITS = {digit: value for value, digit in enumerate(f"{ascii_uppercase}{ascii_lowercase}{digits}+/")}


def _numbers(segment: str) -> list[int]:
    """The numbers of a segment of a source map: base 64, five bits a digit, least first, sign last."""
    found, value, shift = [], 0, 0
    for digit in segment:
        bits = _DIGITS[digit]
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            found.append(-(value >> 1) if value & 1 else value >> 1)
            value = shift = 0
    return found


def _segments(mappings: str) -> Iterator[tuple[int, int, int, int]]:
    """(offset, source, line, column), of a script that is one line."""
    offset = source = line = column = 0
    for segment in mappings.split(","):
        step, *place = _numbers(segment)
        offset += step
        if place:
            source, line, column = source + place[0], line + place[1], column + place[2]
            yield offset, source, line, column


def _places(ran: np.ndarray[Any, Any]) -> dict[str, dict[tuple[int, int], bool]]:
    """Of every source: its places that are in page.js, and whether they ran."""
    told = json.loads(_MAP.read_text(encoding="utf-8"))
    assert ";" not in told["mappings"], "page.js is expected to be one line"
    names = [re.sub(r"^(\.\./)*", "", name) for name in told["sources"]]
    places: dict[str, dict[tuple[int, int], bool]] = {name: {} for name in names}
    for offset, source, line, column in _segments(told["mappings"]):
        of = places[names[source]]
        of[line + 1, column] = of.get((line + 1, column), False) or bool(ran[offset])
    return places


def _place(told: dict[str, int | None]) -> tuple[int, int]:
    line, column = told["line"], told["column"]
    assert line is not None
    return line, _LINE_END if column is None else column


def typescript(ran: np.ndarray[Any, Any]) -> dict[str, Counts]:
    """Of every source outside painters, what ran."""
    places = _places(ran)
    found = {}
    for path, file in json.loads(_BY_VITEST.read_text(encoding="utf-8")).items():
        name = Path(path).relative_to(ROOT).as_posix()
        there = places.get(name, {})
        ordered = sorted(there)
        left = []
        for key, place in file["statementMap"].items():
            start, end = (_place(place[at]) for at in ("start", "end"))
            at = bisect_left(ordered, start)
            in_page = at < len(ordered) and ordered[at] <= end and there[ordered[at]]
            if not file["s"][key] and not in_page:
                left.append(start[0])
        count = len(file["statementMap"])
        found[name] = (count, count - len(left), left)
    return found


# ---- the plugin

_WATCHED = pytest.StashKey[Watched]()
_SAID = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    config.stash[_WATCHED] = _watch(patch)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    _python.stop()
    if not (_BY_VITEST.exists() and _MAP.exists()):
        session.config.stash[_SAID] = ["TypeScript was not counted: vitest failed, see above"]
        return
    files = typescript(session.config.stash[_WATCHED].ran)
    statements = [sum(of[i] for of in files.values()) for i in (0, 1)]
    shares = {
        "Python, lines": _python.report(file=io.StringIO()),
        "TypeScript outside painters, statements": 100 * statements[1] / statements[0],
    }
    said = [f"{share:.1f} %  {what}" for what, share in shares.items()]
    if min(shares.values()) < LEAST:
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
        said.append(f"FAILED: at least {LEAST} % of each is to be run. Most is left of")
        said += _most_left(files)
    session.config.stash[_SAID] = said


def _most_left(files: dict[str, Counts], most: int = 8) -> list[str]:
    """The files with most that did not run, and the lines of it."""
    left = {name: lines for name, (_, _, lines) in files.items()}
    for path in _python.get_data().measured_files():
        left[Path(path).relative_to(ROOT).as_posix()] = _python.analysis2(path)[3]
    names = sorted(left, key=lambda name: -len(left[name]))[:most]
    return [f"  {name} {', '.join(map(str, dict.fromkeys(left[name])))}"[:300] for name in names]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    said = config.stash.get(_SAID, [])
    terminalreporter.section("run by the tests", red=len(said) > 2)
    for line in said:
        terminalreporter.line(line)
