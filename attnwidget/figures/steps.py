"""Steps as a figure: one row of one head from query and keys to its output, in numbers that add up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from attnwidget.answers.steps import parts_of
from attnwidget.description import one_line
from attnwidget.export.canvas import Colour
from attnwidget.export.colours import FAINT, INK, KINDS, MUTED, QUERY, STROKE
from attnwidget.figures.content import LONGEST_LABEL
from attnwidget.figures.painter import LETTERS, rgb
from attnwidget.figures.sheet import Sheet, diverging
from attnwidget.figures.trace import likely_pair

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from attnwidget.attention import Attention
    from attnwidget.inputs.tokens import Token
    from attnwidget.layers import Parts
    from attnwidget.selection import Selection

#: Keys of a long text that are shown, those of the largest weights. As on the page.
_MOST_KEYS = 40
_EDGE, _ROW, _LABEL, _NUMBER, _WEIGHT = 0.1, 0.17, 0.85, 0.55, 0.85
_LESS: Colour = (190, 28, 45)
_MORE: Colour = (26, 98, 178)
_STEPS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)


class Row:
    """One query, multiplied out in float64.

    Attributes
    ----------
    numbers
        Columns between products and weights by name, each [keys]: "sum", "× scale", and where there are such "cap",
        "bias", "score".
    weights : float64 [keys], without a learned sink
    sink : float
        Its weight; 0 where there is none.
    products, weighted : float64 [keys, d], [keys, d_v]
    """

    def __init__(self, parts: Parts) -> None:
        self.q, self.k, self.v = parts.q[0].astype(np.float64), parts.k.astype(np.float64), parts.v.astype(np.float64)
        self.products = self.q * self.k
        scores = self.products.sum(axis=1)
        self.numbers = {"sum": scores}
        scores = scores * parts.scale
        self.numbers[f"× {parts.scale:.3g}"] = scores
        if parts.softcap:
            scores = np.tanh(scores / parts.softcap) * parts.softcap
            self.numbers["cap"] = scores
        if parts.bias is not None:
            bias = parts.bias[0].astype(np.float64)
            scores = scores + bias
            self.numbers["bias"] = bias
        if parts.seen is not None:
            scores = np.where(parts.seen[0], scores, -np.inf)
        if len(self.numbers) > 2 or parts.seen is not None:
            self.numbers["score"] = scores
        every = scores if parts.sink is None else np.append(scores, float(parts.sink[0]))
        # A row that sees nothing attends to every key alike, as in the models' code.
        top = every.max()
        raised = np.exp(every - top) if np.isfinite(top) else np.ones_like(every)
        raised /= raised.sum()
        self.weights = raised[: len(scores)]
        self.sink = float(raised[-1]) if parts.sink is not None else 0.0
        self.weighted = self.weights[:, None] * self.v
        self.output = self.weighted.sum(axis=0)


def draw_steps(attention: Attention, selection: Selection, width: float, caption: bool) -> Axes:
    """The columns of the page, for the chosen query in the chosen head."""
    stack = attention.stacks[selection.stack]
    layer = selection.layer
    pinned = next((head for at, head in selection.pinned if at == layer), 0)
    head = selection.heads[0] if selection.heads else pinned
    likely = likely_pair(stack.queries, stack.keys, selection.stack != "cross")
    query = selection.queries[0] if selection.queries else likely[0]
    row = Row(parts_of(attention, (selection.stack, layer, head), [query]))
    keys = np.sort(np.argsort(-row.weights, kind="stable")[:_MOST_KEYS]).tolist()
    tokens = [stack.keys[key] for key in keys]
    sheet = Sheet(width, [attention.model_name, stack.queries[query].text, *(token.text for token in tokens)])
    strip = (width - 2 * _EDGE - _LABEL - _NUMBER * len(row.numbers) - _WEIGHT - 0.3) / 3
    strip = max(0.6, strip)
    places: dict[str, float] = {}
    x = _EDGE + _LABEL
    for name, wide in (
        ("k", strip + 0.1),
        ("qk", strip + 0.1),
        *((name, _NUMBER) for name in row.numbers),
        ("w", _WEIGHT),
        ("wv", strip),
    ):
        places[name] = x
        x += wide
    said = f"L{layer} H{head}, query {query} {_label(stack.queries[query])}"
    sheet.text(_EDGE, _EDGE + 0.08, said, size=LETTERS, bold=True)
    y = _EDGE + 0.3
    ends = {
        "k": _end(row.q, row.k[keys]),
        "qk": _end(row.products[keys]),
        "wv": _end(row.weighted[keys]),
        "out": _end(row.output),
    }
    d, wide_v = len(row.q), row.v.shape[1]
    for name, title, below in (
        ("k", "query q, keys k", f"{d} numbers, ±{ends['k']:g}"),
        ("qk", "q × k", f"each dimension, ±{ends['qk']:g}"),
        ("w", "weight", "softmax"),
        ("wv", "weight × v", f"{wide_v} numbers, ±{ends['wv']:g}"),
    ):
        sheet.text(places[name], y, title, bold=True)
        sheet.text(places[name], y + 0.13, below, colour=MUTED, size=6)
    for name in row.numbers:
        sheet.text(places[name] + _NUMBER - 0.12, y, name, bold=True, anchor="right")
    y += 0.25
    sheet.text(_EDGE + _LABEL - 0.08, y + _ROW / 2, f"q {_label(stack.queries[query])}", colour=QUERY, anchor="right")
    _strip(sheet, row.q, ends["k"], (places["k"], y + 0.02, strip, _ROW - 0.04), QUERY)
    y += _ROW + 0.04
    for key, token in zip(keys, tokens, strict=True):
        colour = KINDS.get(token.kind, INK)
        sheet.text(_EDGE + _LABEL - 0.08, y + _ROW / 2, _label(token), colour=colour, anchor="right")
        box = (y + 0.025, strip, _ROW - 0.05)
        _strip(sheet, row.k[key], ends["k"], (places["k"], *box), FAINT)
        _strip(sheet, row.products[key], ends["qk"], (places["qk"], *box), FAINT)
        _strip(sheet, row.weighted[key], ends["wv"], (places["wv"], *box), FAINT)
        for name, values in row.numbers.items():
            sheet.text(places[name] + _NUMBER - 0.12, y + _ROW / 2, _printed(float(values[key])), anchor="right")
        _weight(sheet, row, key, colour if token.kind in KINDS else STROKE, (places["w"], y))
        y += _ROW
    others = [key for key in range(len(row.weights)) if key not in set(keys)]
    rest = [(f"{len(others)} more keys", float(row.weights[others].sum()), row.weighted[others].sum(axis=0))]
    rest = [*(rest if others else []), *([("learned sink", row.sink, np.zeros(wide_v))] if row.sink else [])]
    for name, weight, value in rest:
        sheet.text(places["w"] - 0.1, y + _ROW / 2, name, colour=MUTED, anchor="right")
        sheet.text(places["w"], y + _ROW / 2, f"{weight:.3f}", bold=True)
        _strip(sheet, value, ends["wv"], (places["wv"], y + 0.025, strip, _ROW - 0.05), FAINT)
        y += _ROW
    sheet.box(places["w"] - 0.1, y + 0.02, width - _EDGE - places["w"] + 0.1, 0.008, facecolor=rgb(INK))
    y += 0.05
    sheet.text(places["w"] - 0.1, y + _ROW / 2, f"sum of weight × v, ±{ends['out']:g}", anchor="right")
    sheet.text(places["w"], y + _ROW / 2, "1.000", bold=True)
    _strip(sheet, row.output, ends["out"], (places["wv"], y + 0.02, strip, _ROW - 0.04), INK)
    y += _ROW + 0.1
    if caption:
        text = "One row of attention: red below zero, blue above; the numbers are those of the model's own q, k and v."
        y = sheet.paragraph(_EDGE, y, " · ".join(part for part in (attention.model_name, text) if part))
    return sheet.done(y + _EDGE)


def _label(token: Token) -> str:
    return one_line(token.text, LONGEST_LABEL - 6) or "#"


def _printed(value: float) -> str:
    return "−∞" if value == -np.inf else f"{value:.3f}".replace("-", "−")


def _end(*values: Any) -> float:
    """A round number that 49 of 50 numbers lie within. Twin of `scaleEnd` in js/src/steps.ts."""
    sizes = np.sort(np.abs(np.concatenate([np.ravel(one) for one in values])))
    if not sizes.size or sizes[-1] <= 0:
        return 1.0
    wanted = float(sizes[int(np.ceil((len(sizes) - 1) * 0.98))] or sizes[-1])
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(f"{next(step for step in (*_STEPS, 10) if step * power >= wanted * (1 - 1e-9)) * power:.2g}")


def _strip(sheet: Sheet, values: Any, end: float, place: tuple[float, float, float, float], edge: Colour) -> None:
    sheet.picture(*place, diverging(np.asarray(values, np.float64)[None] / end, _LESS, _MORE))
    sheet.frame(*place, edge)


def _weight(sheet: Sheet, row: Row, key: int, colour: Colour, place: tuple[float, float]) -> None:
    x, y = place
    weight = float(row.weights[key])
    sheet.text(x, y + _ROW / 2, f"{weight:.3f}", bold=True)
    largest = float(row.weights.max())
    sheet.box(x + 0.35, y + 0.045, 0.38 * weight / largest if largest else 0, _ROW - 0.09, facecolor=rgb(colour))
