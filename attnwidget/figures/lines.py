"""Lines: query column left, key column right, a curve for every weight within the stroke budget."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path

from attnwidget.export.canvas import Colour
from attnwidget.export.colours import HEADS, KINDS, MUTED, QUERY, STROKE
from attnwidget.figures.painter import PAD, PITCH, SMALL, Painter, rgb
from attnwidget.scene import Strokes

#: How strong strokes to dimmed keys are drawn; and those that were not chosen, beside the chosen ones. As on the page.
_DIM, _GROUND, _CHOSEN = 0.18, 0.16, 1.25


def draw_lines(painter: Painter) -> None:
    """Draw the strokes between two columns of tokens."""
    content, ax = painter.content, painter.ax
    span = max(len(content.rows), len(content.keys))
    ax.set_xlim(0, 1)
    ax.set_ylim(span, 0)
    ax.set_xticks([])
    ground = content.scene.ground
    if ground is not None:
        _curves(painter, ground, span, _GROUND, chosen=False)
    _curves(painter, content.scene.strokes, span, _CHOSEN if ground is not None else 1.0, chosen=ground is not None)
    painter.column(ax, content.queries, content.rows.start, span, content.chosen_queries, _given(painter))
    right = ax.secondary_yaxis("right")
    right.spines["right"].set_visible(False)
    painter.column(right, content.keys, 0, span, content.chosen_keys, _taken(painter))
    for x, word in ((0, "query"), (1, "key")):
        text = ax.annotate(
            word,
            (x, 1),
            (PAD if x else -PAD, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="left" if x else "right",
            va="bottom",
            annotation_clip=False,
        )
        painter.plain([text], MUTED, SMALL)
    painter.legend(_handles(painter), "lower center", (0.5, 1.0))


def _curves(painter: Painter, strokes: Strokes, span: int, fade: float, *, chosen: bool) -> None:
    content = painter.content
    rows, keys = len(content.rows), len(content.keys)
    order = np.argsort(strokes.weight, kind="stable")  # heavier ones last, on top
    weight = np.minimum(1.0, strokes.weight[order].astype(np.float64))
    start = (strokes.query[order].astype(np.float64) - content.rows.start + 0.5) * span / rows
    stop = (strokes.key[order].astype(np.float64) + 0.5) * span / keys
    codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    paths = [
        Path([(0, a), (0.42, a), (0.58, b), (1, b)], codes) for a, b in zip(start.tolist(), stop.tolist(), strict=True)
    ]
    thin = min(1.0, max(0.4, painter.size[1] * 72 / span / PITCH))
    crowd = 0.45 + 0.55 * min(1.0, float(np.sqrt(600 / max(1, strokes.count))))
    dim = np.where(content.look.dimmed[strokes.key[order]], _DIM, 1.0)
    alpha = np.minimum(1, (0.06 + 0.86 * np.sqrt(weight)) * crowd * fade * dim)
    colours = np.array([rgb(_colour(painter, strokes, int(at), chosen)) for at in order]).reshape(-1, 3)
    collection = PathCollection(
        paths,
        facecolors="none",
        edgecolors=np.column_stack([colours, alpha]),
        linewidths=(0.45 + 2.7 * weight) * thin,
        capstyle="butt",
    )
    painter.ax.add_collection(collection, autolim=False)


def _colour(painter: Painter, strokes: Strokes, at: int, chosen: bool) -> Colour:
    content = painter.content
    if painter.special:
        return KINDS.get(content.keys[int(strokes.key[at])].kind, STROKE)
    if chosen and content.selection.highlight == "query" and content.chosen_queries:
        return QUERY
    if len(content.series) > 1:
        return HEADS[int(strokes.series[at]) % len(HEADS)]
    return QUERY if chosen and content.chosen_queries else STROKE


def _taken(painter: Painter) -> Any:
    """What a single chosen query gives to each key."""
    content = painter.content
    return content.scene.joint.row(content.chosen_queries[0]) if len(content.chosen_queries) == 1 else None


def _given(painter: Painter) -> Any:
    """What each query gives to a single chosen key."""
    content = painter.content
    return content.cells[:, content.chosen_keys[0]] if len(content.chosen_keys) == 1 else None


def _handles(painter: Painter) -> list[Any]:
    content = painter.content
    if painter.special:
        present = {token.kind for token in content.keys}
        names = {"cls": "to [CLS], BOS", "sep": "to [SEP], EOS"}
        return [Patch(color=rgb(KINDS[kind]), label=names[kind]) for kind in KINDS if kind in present]
    if len(content.series) < 2 or (content.selection.highlight == "query" and content.chosen_queries):
        return []
    return [
        Line2D([], [], color=rgb(HEADS[index % len(HEADS)]), linewidth=1.8, label=name)
        for index, name in enumerate(content.heads())
    ]
