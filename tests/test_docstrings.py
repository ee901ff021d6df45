"""What docstrings say: their examples run, every public name has one, the reference is made of them."""

from __future__ import annotations

import doctest
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import reference

import attnwidget

#: Modules whose docstrings have examples: those of what is imported by name.
WITH_EXAMPLES = ("attention", "capture.run", "export.pages", "linking", "profiles", "view")


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_are_true(
    name: str, minilm_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)  # some write files
    module = importlib.import_module(f"attnwidget.{name}")
    given = {**vars(module), "AttnView": attnwidget.AttnView, "model": minilm_path}
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    found = doctest.testmod(module, globs=given, optionflags=flags)
    assert found.failed == 0, capsys.readouterr().out
    assert found.attempted > 0


def _own(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Public names of a module, and of its classes what is written in this package."""
    names = getattr(module, "__all__", None) or [
        name for name, it in vars(module).items() if getattr(it, "__module__", "") == module.__name__
    ]
    for name in names:
        thing = getattr(module, name)
        if name.startswith("_") or not (inspect.isclass(thing) or inspect.isroutine(thing)):
            continue
        yield f"{module.__name__}.{name}", thing
        for member, it in inspect.getmembers(thing) if inspect.isclass(thing) else ():
            written = inspect.unwrap(it.fget if isinstance(it, property) else getattr(it, "__func__", it))
            ours = str(getattr(written, "__module__", "")).startswith("attnwidget")
            if not member.startswith("_") and inspect.isroutine(written) and ours:
                yield f"{module.__name__}.{name}.{member}", it


@pytest.mark.parametrize("name", reference.PUBLIC)
def test_every_public_name_says_what_it_is(name: str) -> None:
    module = importlib.import_module(name)
    assert (module.__doc__ or "").strip()
    named = list(_own(module))
    assert named
    assert [path for path, thing in named if not (inspect.getdoc(thing) or "").strip()] == []


def test_the_reference_is_made_of_them(tmp_path: Path) -> None:
    reference.write(tmp_path)
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")}
    assert written >= {name.replace(".", "/") + ".html" for name in reference.PUBLIC}
    page = (tmp_path / "attnwidget.html").read_text(encoding="utf-8")
    for name in set(attnwidget.__all__) - {"__version__", "capture"}:
        assert f'id="{name}"' in page
    # The function hides the package of the same name, and has its page.
    assert 'id="capture"' in (tmp_path / "attnwidget" / "capture.html").read_text(encoding="utf-8")
    assert "The attention of one model over one text" in page
    assert "Cell i of m covers positions" in page  # a method's
