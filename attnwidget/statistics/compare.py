"""What changed between two checkpoints: which heads changed their job, by how much, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attnwidget.statistics.frames import need_pandas
from attnwidget.statistics.rules import LABELS, RULE_STATISTICS
from attnwidget.statistics.setting import F8

if TYPE_CHECKING:
    import pandas

    from attnwidget.statistics.corpus import HeadProfile


@dataclass(frozen=True)
class Change:
    """One head before and after.

    Attributes
    ----------
    layer, head : int
    before, after : str
        Labels.
    statistic : str
        The statistic of the rules that moved most, in units of its own uncertainty.
    difference, low, high : float
        After − before of that statistic, and its 95 % interval over texts.
    agreement : float
        Share of bootstrap replicates in which the labels differ.
    """

    layer: int
    head: int
    before: str
    after: str
    statistic: str
    difference: float
    low: float
    high: float
    agreement: float

    @property
    def changed(self) -> bool:
        """Whether the job changed: other labels, also in 95 % of the replicates."""
        return self.before != self.after and self.agreement >= 0.95


@dataclass(frozen=True)
class Comparison:
    """Two profiles side by side.

    Attributes
    ----------
    heads : tuple of Change
        All heads, in order of layer and head.
    difference, low, high : mapping of str to float64 [L, H]
        After − before of each statistic that rules look at, with 95 % intervals. Where both profiles read the same
        texts the bootstrap resamples them alike, so that the comparison is paired.
    """

    heads: tuple[Change, ...]
    difference: dict[str, F8]
    low: dict[str, F8]
    high: dict[str, F8]

    @property
    def changed(self) -> tuple[Change, ...]:
        """Heads whose job changed, the largest change first."""
        return tuple(sorted((c for c in self.heads if c.changed), key=lambda c: -abs(c.difference)))

    def to_frame(self) -> pandas.DataFrame:
        """One row for each layer and head. Needs pandas."""
        pandas = need_pandas()
        rows = [{**vars(change), "changed": change.changed} for change in self.heads]
        return pandas.DataFrame(rows).set_index(["layer", "head"])


def compare(before: HeadProfile, after: HeadProfile) -> Comparison:
    """What changed. ValueError where the two have other heads or other replicates, or none that holds texts of both."""
    if before.heads != after.heads:
        raise ValueError(f"these profiles cannot be compared: heads {before.heads} before, {after.heads} after")
    shapes = before.replicates.count.shape, after.replicates.count.shape
    if shapes[0] != shapes[1] or before.seed != after.seed:
        raise ValueError("these profiles cannot be compared: they were made with other replicates or another seed")
    filled = before.replicates.filled & after.replicates.filled
    if not filled.any():
        raise ValueError(
            f"these profiles cannot be compared: none of their {len(filled)} replicates holds texts of both; profile "
            "more texts, or with more replicates"
        )
    (first, _), (second, _) = before.replicates.means(), after.replicates.means()
    changes = (second - first)[filled]
    with np.errstate(invalid="ignore"):
        low, high = (np.nanquantile(np.nan_to_num(changes), q, axis=0) for q in (0.025, 0.975))
    one, two = before.values(), after.values()
    difference = {name: two[name] - one[name] for name in RULE_STATISTICS}
    spread = np.maximum(high - low, 1e-12)
    strength = np.nan_to_num(np.abs(np.stack(list(difference.values()))) / spread)
    # Of a change without any spread nothing can be said but its size.
    strongest = np.where(np.abs(np.nan_to_num(np.stack(list(difference.values())))) > 1e-6, strength, 0).argmax(0)
    differ = (before.replicate_labels(filled) != after.replicate_labels(filled)).mean(0)
    heads = []
    for a, b in zip(before.labels(), after.labels(), strict=True):
        at = a.layer, a.head
        s = int(strongest[at])
        heads.append(
            Change(
                *at,
                a.label,
                b.label,
                RULE_STATISTICS[s],
                float(difference[RULE_STATISTICS[s]][at]),
                float(low[s][at]),
                float(high[s][at]),
                float(differ[at]),
            )
        )
    assert all(change.before in LABELS for change in heads)
    return Comparison(
        tuple(heads),
        difference,
        dict(zip(RULE_STATISTICS, low, strict=True)),
        dict(zip(RULE_STATISTICS, high, strict=True)),
    )
