"""What the README and the files beside it say is so: code runs or at least exists, what is named is there."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import attnwidget
from attnwidget import Attention, AttnView, HeadProfile
from attnwidget.cli import parser
from attnwidget.state import SHARED

ROOT = Path(__file__).parent.parent
README, JAPANESE, COMPARISON = ROOT / "README.md", ROOT / ".github/README.ja.md", ROOT / ".github/COMPARISON.md"
WRITTEN = (README, JAPANESE, COMPARISON, ROOT / ".github/CONTRIBUTING.md")

#: What the README calls them.
CALLED = {"view": AttnView, "attention": Attention, "heads": HeadProfile}


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def test_the_japanese_readme_runs(minilm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"model": minilm}
    for block in blocks(JAPANESE, "python"):
        exec(compile(block, JAPANESE.name, "exec"), names)
    assert (tmp_path / "attn.html").stat().st_size > 100_000
    assert names["view"].lang == "ja"
    names["view"].close()


def test_what_the_readme_calls_is_there() -> None:
    """Its lines show many models at once, so they cannot all run; every name and argument in them exists."""
    seen = 0
    for node in (node for block in blocks(README, "python") for node in ast.walk(ast.parse(block))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in CALLED:
            owner = CALLED[node.value.id]
            assert hasattr(owner, node.attr), f"{node.value.id}.{node.attr}"
            seen += 1
        if isinstance(node, ast.ImportFrom) and node.module == "attnwidget":
            assert {alias.name for alias in node.names} <= set(attnwidget.__all__)
        if isinstance(node, ast.Call):
            seen += _arguments_exist(node)
    assert seen > 20


def _arguments_exist(call: ast.Call) -> int:
    function = ast.unparse(call.func)
    name, _, method = function.rpartition(".")
    owner = {"": attnwidget, "AttnView": AttnView, "Attention": Attention, "HeadProfile": HeadProfile, **CALLED}.get(
        name
    )
    target = getattr(owner, method, None)
    if target is None or not callable(target):
        return 0
    known = set(inspect.signature(target).parameters)
    if target is AttnView or getattr(target, "__self__", None) is AttnView:
        known |= {*SHARED, "image", "audio", "sampling_rate", "processor", "generate", "truncation", "store", "spill"}
    elif "options" in known:
        known |= set(inspect.signature(AttnView.to_html).parameters) | {"queries", "keys", "caption", "width", "dpi"}
    given = {keyword.arg for keyword in call.keywords if keyword.arg}
    assert given <= known, f"{function}: {given - known}"
    return 1


@pytest.mark.parametrize("path", [README, JAPANESE], ids=lambda path: path.name)
def test_its_command_lines_are_valid(path: Path) -> None:
    calls = re.findall(r"bin/attnwidget (.*)", "\n".join(blocks(path, "sh")))
    assert calls
    for call in calls:
        words = [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', call)]
        assert parser().parse_args(words).text == "The dog chased the cat"


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_files_that_are_linked_are_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    linked = [link for link in re.findall(r"\]\(([^)#\s]+)\)", text) if "://" not in link]
    scripts = re.findall(r"\b(?:tests|js)/[\w/]+\.(?:py|txt|mjs)\b", text)
    assert linked + scripts
    assert [link for link in linked if not (path.parent / link).exists()] == []
    assert [script for script in scripts if not (ROOT / script).exists()] == []


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_tests_that_are_named_are_there(path: Path) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", path.read_text(encoding="utf-8"))
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not re.search(rf"^def {test}\(", (ROOT / file).read_text(encoding="utf-8"), flags=re.MULTILINE)
    ]
    assert missing == []


def test_every_row_of_the_comparison_names_a_test() -> None:
    rows = [line for line in COMPARISON.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    assert [row for row in rows if not re.search(r"`tests/[\w/]+\.py::test_\w+`", row)] == []
