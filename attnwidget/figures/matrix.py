"""Matrix: a query × key heat map with its colour scale."""

from __future__ import annotations

import numpy as np
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from attnwidget.export.colours import FAINT, KINDS, MUTED, QUERY, STROKE
from attnwidget.figures.levels import LESS, MORE, Levels, levels
from attnwidget.figures.painter import SMALL, Painter, rgb

#: More cells than this a side become an image: so many rectangles would make a file that nobody can open.
_MOST_CELLS = 64
#: What is left of the colour of dimmed keys.
_DIM = 0.3


def draw_matrix(painter: Painter) -> None:
    """Draw the cells of all heads together."""
    content, ax = painter.content, painter.ax
    rows, keys = content.cells.shape
    baselines = np.array([content.look.baseline(query) for query in content.rows])
    scale = levels(content.cells, content.selection.scale, baselines)
    picture = _colours(painter, scale)
    if max(rows, keys) <= _MOST_CELLS:
        ax.pcolormesh(np.arange(keys + 1), np.arange(rows + 1), picture, edgecolors="white", linewidth=0.4)
    else:
        ax.imshow(picture, extent=(0, keys, rows, 0), interpolation="nearest", aspect="auto")
    ax.set_xlim(0, keys)
    ax.set_ylim(rows, 0)
    ax.set_aspect("equal")
    ax.add_patch(Rectangle((0, 0), keys, rows, fill=False, edgecolor=rgb(FAINT), linewidth=0.6))
    for query in content.chosen_queries:
        if query in content.rows:
            _mark(painter, 0, query - content.rows.start, keys, 1)
    for key in content.chosen_keys:
        _mark(painter, key, 0, 1, rows)
    painter.column(ax, content.queries, content.rows.start, rows, content.chosen_queries)
    painter.row(content.keys, min(painter.size[0] / keys, painter.size[1] / rows) * 72, content.chosen_keys)
    ax.set_ylabel("query")
    ax.set_xlabel("key")
    painter.plain([ax.xaxis.label, ax.yaxis.label], MUTED)
    _bar(painter, scale)
    if painter.special and not scale.diverging:
        present = {token.kind for token in content.keys}
        names = {"cls": "[CLS], BOS", "sep": "[SEP], EOS"}
        handles = [Patch(color=rgb(KINDS[kind]), label=names[kind]) for kind in KINDS if kind in present]
        painter.legend(handles, "upper left", (0.0, 0.0))


def _colours(painter: Painter, scale: Levels) -> NDArray[np.float64]:
    """Red, green and blue of every cell, 0 to 1."""
    content = painter.content
    places = scale.places
    if scale.diverging:
        ends = np.where(places[..., None] < 0.5, rgb(LESS), rgb(MORE))
        shade = np.abs(places - 0.5) * 2
    else:
        of = [KINDS.get(token.kind, STROKE) if painter.special else STROKE for token in content.keys]
        ends, shade = np.array([rgb(colour) for colour in of])[None], places
    shade = shade * np.where(content.look.dimmed, _DIM, 1.0)
    return np.asarray(np.where(content.look.hidden[None, :, None], 1.0, 1 + (ends - 1) * shade[..., None]))


def _mark(painter: Painter, x: float, y: float, width: float, height: float) -> None:
    painter.ax.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=rgb(QUERY), linewidth=1.2, zorder=4))


def _bar(painter: Painter, scale: Levels) -> None:
    """The colour scale with its numbers, at the right."""
    box = painter.ax.inset_axes((1.04, 0.0, 0.035, 1.0))
    places = np.linspace(1, 0, 256)[:, None]
    if scale.diverging:
        ends = np.where(places[..., None] < 0.5, rgb(LESS), rgb(MORE))
        ramp = 1 + (ends - 1) * np.abs(places - 0.5)[..., None] * 2
    else:
        ramp = 1 + (np.array(rgb(STROKE)) - 1) * places[..., None]
    box.imshow(ramp, extent=(0, 1, 0, 1), aspect="auto")
    box.set_xticks([])
    box.yaxis.tick_right()
    box.yaxis.set_label_position("right")
    box.set_yticks([place for place, _ in scale.ticks], [text for _, text in scale.ticks])
    box.tick_params(axis="y", length=0, pad=3)
    box.set_ylabel(f"{painter.content.value}, {scale.name}", size=SMALL)
    painter.plain([*box.get_yticklabels(), box.yaxis.label], MUTED)
    for spine in box.spines.values():
        spine.set(color=rgb(FAINT), linewidth=0.6)
