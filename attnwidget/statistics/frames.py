"""Statistics as pandas tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas


def need_pandas() -> Any:
    """pandas, or an ImportError that says how to get it."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError("to_frame needs pandas: pip install 'attnwidget[frame]'") from error
    return pandas


def frame(heads: Sequence[int], columns: Mapping[str, Any]) -> pandas.DataFrame:
    """A table with a row for each layer and head (index names "layer" and "head", 0-based).

    Parameters
    ----------
    heads : sequence of int
        Heads of each layer.
    columns : mapping of str to array [L, H]
    """
    pandas = need_pandas()
    places = [(layer, head) for layer, count in enumerate(heads) for head in range(count)]
    index = pandas.MultiIndex.from_tuples(places, names=["layer", "head"])
    at = tuple(np.array(places, np.intp).reshape(-1, 2).T)
    return pandas.DataFrame({name: array[at] for name, array in columns.items()}, index=index)
