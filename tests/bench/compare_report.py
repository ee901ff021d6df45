"""What `compare` found, as tables, and two runs of it beside each other."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

Cell = dict[str, Any]

#: Column, key in a cell, what to divide it by, digits.
COLUMNS = (
    ("build CPU s", "build_cpu_s", 1, 2),
    ("file MB", "page_bytes", 1e6, 2),
    ("open ms", "open_ms", 1, 0),
    ("layer ms", "layer_ms", 1, 0),
    ("head ms", "head_ms", 1, 0),
    ("hover ms", "hover_ms", 1, 0),
    ("renderer MB", "above_empty", 1e6, 0),
)
FORWARD = (
    ("CPU s", "forward_cpu_s", 1, 2),
    ("held MB", "forward_retained", 1e6, 0),
    ("at most MB", "forward_peak", 1e6, 0),
)
#: Which of ours each is set beside.
BESIDE = {
    "bertviz_head": "attnwidget",
    "bertviz_model": "attnwidget_heads",
    "circuitsvis": "attnwidget",
    "inspectus": "attnwidget",
    "eager": "capture",
}
#: Smaller than that is noise of the clock and of the browser.
JUDGED_MS, APART = 20, 0.25
#: Milliseconds of these, by what they are multiplied with.
TIMES = {"open_ms": 1, "layer_ms": 1, "head_ms": 1, "hover_ms": 1, "build_cpu_s": 1000, "forward_cpu_s": 1000}


ABOUT = """\
12 layers × 12 heads. Milliseconds are CPU time of the renderer's main thread, medians; memory is that of the renderer
above an empty page. CircuitsVis shows one layer; from 1,024 tokens on ours are of 2 layers, captured from a model.
"""

Columns = tuple[tuple[str, str, float, int], ...]


def markdown(found: dict[str, Any]) -> str:
    cells: dict[str, Cell] = found["cells"]
    forward = [key for key in cells if key.partition("/")[0] in ("capture", "eager")]
    pages = [key for key in cells if key not in forward]
    lines = ["# Beside its peers", "", *(f"- {name}: {what}" for name, what in found["machine"].items())]
    lines += [f"- load when it began: {', '.join(map(str, found['load']))}", "", ABOUT]
    lines += [*_head(COLUMNS, "failed"), *(_row(key, cells[key], COLUMNS) for key in pages)]
    lines += ["", "Theirs ÷ ours:", "", *_head(COLUMNS), *(line for key in pages if (line := _ratios(cells, key)))]
    lines += ["", "Every weight of one forward of a BERT-base, on one thread:", ""]
    lines += [*_head(FORWARD, "failed"), *(_row(key, cells[key], FORWARD) for key in forward)]
    return "\n".join(lines) + "\n"


def _head(columns: Columns, *more: str) -> list[str]:
    names = [*(name for name, *_ in columns), *more]
    return [f"| tokens | | {' | '.join(names)} |", "|--:|---" + "|--:" * len(columns) + "|---" * len(more) + "|"]


def _row(key: str, cell: Cell, columns: Columns) -> str:
    name, _, n = key.partition("/")
    figures = [f"{cell[field] / unit:,.{digits}f}" if field in cell else "–" for _, field, unit, digits in columns]
    return f"| {int(n):,} | {name} | {' | '.join(figures)} | {cell.get('failed', '').replace('|', '/')} |"


def _ratios(cells: dict[str, Cell], key: str) -> str:
    name, _, n = key.partition("/")
    ours = cells.get(f"{BESIDE.get(name, '')}/{n}")
    if ours is None:
        return ""
    figures = []
    for _, field, _, _ in COLUMNS:
        own, other = ours.get(field), cells[key].get(field)
        figures.append("–" if own is None or other is None else f"{other / max(own, 0.1):,.1f}")
    return f"| {int(n):,} | {name} | {' | '.join(figures)} |"


def _above(found: dict[str, Any]) -> Iterator[tuple[str, float, float | None]]:
    """(what, milliseconds, theirs ÷ ours where that is judged) of every cell above `JUDGED_MS`."""
    cells: dict[str, Cell] = found["cells"]
    for key, cell in cells.items():
        name, _, n = key.partition("/")
        ours = cells.get(f"{BESIDE.get(name, '')}/{n}", {})
        for field, unit in TIMES.items():
            took, own = cell.get(field), ours.get(field)
            if took is None or took * unit < JUDGED_MS:
                continue
            judged = own is not None and own * unit >= JUDGED_MS
            yield f"{key} {field}", took * unit, took / own if own is not None and judged else None


def differences(first: dict[str, Any], second: dict[str, Any]) -> tuple[str, int]:
    """What to say of two runs, and how many ratios differ by more than a quarter."""
    a, b = ({what: (took, ratio) for what, took, ratio in _above(found)} for found in (first, second))
    both = [what for what in a if what in b]
    if not both:
        return "the two runs have no cell above 20 ms in common\n", 1
    speed = statistics.median(b[what][0] / a[what][0] for what in both)
    lines = [f"The second run took {speed:.2f} of the first's time (median of {len(both)} cells above {JUDGED_MS} ms)."]
    lines += [f"{name}: {was} → {first_now}" for name, was, first_now in _changed(first, second)]
    judged = {what: (a[what][1], b[what][1]) for what in both}
    ratios = {what: (was, now) for what, (was, now) in judged.items() if was is not None and now is not None}
    apart = [
        f"{what}: {was:.1f} × ours, then {now:.1f} ×"
        for what, (was, now) in ratios.items()
        if max(was, now) > (1 + APART) * min(was, now)
    ]
    lines += [f"Ratios to ours, both above {JUDGED_MS} ms: {len(apart)} of {len(ratios)} changed by over a quarter."]
    lines += apart
    alone = [what for what in both if abs(b[what][0] / a[what][0] / speed - 1) > APART]
    lines += [f"Single cells, the runs' speeds divided out: {len(alone)} of {len(both)} changed by over a quarter."]
    lines += [f"{what}: {a[what][0]:.0f} ms, then {b[what][0]:.0f} ms" for what in alone]
    return "\n".join(lines) + "\n", len(apart)


def _changed(first: dict[str, Any], second: dict[str, Any]) -> list[tuple[str, str, str]]:
    a, b = first["machine"], second["machine"]
    return [(name, a.get(name, "–"), b.get(name, "–")) for name in {**a, **b} if a.get(name) != b.get(name)]
