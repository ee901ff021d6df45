"""A figure: its axes, its size, and which painter fills it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from attnwidget.export.colours import INK
from attnwidget.figures.content import Content
from attnwidget.figures.lines import draw_lines
from attnwidget.figures.matrix import draw_matrix
from attnwidget.figures.painter import LEAST, LETTERS, PITCH, Painter, letters_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from attnwidget.attention import Attention
    from attnwidget.selection import Selection

#: The tallest picture, in inches: a page.
_TALLEST = 9.0
#: The largest cell of a matrix, in inches.
_LARGEST = 0.4
#: Room between the labels and the edge, in inches; and that of a matrix for its colour scale.
_EDGE, _SCALE = 0.12, 0.95


def draw(
    attention: Attention,
    selection: Selection,
    *,
    ax: Axes | None = None,
    width: float = 6.0,
    caption: bool = True,
) -> Axes:
    """Draw a selection; see :meth:`attnwidget.Attention.plot`."""
    content = Content(attention, selection)
    lines = selection.mode == "lines"
    if ax is not None:
        box = ax.get_window_extent()
        dpi = ax.get_figure(root=True).dpi  # type: ignore[union-attr]
        painter = Painter(content, ax, (box.width / dpi, box.height / dpi))
        (draw_lines if lines else draw_matrix)(painter)
        if caption:
            painter.caption(content.caption(lines=lines), 0.0, box.width / dpi)
        return ax
    rows, keys = len(content.rows), len(content.keys)
    figure = Figure(figsize=(width, 1))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    if lines:
        # Labels stand outside of the axes. How wide they are is known once they are there; then all has its place.
        height = min(_TALLEST, max(3, rows, keys) * PITCH / 72)
        painter = Painter(content, axes, (0.5 * width, height))
        draw_lines(painter)
        left, right = (_widest(figure, texts) for texts in painter.sides)
        wide = max(0.25 * width, width - left - right - 2 * _EDGE)
    else:
        # Cells are square, and how many labels they have room for follows from their size.
        painter = Painter(content, axes, (0.5 * width, 1))
        labels = [figure.text(0, 0, content.label(token, 0)) for token in content.queries]
        painter.plain(labels, INK, LETTERS)
        widest = _widest(figure, labels)
        for label in labels:
            label.remove()
        cell = min((width - widest - 0.2 - _SCALE - 2 * _EDGE) / keys, _TALLEST / rows, _LARGEST)
        left = widest * letters_of(max(cell * 72, LEAST)) / LETTERS + 0.2
        wide, height = cell * keys, cell * rows
        painter.size = (wide, height)
        draw_matrix(painter)
    figure.set_size_inches(width, height)
    painter.ax.set_position(((left + _EDGE) / width, 0, wide / width, 1))
    if caption:
        painter.caption(content.caption(lines=lines), -(left + _EDGE), width)
    return painter.ax


def _widest(figure: Figure, texts: Sequence[Text]) -> float:
    """Inches that the widest text takes, with its distance from the axes."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    return max((text.get_window_extent(renderer).width for text in texts), default=0) / figure.dpi + 0.1
