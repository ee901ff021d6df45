"""The command line: what is written, what is said where, and with which exit code it ends."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import Any

import pytest

from attnwidget import AttnView, cli

TEXT = "The dog chased the cat"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*arguments: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """A real run, with everything that could reach the network turned away."""
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(Path(cli.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-m", "attnwidget", *arguments],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_main_job(tmp_path: Path) -> None:
    done = command(TEXT, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "attn.html\n"
    assert "7 tokens, 6 layers of 12 heads" in done.stderr
    page = (tmp_path / "attn.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "chased" in page
    assert [entry.name for entry in tmp_path.iterdir()] == ["attn.html"]


def test_options_reach_the_view(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved: list[Any] = []
    original = AttnView.save
    monkeypatch.setattr(AttnView, "save", lambda self, path: (saved.append(self), original(self, path)))
    options = [
        "--layer",
        "3",
        "--head",
        "10",
        "--head",
        "2",
        "--mode",
        "matrix",
        "--highlight",
        "special",
        "--lang",
        "ja",
    ]
    assert cli.main([TEXT, "--pair", "It ran.", *options, "-q", "-o", "b.html"]) == 0
    (view,) = saved
    assert (view.layer, sorted(view.heads), view.mode, view.highlight, view.lang) == (
        3,
        [2, 10],
        "matrix",
        "special",
        "ja",
    )
    assert {token["segment"] for token in view.tokens[view.stacks[0]["queries"]]} == {0, 1}
    said = capsys.readouterr()
    assert said.out == "b.html\n"
    assert said.err == ""


def test_text_from_standard_input_page_to_standard_output(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("猫 in the hat"))
    assert cli.main(["-", "-o", "-", "--quiet"]) == 0
    page = capfdbinary.readouterr().out.decode()
    assert "hat" in page
    assert page.rstrip().endswith("</html>")
    assert not list(folder.iterdir())


def test_open(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: bool(opened.append(url)))
    assert cli.main([TEXT, "--open", "-o", "a b#.html"]) == 0
    assert opened == [(folder / "a b#.html").as_uri()]
    # Nothing opened: the page is written all the same, and that is said.
    assert "open the file yourself" in capsys.readouterr().err


def test_a_figure_whose_name_is_no_text(folder: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Bytes that are no UTF-8 name a file all the same; its name is printed as they are."""
    assert cli.main([TEXT, "-q", "-o", "a\udcff.svg"]) == 0
    assert capsysbinary.readouterr().out == b"a\xff.svg\n"
    assert (folder / "a\udcff.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required: text"),
        ([TEXT, "--mode", "lnes"], "'lines', 'matrix'"),
        ([TEXT, "--layer", "-1"], "'-1' is not a number from 0"),
        ([TEXT, "--lay", "1"], "unrecognized arguments: --lay"),
        ([TEXT, "more"], "unrecognized arguments: more"),
    ],
)
def test_wrong_arguments(arguments: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert left.value.code == 2
    assert said in capsys.readouterr().err
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([TEXT, "-o", "nowhere/a.html"], "nowhere"),
        ([TEXT, "-o", "."], "is a folder"),
        ([TEXT, "-o", "page"], "end it in .html"),
        ([TEXT, "-o", "-", "--open"], "--open needs a file"),
        ([TEXT, "--model", "./no-such-model"], "no-such-model"),
        ([TEXT, "--layer", "6"], "0 to 5"),
        ([" "], "the text is empty"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], said: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert cli.main(arguments) == 1
    streams = capsys.readouterr()
    assert streams.out == ""
    *progress, error = streams.err.splitlines()
    assert error.startswith("attnwidget: error: ")
    assert said in error
    assert len(progress) <= 1
    assert not list(folder.iterdir())


def test_errors_name_options(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not arguments of Python, which a shell does not take; what was typed stays as it is."""
    long = "pass truncation=True " + "dog " * 600
    assert cli.main([long, "-q"]) == 1
    error = capsys.readouterr().err
    assert "shorten it, or pass --truncation to have its end cut off" in error
    assert "text 'pass truncation=True dog" in error
    assert cli.main([long, "-q", "--truncation"]) == 0
    assert (folder / "attn.html").exists()


def test_errors_name_the_option_of_a_target(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("it has no head: pass target=, the text that its decoder writes, or load it otherwise")

    monkeypatch.setattr(cli, "_view", fail)
    assert cli.main([TEXT]) == 1
    assert "pass --target, the text that its decoder writes" in capsys.readouterr().err


def test_demo_model_not_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert cli.main([TEXT]) == 1
    assert "pip install 'attnwidget[demo]'" in capsys.readouterr().err
    assert cli.main([TEXT, "-o", "a.pdf"]) == 1
    assert "a.pdf needs matplotlib: pip install 'attnwidget[plot]'" in capsys.readouterr().err


def test_an_earlier_page_survives_a_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "attn.html").write_text("earlier")

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    monkeypatch.setattr(Path, "replace", fail)
    assert cli.main([TEXT]) == 1
    assert (folder / "attn.html").read_text() == "earlier"
    assert [entry.name for entry in folder.iterdir()] == ["attn.html"]


def test_interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_view", interrupt)
    assert cli.main([TEXT]) == 130
    assert capsys.readouterr().err.endswith("attnwidget: interrupted\n")


def test_debug_shows_where(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a mistake\nof ours")

    monkeypatch.setattr(cli, "_view", fail)
    assert cli.main([TEXT, "--debug"]) == 1
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert error.endswith("attnwidget: error: ZeroDivisionError: a mistake of ours\n")


def test_help_and_version_answer_at_once() -> None:
    code = """
import sys, attnwidget.cli
try:
    attnwidget.cli.main(sys.argv[1:])
finally:
    print("torch" in sys.modules, "numpy" in sys.modules)
"""
    for option, said in (("--help", "exit codes"), ("--version", "attnwidget ")):
        done = subprocess.run([sys.executable, "-c", code, option], capture_output=True, text=True, check=True)
        assert said in done.stdout
        assert done.stdout.splitlines()[-1] == "False False"


def test_every_mode_of_a_view_can_be_asked_for() -> None:
    modes = AttnView.class_traits()["mode"].options
    (mode,) = (action for action in cli.parser()._actions if "--mode" in action.option_strings)
    assert tuple(mode.choices) == modes
