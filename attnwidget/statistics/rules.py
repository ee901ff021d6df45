"""The rule set: from a head's statistics to what it is called. Vectorised, so that bootstrap replicates cost little.

Thresholds apply to chance-corrected corpus means κ = (m − base) / (1 − base). Rules come in tiers; the first tier with
a rule that is met decides, and within a tier the largest margin over its own threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.statistics.heads import HeadStatistics
from attnwidget.statistics.measures import kappa, ratio
from attnwidget.statistics.setting import F8, REACH

#: Every label, by tier; "mixed" is what is left when no rule is met.
LABELS = (
    "induction",
    "previous",
    "next",
    "self",
    "cls_sink",
    "sep_sink",
    "punct_sink",
    "first_sink",
    "other_sink",
    "delimiters",
    "local",
    "broad",
    "mixed",
)
_TIERS = (("induction",), ("previous", "next", "self"), LABELS[4:9], ("delimiters",), ("local",), ("broad",))
THRESHOLDS: Mapping[str, float] = {
    "induction": 0.4,
    **dict.fromkeys(("previous", "next", "self"), 0.5),
    **dict.fromkeys(LABELS[4:10], 0.6),
    "local": 0.5,
    "broad": 0.8,
}
#: The statistic that a rule looks at.
STATISTIC: Mapping[str, str] = {
    "induction": "induction",
    "previous": "prev",
    "next": "next",
    "self": "self",
    "cls_sink": "cls",
    "sep_sink": "sep",
    "punct_sink": "punct",
    "first_sink": "first",
    "other_sink": "other",
    "delimiters": "delimiters",
    "local": "window",
    "broad": "entropy_norm",
}
#: What replicates have to keep so that the rules can be applied to each of them.
RULE_STATISTICS = tuple(dict.fromkeys(name for name in STATISTIC.values() if name != "induction"))
LEANS = 0.3
NO_OP, READ_OUT = 0.5, 0.8
LATENT, STRICT_ARGMAX, STRICT_MAX = 0.75, 0.9, 0.8
GATHERS_ENTROPY, GATHERS_CONTENT = 0.7, 0.5
OWN, CROSS = 0.5, 1.5
#: Below these numbers a summary describes and does not judge.
TEXTS_NEEDED, ROWS_NEEDED = 20, 200


@dataclass(frozen=True)
class Summary:
    """Means over texts that rules and verdicts look at; of one text, the text's own values.

    Attributes
    ----------
    heads : tuple of int
    values : mapping of str to float64 [L, H]; baselines : mapping of str to float
    layers : mapping of str to float64 [L]
    hits : float64 [L, H, OFFSETS]; eligible : float64 [OFFSETS]
    sinks : mapping of str to str
        What special tokens of each kind are called ("[CLS]", "<s>").
    texts, rows, tokens, faults : int
    causal, has_values : bool
    replicates : int8 [B, L, H] or None
        Labels (index in `LABELS`) of the bootstrap replicates that hold a text.
    """

    heads: tuple[int, ...]
    values: Mapping[str, F8]
    baselines: Mapping[str, float]
    layers: Mapping[str, F8]
    hits: F8
    eligible: F8
    sinks: Mapping[str, str]
    texts: int
    rows: int
    tokens: int
    faults: int
    causal: bool
    has_values: bool
    replicates: NDArray[np.int8] | None = None

    @classmethod
    def of(cls, one: HeadStatistics) -> Summary:
        """One text."""
        return cls(
            one.heads,
            one.values,
            one.baselines,
            one.layers,
            one.cells["hits"],
            one.cells["eligible"],
            one.sinks,
            1,
            one.rows,
            one.tokens,
            one.faults,
            one.causal,
            one.has_values,
        )

    @property
    def enough(self) -> bool:
        """Whether there are enough texts and rows to judge."""
        return self.texts >= TEXTS_NEEDED and self.rows >= ROWS_NEEDED

    def kappa(self, name: str) -> F8:
        """Chance-corrected share, [L, H]."""
        return kappa(self.values[name], self.baselines[name])

    def nu(self, name: str) -> F8:
        """Norm share ÷ attention share, [L, H]; NaN without values."""
        return ratio(self.values[f"norm_{name}"], self.values[name])

    def latent(self) -> tuple[F8, NDArray[np.intp]]:
        """The offset at which the largest content key lies most often: its share of eligible rows, and the offset.

        Offsets that fewer than half of the rows could have had are left out: on short texts a far offset is met by a
        handful of rows, by chance.
        """
        possible = self.eligible >= 0.5 * max(self.eligible.max(initial=0), 1)
        shares = np.where(possible, self.hits / np.maximum(self.eligible, 1), 0)
        best = np.nan_to_num(shares).argmax(-1)
        return np.take_along_axis(shares, best[..., None], -1)[..., 0], best - REACH


def margins(values: Mapping[str, F8], baselines: Mapping[str, F8 | float]) -> F8:
    """Each rule's statistic less its threshold, [len(LABELS), …, L, H]; −inf where it does not apply; 0 for "mixed".

    Parameters
    ----------
    values : mapping of str to float64 […, L, H]
    baselines : mapping of str to float, or to float64 […, 1, 1]
    """
    shape = values["cls"].shape
    out = np.full((len(LABELS), *shape), -np.inf)
    for i, label in enumerate(LABELS[:-1]):
        name = STATISTIC[label]
        if name not in values:
            continue
        measured = values[name] if label in ("induction", "broad") else kappa(values[name], baselines[name])
        out[i] = np.where(np.isnan(measured), -np.inf, measured - THRESHOLDS[label])
    # A first token that is [CLS] or <s> anyway goes by that name.
    named = np.maximum(values["cls"], values["other"]) >= values["first"] - 1e-9
    out[LABELS.index("first_sink")][named] = -np.inf
    out[-1] = 0
    return out


def decide(margin: F8) -> NDArray[np.int8]:
    """The label of each cell, as its index in `LABELS`, from `margins`."""
    out = np.full(margin.shape[1:], len(LABELS) - 1, np.int8)
    for tier in reversed(_TIERS):
        chosen = [LABELS.index(label) for label in tier]
        part = margin[chosen]
        best = part.argmax(0)
        met = part.max(0) >= 0
        out = np.where(met, np.array(chosen, np.int8)[best], out)
    return out
