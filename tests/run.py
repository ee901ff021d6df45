"""Set up everything and run all tests: `python tests/run.py [--fast] [-- arguments for pytest]`.

On a fresh machine this makes a virtual environment (`.venv-tests`), installs the package with its `demo` and `test`
extras as pinned in `constraints.txt`, gets Node, Chromium and Firefox where the machine has none, builds the page, and
then runs lint, types, the TypeScript tests and last pytest, which also drives the page in both browsers. Later runs
install only what changed. Needs Python >= 3.10 with venv, and nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-tests"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
CONSTRAINTS = ROOT / "tests" / "constraints.txt"

# Names on PATH, and where each is on systems that put no program of it there.
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FILES = (Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),)
FIREFOX = ("firefox-esr", "firefox")
FIREFOX_FILES = (
    Path("/Applications/Firefox.app/Contents/MacOS/firefox"),
    Path("C:/Program Files/Mozilla Firefox/firefox.exe"),
)

FAILED_BEFORE = "ATTNWIDGET_FAILED_STEPS"
"""Environment variable that tells pytest (see `pytest_terminal_summary`) which steps failed before it."""


class MissingError(RuntimeError):
    """Something that the tests need is not there and cannot be installed; one line says what."""


def say(text: str) -> None:
    """Show a line of progress; on stderr, so that stdout holds what the tools themselves say."""
    sys.stdout.flush()
    print(f"\n== {text}", file=sys.stderr, flush=True)


def call(*command: str | os.PathLike[str], env: dict[str, str] | None = None) -> int:
    """Run a command in the repository and return its exit code."""
    return subprocess.run([os.fspath(part) for part in command], cwd=ROOT, env=env, check=False).returncode


def need(what: str, *command: str | os.PathLike[str]) -> None:
    """Run a command of the set-up, which must succeed."""
    if call(*command):
        raise MissingError(f"{what} failed: {' '.join(os.fspath(part) for part in command)}")


def apt_install(*packages: str) -> bool:
    """Install Debian packages where that is possible without asking: as root, with apt."""
    if shutil.which("apt-get") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ("apt-get", "install", "-y", "-q", "--no-install-recommends", *packages)
    if call(*install, env=env) == 0:
        return True
    # The package lists may be old or absent; fetching them takes a while, so only when it turns out to be needed.
    return call("apt-get", "update", "-q", env=env) == 0 and call(*install, env=env) == 0


# ---- set-up


def make_venv() -> None:
    """Make the environment, or keep the one there is."""
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", ""], check=False).returncode == 0:
        return
    say(f"making {VENV.name}")
    command = (sys.executable, "-m", "venv", "--clear", str(VENV))
    if call(*command):
        # Debian's Python comes without ensurepip.
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        if not apt_install(f"python{version}-venv") or call(*command):
            raise MissingError(f"this Python cannot make virtual environments: install python{version}-venv")


def install() -> None:
    """Install the package (editable) and everything the tests use, unless exactly that is installed already."""
    said = [path.read_bytes() for path in (ROOT / "pyproject.toml", CONSTRAINTS)]
    stamp = hashlib.sha256(b"\0".join([*said, str(ROOT).encode()])).hexdigest()
    note = VENV / "installed"
    if note.exists() and note.read_text() == stamp:
        return
    say("installing the package and what its tests need (the first time several minutes)")
    note.unlink(missing_ok=True)
    need("installing", PYTHON, "-m", "pip", "install", "-q", "-c", CONSTRAINTS, "-e", f"{ROOT}[demo,test]")
    note.write_text(stamp)


def browser_there(variable: str, names: tuple[str, ...], files: tuple[Path, ...]) -> str | None:
    """Path of a browser: the one that an environment variable names, else one that is installed."""
    named = os.environ.get(variable)
    if named is not None:
        found = shutil.which(named)
        if found is None:
            raise MissingError(f"{variable}={named} is not a program")
        return found
    on_path = (shutil.which(name) for name in names)
    return next((path for path in (*on_path, *map(str, files)) if path and Path(path).exists()), None)


def find_chromium() -> str:
    """Path of a Chromium, installed if need be."""
    found = browser_there("CHROMIUM", CHROMIUM, CHROMIUM_FILES)
    if found is None:
        say("installing Chromium")
        if apt_install("chromium", "fonts-noto-cjk"):
            found = browser_there("CHROMIUM", CHROMIUM, CHROMIUM_FILES)
    if found is None and call(PYTHON, "-m", "playwright", "install", "chromium") == 0:
        ask = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
        found = subprocess.run([PYTHON, "-c", ask], capture_output=True, text=True, check=False).stdout.strip() or None
    if found is None or call(found, "--version") != 0:
        raise MissingError("no Chromium that starts: install chromium or Google Chrome, or set CHROMIUM to its path")
    return found


def find_firefox() -> str:
    """Path of a stock Firefox, installed if need be; Playwright's own is patched, and not what people have."""
    found = browser_there("FIREFOX", FIREFOX, FIREFOX_FILES)
    if found is None:
        say("installing Firefox")
        if apt_install("firefox-esr"):
            found = browser_there("FIREFOX", FIREFOX, FIREFOX_FILES)
    if found is None or call(found, "--version") != 0:
        raise MissingError("no Firefox that starts: install firefox-esr or Firefox, or set FIREFOX to its path")
    return found


# ---- steps


def steps(fast: bool, whole: bool) -> list[tuple[str, list[list[str | Path]]]]:
    """What runs before pytest: name, commands. A whole run counts what it runs of our code (see `covered`)."""
    ruff: list[str | Path] = [PYTHON, "-m", "ruff"]
    bundle: list[str | Path] = [PYTHON, ROOT / "js" / "bundle.py"]
    oldest: list[str | Path] = [PYTHON, ROOT / "tests" / "oldest.py"]
    return [
        ("the page", [bundle]),
        ("ruff", [[*ruff, "check", "."], [*ruff, "format", "--check", "."]]),
        ("mypy", [[PYTHON, "-m", "mypy"]]),
        ("tsc and biome", [[*bundle, "check"]]),
        ("vitest", [[*bundle, "covered" if whole else "test"]]),
        ("the oldest transformers and ipywidgets", [] if fast else [oldest]),
    ]


def run_steps(fast: bool, whole: bool) -> list[str]:
    """Run them all, whatever fails, and return the names of those that did."""
    failed = []
    for name, commands in steps(fast, whole):
        say(name)
        begin = time.monotonic()
        codes = [call(*command) for command in commands]
        if any(codes):
            failed.append(name)
        say(f"{name}: {'FAILED' if any(codes) else 'ok'} ({time.monotonic() - begin:.0f} s)")
    return failed


def run_pytest(arguments: list[str], browsers: dict[str, str], failed: list[str]) -> int:
    """Run the Python and browser tests, last, so that the closing line of the whole run is pytest's."""
    env = {
        **os.environ,
        **browsers,
        FAILED_BEFORE: ", ".join(failed),
        # Whatever is tried, nothing may be fetched: the tests hold offline or not at all.
        "HF_HUB_OFFLINE": "1",
        "PATH": os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT / "tests"), os.environ.get("PYTHONPATH")])),
    }
    say("pytest")
    return call(PYTHON, "-m", "pytest", "-p", "run", *arguments, env=env)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """As a pytest plugin (`-p run`): name the failed steps right above pytest's closing line, where people look."""
    failed = os.environ.get(FAILED_BEFORE)
    if failed:
        terminalreporter.section("failed before pytest", red=True)
        terminalreporter.line(f"{failed}: see above", red=True)


def main() -> int:
    """Run everything; 0 if all of it succeeded."""
    own, ours, passed_on = sys.argv[1:], "--" in sys.argv[1:], list[str]()
    if ours:
        own, passed_on = own[: own.index("--")], own[own.index("--") + 1 :]
    parser = argparse.ArgumentParser(
        prog="tests/run.py",
        description="Set up everything and run all tests.",
        epilog="Arguments after -- go to pytest.",
    )
    parser.add_argument("--fast", action="store_true", help="leave out package builds, servers and browsers")
    fast = parser.parse_args(own).fast
    whole = not fast and not passed_on
    if fast:
        passed_on = ["-m", "not slow", *passed_on]

    if sys.version_info < (3, 10):  # noqa: UP036 - whoever runs this has not been checked by any installer yet
        raise MissingError(f"Python 3.10 or newer is needed, this is {sys.version.split()[0]}")
    make_venv()
    install()
    browsers = {} if fast else {"CHROMIUM": find_chromium(), "FIREFOX": find_firefox()}
    failed = run_steps(fast, whole)
    if failed:
        say(f"failed so far: {', '.join(failed)}")
    code = run_pytest(["-p", "covered"] if whole else passed_on, browsers, failed)
    return code or bool(failed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except MissingError as error:
        sys.exit(f"tests/run.py: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
