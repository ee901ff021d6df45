"""Where a row's weight goes, without overlap: nine categories of keys that share out each row, and sum to 1.

Other statistics overlap: the first token may be [CLS], the previous token a comma. Here every cell counts once. What a
key *is* comes before where it lies: a key that is [CLS] (or another start token), [SEP] (or another end token),
punctuation or another special token counts as that, in every row. Of the words that are left, the first token of the
text counts as "first" in every row, so that a first-token sink stays in one piece; then the query's own position
("self"), the one before it ("prev") and the one after it ("next"); everything else is "word". Hence "cls", "sep",
"punct" and "other" are the statistics of these names, while "self", "prev", "next" and "first" are less than theirs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from attnwidget.statistics.rows import KINDS
from attnwidget.statistics.setting import F8, NEIGHBOURS, Setting

#: Categories in the order in which a key is given to them.
CATEGORIES = ("cls", "sep", "punct", "other", "first", "self", "prev", "next", "word")
#: Of these the first four are kinds of key, and have statistics already; the others get some of this name.
PARTS = tuple(f"part_{name}" for name in CATEGORIES[4:])


def parts(columns: F8, near: F8, setting: Setting) -> dict[str, F8]:
    """Sums over the categories that are words, each float64 [U], by the names in `PARTS`.

    Parameters
    ----------
    columns : float64 [U, keys]
        What each key gets from all rows.
    near : float64 [U, len(NEIGHBOURS), keys]
        What each key gets from the rows at the offsets of `NEIGHBOURS`.
    """
    word = (setting.kind == KINDS.index("word")).astype(np.float64)
    later = word.copy()
    later[:1] = 0
    out = {"part_first": columns[:, 0] * word[0] if setting.keys else np.zeros(len(columns))}
    out |= {f"part_{name}": near[:, i] @ later for i, name in enumerate(NEIGHBOURS)}
    # A difference of sums may come out as −1e-17.
    out["part_word"] = np.maximum(columns @ word - sum(out.values()), 0)
    return out


def statistic_of(category: str, by: str) -> str:
    """The statistic of heads that holds a category's share, as "weight" or as "contribution" (‖α·f‖)."""
    name = category if category in CATEGORIES[:4] else f"part_{category}"
    return name if by == "weight" else f"norm_{name}"


def shares(values: Mapping[str, F8], layers: Mapping[str, F8], by: str, per: str) -> dict[str, F8]:
    """Shares by category: [L, H] per head or [L] per layer; NaN where contributions are not known.

    Parameters
    ----------
    values, layers
        Statistics of heads and of layers: means over texts, or one text's.
    by : "weight" or "contribution"
        Contributions of a head are ‖α·f‖; of a layer, ‖Σ_h α·f‖: vectors that cancel between heads do not count.
    per : "head" or "layer"
        A layer's weights are the mean of its heads'.

    Raises
    ------
    ValueError
        For any other `by` or `per`.
    """
    for what, came, wanted in (("by", by, ("weight", "contribution")), ("per", per, ("head", "layer"))):
        if came not in wanted:
            raise ValueError(f"{what} must be {wanted[0]!r} or {wanted[1]!r}, got {came!r}")
    if per == "layer" and by == "contribution":
        return {name: layers[f"layer_{statistic_of(name, by)}"] for name in CATEGORIES}
    found = {name: values[statistic_of(name, by)] for name in CATEGORIES}
    return found if per == "head" else {name: _mean_of_heads(array) for name, array in found.items()}


def _mean_of_heads(array: F8) -> F8:
    there = np.isfinite(array)
    count = there.sum(1)
    total = np.where(there, array, 0).sum(1)
    return np.asarray(np.divide(total, count, out=np.full(len(array), np.nan), where=count > 0), np.float64)
