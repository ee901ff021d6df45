"""The picture of a view where no page runs: on GitHub, in a saved notebook, beside a page without JavaScript.

It shows what the page shows, lines, matrix or heads, from the same scene (selection, stroke budget, ledger), on a light
ground with letters of our own small font. Tokens in other scripts are labelled by their position. A long text is shown
in part, and the caption says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attnwidget import scene
from attnwidget.export import font, png
from attnwidget.export.atlas import atlas
from attnwidget.export.canvas import MARGIN, WHITE, Canvas, Colour, Floats
from attnwidget.export.colours import FAINT, HEADS, INK, KINDS, MUTED, QUERY, STROKE
from attnwidget.selection import Selection, mean_weights

if TYPE_CHECKING:
    from attnwidget.attention import Attention, Stack
    from attnwidget.inputs.tokens import Token

#: Largest picture in bytes; a notebook that shows many views stays small.
LARGEST = 200_000

_WIDTH = 760
_COLUMN = 180
_TALLEST = 616
_LONGEST_LABEL = 14


def picture(attention: Attention, selection: Selection, *, title: str = "") -> bytes:
    """The view as a PNG file of at most 200 kB.

    Parameters
    ----------
    attention
        Not released.
    selection
        What to show.
    title
        The first line of the picture.
    """
    stack = attention.stacks[selection.stack]
    rows = selection.rows(stack)
    if selection.mode == "heads":
        return _small(atlas(attention, selection), title or attention.model_name)
    series = [mean_weights(attention, selection.stack, heads, rows) for heads in selection.series(stack)]
    if not series or not rows or not stack.keys:
        canvas = Canvas(96, _WIDTH)
        canvas.caption(40, selection.label(stack), MUTED, scale=1)
    elif selection.mode == "matrix":
        canvas = _matrix(stack, selection, rows, series)
    else:
        canvas = _lines(stack, selection, rows, series)
    return _small(canvas, title or attention.model_name)


def _small(canvas: Canvas, title: str) -> bytes:
    """The finished picture as PNG, with as many shades as its size allows."""
    canvas.caption(10, title or "attention", INK)
    # A sixty-fourth of the range is finer than one sees here; crowded pictures get by with fewer shades. The middle
    # bound leaves an exported page of 128 tokens under 3 MB.
    for step, most in ((4, LARGEST // 2), (12, LARGEST // 2), (24, LARGEST // 2), (64, LARGEST)):
        data = png.encode(canvas.levels(step))
        if len(data) <= most:
            break
    return data


class _Rows:
    """A series of the scene: rows of exact weights."""

    def __init__(self, weights: Floats, first: int) -> None:
        self._weights, self._first = weights, first
        self._sums = weights.sum(axis=1, dtype=np.float64)

    def row(self, query: int) -> Floats:
        row: Floats = self._weights[query - self._first]
        return row

    def row_sum(self, query: int) -> float:
        return float(self._sums[query - self._first])


def _lines(stack: Stack, selection: Selection, rows: range, series: Sequence[Floats]) -> Canvas:
    longest = max(len(rows), len(stack.keys))
    height = min(_TALLEST, max(3, longest) * 22)
    top = 60
    canvas = Canvas(top + height + 48, _WIDTH)
    canvas.caption(34, _what(stack, selection, rows), MUTED, scale=1)

    chosen = [query for query in selection.queries if query in rows] or list(rows)
    focused = len(chosen) < len(rows) or bool(selection.keys)
    lines = [_Rows(weights, rows.start) for weights in series]
    drawn = scene.strokes(
        lines,
        chosen,
        # The budget is a rule for rows: who looks at a chosen key is shown however little it is.
        budget=1.0 if selection.keys else selection.budget,
        max_strokes=selection.max_strokes,
        keys=selection.keys or None,
    )
    if focused:
        # What was not chosen stays as a faint ground, as on the page.
        ground = scene.strokes(lines, rows, budget=selection.budget, max_strokes=selection.max_strokes)
        _curves(canvas, stack, selection, rows, ground, (top, height), fade=0.12, focused=False)
    _curves(canvas, stack, selection, rows, drawn, (top, height), fade=1.0, focused=focused)

    query_tokens = [stack.queries[query] for query in rows]
    marked = {query - rows.start for query in selection.queries}
    _labels(canvas, query_tokens, rows.start, (top, height), selection, marked, right=False)
    _labels(canvas, stack.keys, 0, (top, height), selection, set(selection.keys), right=True)
    mean = np.mean(series, axis=0)[[query - rows.start for query in chosen]]
    if len(chosen) == 1 and height / len(stack.keys) > font.HEIGHT:
        _numbers(canvas, mean[0], (top, height))
    canvas.caption(top + height + 18, _ledger(stack, selection, mean, drawn), MUTED, scale=1)
    return canvas


def _curves(
    canvas: Canvas,
    stack: Stack,
    selection: Selection,
    rows: range,
    strokes: scene.Strokes,
    band: tuple[int, int],
    *,
    fade: float,
    focused: bool,
) -> None:
    top, height = band
    weight = np.asarray(strokes.weight, dtype=np.float32)
    query, key = np.asarray(strokes.query, dtype=np.int64), np.asarray(strokes.key, dtype=np.int64)
    start = top + (query - rows.start + 0.5) * height / len(rows)
    stop = top + (key + 0.5) * height / len(stack.keys)
    palette: list[Colour] = [STROKE, *KINDS.values(), QUERY, *HEADS]
    if selection.highlight == "query" and focused:
        colour = np.full(len(key), 3)
    elif selection.highlight == "special":
        of_key = np.array([1 + list(KINDS).index(token.kind) if token.kind in KINDS else 0 for token in stack.keys])
        colour = of_key[key]
    elif len(selection.series(stack)) > 1:
        colour = 4 + np.asarray(strokes.series, dtype=np.int64) % len(HEADS)
    else:
        colour = np.zeros(len(key), dtype=np.int64)
    thin = min(1.0, max(0.55, height / max(len(rows), len(stack.keys)) / 24))
    crowd = 0.45 + 0.55 * min(1.0, np.sqrt(600 / max(1, len(key))))
    canvas.curves(
        (MARGIN + _COLUMN, _WIDTH - MARGIN - _COLUMN),
        start.astype(np.float32),
        stop.astype(np.float32),
        ((0.6 + 3.6 * weight) * thin).astype(np.float32),
        np.minimum(1, (0.06 + 0.86 * np.sqrt(weight)) * crowd * fade).astype(np.float32),
        palette,
        colour,
    )


def _labels(
    canvas: Canvas,
    tokens: Sequence[Token],
    first: int,
    band: tuple[int, int],
    selection: Selection,
    marked: set[int],
    *,
    right: bool,
) -> None:
    top, height = band
    pitch = height / max(1, len(tokens))
    scale = 2 if pitch >= 20 else 1
    # Where rows are closer than letters are high, every so many tokens are named.
    every = max(1, int(np.ceil((font.HEIGHT + 1) / pitch)))
    for index in range(0, len(tokens), every):
        line = label(tokens[index], first + index)
        wide = font.width(line, scale)
        x = _WIDTH - MARGIN - _COLUMN + 10 if right else MARGIN + _COLUMN - 10 - wide
        y = top + (index + 0.5) * pitch - 3.5 * scale
        if index in marked:
            canvas.rectangle(x - 4, y - 2 * scale, wide + 8, 11 * scale, QUERY, 0.16)
        canvas.text(x, y, line, _shade(tokens[index], selection, index in marked), scale)


def _numbers(canvas: Canvas, weights: Floats, band: tuple[int, int]) -> None:
    """The weights of a single row, at the right edge."""
    top, height = band
    pitch = height / max(1, len(weights))
    for key, weight in enumerate(weights):
        line = f"{weight:.3f}"
        canvas.text(_WIDTH - 4 - font.width(line), top + (key + 0.5) * pitch - 3.5, line, MUTED)


def _matrix(stack: Stack, selection: Selection, rows: range, series: Sequence[Floats]) -> Canvas:
    weights = np.mean(series, axis=0)
    # Several cells to a pixel show the largest of them.
    step = max(1, -(-max(weights.shape) // 512))
    pooled = np.maximum.reduceat(weights, np.arange(0, weights.shape[0], step), axis=0)
    pooled = np.maximum.reduceat(pooled, np.arange(0, weights.shape[1], step), axis=1)
    cell = max(1, min(28, 512 // max(pooled.shape)))
    scale = 2 if cell >= 20 else 1
    largest = float(pooled.max())
    shade = np.sqrt(pooled / largest) if largest > 0 else pooled
    colours = np.array([_ramp(token, selection) for token in stack.keys], dtype=np.float32)[::step]
    chosen = np.isin(np.arange(rows.start, rows.stop, step), selection.queries)
    if chosen.any():
        shade = shade * np.where(chosen, 1, 0.3)[:, None]
    image = np.asarray(WHITE, dtype=np.float32) + (colours[None] - 255) * shade[..., None]
    image = image.repeat(cell, axis=0).repeat(cell, axis=1).astype(np.float32)

    every = max(1, int(np.ceil((font.HEIGHT + 1) / cell)))
    names = [label(token, index) for index, token in enumerate(stack.keys)][:: step * every]
    above = max(map(font.width, names)) * scale + 12
    left, top = MARGIN + _COLUMN, 56 + above
    height, width = image.shape[:2]
    canvas = Canvas(top + height + 44, max(_WIDTH, left + width + MARGIN))
    canvas.caption(34, _what(stack, selection, rows, mean=True), MUTED, scale=1)
    canvas.rectangle(left - 1, top - 1, width + 2, height + 2, FAINT)
    canvas.image(left, top, image)
    for index in range(0, pooled.shape[0], every):
        at = rows.start + index * step
        line = label(stack.queries[at], at)
        tint = _shade(stack.queries[at], selection, at in selection.queries)
        y = top + (index + 0.5) * cell - 3.5 * scale
        canvas.text(left - 8 - font.width(line, scale), y, line, tint, scale)
    for index in range(0, pooled.shape[1], every):
        at = index * step
        line = label(stack.keys[at], at)
        tint = _shade(stack.keys[at], selection, at in selection.keys)
        x = left + (index + 0.5) * cell - 3.5 * scale
        canvas.text(x, top - 8 - font.width(line, scale), line, tint, scale, upright=True)
    scope = f"{step} × {step} cells a pixel, the largest shown · " if step > 1 else ""
    canvas.caption(top + height + 16, f"{scope}white 0 · darkest {largest:.3f} · square-root scale", MUTED, scale=1)
    return canvas


def label(token: Token, position: int) -> str:
    """What a token is called in our small font: its text where that has the letters, else its position."""
    if not font.drawable(token.text):
        return f"#{position}"
    return token.text if len(token.text) <= _LONGEST_LABEL else token.text[: _LONGEST_LABEL - 1] + "…"


def _shade(token: Token, selection: Selection, marked: bool) -> Colour:
    if marked:
        return QUERY
    return KINDS.get(token.kind, INK) if selection.highlight == "special" else INK


def _ramp(token: Token, selection: Selection) -> Colour:
    return KINDS.get(token.kind, STROKE) if selection.highlight == "special" else STROKE


def _what(stack: Stack, selection: Selection, rows: range, *, mean: bool = False) -> str:
    count = len(selection.series(stack))
    parts = [selection.label(stack) + (", their mean" if mean and count > 1 else "")]
    if len(rows) < len(stack.queries):
        parts.append(f"queries {rows[0]} to {rows[-1]} of {len(stack.queries)}")
    return " · ".join([*parts, "query → key"])


def _ledger(stack: Stack, selection: Selection, mean: Floats, strokes: scene.Strokes) -> str:
    """Where the mass of the rows in view went; `mean` is the rows' mean over heads."""
    names = {"cls": "[CLS]", "sep": "[SEP]", "punct": "punctuation", "other": "other special", "word": "words"}
    index = np.array([scene.KINDS.index(token.kind) for token in stack.keys])
    received = mean.sum(axis=0, dtype=np.float64)
    total = received.sum()
    left_out = 1 - min(1.0, received[list(selection.keys)].sum() / total) if selection.keys and total > 0 else 0.0
    ledger = scene.ledger(strokes, np.bincount(index, weights=received, minlength=len(scene.KINDS)), left_out)
    fates = ("drawn", "below", "left_out")
    words = ("drawn {} %", "below the stroke budget {} %", "left out {} %")
    shares = scene.percents([ledger.fate[name] for name in fates])
    said = [word.format(share) for word, share in zip(words, shares, strict=True) if share or word != words[2]]
    kinds = zip(scene.KINDS, scene.percents([ledger.kinds[name] for name in scene.KINDS]), strict=True)
    return " · ".join(said + [f"{names[kind]} {share} %" for kind, share in kinds if share])
