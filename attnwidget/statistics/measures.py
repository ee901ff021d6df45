"""From the sums of one pass to statistics: shares, positions, spread, pairs, sinks, and what explains the rest."""

from __future__ import annotations

from typing import Any

import numpy as np

from attnwidget.statistics.onepass import Sums
from attnwidget.statistics.partition import parts
from attnwidget.statistics.rows import KINDS
from attnwidget.statistics.setting import CLASSES, F8, OFFSETS, REACH, ROWS, Setting

#: A key counts as a sink of a text where the mean weight of the rows that see it is above this (Gu et al. 2025).
EPSILON = 0.3
#: Where a text's sink lies: a kind of key, or the first position where that is an ordinary token.
SINKS = (*KINDS, "first")


def kappa(mass: F8, base: float | F8) -> F8:
    """Chance-corrected share; NaN where the baseline is all there is."""
    room = 1 - np.asarray(base, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(room > 0, (mass - base) / room, np.nan), np.float64)


def ratio(above: F8, below: F8) -> F8:
    """Quotient above ÷ below; NaN where below is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan), np.float64)


def _per(mass: F8, count: float) -> F8:
    return mass / count if count else np.full_like(mass, np.nan)


def finish(sums: Sums, setting: Setting) -> dict[str, F8]:
    """Statistics of every unit, [U], the uniform one last."""
    counts = dict(zip(ROWS, setting.rows.sum(1), strict=True))
    mass = sums.columns @ setting.classes
    n, k = setting.queries, setting.keys

    def share(rows: str, *classes: str) -> F8:
        chosen = [CLASSES.index(name) for name in classes]
        return _per(mass[:, ROWS.index(rows), chosen].sum(-1), counts[rows])

    out = {name: share("all", name) for name in (*KINDS, "first")}
    out |= {name: _per(part, n) for name, part in parts(sums.columns[:, 0], sums.near, setting).items()}
    out["delimiters"] = share("all", "cls", "sep", "punct")
    out |= {"sep_to_sep": share("sep", "sep"), "rest_to_sep": share("not_sep", "sep")}
    out |= {"cls_from_others": share("not_cls", "cls")}
    nothing = np.full(len(mass), np.nan)
    # In a causal text the first row sees itself alone: it gathers nothing, and says nothing.
    gathers = counts["cls"] > 0 and not setting.causal
    cls_rows = setting.rows[ROWS.index("cls")]
    out["cls_row_self"] = share("cls", "cls") if gathers else nothing
    out["cls_row_content"] = share("cls", "word", "punct") if gathers else nothing
    out["cls_row_entropy"] = _per(sums.entropy @ cls_rows, counts["cls"] * np.log(k)) if gathers and k > 1 else nothing
    out |= _positions(sums, setting, nothing)
    entropy = sums.entropy.sum(1) / n
    out |= {"entropy": entropy, "entropy_norm": _per(sums.normalised, float((setting.visible > 1).sum()))}
    out |= {"effective_keys": sums.effective / n, "k90": sums.k90 / n, "max": sums.largest / n}
    columns = sums.columns[:, 0] / n
    mixed = -(columns * np.log(np.maximum(columns, 1e-300))).sum(1)
    out |= {"coverage": np.exp(mixed) / k, "mi": np.maximum(mixed - entropy, 0)}
    out["mi_norm"] = _per(out["mi"], float(np.log(k)))
    out |= explained(sums.groups - sums.groups[-1], group_sizes(setting), centred(sums))
    out |= _pairs(share, mass, nothing, bool(counts["a"] and counts["b"]))
    out["prefix"] = _per(sums.prefix, sums.prefix_rows)
    received = _received(sums, setting)
    out |= {"sink": received.max(1, initial=0), "sink_first": _first(sums, setting)}
    out["sink_rate"] = (out["sink_first"] > EPSILON).astype(np.float64)
    return out


def _positions(sums: Sums, setting: Setting, nothing: F8) -> dict[str, F8]:
    names = ("self", "prev", "next", "window", "distance", "signed_distance")
    if setting.shift is None:
        return dict.fromkeys(names, nothing)
    n, at = setting.queries, setting.at + setting.shift
    diagonal = sums.groups.sum(2)
    out = {}
    for name, offset in (("self", 0), ("prev", -1), ("next", 1)):
        there = (at + offset >= 0) & (at + offset < setting.positions)
        # Nobody looks ahead in a causal text: that is no finding, so there is no number.
        eligible = 0.0 if setting.causal and offset > 0 else float(there.sum())
        out[name] = _per(diagonal[:, REACH + offset], eligible)
    out["window"] = diagonal[:, REACH - 2 : REACH + 3].sum(1) / n
    return out | {"distance": sums.distance / n, "signed_distance": sums.signed / n}


def _pairs(share: Any, mass: F8, nothing: F8, two: bool) -> dict[str, F8]:
    names = ("a_to_a", "a_to_b", "b_to_a", "b_to_b", "to_sep1", "to_sep2", "to_cls", "cross_share", "cross_lift")
    if not two:
        return dict.fromkeys(names, nothing)
    out = {f"{x}_to_{y}": share(x, y) for x in "ab" for y in "ab"}
    out |= {f"to_{name}": share("content", name) for name in ("sep1", "sep2", "cls")}
    a, b = (ROWS.index(name) for name in "ab")
    to_a, to_b = (CLASSES.index(name) for name in "ab")
    crossing = mass[:, a, to_b] + mass[:, b, to_a]
    inside = mass[:, a, to_a] + mass[:, b, to_b]
    out["cross_share"] = ratio(crossing, crossing + inside)
    out["cross_lift"] = out["cross_share"] / out["cross_share"][-1]
    return out


def _received(sums: Sums, setting: Setting) -> F8:
    """Mean weight that each key gets from the rows that may see it, [U, k]; 0 where these are too few to tell.

    Too few: less than a quarter of the rows. The last key of a causal text is seen by one row, itself (own choice).
    """
    columns = sums.columns[:, 0]
    if not setting.causal or setting.shift is None:
        return columns / setting.queries
    seen_by = setting.queries - np.searchsorted(setting.at + setting.shift, np.arange(setting.keys))
    seen_by[setting.positions :] = setting.queries
    enough = seen_by >= setting.queries / 4
    return np.asarray(np.where(enough, columns / np.maximum(seen_by, 1), 0), np.float64)


def _first(sums: Sums, setting: Setting) -> F8:
    return np.asarray(sums.columns[:, 0, 0] / setting.queries, np.float64)


def sinks_of(sums: Sums, setting: Setting) -> F8:
    """1 where a unit's most attended key is above ε and of that kind, [U, len(SINKS)]."""
    received = _received(sums, setting)
    top = received.argmax(1)
    kind = setting.kind[top]
    kind = np.where((top == 0) & (kind == KINDS.index("word")), len(KINDS), kind)
    out = np.zeros((len(received), len(SINKS)))
    out[np.arange(len(received)), kind] = received.max(1) > EPSILON
    return out


def group_sizes(setting: Setting) -> F8:
    """Cells that a row may see, by offset and kind: float64 [OFFSETS, len(KINDS)]."""
    out = np.zeros((OFFSETS, len(KINDS)))
    step = max(1, (1 << 20) // setting.keys)
    for first in range(0, setting.queries, step):
        rows = slice(first, min(setting.queries, first + step))
        bins = setting.offset_bins(rows)
        seen = setting.uniform(rows) > 0
        if bins is None:
            bins = np.full(seen.shape, REACH)
        group = (bins * len(KINDS) + setting.kind)[seen]
        out += np.bincount(group, minlength=out.size).reshape(out.shape)
    return out


def centred(sums: Sums) -> F8:
    """Σ (A − uniform)² of every unit."""
    return np.asarray(np.maximum(sums.squares - 2 * sums.against + sums.against[-1], 0), np.float64)


def explained(centred: F8, sizes: F8, squares: F8) -> dict[str, F8]:
    """Share of the variance around uniform attention that position, kind of key, and both together explain."""

    def share(of: F8, cells: F8) -> F8:
        within = np.divide(of**2, cells, out=np.zeros_like(of), where=cells > 0)
        total = within.reshape(len(of), -1).sum(1)
        # Exactly uniform attention has no variance to explain.
        return np.asarray(np.where(squares > 1e-9, total / np.maximum(squares, 1e-300), np.nan), np.float64)

    joint = share(centred, sizes)
    return {
        "r2_offset": share(centred.sum(2), sizes.sum(1)),
        "r2_kind": share(centred.sum(1), sizes.sum(0)),
        "r2_joint": joint,
        "content": 1 - joint,
    }
