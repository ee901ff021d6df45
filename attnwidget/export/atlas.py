"""The picture of mode "heads": every head of every layer, as small as they need to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attnwidget.export.canvas import MARGIN, WHITE, Canvas, Colour
from attnwidget.export.colours import FAINT, INK, KINDS, MUTED, QUERY, STROKE
from attnwidget.selection import Selection

if TYPE_CHECKING:
    from attnwidget.attention import Attention, Stack

#: A picture beside a page must be quick: computing every weight of a longer text is not.
MOST_CELLS = 50_000_000

_WIDTH = 760
_LABEL = 30
_LARGEST = 52


def atlas(attention: Attention, selection: Selection) -> Canvas:
    """Small pictures of all heads: the largest weight in each of at most 32 × 32 cells, on one √ scale from 0 to 1.

    A text of more than 50 million weights gets a line that says so instead.
    """
    stack = attention.stacks[selection.stack]
    columns = max((info.heads for info in stack.layers), default=0)
    cells = sum(info.heads for info in stack.layers) * len(stack.queries) * len(stack.keys)
    if not cells or cells > MOST_CELLS:
        canvas = Canvas(96, _WIDTH)
        why = "a page shows the heads of this long text" if cells else selection.label(stack)
        canvas.caption(40, why, MUTED, scale=1)
        return canvas
    pitch = max(6, min(_LARGEST + 6, (_WIDTH - 2 * MARGIN - _LABEL) // columns))
    cell = pitch - (6 if pitch > 20 else 1)
    row = cell + (16 if cell >= 20 else 2)
    left, top = MARGIN + _LABEL, 60
    canvas = Canvas(top + row * stack.n_layers + 28, max(_WIDTH, left + columns * pitch + MARGIN))
    canvas.caption(
        34, f"{stack.n_layers} layers, heads 0 to {columns - 1} · rows queries, columns keys", MUTED, scale=1
    )
    for layer, info in enumerate(stack.layers):
        y = top + layer * row
        if row >= 9 or layer % 2 == 0:
            canvas.text(MARGIN, y + max(0, cell // 2 - 4), f"L{layer}", MUTED)
        if not info.heads:
            canvas.text(left, y + max(0, cell // 2 - 4), info.note or "no attention weights", MUTED)
            continue
        pooled = np.clip(attention.overview(layer, stack=selection.stack), 0, 1)
        tints = _tints(stack, selection, pooled.shape[2])
        for head, picture in enumerate(pooled):
            x = left + head * pitch
            chosen = (layer, head) in selection.pinned
            canvas.rectangle(x - 1, y - 1, cell + 2, cell + 2, QUERY if chosen else FAINT)
            shade = np.sqrt(picture)[_spread(picture.shape[0], cell)][:, _spread(picture.shape[1], cell)]
            tint = tints[_spread(picture.shape[1], cell)]
            canvas.image(
                x, y, (np.asarray(WHITE, np.float32) + (tint[None] - 255) * shade[..., None]).astype(np.float32)
            )
            if cell >= 20:
                canvas.text(x, y + cell + 4, str(head), INK)
    canvas.caption(top + row * stack.n_layers + 10, "white 0 · darkest 1 · square-root scale", MUTED, scale=1)
    return canvas


def _spread(cells: int, pixels: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Which cell each pixel shows."""
    return np.arange(pixels) * cells // pixels


def _tints(stack: Stack, selection: Selection, columns: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Colour of each column of an overview; under the special highlight a special key colours its whole column."""
    tints = np.tile(np.asarray(STROKE, np.float32), (columns, 1))
    if selection.highlight == "special":
        for key, token in enumerate(stack.keys):
            colour: Colour | None = KINDS.get(token.kind)
            if colour is not None:
                tints[key * columns // len(stack.keys)] = colour
    return tints
