"""Trace as a figure: one pair of tokens over all layers and heads, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attnwidget.answers.trace import Way, numbers, ways
from attnwidget.description import one_line
from attnwidget.export.colours import MUTED, QUERY
from attnwidget.figures.content import LONGEST_LABEL
from attnwidget.figures.painter import LETTERS
from attnwidget.figures.sheet import Sheet, readable, shaded
from attnwidget.statistics.setting import Setting

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from attnwidget.attention import Attention
    from attnwidget.inputs.tokens import Token
    from attnwidget.selection import Floats, Selection

_EDGE = 0.1
#: As on the page: times the mean at the same distance; a pair is chosen in so many first tokens.
_FAR, _BEGINNING = 3, 100
_LEAST = 0.03


def likely_pair(queries: Sequence[Token], keys: Sequence[Token], same_text: bool) -> tuple[int, int]:
    """What Trace and Steps begin with where nothing is chosen. Twin of `likelyPair` in js/src/trace.ts."""

    def words(tokens: Sequence[Token]) -> list[int]:
        return [at for at, token in enumerate(tokens[:_BEGINNING]) if token.kind == "word"]

    def long(places: list[int], tokens: Sequence[Token]) -> list[int]:
        most = max((len(tokens[at].text) for at in places), default=0)
        return [at for at in places if len(tokens[at].text) >= min(4, most)] or places

    key = next(iter(long([at for at in words(keys) if keys[at].role != "sink"], keys)), 0)
    fits = [at for at in long(words(queries), queries) if not same_text or at >= key + 2]
    query = (fits or words(queries) or [min(len(queries), _BEGINNING) - 1])[-1]
    return max(0, query), key


def draw_trace(attention: Attention, selection: Selection, width: float, caption: bool) -> Axes:
    """Layers down, heads across; a ring where the weight is far above the mean at the same distance."""
    stack = attention.stacks[selection.stack]
    likely = likely_pair(stack.queries, stack.keys, selection.stack != "cross")
    query = selection.queries[0] if selection.queries else likely[0]
    key = selection.keys[0] if selection.keys else likely[1]
    shown = [way for way in ways(Setting.of(stack), query, key) if way.state == "shown"][: 1 if query == key else 2]
    found = [_maps(attention, selection, way) for way in shown]
    most = max(float(np.nanmax(weights, initial=0)) for weights, _ in found)
    names = [
        tuple(one_line(token.text, LONGEST_LABEL) or "#" for token in (stack.queries[way.row], stack.keys[way.key]))
        for way in shown
    ]
    sheet = Sheet(width, [attention.model_name, *(name for pair in names for name in pair)])
    heads = max(1, *(info.heads for info in stack.layers))
    # Side by side where the cells then still have room for their numbers.
    across = 2 if len(shown) == 2 and (width - 3 * _EDGE) / 2 / heads >= 0.2 else 1
    wide = (width - (across + 1) * _EDGE) / across - 0.3
    cell = min(wide / heads, 0.36)
    tall = min(cell, 0.2)
    y = _EDGE
    for at, (way, (weights, ratios)) in enumerate(zip(shown, found, strict=True)):
        x = _EDGE + at % across * (wide + 0.3 + _EDGE)
        top = y + at // across * (stack.n_layers * tall + 0.55)
        sheet.text(x, top + 0.08, f"{names[at][0]} → {names[at][1]}", size=LETTERS, bold=True)
        _map(sheet, way, weights, ratios, (x + 0.3, top + 0.32), (cell, tall), most)
    y += -(-len(shown) // across) * (stack.n_layers * tall + 0.55)
    ticks = [(share, f"{share**2 * most:.3f}") for share in (0, 0.5, 1)]
    sheet.text(_EDGE, y + 0.1, "weight, square-root scale", colour=MUTED)
    sheet.scale(_EDGE + 1.5, y + 0.06, shaded(np.linspace(0, 1, 64)), ticks)
    y += 0.35
    if caption:
        text = f"weight of one pair of tokens in every layer and head. Ring: at least {_FAR} × the mean of the other"
        text += " pairs at the same distance, and above an even spread."
        y = sheet.paragraph(_EDGE, y, " · ".join(part for part in (attention.model_name, text) if part))
    return sheet.done(y + _EDGE)


def _maps(attention: Attention, selection: Selection, way: Way) -> tuple[Floats, Floats]:
    """Weights and ratios [layers, heads]; NaN where there is no head."""
    layers = attention.stacks[selection.stack].layers
    out = np.full((2, len(layers), max(1, *(info.heads for info in layers))), np.nan, np.float32)
    for layer, info in enumerate(layers):
        if info.heads:
            weight, _, ratio = numbers(attention, selection.stack, layer, way)
            out[0, layer, : info.heads], out[1, layer, : info.heads] = weight, ratio
    return out[0], out[1]


def _map(
    sheet: Sheet,
    way: Way,
    weights: Floats,
    ratios: Floats,
    place: tuple[float, float],
    size: tuple[float, float],
    most: float,
) -> None:
    (left, top), (cell, tall) = place, size
    every = max(1, int(np.ceil(0.16 / cell)))
    for head in range(0, weights.shape[1], every):
        sheet.text(left + (head + 0.5) * cell, top - 0.08, f"H{head}", colour=MUTED, anchor="center", size=6)
    for layer, row in enumerate(weights):
        y = top + layer * tall
        sheet.text(left - 0.05, y + tall / 2, f"L{layer}", colour=MUTED, anchor="right", size=6)
        for head, weight in enumerate(row.tolist()):
            if np.isnan(weight):
                continue
            x = left + head * cell
            colour = shaded(np.array(np.sqrt(weight / most) if most > 0 else 0.0))
            sheet.box(x, y, cell, tall, facecolor=colour, edgecolor="white", linewidth=0.6)
            if ratios[layer, head] >= _FAR and weight * way.seen > 1:
                sheet.frame(x + 0.015, y + 0.015, cell - 0.03, tall - 0.03, QUERY, 1.1)
            if cell >= 0.2 and weight >= min(_LEAST, 0.15 * most):
                said = f"{weight:.3f}" if cell >= 0.3 else f"{weight:.2f}".lstrip("0")
                sheet.text(x + cell / 2, y + tall / 2, said, size=5.5, anchor="center", colour=readable(colour))
