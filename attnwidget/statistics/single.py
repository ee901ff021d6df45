"""The profile of one text: what `HeadProfile` adds up."""

from __future__ import annotations

import numpy as np

from attnwidget.statistics.accumulators import Moments, Replicates
from attnwidget.statistics.corpus import HeadProfile
from attnwidget.statistics.heads import HeadStatistics
from attnwidget.statistics.rules import RULE_STATISTICS

#: Statistics between 0 and 1 that keep a histogram over texts, in `BINS` bins of equal width.
HISTOGRAMS = ("cls", "sep", "punct", "first", "self", "prev", "next", "entropy_norm", "max")
BINS = 20
_SUMS = ("groups", "group_sizes", "squares", "hits", "eligible", "sinks")


def profile_of(one: HeadStatistics, replicates: int, seed: int) -> HeadProfile:
    """See :meth:`HeadProfile.of`."""
    names, layer_names = tuple(one.values), tuple(one.layers)
    values = np.stack([one.values[name] for name in names])
    bases = np.array([one.baselines[name] for name in names])
    chosen = [names.index(name) for name in RULE_STATISTICS]
    text = one.text or repr(np.round(values[chosen], 6).tobytes())
    sums = {name: np.array(one.cells[name], np.float64) for name in _SUMS}
    sums["groups"] = sums["groups"] - one.cells["group_base"]
    shown = values[[names.index(name) for name in HISTOGRAMS]]
    bins = np.clip(np.floor(np.nan_to_num(shown) * BINS), 0, BINS - 1)
    histograms = (bins[..., None] == np.arange(BINS)) & np.isfinite(shown)[..., None]
    counts = {
        "texts": 1,
        "rows": one.rows,
        "tokens": one.tokens,
        "faults": one.faults,
        "unknown": one.unknown,
        "causal": int(one.causal),
        "values": int(one.has_values),
    }
    return HeadProfile(
        one.model_name,
        one.stack,
        one.heads,
        names,
        layer_names,
        Moments.of(values),
        Moments.of(bases),
        Moments.of(np.stack([one.layers[name] for name in layer_names])),
        sums,
        histograms.astype(np.float64),
        Replicates.of(values[chosen], bases[chosen], text, replicates, seed),
        counts,
        (one.tokens, one.tokens),
        dict(one.sinks),
        seed,
        pairs=None if one.pairs is None else Moments.of(one.pairs),
    )
