"""The packages that `compare` measures attnwidget beside: the newest, in a folder of their own.

Nothing is installed into the environment that this runs in: their code goes into a folder, which only the processes
that make their pages see. What they depend on is taken from the environment (the extras `demo` and `test` have it).
BertViz's page asks a CDN for d3, jquery and require.js; `page_probe` answers with files from npm, so that no network is
in any time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("bertviz", "circuitsvis", "inspectus")
#: npm has no jquery 2.0.0, which BertViz names.
SCRIPTS = {"d3@5.7.0": "dist/d3.min.js", "jquery@2.1.0": "dist/jquery.min.js", "requirejs@2.3.6": "require.js"}

CACHE = Path(os.environ.get("ATTNWIDGET_BENCH") or Path.home() / ".cache" / "attnwidget-bench")
CODE, VENDOR = CACHE / "rivals", CACHE / "vendor"


def fetch() -> dict[str, str]:
    """Bring the newest of all, or keep what is there without a network; their versions, by name."""
    with tempfile.TemporaryDirectory() as scratch:
        install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--upgrade", "--target", scratch]
        # Each for itself: one that cannot be had is told as such, and does not keep out the others.
        done = [subprocess.run([*install, package], check=False).returncode for package in PACKAGES]
        if any(Path(scratch).iterdir()):
            shutil.rmtree(CODE, ignore_errors=True)
            shutil.copytree(scratch, CODE)
        if any(done):
            sys.stderr.write(f"not fetched anew: {[p for p, code in zip(PACKAGES, done, strict=True) if code]}\n")
    if not all((VENDOR / Path(file).name).exists() for file in SCRIPTS.values()):
        _fetch_scripts()
    found = {found.metadata["Name"].lower(): found.version for found in distributions(path=[str(CODE)])}
    return {package: found.get(package, "could not be fetched") for package in PACKAGES}


def _fetch_scripts() -> None:
    sys.path.insert(0, str(ROOT / "js"))
    from bundle import find_node

    node = find_node()
    VENDOR.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        path = os.pathsep.join([str(node.executable.parent), os.environ.get("PATH", os.defpath)])
        for package, file in SCRIPTS.items():
            command = [*node.npm, "pack", "--silent", package]
            subprocess.run(command, cwd=scratch, env={**os.environ, "PATH": path}, check=True, stdout=sys.stderr)
            with tarfile.open(Path(scratch, package.replace("@", "-") + ".tgz")) as archive:
                held = archive.extractfile(f"package/{file}")
                assert held is not None, f"{package} has no {file}"
                (VENDOR / Path(file).name).write_bytes(held.read())


def environment(rival: str = "") -> dict[str, str]:
    """For a process of one thread that measures this checkout, or a rival."""
    paths = [str(ROOT), str(ROOT / "tests"), *([str(CODE)] if rival else []), os.environ.get("PYTHONPATH", "")]
    quiet = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    offline = {"HF_HUB_OFFLINE": "1", "CDN": str(VENDOR)}
    return {**os.environ, **quiet, **offline, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def chromium() -> str:
    """The browser's version."""
    from page_probe import executable

    return subprocess.run([executable(), "--version"], capture_output=True, text=True, check=True).stdout.strip()
