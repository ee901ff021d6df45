"""A figure that is laid out by hand: its one axes is measured in inches, from the top left."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from attnwidget.description import printable
from attnwidget.export.canvas import Colour
from attnwidget.export.colours import FAINT, INK, MUTED, STROKE
from attnwidget.figures.fonts import families
from attnwidget.figures.painter import SMALL, rgb

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

Doubles = NDArray[np.float64]

#: Inches of a line of small letters; and of a letter, on average.
LINE, _LETTER = 0.135, 0.055
_WHITE = np.ones(3)


class Sheet:
    """Draws texts, boxes and pictures of cells at places in inches; grows downwards.

    Parameters
    ----------
    width
        Inches.
    texts
        Of tokens, so that letters are found for them.
    """

    def __init__(self, width: float, texts: Iterable[str] = ()) -> None:
        self.width = width
        self.figure = Figure(figsize=(width, 1))
        FigureCanvasAgg(self.figure)
        self.ax: Axes = self.figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self.ax.set_axis_off()
        self.family = families(list(texts))

    def text(
        self,
        x: float,
        y: float,
        said: str,
        *,
        size: float = SMALL,
        colour: Colour = INK,
        bold: bool = False,
        anchor: str = "left",
        turn: float = 0,
    ) -> Text:
        """One line; `y` is its middle. A token is text: neither mathematics nor TeX, whatever it contains."""
        made = self.ax.text(x, y, "", ha=anchor, va="center", rotation=turn, rotation_mode="anchor")
        made.set(color=rgb(colour), fontfamily=self.family, fontsize=size, fontweight="bold" if bold else "normal")
        made.set_parse_math(False)
        made.set_usetex(False)
        # Fonts have no place for what is not to be seen, and the writer of PDFs fails on it.
        made.set_text(printable(said))
        return made

    def box(self, x: float, y: float, width: float, height: float, **look: Any) -> None:
        """A rectangle; `look` as of matplotlib's."""
        self.ax.add_patch(Rectangle((x, y), width, height, **{"linewidth": 0, **look}))

    def frame(self, x: float, y: float, width: float, height: float, colour: Colour = FAINT, line: float = 0.5) -> None:
        """Only its edge."""
        self.box(x, y, width, height, fill=False, edgecolor=rgb(colour), linewidth=line)

    def picture(self, x: float, y: float, width: float, height: float, colours: Doubles) -> None:
        """Cells [rows, columns, rgb], 0 to 1."""
        self.ax.imshow(colours, extent=(x, x + width, y + height, y), interpolation="nearest", aspect="auto")

    def scale(self, x: float, y: float, stops: Doubles, ticks: Iterable[tuple[float, str]]) -> None:
        """A bar of colours [steps, rgb] with numbers under it; an inch and a half wide."""
        self.picture(x, y, 1.5, 0.08, stops[None])
        self.frame(x, y, 1.5, 0.08)
        for at, said in ticks:
            self.text(x + 1.5 * at, y + 0.16, said, colour=MUTED, anchor="center")

    def paragraph(self, x: float, y: float, said: str, *, colour: Colour = MUTED) -> float:
        """Lines of small letters as wide as the sheet. Returns where they end."""
        for line in wrap(said, max(24, int((self.width - x) / _LETTER))):
            self.text(x, y + LINE / 2, line, colour=colour)
            y += LINE
        return y

    def done(self, height: float) -> Axes:
        """The axes, once everything is there."""
        self.figure.set_size_inches(self.width, height)
        self.ax.set_xlim(0, self.width)
        self.ax.set_ylim(height, 0)
        self.ax.set_aspect("auto")
        return self.ax


def shaded(shares: Doubles, colour: Colour = STROKE) -> Doubles:
    """From white to a colour: [..., rgb] of shares 0 to 1."""
    return np.asarray(_WHITE + (np.array(rgb(colour)) - 1) * np.clip(shares, 0, 1)[..., None])


def diverging(shares: Doubles, less: Colour, more: Colour) -> Doubles:
    """From one colour over white to another: [..., rgb] of shares −1 to 1."""
    size = np.clip(np.abs(np.nan_to_num(shares)), 0, 1)[..., None]
    ends = np.where((shares < 0)[..., None], rgb(less), rgb(more))
    return np.asarray(1 + (ends - 1) * size)


def readable(ground: Doubles) -> Colour:
    """Ink or white, whichever stands out from a colour."""
    return INK if float(ground @ (0.299, 0.587, 0.114)) > 0.55 else (255, 255, 255)
