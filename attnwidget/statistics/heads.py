"""Statistics of every head of one text: what `Attention.statistics()` gives, and what a corpus is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from attnwidget.attention import Attention
from attnwidget.statistics.measures import centred, finish, group_sizes, kappa, ratio, sinks_of
from attnwidget.statistics.onepass import one_pass
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
        Keys and queries.
    causal : bool
    faults : int
        Rows that hold no distribution (NaN, or a sum off 1 by more than 0.01).
    unknown : int
        Keys that are unknown to the tokenizer, or padding.
    sinks : mapping of str to str
        What special tokens of each kind are called ("[CLS]").
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
        """Plain lists and numbers (None for NaN), as the page takes them."""
        return {
            "stack": self.stack,
            "heads": list(self.heads),
            "tokens": self.tokens,
            "rows": self.rows,
            "texts": 1,
            "values": {name: _plain(array) for name, array in self.values.items()},
            "baselines": {name: _plain(np.array(value)) for name, value in self.baselines.items()},
            "layers": {name: _plain(array) for name, array in self.layers.items()},
        }


def statistics(attention: Attention, *, stack: str | None = None) -> HeadStatistics:
    """Statistics of every head of one text, in one pass over its weights, block by block.

    Parameters
    ----------
    attention : Attention
    stack : str, optional
        Needed when there is more than one.
    """
    chosen = attention._stack(stack)
    setting = Setting.of(chosen)
    heads = tuple(layer.heads for layer in chosen.layers)
    present = [layer for layer, count in enumerate(heads) if count]
    sums = one_pass(attention, setting, present, chosen.name)
    flat = finish(sums, setting)
    values = {name: _grid(array[:-1], heads) for name, array in flat.items()}
    baselines = {name: float(array[-1]) for name, array in flat.items()}
    start, parts, layers = 0, [], {f"layer_norm_{name}": np.full(len(heads), np.nan) for name in VALUE_CLASSES}
    for layer in present:
        columns = sums.columns[start : start + heads[layer], 0]
        parts.append(written(attention, layer, chosen.name, columns, setting))
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


def _plain(array: F8) -> Any:
    if array.ndim == 0:
        return float(array) if np.isfinite(array) else None
    return [_plain(part) for part in array]
