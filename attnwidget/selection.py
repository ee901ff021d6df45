"""What a view shows now: its heads, its rows, and the answers that only need those (links, table, text)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attnwidget.description import one_line, shape, sinks
from attnwidget.shown import Look, Side

if TYPE_CHECKING:
    import pandas

    from attnwidget.attention import Attention, Stack

Floats = NDArray[np.float32]

#: Rows that a fallback picture and a repr look at; more would make showing a long text slow.
MOST_ROWS = 256
#: So many heads are drawn one by one, each in its colour; more as their mean.
MOST_SERIES = 6
_LONGEST_TOKEN = 24


@dataclass(frozen=True)
class Selection:
    """The visible state of a view; equal selections of one capture give equal pictures."""

    stack: str
    layer: int = 0
    heads: tuple[int, ...] = ()
    pinned: tuple[tuple[int, int], ...] = ()
    mode: str = "lines"
    highlight: str = "none"
    queries: tuple[int, ...] = ()
    keys: tuple[int, ...] = ()
    budget: float = 0.7
    max_strokes: int = 2000
    measure: str = "weight"
    sinks: str = "show"
    scale: str = "sqrt"
    aggregate: str = "mean"
    unit: str = "pieces"
    pair: str = "all"

    def look(self, stack: Stack) -> Look:
        """How the heads in view become the rows shown."""
        queries, keys = (Side.of(tokens, self.unit) for tokens in (stack.queries, stack.keys))
        settings = (self.measure, self.aggregate, self.sinks, self.pair)
        return Look(queries, keys, *settings, sinks(stack), stack.causal is True)

    def addresses(self, stack: Stack) -> tuple[tuple[int, int], ...]:
        """The (layer, head) in view: the pinned ones; else the chosen heads of the layer; else all its heads."""
        if self.pinned:
            return self.pinned
        return tuple((self.layer, head) for head in self.heads or range(stack.layers[self.layer].heads))

    def label(self, stack: Stack) -> str:
        """The heads in view, in words."""
        if self.aggregate == "rollout":
            return f"rollout over layers 0 to {self.layer}, mean of all heads"
        addresses = self.addresses(stack)
        if not addresses:
            return f"layer {self.layer}: {stack.layers[self.layer].note or 'no attention weights'}"
        if self.pinned:
            return f"{len(addresses)} pinned heads" if len(addresses) > 1 else "L{} H{}".format(*addresses[0])
        if len(addresses) == 1:
            return "L{} H{}".format(*addresses[0])
        if len(addresses) > MOST_SERIES:
            together = "largest" if self.aggregate == "max" else "mean"
            return f"layer {self.layer}, {together} of {len(addresses)} heads"
        return f"layer {self.layer}, heads {', '.join(str(head) for _, head in addresses)}"

    def series(self, stack: Stack) -> tuple[tuple[tuple[int, int], ...], ...]:
        """Heads of each series of strokes: one head a series where 2 to 6 are in view, else one mean of all."""
        addresses = self.addresses(stack)
        if 2 <= len(addresses) <= MOST_SERIES and self.aggregate != "rollout":
            return tuple((address,) for address in addresses)
        return (addresses,) if addresses else ()

    def rows(self, stack: Stack) -> range:
        """A stretch of queries (or words) that a small picture can show; it begins before the first chosen one."""
        side = Side.of(stack.queries, self.unit)
        count = len(side.tokens)
        if count <= MOST_ROWS:
            return range(count)
        first = min(side.indices(self.queries), default=0)
        start = max(0, min(first - 8, count - MOST_ROWS))
        return range(start, start + MOST_ROWS)


def mean_weights(attention: Attention, stack: str, heads: Sequence[tuple[int, int]], queries: Sequence[int]) -> Floats:
    """Mean weights of some heads for some queries.

    Parameters
    ----------
    heads
        (layer, head), at least one.
    queries
        Rows wanted.

    Returns
    -------
    float32 array [len(queries), keys]
    """
    layers: dict[int, list[int]] = {}
    for layer, head in heads:
        layers.setdefault(layer, []).append(head)
    keys = len(attention.stacks[stack].keys)
    # Heads at once are bounded, so that a long text never brings a layer of n×n maps into memory.
    step = max(1, 4_000_000 // max(1, len(queries) * keys))
    total = np.zeros((len(queries), keys))
    for layer, members in layers.items():
        for start in range(0, len(members), step):
            block = attention.weights(layer, members[start : start + step], stack=stack, queries=list(queries))
            total += block.sum(axis=0, dtype=np.float64)
    return (total / len(heads)).astype(np.float32)


def strongest(weights: Floats, rows: Sequence[int], count: int) -> list[tuple[int, int, float]]:
    """The largest cells of `weights` [rows, keys] as (query, key, weight), ties in reading order."""
    flat = weights.ravel()
    candidates = (
        np.flatnonzero(flat >= np.partition(flat, -count)[-count]) if flat.size > count else np.arange(flat.size)
    )
    order = candidates[np.argsort(-flat[candidates], kind="stable")][:count]
    width = weights.shape[1]
    return [(rows[int(cell) // width], int(cell) % width, float(flat[cell])) for cell in order if flat[cell] > 0]


def frame(attention: Attention, selection: Selection) -> pandas.DataFrame:
    """The selected weights as a table; see `AttnView.selection_frame`."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("selection_frame needs pandas: pip install 'attnwidget[frame]'") from error
    stack = attention.stacks[selection.stack]
    queries = np.asarray(selection.queries or range(len(stack.queries)), dtype=np.int64)
    keys = np.asarray(selection.keys or range(len(stack.keys)), dtype=np.int64)
    addresses = np.asarray(selection.addresses(stack), dtype=np.int64).reshape(-1, 2)
    weights = np.zeros((len(addresses), len(queries), len(keys)), dtype=np.float32)
    for index, (layer, head) in enumerate(addresses.tolist()):
        weights[index] = attention.weights(layer, head, stack=selection.stack, queries=queries.tolist())[:, keys]
    per_head = len(queries) * len(keys)
    query, key = np.repeat(queries, len(keys)), np.tile(keys, len(queries))
    return pd.DataFrame(
        {
            "layer": np.repeat(addresses[:, 0], per_head),
            "head": np.repeat(addresses[:, 1], per_head),
            "query": np.tile(query, len(addresses)),
            "query_token": np.tile(np.array([stack.queries[q].text for q in query], dtype=object), len(addresses)),
            "key": np.tile(key, len(addresses)),
            "key_token": np.tile(np.array([stack.keys[k].text for k in key], dtype=object), len(addresses)),
            "weight": weights.ravel(),
        }
    )


def heading(attention: Attention, selection: Selection) -> list[str]:
    """The lines of a repr that need no weights: model, shape, text."""
    stack = attention.stacks[selection.stack]
    name = one_line(attention.model_name, 60) or "arrays"
    several = f" · {selection.stack}, one of {', '.join(attention.stacks)}" if len(attention.stacks) > 1 else ""
    lines = [f"AttnView: {name} · {shape(stack)}{several}"]
    text = one_line(attention.text, 100)
    return [*lines, f"  text: {text}"] if text else lines


def links(attention: Attention, selection: Selection, count: int = 5) -> list[str]:
    """The lines of a repr that name the strongest links of the heads in view: their mean weights, by token.

    Links that the view does not draw are left out: of other tokens where some are chosen, of other pairs, to keys left
    out.
    """
    stack = attention.stacks[selection.stack]
    selection = replace(selection, unit="pieces", aggregate="mean")
    addresses, stretch, look = selection.addresses(stack), selection.rows(stack), selection.look(stack)
    drawn = look.shown_rows
    rows = [row for row in stretch if drawn[row] and (not selection.queries or row in selection.queries)]
    if not addresses or not rows or not stack.keys:
        return [f"  {one_line(selection.label(stack), 100)}"]
    weights = mean_weights(attention, selection.stack, addresses, rows)
    weights[:, look.hidden] = 0
    if selection.keys:
        weights[:, np.isin(np.arange(len(stack.keys)), selection.keys, invert=True)] = 0
    part = f", queries {stretch[0]} to {stretch[-1]}" if len(stretch) < len(stack.queries) else ""
    lines = [f"  {selection.label(stack)}{part}; strongest links (weight, query → key):"]
    for query, key, weight in strongest(weights, rows, count):
        source, target = (one_line(t.text, _LONGEST_TOKEN) for t in (stack.queries[query], stack.keys[key]))
        lines.append(f"    {weight:.3f}  {query} {source} → {key} {target}")
    return lines
