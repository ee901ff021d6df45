"""What a capture costs: ``python tests/bench/capture_cost.py``; ``--help`` tells more.

A random Llama (16 layers, 16 heads, 8 of them for keys and values, hidden size 1024) reads random tokens. Every cell of
the table is a process of its own (`capture_cells`): CPU seconds on one thread, and memory above what the process held
before. The ratio comes from a process in which forwards without and with capture take turns: the median over the pairs.
Linux only: memory is read from /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MB = 1e6

COLUMNS = (
    "tokens",
    "forward, CPU s",
    "with capture",
    "÷ (≤ 1.25; from 1,024: 1.1)",
    "eager",
    "Q, K, V fp32, MB",
    "retained, MB",
    "÷ (≤ 1.15)",
    "peak plain / capture, MB",
    "eager: retained / peak, MB",
)

Cells = dict[str, dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[512, 1024, 2048, 4096], help="tokens of the table")
    parser.add_argument("--long", action="store_true", help="also 8,192 tokens, and 16,384 with padding and a window")
    parser.add_argument("--only", nargs="+", default=[], help="names of cells: plain capture eager answers …")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs a cell, of which the median counts")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for capture_cost.json and .md")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    stored = arguments.out / "capture_cost.json"
    found: dict[str, Any] = json.loads(stored.read_text()) if arguments.only and stored.exists() else {"cells": {}}
    found["machine"] = machine()
    for name, n in wanted(arguments.lengths, arguments.long, arguments.only):
        sys.stderr.write(f"{name} {n}\n")
        # A long cell takes minutes, in which short disturbances even out.
        repeats = arguments.repeats if n <= 4096 else 1
        found["cells"][f"{name}/{n}"] = measured(name, n, repeats)
        stored.write_text(json.dumps(found, indent=1) + "\n")
    text = markdown(found)
    (arguments.out / "capture_cost.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def wanted(lengths: Sequence[int], long: bool, only: Sequence[str]) -> list[tuple[str, int]]:
    cells = [(name, n) for n in lengths for name in ("plain", "capture", "ratio", "eager")]
    cells += [("halves", 2048), ("spilled", 2048), ("answers", 16384), ("pictures", 512), ("view", max(lengths))]
    if long:
        cells += [("plain", 8192), ("capture", 8192), ("masked_plain", 16384), ("masked", 16384)]
    return [(name, n) for name, n in cells if not only or name in only]


def measured(name: str, n: int, repeats: int) -> dict[str, Any]:
    """One cell; a process that was killed or failed says so."""
    command = [sys.executable, str(HERE / "capture_cells.py"), name, str(n), str(repeats)]
    quiet = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=quiet, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [""])[-1]
        return {"failed": f"the process ended with {done.returncode}: {said[:200]}"}
    cell: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return cell


def machine() -> dict[str, str]:
    model = next(
        (x.partition(":")[2].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), ""
    )
    names = ("attnwidget", "torch", "transformers", "numpy")
    return {
        "processor": f"{model or platform.processor()}, {os.cpu_count()} cores, one thread used",
        "python": platform.python_version(),
        **{name: _version(name) for name in names},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except Exception:
        return "from source"


def markdown(found: dict[str, Any]) -> str:
    cells: Cells = found["cells"]
    lengths = sorted({int(key.partition("/")[2]) for key in cells if key.startswith("capture/")})
    lines = ["# What a capture costs", "", *(f"- {name}: {what}" for name, what in found["machine"].items()), ""]
    lines += [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    lines += [_row(cells, n) for n in lengths]
    lines += ["", "| also | measured | must |", "|---|---|---|"]
    return "\n".join([*lines, *_others(cells)]) + "\n"


def _row(cells: Cells, n: int) -> str:
    plain, capture, eager = (cells.get(f"{name}/{n}", {}) for name in ("plain", "capture", "eager"))
    if "cpu_s" not in capture or "cpu_s" not in plain:
        return f"| {n:,} | {capture.get('failed') or plain.get('failed') or 'not run'} |" + " |" * 8
    turns = cells.get(f"ratio/{n}", {})
    ratio = f"**{turns['ratio']:.2f}**" if "ratio" in turns else "not run"
    kept = capture["retained"] / capture["qkv"]
    failed = eager.get("failed")
    asked = f"fails: {failed}" if failed else f"{eager['cpu_s']:.2f}" if eager else "not run"
    memory = f"{eager['retained'] / MB:,.0f} / {eager['peak'] / MB:,.0f}" if "peak" in eager else "–"
    own = f"{plain['cpu_s']:.2f} | {capture['cpu_s']:.2f} | {ratio} | {asked} | {capture['qkv'] / MB:,.1f}"
    peaks = f"{plain['peak'] / MB:,.0f} / {capture['peak'] / MB:,.0f}"
    return f"| {n:,} | {own} | {capture['retained'] / MB:,.1f} | **{kept:.2f}** | {peaks} | {memory} |"


def _others(cells: Cells) -> list[str]:
    out = []
    for key, cell in cells.items():
        name, _, n = key.partition("/")
        tokens = f"{int(n):,} tokens"
        if "failed" in cell:
            if name not in ("plain", "capture", "ratio", "eager"):
                out.append(f"| {name}, {tokens} | {cell['failed']} | |")
        elif name in ("halves", "spilled"):
            what = "store='float16'" if name == "halves" else "spill=folder"
            share = cell["retained"] / cell["qkv"]
            out.append(
                f"| {what}, {tokens}: retained ÷ fp32 bytes | {share:.2f} | {'0.5' if name == 'halves' else ''} |"
            )
        elif name == "answers":
            out.append(f"| one row of one head, {tokens} | {cell['row_s'] * 1e3:.2f} ms | 5 ms |")
            out.append(f"| one row of 16 heads, {tokens} | {cell['rows_s'] * 1e3:.1f} ms | |")
            peak = f"{cell['overview_s']:.2f} s, {cell['overview_peak'] / MB:.0f} MB"
            out.append(f"| 512² overview of one causal head, {tokens} | {peak} transient | 1 s, 64 MB |")
        elif name == "pictures":
            out.append(f"| 144 overviews of 64², BERT-base, {tokens} | {cell['cpu_s']:.2f} s | 1 s |")
        elif name == "view":
            took = f"{cell['wall_s']:.2f} s, {cell['peak'] / MB:.0f} MB transient"
            out.append(f"| a view of a capture of {tokens} | {took}, {cell['bytes'] / MB:.1f} MB sent | 2 s |")
            out.append(f"| another layer of it | {cell['layer_s']:.2f} s | |")
            row = f"{cell['rows_s'] * 1e3:.0f} ms, {cell['row_bytes'] / 1e3:.0f} kB"
            out.append(f"| one whole row of 16 heads for its page | {row} | |")
        elif name == "masked":
            own = cells.get(f"masked_plain/{n}", {}).get("peak")
            beside = "" if own is None else f" (forward without capture: {own / MB:,.0f} MB)"
            out.append(
                f"| causal, left-padded, window, {tokens}: added | {cell['peak'] / MB:,.0f} MB{beside} | 6,000 MB |"
            )
            out.append(f"| its masks | {cell['masks'] / MB:.2f} MB | 1 MB |")
    return out


if __name__ == "__main__":
    main()
