"""Trace: one pair of tokens over all layers and heads, both ways. Twin of js/src/trace.ts.

All of it follows from the weights as they are printed (`attnwidget.wire.codec`), so that a page which holds those
comes to the same digits as this does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.answers.layers import check_stack
from attnwidget.attention import Attention
from attnwidget.breaks import take_break
from attnwidget.statistics.setting import Setting
from attnwidget.wire import codec
from attnwidget.wire.container import Packer, number_block

#: Why one of the two ways is empty, by its number on the wire: it is not; rows and keys are different texts; the key
#: comes after the query, which does not see it; there is no query at that key.
STATES = ("shown", "cross", "causal", "absent")

#: Cells of the rows that one head's mean at the same distance is taken from; and the fewest pairs, on any text.
_MOST_CELLS = 1 << 18
_FEWEST_PAIRS = 64
#: Float32 weights held at once.
_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Way:
    """From a row to a key.

    Attributes
    ----------
    row, key : int
    state : str
        One of `STATES`; only "shown" has numbers.
    seen : int
        Keys that the row may see by the order of the text.
    others : list of int
        Rows of the pairs at the same distance that are averaged: all others of the text, or evenly spaced ones.
    pairs : int
        How many others there are in the text.
    askers : list of int
        Other rows that may see the key: all of the text, or evenly spaced ones.
    """

    row: int
    key: int
    state: str
    seen: int
    others: list[int]
    pairs: int
    askers: list[int]


def ways(setting: Setting, query: int, key: int) -> tuple[Way, Way]:
    """From the query to the key, and back."""
    shift = setting.shift
    if shift is None:
        askers = _some([i for i in range(setting.queries) if i != query], setting)
        return Way(query, key, "shown", setting.keys, [], 0, askers), Way(0, 0, "cross", 0, [], 0, [])
    back = _way(setting, key - shift, query + shift) if 0 <= key - shift < setting.queries else None
    return _way(setting, query, key), back or Way(0, 0, "absent", 0, [], 0, [])


def _way(setting: Setting, row: int, key: int) -> Way:
    shift = setting.shift or 0
    positions = setting.queries + shift
    seen = int(setting.visible[row])
    offset = key - shift - row
    first = key - shift if setting.causal and key < positions else 0
    askers = _some([i for i in range(max(0, first), setting.queries) if i != row], setting)
    if key >= positions:  # a learned sink lies at no distance
        return Way(row, key, "shown", seen, [], 0, askers)
    if setting.causal and offset > 0:
        return Way(row, key, "causal", seen, [], 0, [])
    others = [i for i in range(max(0, -offset - shift), min(setting.queries, setting.queries - offset)) if i != row]
    return Way(row, key, "shown", seen, _some(others, setting), len(others), askers)


def _some(rows: list[int], setting: Setting) -> list[int]:
    most = max(_FEWEST_PAIRS, _MOST_CELLS // setting.keys)
    return rows if len(rows) <= most else [rows[i * len(rows) // most] for i in range(most)]


def trace(data: Attention, stack: str, query: int, key: int) -> bytes:
    """The container of one pair; ValueError, in words for the page's reader, where there is no such pair.

    Of each head: the weight, its place among the keys of its row (1 for the largest), its ratio to the mean of the
    other pairs of this text at the same distance (as `attnwidget.statistics.flow.trace`, head by head), and to the mean
    of what other queries give to the same key.
    """
    check_stack(data, stack)
    chosen = data.stacks[stack]
    for name, index, count in (("query", query, len(chosen.queries)), ("key", key, len(chosen.keys))):
        if not 0 <= index < count:
            raise ValueError(f"{name}: {index} is not valid. Valid: 0 to {count - 1}")
    both = ways(Setting.of(chosen), query, key)
    cells = sum(info.heads for info in chosen.layers)
    weight = np.zeros((2, cells), np.float32)
    rank = np.zeros((2, cells), np.uint32)
    ratio, drawn = np.full((2, 2, cells), np.nan, np.float32)
    first = 0
    for layer, info in enumerate(chosen.layers):
        if not info.heads:
            continue
        here = slice(first, first + info.heads)
        for at, way in enumerate(both):
            if way.state == "shown":
                weight[at, here], rank[at, here], ratio[at, here] = numbers(data, stack, layer, way)
                drawn[at, here] = beside(data, stack, layer, way)
        first += info.heads
    packer = Packer()
    described = [[STATES.index(way.state), way.seen, len(way.others), way.pairs] for way in both]
    packer.add(f"trace/{stack}/pair", number_block(np.array([query, key]), dtype="u4"))
    packer.add(f"trace/{stack}/ways", number_block(np.array(described), dtype="u4"))
    packer.add(f"trace/{stack}/weight", number_block(weight, dtype="f4"))
    packer.add(f"trace/{stack}/rank", number_block(rank, dtype="u4"))
    packer.add(f"trace/{stack}/ratio", number_block(ratio, dtype="f4"))
    packer.add(f"trace/{stack}/drawn", number_block(drawn, dtype="f4"))
    return packer.pack()


def numbers(
    data: Attention, stack: str, layer: int, way: Way
) -> tuple[NDArray[np.float32], NDArray[np.uint32], NDArray[np.float32]]:
    """Weight, rank and ratio of every head of a layer."""
    codes = codec.encode_weights(data.weights(layer, stack=stack, queries=[way.row])[:, 0])
    own = codes[:, way.key]
    rank = 1 + (codes > own[:, None]).sum(axis=1)
    keys = [row + (way.key - way.row) for row in way.others]
    ratio = _against(data, stack, layer, own, way.others, keys)
    return codec.VALUES[own], rank.astype(np.uint32), ratio


def beside(data: Attention, stack: str, layer: int, way: Way) -> NDArray[np.float32]:
    """Of every head of a layer: the weight ÷ the mean of what other queries give to the same key."""
    codes = codec.encode_weights(data.weights(layer, stack=stack, queries=[way.row])[:, 0, way.key])
    return _against(data, stack, layer, codes, way.askers, [way.key] * len(way.askers))


def _against(
    data: Attention, stack: str, layer: int, own: NDArray[np.uint16], rows: list[int], keys: list[int]
) -> NDArray[np.float32]:
    """Codes of one weight a head ÷ the mean of the cells at these rows and keys; NaN where there is nothing."""
    total = np.zeros(len(own))
    cells = len(own) * len(data.stacks[stack].keys)
    for some in _blocks(list(range(len(rows))), cells):
        at, to = [rows[i] for i in some], [keys[i] for i in some]
        weights = data.weights(layer, stack=stack, queries=at)[:, np.arange(len(at)), to]
        total += codec.UNITS[codec.encode_weights(weights)].sum(axis=1)
    ratio = np.full(len(own), np.nan)
    known = total > 0
    # Sums of units are exact, so that this quotient is the same number in every language.
    ratio[known] = codec.UNITS[own][known] * len(rows) / total[known]
    return ratio.astype(np.float32)


def _blocks(rows: list[int], row_cells: int) -> Iterator[list[int]]:
    step = max(1, _AT_ONCE // max(1, row_cells))
    for start in range(0, len(rows), step):
        take_break()
        yield rows[start : start + step]
