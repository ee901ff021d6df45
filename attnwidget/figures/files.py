"""Figures as files: text stays text, and the same figure gives the same bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import matplotlib as mpl

from attnwidget import __version__

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Dates and random names would make every file another.
_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": f"attnwidget {__version__}"},
    "pdf": {"CreationDate": None, "Creator": f"attnwidget {__version__}"},
    "png": {"Software": f"attnwidget {__version__}"},
}
_SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "attnwidget", "pdf.fonttype": 42}


def written(ax: Axes, form: str, dpi: float) -> bytes:
    """The figure of an axes as "svg", "pdf" or "png"."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    out = io.BytesIO()
    # matplotlib reads these as it writes, and has no other way to be told; they are put back.
    with mpl.rc_context(_SETTINGS):
        figure.savefig(out, format=form, dpi=dpi, metadata=_METADATA[form], bbox_inches="tight", facecolor="white")
    return out.getvalue()
