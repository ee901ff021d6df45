"""A comparison as a figure: what b shows less what a shows, as lines, as a matrix, or as a list of heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.path import Path

from attnwidget.description import one_line
from attnwidget.export.colours import INK, MUTED, QUERY, STROKE
from attnwidget.figures.content import LONGEST_LABEL
from attnwidget.figures.levels import LESS, MORE
from attnwidget.figures.painter import LETTERS, SMALL, rgb
from attnwidget.figures.sheet import Doubles, Sheet, diverging, readable
from attnwidget.pictured import Pictured, pictured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from attnwidget.compare import Pair
    from attnwidget.inputs.tokens import Token
    from attnwidget.selection import Selection

_EDGE, _LARGEST, _TALLEST = 0.1, 0.36, 9.0
_MOST_HEADS = 48


@dataclass(frozen=True, eq=False)
class Difference:
    """b − a of the rows in the figure.

    Attributes
    ----------
    change : float64 [rows, keys]
    rows
        Queries (units) in order.
    scene
        Of a.
    """

    change: Doubles
    rows: Sequence[int]
    scene: Pictured

    @property
    def queries(self) -> list[Token]:
        return [self.scene.look.queries.tokens[row] for row in self.rows]

    @property
    def keys(self) -> Sequence[Token]:
        return self.scene.look.keys.tokens


def difference(pair: Pair, selection: Selection) -> Difference:
    """Of what both sides show by themselves; ValueError where one has nothing to show."""
    if selection.aggregate == "rollout":
        selection = replace(selection, aggregate="mean")
    beside = replace(
        selection,
        layer=pair.layer_of_b(selection.layer),
        pinned=tuple((pair.layer_of_b(layer), head) for layer, head in selection.pinned),
    )
    sides = [pictured(data, chosen) for data, chosen in ((pair.a, selection), (pair.b, beside))]
    if sides[0] is not None and sides[1] is not None and sides[0].norms_of != sides[1].norms_of:
        # Lengths of two kinds of vector have no difference.
        selection, beside = (replace(one, measure="weight") for one in (selection, beside))
        sides = [pictured(data, chosen) for data, chosen in ((pair.a, selection), (pair.b, beside))]
    one, two = sides
    if one is None or two is None:
        raise ValueError(f"there is nothing to draw: {selection.label(pair.a.stacks[selection.stack])}")
    rows = [row for row in one.rows if one.look.shown_rows[row]]
    at = [one.joint.queries[row] for row in rows]
    change = two.joint.rows[at].astype(np.float64) - one.joint.rows[at]
    return Difference(change, rows, one)


def draw_difference(
    pair: Pair, selection: Selection, comparison: Mapping[str, Any], width: float, caption: bool
) -> Axes:
    """Lines, a matrix, or in mode "heads" the heads in the order of their change."""
    names = tuple(one_line(name, 40) for name in pair.names)
    if selection.mode == "heads":
        return _ranking(selection, comparison, names, width, caption)
    found = difference(pair, selection)
    texts = [_label(token) for token in (*found.queries, *found.keys)]
    sheet = Sheet(width, [*names, *texts])
    most = float(np.abs(found.change).max(initial=0))
    y = _EDGE + 0.08
    sheet.text(_EDGE, y, f"{names[0]} → {names[1]}", size=LETTERS, bold=True)
    y += 0.25
    what = {"written": "contribution", "value": "‖α·v‖"}.get(found.scene.norms_of, "weight")
    lines = selection.mode == "lines"
    y = (_lines if lines else _matrix)(sheet, found, selection, most, y)
    x = _EDGE
    if lines:
        for colour, dash, said in ((MORE, "-", "more"), (LESS, (0, (3, 2)), "less")):
            sheet.ax.plot([x, x + 0.3], [y + 0.1] * 2, color=rgb(colour), linewidth=1.5, linestyle=dash)
            x += sheet.width / 2
            sheet.text(x - sheet.width / 2 + 0.37, y + 0.1, f"{said} in {names[1]}")
    else:
        sheet.text(_EDGE, y + 0.1, f"change of {what}", colour=MUTED)
        stops = diverging(_roots(np.linspace(-1, 1, 65)), LESS, MORE)
        sheet.scale(_EDGE + 1.5, y + 0.06, stops, [(0, f"−{most:.3f}"), (0.5, "0"), (1, f"+{most:.3f}")])
    y += 0.35
    if caption:
        stack = pair.a.stacks[selection.stack]
        moved = np.abs(found.change).sum(axis=1).mean() / 2 if len(found.rows) else 0.0
        parts = [selection.label(stack), f"change of {what} from {names[0]} to {names[1]}, query → key"]
        text = " · ".join(parts) + f". {100 * moved:.1f} % of it lies elsewhere (total variation, mean of the rows)."
        y = sheet.paragraph(_EDGE, y, text)
    return sheet.done(y + _EDGE)


def _label(token: Token) -> str:
    return one_line(token.text, LONGEST_LABEL) or "#"


def _roots(change: Doubles) -> Doubles:
    """The page's square-root scale, of shares −1 to 1."""
    return np.asarray(np.sign(change) * np.sqrt(np.abs(change)))


def _room(tokens: Sequence[Token]) -> float:
    return 0.2 + 0.075 * max((len(_label(token)) for token in tokens), default=1)


def _matrix(sheet: Sheet, found: Difference, selection: Selection, most: float, top: float) -> float:
    rows, columns = found.change.shape
    left, above = min(1.4, _room(found.queries)), min(1.4, _room(found.keys))
    cell = min(_LARGEST, (sheet.width - left - 2 * _EDGE) / columns, _TALLEST / max(1, rows))
    x, y = _EDGE + left, top + above
    shares = found.change / most if most else found.change
    places = shares if selection.scale == "linear" else _roots(shares)
    places = places * np.where(found.scene.look.dimmed, 0.3, 1.0)
    colours = diverging(places, LESS, MORE)
    sheet.picture(x, y, cell * columns, cell * rows, colours)
    sheet.frame(x, y, cell * columns, cell * rows)
    every = max(1, int(np.ceil(0.09 / cell)))
    size = max(4.5, min(LETTERS, cell * 72 * 0.6 * every))
    for at in range(0, rows, every):
        bold = found.rows[at] in found.scene.look.queries.indices(selection.queries)
        said = _label(found.queries[at])
        colour = QUERY if bold else INK
        sheet.text(x - 0.06, y + (at + 0.5) * cell, said, size=size, colour=colour, bold=bold, anchor="right")
    for at in range(0, columns, every):
        sheet.text(x + (at + 0.5) * cell, y - 0.06, _label(found.keys[at]), size=size, turn=90)
    if cell >= 0.26:
        for row, column in np.argwhere(np.abs(places) >= 0.22).tolist():
            value = found.change[row, column]
            if abs(value) >= 0.005:
                said = f"{'+' if value > 0 else '−'}{abs(value):.2f}".replace("0.", ".")
                ink = readable(colours[row, column])
                spot = (x + (column + 0.5) * cell, y + (row + 0.5) * cell)
                sheet.text(*spot, said, size=5.5, anchor="center", colour=ink)
    return float(y + cell * rows + 0.05)


def _lines(sheet: Sheet, found: Difference, selection: Selection, most: float, top: float) -> float:
    rows, columns = found.change.shape
    left, right = _EDGE + min(1.5, _room(found.queries)), sheet.width - _EDGE - min(1.5, _room(found.keys))
    pitch = min(0.2, _TALLEST / max(rows, columns))
    chosen = found.scene.look.queries.indices(selection.queries)
    for x, tokens, anchor, places in (
        (left - 0.06, found.queries, "right", found.rows),
        (right + 0.06, found.keys, "left", range(columns)),
    ):
        every = max(1, int(np.ceil(0.09 / pitch)))
        for at in range(0, len(tokens), every):
            bold = anchor == "right" and places[at] in chosen
            y = top + (at + 0.5) * pitch
            colour = QUERY if bold else INK
            size = min(LETTERS, pitch * 52 * every)
            sheet.text(x, y, _label(tokens[at]), size=size, colour=colour, bold=bold, anchor=anchor)
    mask = np.isin(found.rows, chosen) if chosen else np.ones(rows, bool)
    sizes = np.where(mask[:, None], np.abs(found.change), 0).ravel()
    order = np.argsort(-sizes, kind="stable")
    # As few of the largest changes as reach the budget, as on the page.
    reached = np.concatenate([[0.0], np.cumsum(sizes[order])[:-1]])
    count = int(((reached < (selection.budget - 1e-6) * sizes.sum()) & (sizes[order] > 0)).sum())
    order = order[: min(count, selection.max_strokes)][::-1]
    codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    wide = right - left
    crowd = 0.35 + 0.65 * min(1.0, float(np.sqrt(300 / max(1, len(order)))))
    for less in (False, True):
        paths, widths, colours = [], [], []
        for cell in order.tolist():
            change = found.change.ravel()[cell]
            if (change < 0) != less:
                continue
            a, b = top + (cell // columns + 0.5) * pitch, top + (cell % columns + 0.5) * pitch
            paths.append(Path([(left, a), (left + 0.42 * wide, a), (left + 0.58 * wide, b), (right, b)], codes))
            share = abs(change) / most if most else 0.0
            faint = 0.3 if found.scene.look.dimmed[cell % columns] else 1.0
            widths.append(0.5 + 3.2 * share)
            colours.append((*rgb(LESS if less else MORE), (0.25 + 0.75 * share**0.5) * crowd * faint))
        dash = (0, (3, 2)) if less else "solid"
        lines = PathCollection(paths, facecolors="none", edgecolors=colours, linewidths=widths, linestyles=[dash])
        sheet.ax.add_collection(lines, autolim=False)
    return float(top + max(rows, columns) * pitch + 0.05)


def _ranking(
    selection: Selection, comparison: Mapping[str, Any], names: Sequence[str], width: float, caption: bool
) -> Axes:
    sheet = Sheet(width, names)
    fixed = comparison["layer"]
    ranked = sorted(
        (-value, layer, head)
        for layer, heads in enumerate(comparison["divergence"][selection.stack])
        for head, value in enumerate(heads)
        if fixed is None or layer == selection.layer
    )
    sheet.text(_EDGE, _EDGE + 0.08, f"{names[0]} → {names[1]}: heads that changed most", size=LETTERS, bold=True)
    most = -ranked[0][0] if ranked else 0.0
    columns = 2
    wide, y = (width - 2 * _EDGE) / columns, _EDGE + 0.3
    shown = ranked[:_MOST_HEADS]
    for at, (value, layer, head) in enumerate(shown):
        x, line = _EDGE + at % columns * wide, y + at // columns * 0.16
        sheet.text(x, line + 0.08, f"L{layer} H{head}", bold=True)
        share = -value / most if most else 0.0
        sheet.box(x + 0.6, line + 0.03, (wide - 1.7) * share, 0.1, facecolor=rgb(STROKE))
        sheet.text(x + wide - 0.65, line + 0.08, f"{-value:.3f}", anchor="right")
        moved = comparison["moved"][selection.stack][layer][head]
        sheet.text(x + wide - 0.2, line + 0.08, f"{100 * moved:.0f} %", anchor="right", colour=MUTED, size=SMALL)
    y += -(-len(shown) // columns) * 0.16 + 0.1
    if caption:
        text = (
            f"Jensen–Shannon divergence, mean over {comparison['rows']} rows, in nats (at most ln 2 = 0.693); beside it"
        )
        more = f" {len(ranked) - len(shown)} more heads changed less." if len(ranked) > len(shown) else ""
        y = sheet.paragraph(_EDGE, y, f"{text} the share of weight that lies elsewhere.{more}")
    return sheet.done(y + _EDGE)
