"""Check what is about to be published: `python tests/release.py FOLDER`, with the wheel and the sdist that were built.

Their metadata (by twine), contents and size; then the wheel alone in a fresh environment, with no Node on PATH and
outside of any checkout: it imports, says its version, and writes a page. What it depends on comes from the package
registry, or with `--here` from the environment that this runs in.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

LARGEST = {"whl": 2_000_000, "tar.gz": 4_000_000}
CARRIED = {
    *(f"attnwidget/static/{name}.js" for name in ("widget", "more", "page")),
    *(f"attnwidget/locale/{name}.json" for name in ("en", "ja", "statistics/en", "statistics/ja")),
    "attnwidget/static/THIRD_PARTY.txt",
    "attnwidget/py.typed",
}
#: Never in a wheel.
FOREIGN = re.compile(r"(^|/)(tests?|node_modules|js)/|\.(ts|tsx|map|ipynb)$|__pycache__")
WORKS = """
from importlib.metadata import version
import attnwidget
assert attnwidget.__version__ == version("attnwidget"), attnwidget.__version__
page = attnwidget.AttnView.from_arrays([[[[1.0]]]], ["a"]).to_html()
assert "attnwidget" in page
print(attnwidget.__version__, len(page), attnwidget.__file__)
"""


def only(folder: Path, ending: str) -> Path:
    found = list(folder.glob(f"*.{ending}"))
    if len(found) != 1:
        raise SystemExit(f"{folder} is to have one .{ending}, it has {[path.name for path in found]}")
    return found[0]


def check_contents(wheel: Path, sdist: Path) -> None:
    for path, ending in ((wheel, "whl"), (sdist, "tar.gz")):
        if path.stat().st_size > LARGEST[ending]:
            raise SystemExit(f"{path.name} has {path.stat().st_size:,} bytes, more than {LARGEST[ending]:,}")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    with tarfile.open(sdist) as archive:
        source = {name.partition("/")[2] for name in archive.getnames()}
    for path, names in ((wheel, inside), (sdist, source)):
        if missing := CARRIED - names:
            raise SystemExit(f"{path.name} lacks {sorted(missing)}")
    if foreign := sorted(name for name in inside if FOREIGN.search(name)):
        raise SystemExit(f"{wheel.name} has {foreign}")


def check_alone(wheel: Path, here: bool) -> str:
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "Scripts" if os.name == "nt" else "bin", "python")
        install = [python, "-m", "pip", "install", "-q", str(wheel.resolve())]
        subprocess.run([*install, *(["--no-deps", "--no-index"] if here else [])], check=True)
        # Nothing of a checkout and no program at all; with --here the packages of this environment, behind its own.
        env = {name: value for name, value in os.environ.items() if name not in ("PATH", "PYTHONPATH")}
        code = WORKS
        if here:
            sites = [entry for entry in sys.path if entry.endswith("site-packages")]
            code = f"import sys; sys.path += {sites!r}\n{WORKS}"
        done = subprocess.run([python, "-c", code], cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--here", action="store_true", help="dependencies from this environment, not the registry")
    arguments = parser.parse_args()
    wheel, sdist = only(arguments.folder, "whl"), only(arguments.folder, "tar.gz")
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)], check=True)
    check_contents(wheel, sdist)
    sys.stdout.write(f"{wheel.name}, {wheel.stat().st_size:,} bytes: {check_alone(wheel, arguments.here)}\n")


if __name__ == "__main__":
    main()
