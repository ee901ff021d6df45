"""The picture of a view where no page runs: on GitHub, in a saved notebook, beside a page without JavaScript.

It shows what the page shows, lines, matrix or heads, from the same scene (selection, stroke budget, ledger), on a light
ground with letters of our own small font. Tokens in other scripts are labelled by their position. A long text is shown
in part, and the caption says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attnwidget import scene
from attnwidget.export import font, png
from attnwidget.export.atlas import atlas
from attnwidget.export.canvas import MARGIN, WHITE, Canvas, Colour, Floats
from attnwidget.export.colours import FAINT, HEADS, INK, KINDS, MUTED, QUERY, STROKE
from attnwidget.pictured import Pictured, pictured
from attnwidget.selection import Selection

if TYPE_CHECKING:
    from attnwidget.attention import Attention, Stack
    from attnwidget.inputs.tokens import Token

#: Largest picture in bytes; a notebook that shows many views stays small.
LARGEST = 200_000

_WIDTH = 760
_COLUMN = 180
_TALLEST = 616
_LONGEST_LABEL = 14
#: How strong strokes and cells of dimmed keys are.
_DIM = 0.25


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
    if selection.mode == "heads":
        return _small(atlas(attention, selection), title or attention.model_name)
    said, found = selection.label(stack), None
    try:
        found = pictured(attention, selection)
    except ValueError as error:  # no rollout: tokens and keys differ, or too many of them
        said = str(error)
    if found is None:
        canvas = Canvas(96, _WIDTH)
        canvas.caption(40, said, MUTED, scale=1)
    elif selection.mode == "matrix":
        canvas = _matrix(stack, selection, found)
    else:
        canvas = _lines(stack, selection, found)
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


def _lines(stack: Stack, selection: Selection, found: Pictured) -> Canvas:
    queries, keys = found.look.queries.tokens, found.look.keys.tokens
    rows = found.rows
    longest = max(len(rows), len(keys))
    height = min(_TALLEST, max(3, longest) * 22)
    top = 60
    canvas = Canvas(top + height + 48, _WIDTH)
    canvas.caption(34, _what(stack, selection, found), MUTED, scale=1)

    if found.ground is not None:
        # What was not chosen stays as a faint ground, as on the page.
        _curves(canvas, selection, found, found.ground, (top, height), fade=0.12, focused=False)
    _curves(canvas, selection, found, found.strokes, (top, height), fade=1.0, focused=found.ground is not None)

    marked = set(found.chosen) if selection.queries else set()
    _labels(canvas, [queries[row] for row in rows], rows[0], (top, height), selection, marked, right=False)
    _labels(canvas, keys, 0, (top, height), selection, set(found.keys), right=True)
    if len(found.chosen) == 1 and height / len(keys) > font.HEIGHT:
        _numbers(canvas, found.joint.row(found.chosen[0]), found.look.hidden, (top, height))
    canvas.caption(top + height + 18, _ledger(found), MUTED, scale=1)
    return canvas


def _curves(
    canvas: Canvas,
    selection: Selection,
    found: Pictured,
    strokes: scene.Strokes,
    band: tuple[int, int],
    *,
    fade: float,
    focused: bool,
) -> None:
    top, height = band
    rows, keys = found.rows, found.look.keys.tokens
    weight = np.asarray(strokes.weight, dtype=np.float32)
    query, key = np.asarray(strokes.query, dtype=np.int64), np.asarray(strokes.key, dtype=np.int64)
    start = top + (query - rows[0] + 0.5) * height / len(rows)
    stop = top + (key + 0.5) * height / len(keys)
    palette: list[Colour] = [STROKE, *KINDS.values(), QUERY, *HEADS]
    if selection.highlight == "query" and focused:
        colour = np.full(len(key), 3)
    elif selection.highlight == "special":
        of_key = np.array([1 + list(KINDS).index(token.kind) if token.kind in KINDS else 0 for token in keys])
        colour = of_key[key]
    elif len(found.series) > 1:
        colour = 4 + np.asarray(strokes.series, dtype=np.int64) % len(HEADS)
    else:
        colour = np.zeros(len(key), dtype=np.int64)
    thin = min(1.0, max(0.55, height / max(len(rows), len(keys)) / 24))
    crowd = 0.45 + 0.55 * min(1.0, np.sqrt(600 / max(1, len(key))))
    dimmed = np.where(found.look.dimmed[key], _DIM, 1.0)
    canvas.curves(
        (MARGIN + _COLUMN, _WIDTH - MARGIN - _COLUMN),
        start.astype(np.float32),
        stop.astype(np.float32),
        ((0.6 + 3.6 * weight) * thin).astype(np.float32),
        np.minimum(1, (0.06 + 0.86 * np.sqrt(weight)) * crowd * fade * dimmed).astype(np.float32),
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


def _numbers(canvas: Canvas, values: Floats, hidden: NDArray[np.bool_], band: tuple[int, int]) -> None:
    """The numbers of a single row, at the right edge; none for keys that are left out."""
    top, height = band
    pitch = height / max(1, len(values))
    for key, value in enumerate(values):
        if not hidden[key]:
            line = f"{value:.3f}"
            canvas.text(_WIDTH - 4 - font.width(line), top + (key + 0.5) * pitch - 3.5, line, MUTED)


def _matrix(stack: Stack, selection: Selection, found: Pictured) -> Canvas:
    rows, keys = found.rows, found.look.keys.tokens
    queries = found.look.queries.tokens
    values = found.joint.rows
    shade, scale_said = _shades(values, selection.scale, np.array([found.look.baseline(row) for row in rows]))
    # Several cells to a pixel show the largest of them.
    step = max(1, -(-max(values.shape) // 512))
    pooled = np.maximum.reduceat(shade, np.arange(0, values.shape[0], step), axis=0)
    pooled = np.maximum.reduceat(pooled, np.arange(0, values.shape[1], step), axis=1)
    cell = max(1, min(28, 512 // max(pooled.shape)))
    scale = 2 if cell >= 20 else 1
    colours = np.array([_ramp(token, selection) for token in keys], dtype=np.float32)[::step]
    at_rows = np.arange(rows[0], rows[-1] + 1, step)
    marked = set(found.chosen) if selection.queries else set()
    chosen = np.isin(at_rows, list(marked))
    if chosen.any():
        pooled = pooled * np.where(chosen, 1, 0.3)[:, None]
    pooled = pooled * np.where(found.look.dimmed[::step], _DIM, 1.0)
    image = np.asarray(WHITE, dtype=np.float32) + (colours[None] - 255) * pooled[..., None]
    image = image.repeat(cell, axis=0).repeat(cell, axis=1).astype(np.float32)

    every = max(1, int(np.ceil((font.HEIGHT + 1) / cell)))
    names = [label(token, index) for index, token in enumerate(keys)][:: step * every]
    above = max(map(font.width, names)) * scale + 12
    left, top = MARGIN + _COLUMN, 56 + above
    height, width = image.shape[:2]
    canvas = Canvas(top + height + 60, max(_WIDTH, left + width + MARGIN))
    canvas.caption(34, _what(stack, selection, found, mean=True), MUTED, scale=1)
    canvas.rectangle(left - 1, top - 1, width + 2, height + 2, FAINT)
    canvas.image(left, top, image)
    for index in range(0, pooled.shape[0], every):
        at = int(at_rows[index])
        line = label(queries[at], at)
        tint = _shade(queries[at], selection, at in marked)
        y = top + (index + 0.5) * cell - 3.5 * scale
        canvas.text(left - 8 - font.width(line, scale), y, line, tint, scale)
    for index in range(0, pooled.shape[1], every):
        at = index * step
        line = label(keys[at], at)
        tint = _shade(keys[at], selection, at in found.keys)
        x = left + (index + 0.5) * cell - 3.5 * scale
        canvas.text(x, top - 8 - font.width(line, scale), line, tint, scale, upright=True)
    scope = f"{step} × {step} cells a pixel, the largest shown · " if step > 1 else ""
    canvas.caption(top + height + 16, f"{scope}{scale_said}", MUTED, scale=1)
    canvas.caption(top + height + 32, _ledger(found, budget=False), MUTED, scale=1)
    return canvas


def _shades(values: Floats, scale: str, baseline: NDArray[np.float64]) -> tuple[Floats, str]:
    """How dark each cell is, 0 to 1, and the scale in words."""
    largest = float(values.max())
    ends = f"white 0 · darkest {largest:.3f}"
    if not largest > 0:
        return np.zeros_like(values), ends
    if scale == "relative":
        times = np.divide(values, baseline[:, None], out=np.zeros(values.shape), where=baseline[:, None] > 0)
        most = max(2.0, 2.0 ** np.ceil(np.log2(max(1.0, times.max()))))
        shade = 0.5 + 0.5 * np.log2(np.maximum(times, 1 / most)) / np.log2(most)
        said = f"times the even share · white 1/{most:.0f} · half dark 1 · darkest {most:.0f}"
    elif scale == "log":
        bottom = np.floor(np.log10(largest) - 3)
        shade = (np.log10(np.maximum(values, 10**bottom)) - bottom) / (np.log10(largest) - bottom)
        said = f"white up to {10**bottom:g} · darkest {largest:.3f} · logarithmic scale"
    elif scale == "linear":
        shade, said = values / largest, f"{ends} · linear scale"
    else:
        shade, said = np.sqrt(values / largest), f"{ends} · square-root scale"
    return np.clip(shade, 0, 1).astype(np.float32), said


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


def _what(stack: Stack, selection: Selection, found: Pictured, *, mean: bool = False) -> str:
    together = "largest" if selection.aggregate == "max" else "mean"
    parts = [selection.label(stack) + (f", their {together}" if mean and len(found.series) > 1 else "")]
    if found.norms_of:
        of = "what is written" if found.norms_of == "written" else "weight × value"
        parts.append(f"share of {of}")
    elif selection.measure == "contribution":
        parts.append("weights (no value vectors)")
    tokens = len(found.look.queries.tokens)
    if len(found.rows) < tokens:
        unit = "words" if selection.unit == "words" else "queries"
        parts.append(f"{unit} {found.rows[0]} to {found.rows[-1]} of {tokens}")
    if not found.look.shown_rows.all():
        parts.append(f"{selection.pair[0]}→{selection.pair[1]} only".upper().replace("ONLY", "only"))
    return " · ".join([*parts, "query → key"])


def _ledger(found: Pictured, *, budget: bool = True) -> str:
    """Where the mass of the rows in view went."""
    names = {"cls": "[CLS]", "sep": "[SEP]", "punct": "punctuation", "other": "other special", "word": "words"}
    fate = found.ledger.fate
    # A matrix draws every cell that is not left out: it has no stroke budget.
    fates = fate if budget else {"drawn": fate["drawn"] + fate["below"], "left_out": fate["left_out"]}
    words = {"drawn": "drawn {} %", "below": "below the stroke budget {} %", "left_out": "left out {} %"}
    shares = scene.percents(list(fates.values()))
    said = [words[name].format(share) for name, share in zip(fates, shares, strict=True) if share or name != "left_out"]
    if found.remaining is not None:
        said.append(f"renormalised over the remaining {round(100 * found.remaining)} %")
    kinds = zip(scene.KINDS, scene.percents([found.ledger.kinds[name] for name in scene.KINDS]), strict=True)
    return " · ".join(said + [f"{names[kind]} {share} %" for kind, share in kinds if share])
