"""Over layers: rollout, flow, and what happens between two tokens in every layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import islice
from typing import Any

import numpy as np

from attnwidget.attention import Attention
from attnwidget.breaks import take_break
from attnwidget.layers import Stack
from attnwidget.overviews import CELLS_AT_ONCE
from attnwidget.statistics.setting import F8, Setting

#: Flow solves n² maximum-flow problems: beyond this it is asked for by name.
FLOW_LIMIT = 40
# scipy's maximum flow counts in whole numbers of 32 bits: capacities are shares, in steps of this.
_UNITS = 10**8
# Multiplications between two breaks: some tens of milliseconds.
_PRODUCTS_AT_ONCE = 1 << 29


def rollout(attention: Attention, *, head: int | None = None, stack: str | None = None) -> F8:
    """Attention rollout: R_l = Â_l·R_{l−1}, Â = ½·A + ½·I, R before the first layer = I. float64 [L, n, n].

    Row i of layer l: what token i of that layer's output is made of, if attention were all there is. It counts weight
    parked on a sink as flow. Layers without weights pass everything on; weight on a learned sink is lost.

    Parameters
    ----------
    attention : Attention
    head : int, optional
        Of every layer; left out: the mean of all heads.
    stack : str, optional

    References
    ----------
    Abnar & Zuidema (2020), "Quantifying attention flow in transformers", Eq. 1 and App. A.1.
    """
    chosen = attention._stack(stack)
    n = _tokens(chosen)
    out: list[F8] = []
    for mixed in _mixed(attention, chosen, head):
        rolled = np.empty((n, n)) if out else mixed
        if out:
            for rows in _blocks(n, _PRODUCTS_AT_ONCE // max(1, n * n)):
                np.matmul(mixed[rows], out[-1], out=rolled[rows])
        out.append(rolled)
    return np.stack(out)


def _tokens(chosen: Stack) -> int:
    """How many tokens flow from layer to layer; ValueError where queries and keys are not the same."""
    setting = Setting.of(chosen)
    if setting.shift != 0:
        raise ValueError(
            f"stack {chosen.name!r} has {setting.queries} queries and {setting.keys} keys: tokens flow from layer to "
            "layer only where they are the same"
        )
    return setting.queries


def _blocks(n: int, rows: int) -> Iterator[slice]:
    """Blocks of no more than so many of n rows, with a break before each."""
    step = max(1, rows)
    for first in range(0, n, step):
        take_break()
        yield slice(first, min(n, first + step))


def _mixed(attention: Attention, chosen: Stack, head: int | None) -> Iterator[F8]:
    """½·A + ½·I of every layer, [n, n]."""
    n = len(chosen.queries)
    for layer, info in enumerate(chosen.layers):
        if not info.heads:
            yield np.eye(n)
            continue
        total = np.zeros((n, n))
        heads = range(info.heads) if head is None else [head]
        for one in heads:
            for rows in _blocks(n, CELLS_AT_ONCE // max(1, n)):
                total[rows] += attention.weights(layer, one, stack=chosen.name, queries=rows)[:, :n]
        yield total / len(heads) / 2 + np.eye(n) / 2


def flow(attention: Attention, layer: int, *, stack: str | None = None, limit: int = FLOW_LIMIT) -> F8:
    """Attention flow: the largest flow from token i of a layer's output to input token j, [n, n]; rows sum to 1.

    Edges of the graph carry at most Â = ½·mean of heads + ½·I. Needs scipy.

    Raises
    ------
    ValueError
        The text has more than `limit` tokens: time grows with layers² · n⁴.

    References
    ----------
    Abnar & Zuidema (2020), "Quantifying attention flow in transformers".
    """
    try:
        csr_array: Any = import_module("scipy.sparse").csr_array
        maximum_flow: Any = import_module("scipy.sparse.csgraph").maximum_flow
    except ImportError as error:
        raise ImportError("flow needs scipy: pip install 'attnwidget[flow]'") from error
    chosen = attention._stack(stack)
    n = _tokens(chosen)
    if not 0 <= layer < chosen.n_layers:
        raise IndexError(f"layer {layer} is out of range: valid is 0 to {chosen.n_layers - 1} (counted from 0)")
    if n > limit:
        raise ValueError(f"flow over {n} tokens would take long (time grows with n⁴): pass limit={n} to do it anyway")
    nodes = (layer + 2) * n
    capacity = np.zeros((nodes, nodes), np.int32)
    for depth, mixed in enumerate(islice(_mixed(attention, chosen, None), layer + 1)):
        capacity[(depth + 1) * n : (depth + 2) * n, depth * n : (depth + 1) * n] = np.rint(mixed * _UNITS)
    edges = csr_array(capacity)
    found = np.zeros((n, n))
    for i in range(n):
        take_break()
        found[i] = [maximum_flow(edges, (layer + 1) * n + i, j).flow_value for j in range(n)]
    return np.asarray(found / found.sum(1, keepdims=True), np.float64)


@dataclass(frozen=True)
class Step:
    """One layer of a trace from token a to token b.

    Attributes
    ----------
    layer : int
    mean, largest : float
        Weight of the pair, over heads.
    head : int
        Where it is largest.
    rank : int
        Place of b among the keys of a's mean row, 1 for the first.
    lift : float
        mean ÷ uniform weight.
    excess : float
        mean − the mean over all other pairs of this text at the same offset: what position alone does not explain.
    rollout : float
    """

    layer: int
    mean: float
    largest: float
    head: int
    rank: int
    lift: float
    excess: float
    rollout: float


@dataclass(frozen=True)
class Trace:
    """A pair of tokens through all layers, both ways; `adjacent`: any previous- or next-token head draws this link."""

    forward: tuple[Step, ...]
    backward: tuple[Step, ...]
    adjacent: bool


def trace(attention: Attention, a: int, b: int, *, stack: str | None = None) -> Trace:
    """What happens between two tokens in every layer, from a to b and from b to a."""
    chosen = attention._stack(stack)
    n = len(chosen.queries)
    for name, index in (("a", a), ("b", b)):
        if not 0 <= index < n:
            raise IndexError(f"{name}={index} is out of range: valid is 0 to {n - 1}")
    rolled = rollout(attention, stack=stack)
    visible = Setting.of(chosen).visible
    out: tuple[list[Step], list[Step]] = ([], [])
    for layer, info in enumerate(chosen.layers):
        if not info.heads:
            continue
        mean = np.zeros((n, n))
        pair = np.zeros((2, info.heads))
        for head in range(info.heads):
            take_break()
            weights = attention.weights(layer, head, stack=chosen.name)[:, :n]
            mean += weights
            pair[:, head] = weights[a, b], weights[b, a]
        mean /= info.heads
        for way, (i, j) in enumerate(((a, b), (b, a))):
            same = np.diagonal(mean, j - i)
            others = (same.sum() - mean[i, j]) / (len(same) - 1) if len(same) > 1 else np.nan
            out[way].append(
                Step(
                    layer,
                    float(mean[i, j]),
                    float(pair[way].max()),
                    int(pair[way].argmax()),
                    1 + int((mean[i] > mean[i, j]).sum()),
                    float(mean[i, j] * visible[i]),
                    float(mean[i, j] - others),
                    float(rolled[layer, i, j]),
                )
            )
    return Trace(tuple(out[0]), tuple(out[1]), abs(a - b) <= 2)
