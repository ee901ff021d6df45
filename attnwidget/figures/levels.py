"""From a value to a place on the colour scale of a matrix, and the numbers beside that scale. As the page's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.selection import Floats

#: The log scale shows so many decades, and no more than so many times the even share is told apart.
_DECADES = 4
_MOST_TIMES = 64

#: Less than the even share, and more; of the page.
LESS, MORE = (31, 102, 173), (178, 24, 43)

_NAMES = {
    "linear": "linear scale",
    "sqrt": "square-root scale",
    "log": "logarithmic scale",
    "relative": "× the even share",
}


@dataclass(frozen=True, eq=False)
class Levels:
    """A colour scale over the cells at hand.

    Attributes
    ----------
    places : float64 [rows, keys]
        Of every cell, 0 to 1.
    ticks : list of (float, str)
        Places and their numbers.
    diverging
        Whether 0.5 is the ground, and below it is less.
    name : str
    """

    places: NDArray[np.float64]
    ticks: list[tuple[float, str]]
    diverging: bool
    name: str


def levels(cells: Floats, scale: str, baselines: NDArray[np.float64]) -> Levels:
    """The scale for some cells.

    Parameters
    ----------
    cells : float32 [rows, keys]
    scale : "linear" | "sqrt" | "log" | "relative"
    baselines : float64 [rows]
        The weight of each key if the row spread evenly over the keys it may see.
    """
    cells64 = cells.astype(np.float64)
    largest = float(cells64.max(initial=0))
    top = largest or 1.0
    if scale == "log":
        high = math.log10(top)
        low = math.floor(high - _DECADES + 1 - 1e-9)
        logs = np.log10(cells64, out=np.full_like(cells64, low), where=cells64 > 0)
        decades = [decade for decade in range(low, math.ceil(high)) if (high - decade) / (high - low) >= 0.1]
        ticks = [((d - low) / (high - low), f"{'≤' if d == low else ''}{10.0**d:.3g}") for d in decades]
        return Levels(np.clip((logs - low) / (high - low), 0, 1), [*ticks, (1.0, f"{top:.3f}")], False, _NAMES[scale])
    if scale == "relative":
        even = baselines[:, None]
        ratio = np.divide(cells64, even, out=np.zeros_like(cells64), where=even > 0)
        times = float(ratio.max(initial=1))
        most = max(2, min(_MOST_TIMES, 2 ** math.ceil(math.log2(max(1, times)) - 1e-6)))
        logs = np.log2(ratio, out=np.full_like(ratio, -math.log2(most)), where=ratio > 0)
        ticks = [(0.0, f"≤1/{most}×"), (0.5, "1×"), (1.0, f"{'≥' if times > most else ''}{most}×")]
        return Levels(np.clip(0.5 + logs / math.log2(most) / 2, 0, 1), ticks, True, _NAMES[scale])
    exponent = 1 if scale == "linear" else 2
    ticks = [(at, f"{at**exponent * largest:.3f}") for at in (0.0, 0.5, 1.0)]
    return Levels((cells64 / top) ** (1 / exponent), ticks, False, _NAMES[scale])
