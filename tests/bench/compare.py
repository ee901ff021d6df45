"""attnwidget beside BertViz, CircuitsVis and inspectus, in one run: ``python tests/bench/compare.py``.

Fetches the newest of the three into a folder of its own, makes pages of the same 12 × 12 weights with all of them, and
writes `compare.json` and `compare.md` (also printed): what building a page costs, how large it is, what it costs its
reader (`page_probe` says how that is measured), and what getting the weights out of a model takes (`forward`). Every
cell is a process of its own; one that fails is recorded as it fails. Of ours there are longer texts, too.

A run that was broken off goes on where it stopped (`--fresh` begins anew); `--quick` ends at 64 tokens. About thirty
minutes on two cores. Compare by ratio, within one run, and on a machine that does nothing else:

    python tests/bench/compare.py --out first
    python tests/bench/compare.py --out second
    python tests/bench/compare.py --against first/compare.json second/compare.json

The last says which ratios of cells above 20 ms differ by more than a quarter, and then ends with 1. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import rivals
from capture_cost import machine
from compare_report import differences, markdown

HERE = Path(__file__).resolve().parent
PAGES = {
    "attnwidget": "",
    "attnwidget_heads": "",
    "bertviz_head": "bertviz",
    "bertviz_model": "bertviz",
    "circuitsvis": "circuitsvis",
    "inspectus": "inspectus",
}
FORWARDS = ("capture", "eager")
TOKENS = [16, 32, 64, 128, 256, 512]
#: Only of ours, and of the forward: longer than the peers' pages can be.
BEYOND = [1024, 4096]
QUICK = [16, 32, 64]

Cell = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", help=f"lengths of all (default: {TOKENS}, then ours {BEYOND})")
    parser.add_argument("--pages", nargs="+", default=list(PAGES), choices=list(PAGES))
    parser.add_argument("--quick", action="store_true", help=f"only {QUICK} tokens")
    parser.add_argument("--fresh", action="store_true", help="measure again what the folder has")
    parser.add_argument(
        "--timeout", type=float, default=120, help="seconds a process may take before it counts as stuck"
    )
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for compare.json and compare.md")
    parser.add_argument("--against", type=Path, nargs=2, metavar="JSON", help="compare two results, measure nothing")
    arguments = parser.parse_args()
    if arguments.against:
        said, apart = differences(*(json.loads(path.read_text()) for path in arguments.against))
        sys.stdout.write(said)
        return int(apart > 0)
    shared = arguments.tokens or (QUICK if arguments.quick else TOKENS)
    own = [] if arguments.tokens or arguments.quick else BEYOND
    run(arguments.out, planned(arguments.pages, shared, own), arguments.timeout, arguments.fresh)
    return 0


def planned(pages: list[str], shared: list[int], own: list[int]) -> list[tuple[str, int]]:
    cells = [(name, n) for n in shared for name in (*pages, *FORWARDS)]
    return cells + [(name, n) for n in own for name in ("attnwidget", "attnwidget_heads", *FORWARDS)]


def run(out: Path, cells: list[tuple[str, int]], timeout: float, fresh: bool) -> None:
    out.mkdir(parents=True, exist_ok=True)
    stored = out / "compare.json"
    about = machine() | rivals.fetch() | {"Chromium": rivals.chromium()}
    before: dict[str, Any] = {} if fresh or not stored.exists() else json.loads(stored.read_text())
    if before and before["machine"] != about:
        sys.stderr.write(f"{stored} is of another machine or of other versions: measured anew\n")
        before = {}
    # The load is no part of what a run is of: it differs whenever one goes on.
    found: dict[str, Any] = {"machine": about, "load": before.get("load", []), "cells": before.get("cells", {})}
    found["load"].append(round(os.getloadavg()[0], 1))
    begun = time.monotonic()
    for name, n in cells:
        key = f"{name}/{n}"
        if key not in found["cells"]:
            sys.stderr.write(f"{time.monotonic() - begun:5.0f} s  {key}\n")
            found["cells"][key] = measured(name, n, timeout)
            stored.write_text(json.dumps(found, indent=1) + "\n")
    text = markdown(found)
    (out / "compare.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def measured(name: str, n: int, timeout: float) -> Cell:
    if name in FORWARDS:
        return cell_of("forward.py", [name, str(n)], timeout)
    with tempfile.TemporaryDirectory() as folder:
        page = str(Path(folder) / "page.html")
        cell = cell_of("peers.py", [name, str(n), page], timeout, PAGES[name])
        return cell if "failed" in cell else cell | cell_of("page_probe.py", [name, page], timeout)


def cell_of(script: str, arguments: list[str], timeout: float, rival: str = "") -> Cell:
    """What a script printed last: a probe that fails half way has told what it measured until then."""
    command = [sys.executable, str(HERE / script), *arguments]
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(command, stdout=said, stderr=complaints, env=rivals.environment(rival))
        try:
            failed = f"ended with {code}" if (code := process.wait(timeout)) else ""
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
            failed = f"not done after {timeout:.0f} s"
        said.seek(0)
        complaints.seek(0)
        lines, last = said.read().splitlines(), (complaints.read().strip().splitlines() or [""])[-1]
    cell: Cell = json.loads(lines[-1]) if lines else {}
    if failed:
        cell["failed"] = f"{failed}: {last[:160]}" if last and "ended" in failed else failed
    return cell


if __name__ == "__main__":
    sys.exit(main())
