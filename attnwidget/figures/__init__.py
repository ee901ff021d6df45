"""Figures for papers, drawn by matplotlib (the extra ``plot``): what the page shows, at publication quality.

Nothing of matplotlib is imported before it is used, and none of its global state is touched: neither pyplot nor
rcParams.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from attnwidget.attention import Attention
    from attnwidget.selection import Selection

__all__ = ["MISSING", "available", "file", "plot"]

MISSING = "figures need matplotlib: pip install 'attnwidget[plot]'"


def available() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def plot(
    attention: Attention,
    selection: Selection,
    *,
    ax: Axes | None = None,
    width: float = 6.0,
    caption: bool = True,
) -> Axes:
    """Draw what a selection shows; see :meth:`attnwidget.Attention.plot`."""
    if not available():
        raise ImportError(MISSING)
    from attnwidget.figures.draw import draw

    return draw(attention, selection, ax=ax, width=width, caption=caption)


def file(attention: Attention, selection: Selection, form: str, *, dpi: float = 192, **options: Any) -> bytes:
    """The figure as a file: "svg", "pdf" or "png". Options as of `plot`, without `ax`.

    Parameters
    ----------
    dpi
        Of a PNG; twice what screens show.
    """
    if not available():
        raise ImportError(MISSING)
    from attnwidget.figures.files import written

    return written(plot(attention, selection, **options), form, dpi)
