"""`HeadProfile`: statistics of every head over many texts, mergeable, to be saved and resumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.statistics import rules
from attnwidget.statistics.accumulators import Moments, Replicates
from attnwidget.statistics.heads import HeadStatistics
from attnwidget.statistics.measures import explained
from attnwidget.statistics.pairs import squareform
from attnwidget.statistics.partition import shares
from attnwidget.statistics.rules import RULE_STATISTICS, Summary
from attnwidget.statistics.setting import F8

if TYPE_CHECKING:
    import pandas

    from attnwidget.statistics.compare import Comparison
    from attnwidget.statistics.labels import HeadLabel


@dataclass(frozen=True)
class HeadProfile:
    """What every head does over a corpus; made by :func:`attnwidget.profile`.

    Means are over texts (each text counts once, whatever its length), with the standard error over texts.

    Attributes
    ----------
    model_name, stack : str
    heads : tuple of int
        Heads of each layer.
    names, layer_names : tuple of str
        Statistics of heads and of layers.
    moments, baselines, layers : Moments
        [S, L, H], [S], [S', L].
    sums : dict of str to float64 array
        Weights by offset and kind, offsets of the largest content key, where sinks lie: see `HeadStatistics.cells`.
    histograms : float64 [len(HISTOGRAMS), L, H, BINS]
        See :mod:`attnwidget.statistics.single`.
    replicates : Replicates
        Poisson bootstrap over texts, of the statistics that rules look at.
    induction : Moments or None
        [3, L, H]: induction, duplicate and previous-token scores on repeated random tokens (causal models).
    pairs : Moments or None
        [N·(N − 1)/2]: distances of every two of the N heads, where they were asked for. See `distances`.
    counts : dict of str to int
        "texts", "rows", "tokens", "faults", "unknown", "causal" (texts that were), "values" (texts with value norms).
    lengths : (int, int)
        Shortest and longest text in tokens.
    sinks : dict of str to str
        What special tokens of each kind are called.
    errors : tuple of (int, str, str)
        Texts that could not be read: their number in the input, their beginning, and why.
    interrupted : bool
        The run was stopped by hand; what was done until then is here.
    """

    model_name: str
    stack: str
    heads: tuple[int, ...]
    names: tuple[str, ...]
    layer_names: tuple[str, ...]
    moments: Moments
    baselines: Moments
    layers: Moments
    sums: dict[str, F8]
    histograms: F8
    replicates: Replicates
    counts: dict[str, int]
    lengths: tuple[int, int]
    sinks: dict[str, str]
    seed: int = 0
    induction: Moments | None = None
    pairs: Moments | None = None
    errors: tuple[tuple[int, str, str], ...] = ()
    interrupted: bool = False
    notes: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, one: HeadStatistics, *, replicates: int = 200, seed: int = 0) -> HeadProfile:
        """The profile of one text."""
        from attnwidget.statistics.single import profile_of

        return profile_of(one, replicates, seed)

    @classmethod
    def from_statistics(cls, texts: Iterable[HeadStatistics], *, replicates: int = 200, seed: int = 0) -> HeadProfile:
        """The profile of texts whose statistics are at hand. ValueError where there are none."""
        total: HeadProfile | None = None
        for one in texts:
            part = cls.of(one, replicates=replicates, seed=seed)
            total = part if total is None else total.merge(part)
        if total is None:
            raise ValueError("texts is empty: at least one text is needed")
        return total

    def merge(self, other: HeadProfile) -> HeadProfile:
        """Both together: equal to one pass over all texts up to 1e-12, in any order.

        Raises
        ------
        ValueError
            They are of different models, or were made with other settings.
        """
        for what in ("model_name", "stack", "heads", "names", "layer_names", "seed"):
            mine, theirs = getattr(self, what), getattr(other, what)
            if mine != theirs:
                raise ValueError(f"these profiles cannot be merged: {what} is {mine!r} here and {theirs!r} there")
        if self.replicates.count.shape != other.replicates.count.shape:
            raise ValueError(
                f"these profiles cannot be merged: {len(self.replicates.count)} replicates here, "
                f"{len(other.replicates.count)} there"
            )
        if (self.pairs is None) != (other.pairs is None):
            raise ValueError("these profiles cannot be merged: only one of them holds distances between heads")
        induction = self.induction
        if induction is not None and other.induction is not None:
            induction = induction.merge(other.induction)
        # Sorted, so that the order of merging leaves no trace.
        return dataclasses.replace(
            self,
            moments=self.moments.merge(other.moments),
            baselines=self.baselines.merge(other.baselines),
            layers=self.layers.merge(other.layers),
            sums={name: array + other.sums[name] for name, array in self.sums.items()},
            histograms=self.histograms + other.histograms,
            replicates=self.replicates.merge(other.replicates),
            counts={name: count + other.counts[name] for name, count in self.counts.items()},
            lengths=(min(self.lengths[0], other.lengths[0]), max(self.lengths[1], other.lengths[1])),
            sinks=dict(sorted({**other.sinks, **self.sinks}.items())),
            induction=induction if induction is not None else other.induction,
            pairs=self.pairs.merge(other.pairs) if self.pairs is not None and other.pairs is not None else None,
            errors=tuple(sorted({*self.errors, *other.errors})),
            interrupted=self.interrupted or other.interrupted,
            notes={},
        )

    @property
    def texts(self) -> int:
        """How many texts were read."""
        return self.counts["texts"]

    def __getitem__(self, name: str) -> F8:
        """The mean of a statistic over texts: float64 [L, H]."""
        return self.values()[name]

    def values(self) -> dict[str, F8]:
        """Means by name, [L, H]; what position and kind explain is taken from all cells of the corpus together."""
        out = dict(zip(self.names, self.moments.means, strict=True))
        layers, width = self.sums["squares"].shape
        groups = self.sums["groups"].reshape(layers * width, *self.sums["groups"].shape[2:])
        pooled = explained(groups, self.sums["group_sizes"], self.sums["squares"].ravel())
        out |= {name: array.reshape(layers, width) for name, array in pooled.items()}
        if self.induction is not None:
            out |= dict(zip(("induction", "duplicate", "previous_random"), self.induction.means, strict=True))
        return out

    def standard_errors(self) -> dict[str, F8]:
        """Standard errors over texts by name, [L, H]."""
        return dict(zip(self.names, self.moments.errors, strict=True))

    def distances(self) -> F8:
        """Jensen–Shannon divergence between every two heads in nats, mean over texts: float64 [N, N], 0 to ln 2.

        N counts the heads of all layers in order. Of a text it is the mean over rows; the texts count alike, whatever
        their length, where Clark et al. (2019) sum over the rows of a corpus. Its square root is a metric.
        ValueError where they were not asked for: ``profile(..., distances=True)``.
        """
        if self.pairs is None:
            raise ValueError("this profile holds no distances between heads: use profile(..., distances=True)")
        return squareform(self.pairs.means, sum(self.heads))

    def summary(self) -> Summary:
        """What rules and verdicts look at."""
        layers = dict(zip(self.layer_names, self.layers.means, strict=True))
        return Summary(
            self.heads,
            self.values(),
            dict(zip(self.names, map(float, self.baselines.means), strict=True)),
            layers,
            self.sums["hits"],
            self.sums["eligible"],
            self.sinks,
            self.texts,
            self.counts["rows"],
            self.counts["tokens"],
            self.counts["faults"],
            self.counts["causal"] > 0,
            self.counts["values"] == self.texts,
            self.replicate_labels(self.replicates.filled),
        )

    def replicate_labels(self, which: NDArray[np.bool_]) -> NDArray[np.int8]:
        """Labels (index in `LABELS`) of some bootstrap replicates, [b, L, H]; one without texts has none to give."""
        means, bases = (array[which] for array in self.replicates.means())
        values = {name: means[:, i] for i, name in enumerate(RULE_STATISTICS)}
        if self.induction is not None:
            values["induction"] = np.broadcast_to(self.induction.means[0], values["cls"].shape)
        baselines: dict[str, F8 | float] = {name: bases[:, i, None, None] for i, name in enumerate(RULE_STATISTICS)}
        return rules.decide(rules.margins(values, baselines))

    def labels(self) -> list[HeadLabel]:
        """What each head does, with margin, runner-up, evidence and how sure that is."""
        from attnwidget.statistics.labels import labels

        return labels(self.summary())

    def verdict(self, lang: str = "en") -> str:
        """What the corpus shows of "everything looks at special tokens", in words: "en" or "ja"."""
        from attnwidget.statistics.verdict import verdict

        return verdict(self.summary(), lang, unknown=self._unknown, lengths=self.lengths)

    @property
    def diagnosis(self) -> str:
        """In one word: "ordinary", "check", "collapsed", "untrained", "invalid"; "describes" for too few texts."""
        from attnwidget.statistics.verdict import diagnose

        return diagnose(self.summary(), unknown=self._unknown).kind

    @property
    def _unknown(self) -> float:
        return self.counts["unknown"] / max(1, self.counts["tokens"])

    def compare(self, other: HeadProfile) -> Comparison:
        """What changed from this profile to another of the same shape (a fine-tuned checkpoint)."""
        from attnwidget.statistics.compare import compare

        return compare(self, other)

    def to_frame(self) -> pandas.DataFrame:
        """One row for each layer and head; for each statistic its mean, and its standard error as ``NAME_se``."""
        from attnwidget.statistics.frames import frame

        errors = self.standard_errors()
        columns: dict[str, F8] = {}
        for name, array in self.values().items():
            columns[name] = array
            if name in errors and not name.startswith(("r2_", "content")):
                columns[f"{name}_se"] = errors[name]
        out = frame(self.heads, columns)
        out.insert(0, "label", [label.label for label in self.labels()])
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers (None for NaN) and words, as the page takes them; keys as `HeadStatistics.to_dict`."""
        from attnwidget.statistics.plain import plain

        return plain(
            self.summary(),
            stack=self.stack,
            model_name=self.model_name,
            unknown=self._unknown,
            lengths=self.lengths,
            errors=self.standard_errors(),
            distances=None if self.pairs is None else self.distances(),
            failed=self.errors,
        )

    def shares(self, by: str = "weight", per: str = "layer") -> dict[str, F8]:
        """Where the weight goes, by categories that do not overlap and sum to 1; as `HeadStatistics.shares`."""
        return shares(self.values(), dict(zip(self.layer_names, self.layers.means, strict=True)), by, per)

    def save(self, path: str | Path) -> None:
        """Write to one .npz file (arrays and JSON, no pickle); whole or not at all."""
        from attnwidget.statistics.files import save

        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> HeadProfile:
        """Read what `save` wrote."""
        from attnwidget.statistics.files import load

        return load(path)

    def __repr__(self) -> str:
        stopped = ", interrupted" if self.interrupted else ""
        bad = f", {len(self.errors)} could not be read" if self.errors else ""
        return (
            f"<HeadProfile {self.model_name} {self.stack}: {len(self.heads)} layers, {sum(self.heads)} heads, "
            f"{self.texts} texts, {self.counts['tokens']} tokens{bad}{stopped}>"
        )
