"""Figures for papers, drawn by matplotlib (the extra ``plot``): what the page shows, at publication quality.

Nothing of matplotlib is imported before it is used, and none of its global state is touched: neither pyplot nor
rcParams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from attnwidget.attention import Attention
    from attnwidget.compare import Pair
    from attnwidget.figures.heads import Said
    from attnwidget.selection import Selection

__all__ = ["MISSING", "available", "drawn", "file", "plot"]

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


def drawn(
    attention: Attention,
    selection: Selection,
    *,
    said: Callable[[], Said],
    pair: Pair | None = None,
    comparison: Mapping[str, Any] | None = None,
    width: float = 6.0,
    caption: bool = True,
) -> Axes:
    """The figure of any mode of a view.

    Parameters
    ----------
    said
        Gives what is said of every head, for Heads and Profile.
    pair, comparison
        Of `AttnView.compare`: both sides, and the trait of that name.
    """
    if not available():
        raise ImportError(MISSING)
    mode = selection.mode
    if pair is not None and mode in ("lines", "matrix", "heads"):
        from attnwidget.figures.difference import draw_difference

        return draw_difference(pair, selection, comparison or {}, width, caption)
    if mode in ("heads", "profile"):
        from attnwidget.figures.heads import draw_heads, draw_profile

        return (draw_heads if mode == "heads" else draw_profile)(attention, selection, said(), width, caption)
    if mode == "trace":
        from attnwidget.figures.trace import draw_trace

        return draw_trace(attention, selection, width, caption)
    if mode == "steps":
        from attnwidget.figures.steps import draw_steps

        return draw_steps(attention, selection, width, caption)
    return plot(attention, selection, width=width, caption=caption)


def file(attention: Attention, selection: Selection, form: str, *, dpi: float = 192, **options: Any) -> bytes:
    """The figure as a file: "svg", "pdf" or "png". Options as of `drawn`.

    Parameters
    ----------
    dpi
        Of a PNG; twice what screens show.
    """
    if not available():
        raise ImportError(MISSING)
    from attnwidget.figures.files import written

    return written(drawn(attention, selection, **options), form, dpi)
