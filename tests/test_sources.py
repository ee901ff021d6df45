"""What no source of the package may do, whatever the tests that run it see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = sorted(path for path in (ROOT / "js" / "src").rglob("*") if path.suffix in (".ts", ".tsx"))
PYTHON = sorted((ROOT / "attnwidget").rglob("*.py"))

#: Ways for text to become an element or to run, and ways out of the page.
NEVER_ON_THE_PAGE = (
    r"innerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|createContextualFragment|document\.write|srcdoc|DOMParser"
    r"|\beval\(|new Function|setTimeout\(\s*[\"'`]|outerHTML\s*="
    r"|\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|https?:(?!//www\.w3\.org/)"
)
#: Data that runs when it is read, and code made of text.
NEVER_IN_PYTHON = (
    r"\bpickle|marshal\.|shelve|joblib|torch\.load|allow_pickle=True|(?<![.\w])(eval|exec)\(|os\.system|shell=True"
)


def found(paths: list[Path], pattern: str) -> list[str]:
    lines = [(path, line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) > 5000
    code = [(path, line) for path, line in lines if not re.match(r"\s*(//|\*|/\*|#)", line)]
    return [f"{path.relative_to(ROOT)}: {line.strip()}" for path, line in code if re.search(pattern, line)]


def test_no_text_becomes_markup_or_code_on_the_page_and_nothing_leaves_it() -> None:
    assert found(PAGE, NEVER_ON_THE_PAGE) == []


def test_python_reads_no_pickle_and_runs_no_text() -> None:
    docs = ("no pickle",)
    assert [line for line in found(PYTHON, NEVER_IN_PYTHON) if not any(words in line for words in docs)] == []


def test_code_of_a_repository_is_never_run() -> None:
    """What `from_pretrained` is told where a checkpoint may name classes of its own; advice in messages aside."""
    told = found(PYTHON, r"trust_remote_code\s*=|\"trust_remote_code\":")
    assert [line for line in told if "False" not in re.sub(r'"[^"]*trust_remote_code=True[^"]*"', "False", line)] == []
    loads = found(PYTHON, r"(transformers\.Auto\w+|\bauto\)?)\.from_pretrained\(")
    assert len(loads) >= 5
    assert [line for line in loads if "trust_remote_code=False" not in line and "**safe" not in line] == []


@pytest.mark.parametrize("pattern", [NEVER_ON_THE_PAGE, NEVER_IN_PYTHON])
def test_the_patterns_find_what_they_are_for(pattern: str) -> None:
    bad = {
        NEVER_ON_THE_PAGE: ["el.innerHTML = text", 'eval("x")', "new Function(x)", 'fetch("a")', '"http://a.b"'],
        NEVER_IN_PYTHON: ["import pickle", "np.load(p, allow_pickle=True)", "eval(text)", "torch.load(path)"],
    }
    assert all(re.search(pattern, line) for line in bad[pattern])
