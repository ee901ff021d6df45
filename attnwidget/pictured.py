"""The scene of a view: everything that a drawing of it needs, whoever draws (the small PNG, figures for papers)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from attnwidget import scene
from attnwidget.selection import Selection
from attnwidget.shown import Floats, Look, Shown, shown
from attnwidget.statistics.rows import KINDS

if TYPE_CHECKING:
    from attnwidget.attention import Attention

# Float32 weights held at once.
_BLOCK = 1 << 22


@dataclass(frozen=True, eq=False)
class Pictured:
    """What a view shows. Queries and keys are units of `look`: tokens, or words.

    Attributes
    ----------
    look
        With the measure that is shown: "weight" where no norms are known.
    norms_of
        "written" (‖v·W_O‖) or "value" (‖v‖, W_O is not known); "" where weights are shown.
    rows
        Queries in the picture, ascending.
    chosen
        Those in focus: the chosen ones, else all rows that the pair filter keeps.
    keys
        Chosen keys.
    series
        One a colour.
    joint
        All heads together: the numbers beside the picture.
    strokes
        Of the queries in focus.
    ground
        Of all rows, where some are in focus; else None.
    ledger
        Of the rows in focus.
    remaining
        Where rows are renormalised: the share of the mass in focus that they were renormalised over.
    """

    look: Look
    norms_of: str
    rows: Sequence[int]
    chosen: Sequence[int]
    keys: Sequence[int]
    series: Sequence[Shown]
    joint: Shown
    strokes: scene.Strokes
    ground: scene.Strokes | None
    ledger: scene.Ledger
    remaining: float | None


def pictured(attention: Attention, selection: Selection, rows: Sequence[int] | None = None) -> Pictured | None:
    """The scene of a selection; None where the layer has no attention weights, or there is no token.

    Parameters
    ----------
    attention
        Not released.
    selection
        What to show.
    rows
        Queries in the picture (units); a stretch that a small picture can show where not given.

    Raises
    ------
    ValueError
        Where rollout is asked for and there is none.
    """
    stack = attention.stacks[selection.stack]
    rows = selection.rows(stack) if rows is None else rows
    groups = selection.series(stack)
    if not groups or not rows or not stack.keys:
        return None
    look = selection.look(stack)
    if selection.aggregate == "rollout":
        look, norms_of = replace(look, measure="weight"), ""
        series = [_rollout(attention, selection, look, rows)]
        joint = series[0]
    else:
        norms_of = _norms_of(attention, selection) if look.measure == "contribution" else ""
        look = look if norms_of else replace(look, measure="weight")
        series = [_series(attention, selection.stack, heads, look, rows, norms_of) for heads in groups]
        everyone = [address for heads in groups for address in heads]
        joint = series[0] if len(series) == 1 else _series(attention, selection.stack, everyone, look, rows, norms_of)
    return compose(selection, look, norms_of, rows, series, joint)


def compose(
    selection: Selection, look: Look, norms_of: str, rows: Sequence[int], series: Sequence[Shown], joint: Shown
) -> Pictured:
    """The scene of these series; parameters as the attributes of `Pictured`."""
    visible = [row for row in rows if look.shown_rows[row]]
    chosen = [row for row in look.queries.indices(selection.queries) if row in rows] or visible
    keys = look.keys.indices(selection.keys)
    strokes = scene.strokes(
        series,
        chosen,
        # The budget is a rule for rows: who looks at a chosen key is shown however little it is.
        budget=1.0 if keys else selection.budget,
        max_strokes=selection.max_strokes,
        keys=keys or None,
    )
    ground = None
    if len(chosen) < len(visible) or keys:
        ground = scene.strokes(series, visible, budget=selection.budget, max_strokes=selection.max_strokes)
    at = [joint.queries[row] for row in chosen]
    before, whole = joint.before[at].sum(axis=0, dtype=np.float64), float(joint.wholes[at].sum())
    kinds = np.array([KINDS.index(token.kind) for token in look.keys.tokens])
    left_out = None
    if keys and whole > 0:
        left_out = 1 - min(1.0, float(before[[key for key in keys if not look.hidden[key]]].sum()) / whole)
    ledger = scene.ledger(strokes, np.bincount(kinds, weights=before, minlength=len(KINDS)), left_out)
    remaining = None
    if selection.sinks == "renormalise":
        remaining = 1 - float(joint.removals[at].sum()) / whole if whole > 0 else 1.0
    return Pictured(look, norms_of, rows, chosen, keys, series, joint, strokes, ground, ledger, remaining)


def _norms_of(attention: Attention, selection: Selection) -> str:
    """What norms all layers in view have: "written", "value", or ""."""
    stack = attention.stacks[selection.stack]
    found = {_norms(attention, selection.stack, layer)[1] for layer, _ in selection.addresses(stack)}
    return found.pop() if len(found) == 1 else ""


def _norms(attention: Attention, stack: str, layer: int) -> tuple[Floats | None, str]:
    from attnwidget.wire.encode import plain_norms

    written = attention.value_norms(layer, stack=stack)
    if written is not None:
        return written, "written"
    plain = plain_norms(attention, stack, layer)
    return plain, "" if plain is None else "value"


def _series(
    attention: Attention,
    stack: str,
    heads: Sequence[tuple[int, int]],
    look: Look,
    rows: Sequence[int],
    norms_of: str,
) -> Shown:
    """Some heads as one series, made a few rows at a time."""
    tokens = max(1, max(len(look.queries.positions(row)) for row in rows))
    step = max(1, _BLOCK // max(1, len(heads) * len(attention.stacks[stack].keys) * tokens))
    parts = [
        _rows(attention, stack, heads, look, rows[start : start + step], norms_of)
        for start in range(0, len(rows), step)
    ]
    return _joined(parts, rows)


def _rows(
    attention: Attention,
    stack: str,
    heads: Sequence[tuple[int, int]],
    look: Look,
    rows: Sequence[int],
    norms_of: str,
) -> Shown:
    positions = [position for row in rows for position in look.queries.positions(row)]
    layers: dict[int, list[int]] = {}
    for layer, head in heads:
        layers.setdefault(layer, []).append(head)
    weights = [attention.weights(layer, some, stack=stack, queries=positions) for layer, some in layers.items()]
    norms = None
    if norms_of:
        found = [(_norms(attention, stack, layer)[0], some) for layer, some in layers.items()]
        norms = np.concatenate([one[some] for one, some in found if one is not None])
    return shown(np.concatenate(weights), norms, look, rows)


def _rollout(attention: Attention, selection: Selection, look: Look, rows: Sequence[int]) -> Shown:
    from attnwidget.answers.rollout import rolled

    cells = rolled(attention, selection.stack, selection.layer)
    positions = [position for row in rows for position in look.queries.positions(row)]
    weights = np.zeros((1, len(positions), look.keys.count), np.float32)
    weights[0, :, : cells.shape[1]] = cells[positions]
    return shown(weights, None, look, rows)


def _joined(parts: Sequence[Shown], rows: Sequence[int]) -> Shown:
    if len(parts) == 1:
        return parts[0]
    fields = ("rows", "before", "wholes", "keeps", "sums", "removals")
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in fields}
    return Shown(**joined, queries={row: at for at, row in enumerate(rows)})
