"""Statistics of every head of one text: what `Attention.statistics()` gives, and what a corpus is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from attnwidget.attention import Attention
from attnwidget.statistics.measures import centred, finish, group_sizes, kappa, ratio, sinks_of
from attnwidget.statistics.onepass import one_pass
from attnwidget.statistics.pairs import condensed, js_distances, squareform
from attnwidget.statistics.partition import PARTS, shares
from attnwidget.statistics.setting import F8, OFFSETS, Setting
from attnwidget.statistics.values import VALUE_CLASSES, Written, written

if TYPE_CHECKING:
    import pandas

    from attnwidget.statistics.labels import HeadLabel


@dataclass(frozen=True)
class HeadStatistics:
    """One text's statistics, [layer, head], 0-based.

    Attributes
    ----------
    stack, model_name, text : str
    heads : tuple of int
        Heads of each layer; where a layer has fewer than the largest, or none, its cells are NaN.
    values : mapping of str to float64 [L, H]
        By name, see :func:`attnwidget.statistics.definitions.definition`; NaN where not defined for this text.
    baselines : mapping of str to float
        What a head would have that spreads its weight evenly over what each row may see. NaN for value statistics.
    layers : mapping of str to float64 [L]
        Statistics of whole layers: shares of ‖Σ_h α·f‖.
    cells : mapping of str to float64 array
        Sums that corpora add up: weights by offset and kind, offsets of the largest content key, where sinks lie.
    tokens, rows : int
        Keys, and queries that were read.
    text_rows : int
        Queries of the text: more than `rows` where only some were read.
    causal : bool
    faults : int
        Rows that hold no distribution (NaN, or a sum off 1 by more than 0.01).
    unknown : int
        Keys that are unknown to the tokenizer, or padding.
    sinks : mapping of str to str
        What special tokens of each kind are called ("[CLS]").
    pairs : float64 [N·(N − 1)/2] or None
        Distances of every two of the N heads, where they were asked for.
    """

    stack: str
    model_name: str
    text: str
    heads: tuple[int, ...]
    values: Mapping[str, F8]
    baselines: Mapping[str, float]
    layers: Mapping[str, F8]
    cells: Mapping[str, F8]
    tokens: int
    rows: int
    causal: bool
    faults: int = 0
    unknown: int = 0
    sinks: Mapping[str, str] = field(default_factory=dict)
    pairs: F8 | None = None
    text_rows: int = 0

    def __getitem__(self, name: str) -> F8:
        if name not in self.values:
            raise KeyError(f"{name!r} is not one of {', '.join(self.values)}")
        return self.values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    @property
    def has_values(self) -> bool:
        """Whether value norms are known, so that a sink can be called a no-op."""
        return bool(np.isfinite(self.values["written"]).any())

    def kappa(self, name: str) -> F8:
        """(m − base) / (1 − base) of a share: 0 for uniform attention, 1 for all of it. [L, H]"""
        return kappa(self[name], self.baselines[name])

    def nu(self, name: str) -> F8:
        """Norm share ÷ attention share of a kind of key ("cls", "sep", "punct", "word", "first"): [L, H]."""
        return ratio(self[f"norm_{name}"], self[name])

    def shares(self, by: str = "weight", per: str = "layer") -> dict[str, F8]:
        """Where the weight goes, by categories that do not overlap and sum to 1: [L] or, per "head", [L, H].

        `by`: "weight", or "contribution" (‖α·f‖; of a layer ‖Σ_h α·f‖). Which category a key counts to where several
        would fit: see :mod:`attnwidget.statistics.partition`. ValueError for any other `by` or `per`.
        """
        return shares(self.values, self.layers, by, per)

    def labels(self) -> list[HeadLabel]:
        """What each head does in this one text: a description, not a verdict."""
        from attnwidget.statistics.labels import labels

        return labels(self)

    def verdict(self, lang: str = "en") -> str:
        """What the text shows of "everything looks at special tokens", in words: "en" or "ja"."""
        from attnwidget.statistics.verdict import verdict

        return verdict(self, lang)

    def to_frame(self) -> pandas.DataFrame:
        """One row for each layer and head, one column for each statistic. Needs pandas."""
        from attnwidget.statistics.frames import frame

        return frame(self.heads, self.values)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers (None for NaN) and words, as the page takes them; keys as `HeadProfile.to_dict`."""
        from attnwidget.statistics.plain import plain
        from attnwidget.statistics.rules import Summary

        return plain(
            Summary.of(self),
            stack=self.stack,
            model_name=self.model_name,
            unknown=self.unknown / max(1, self.tokens),
            lengths=(self.tokens, self.tokens),
            text_rows=self.text_rows if self.rows < self.text_rows else None,
            distances=None if self.pairs is None else squareform(self.pairs, sum(self.heads)),
        )


def statistics(
    attention: Attention, *, stack: str | None = None, distances: bool = False, rows: int | None = None
) -> HeadStatistics:
    """Statistics of every head of one text, in one pass over its weights, block by block.

    Parameters
    ----------
    attention : Attention
    stack : str, optional
        Needed when there is more than one.
    distances : bool
        Compare every two heads as well: see :func:`attnwidget.statistics.pairs.js_distances`. The cost grows with the
        square of the number of heads.
    rows : int, optional
        Read no more rows than so many, evenly spaced from the first to the last: what they give is an estimate of what
        all give. Baselines are of the same rows. At least 2.

    Raises
    ------
    ValueError
        `rows` is less than 2, or no whole number.
    """
    if rows is not None and (not isinstance(rows, (int, np.integer)) or rows < 2):
        raise ValueError(f"rows must be a whole number from 2 on, or None for all, got {rows!r}")
    chosen = attention._stack(stack)
    setting = Setting.of(chosen, rows)
    heads = tuple(layer.heads for layer in chosen.layers)
    present = [layer for layer, count in enumerate(heads) if count]
    sums = one_pass(attention, setting, present, chosen.name)
    flat = finish(sums, setting)
    values = {name: _grid(array[:-1], heads) for name, array in flat.items()}
    baselines = {name: float(array[-1]) for name, array in flat.items()}
    start, parts = 0, []
    layers = {f"layer_norm_{name}": np.full(len(heads), np.nan) for name in (*VALUE_CLASSES, *PARTS)}
    for layer in present:
        units = slice(start, start + heads[layer])
        parts.append(written(attention, layer, chosen.name, sums.columns[units, 0], sums.near[units], setting))
        start += heads[layer]
        for name, share in parts[-1].layer.items():
            layers[f"layer_norm_{name}"][layer] = share
    for name in Written.names():
        stacked = np.concatenate([part.heads[name] for part in parts]) if parts else np.zeros(0)
        values[name], baselines[name] = _grid(stacked, heads), float("nan")
    cells = {
        "groups": _grid(sums.groups[:-1], heads),
        "group_base": sums.groups[-1],
        "group_sizes": group_sizes(setting),
        "squares": _grid(centred(sums)[:-1], heads),
        "hits": _grid(sums.hits[:-1], heads),
        "eligible": np.zeros(OFFSETS) if sums.eligible is None else sums.eligible,
        "sinks": _grid(sinks_of(sums, setting)[:-1], heads),
    }
    names: dict[str, str] = {}
    for token in chosen.keys:
        if token.kind in ("cls", "sep", "other"):
            names.setdefault(token.kind, token.text)
    return HeadStatistics(
        chosen.name,
        attention.model_name,
        attention.text,
        heads,
        values,
        baselines,
        layers,
        cells,
        setting.keys,
        setting.queries,
        setting.causal,
        int(sums.faults[:-1].sum()),
        sum(token.role in ("unk", "pad") for token in chosen.keys),
        names,
        condensed(js_distances(attention, stack=chosen.name)) if distances else None,
        len(chosen.queries),
    )


def _grid(flat: F8, heads: tuple[int, ...]) -> F8:
    """[U, …] → [L, H, …], NaN where a layer has fewer heads."""
    if len(set(heads)) == 1:
        return flat.reshape(len(heads), heads[0], *flat.shape[1:])
    out = np.full((len(heads), max(heads, default=0), *flat.shape[1:]), np.nan)
    start = 0
    for layer, count in enumerate(heads):
        out[layer, :count] = flat[start : start + count]
        start += count
    return out
