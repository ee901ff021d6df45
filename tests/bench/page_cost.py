"""attnwidget beside its peers, in one run: ``python tests/bench/page_cost.py``; ``--help`` tells more.

Exported pages of the same 12 × 12 weights: what building one costs, how large it is, and what the page costs its reader
(`page_probe` says how that is measured). Every cell is a process of its own. Compare by ratio, within one run. A peer
that fails is recorded as it fails; one that is not installed is said to be.

    pip install bertviz==1.4.1 circuitsvis==1.43.3 inspectus==0.2.0 --no-deps
    (mkdir -p ~/.cache/attn-bench/vendor; cd $_; npm pack d3@5.7.0 jquery@2.1.0 requirejs@2.3.6)

BertViz's page asks a CDN for d3, jquery and require.js; they are answered from that folder, as d3.min.js,
jquery.min.js and require.js, so no network is in its times.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from capture_cost import machine

HERE = Path(__file__).parent
PAGES = {
    "attnwidget": "attnwidget",
    "attnwidget_heads": "attnwidget",
    "bertviz_head": "bertviz",
    "bertviz_model": "bertviz",
    "circuitsvis": "circuitsvis",
    "inspectus": "inspectus",
}
#: What each figure of ours is compared with, and the most it may be of that (issue 5).
TARGETS = [
    ("open", "attnwidget", "open_ms", "bertviz_head", 1 / 20),
    ("Heads mode", "attnwidget_heads", "open_ms", "bertviz_model", 1 / 50),
    ("layer switch", "attnwidget", "layer_ms", "bertviz_head", 1 / 50),
    ("head toggle", "attnwidget", "head_ms", "bertviz_head", 1 / 50),
    ("hover", "attnwidget", "hover_ms", "bertviz_head", 1 / 10),
]
COLUMNS = (
    "build CPU s",
    "MB",
    "open ms",
    "layer ms",
    "head ms",
    "hover ms",
    "frame p99 ms",
    "longest task ms",
    "MB above empty",
)

Cell = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[16, 32, 64, 128, 256, 512])
    parser.add_argument("--pages", nargs="+", default=list(PAGES), choices=list(PAGES))
    parser.add_argument(
        "--timeout", type=float, default=400, help="seconds a cell may take before it is recorded as stuck"
    )
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for page_cost.json and .md")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {
        "machine": machine() | {name: _version(name) for name in sorted(set(PAGES.values()))},
        "cells": {},
    }
    for n in arguments.tokens:
        for name in arguments.pages:
            sys.stderr.write(f"{name} {n}\n")
            found["cells"][f"{name}/{n}"] = measured(name, n, arguments.timeout)
            (arguments.out / "page_cost.json").write_text(json.dumps(found, indent=1) + "\n")
    text = markdown(found)
    (arguments.out / "page_cost.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def measured(name: str, n: int, timeout: float) -> Cell:
    with tempfile.TemporaryDirectory() as folder:
        page = str(Path(folder) / "page.html")
        cell = _run("peers.py", [name, str(n), page], timeout)
        if "failed" in cell:
            return cell
        return cell | _run("page_probe.py", [name, page], timeout)


def _run(script: str, arguments: list[str], timeout: float) -> Cell:
    command = [sys.executable, str(HERE / script), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired:
        return {"failed": f"{script}: nothing after {timeout:.0f} s"}
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [""])[-1]
        return {"failed": f"{script}: {said[:160]}"}
    cell: Cell = json.loads(done.stdout.splitlines()[-1])
    return cell


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def markdown(found: dict[str, Any]) -> str:
    cells: dict[str, Cell] = found["cells"]
    lines = ["# What a page costs", "", *(f"- {name}: {what}" for name, what in found["machine"].items()), ""]
    lines += ["12 layers × 12 heads. Milliseconds are CPU time of the renderer's main thread, medians.", ""]
    lines += [f"| tokens | page | {' | '.join(COLUMNS)} |", "|--:|---" + "|--:" * len(COLUMNS) + "|"]
    lines += [_row(key, cell) for key, cell in cells.items()]
    lines += ["", "| tokens | | ours | theirs | ours ÷ theirs | at most |", "|--:|---|--:|--:|--:|--:|"]
    lengths = sorted({int(key.partition("/")[2]) for key in cells})
    lines += [line for n in lengths for target in TARGETS if (line := _ratio(cells, n, *target))]
    return "\n".join(lines) + "\n"


def _row(key: str, cell: Cell) -> str:
    name, _, n = key.partition("/")
    if "failed" in cell:
        return f"| {n} | {name} | {cell['failed'].replace('|', '/')} |" + " |" * (len(COLUMNS) - 1)
    sweep = cell.get("sweep", {})
    figures = [
        f"{cell['build_cpu_s']:.2f}",
        f"{cell['page_bytes'] / 1e6:.2f}",
        *(f"{cell[x]:.0f}" if x in cell else "–" for x in ("open_ms", "layer_ms", "head_ms", "hover_ms")),
        *(f"{sweep[x]:.0f}" if x in sweep else "–" for x in ("p99_ms", "longest_task_ms")),
        f"{cell['above_empty'] / 1e6:.0f}",
    ]
    return f"| {n} | {name} | {' | '.join(figures)} |"


def _ratio(cells: dict[str, Cell], n: int, what: str, ours: str, figure: str, theirs: str, most: float) -> str:
    own, other = cells.get(f"{ours}/{n}", {}).get(figure), cells.get(f"{theirs}/{n}", {})
    if own is None:
        return ""
    if other.get(figure) is None:
        return f"| {n} | {what} | {own:.0f} ms | {other.get('failed', 'not measured')} | – | |"
    ratio = other[figure] / max(own, 0.1)
    return f"| {n} | {what} | {own:.0f} ms | {other[figure]:.0f} ms | 1/{ratio:.0f} | 1/{1 / most:.0f} |"


if __name__ == "__main__":
    main()
