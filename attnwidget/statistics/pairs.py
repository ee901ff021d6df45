"""How alike heads are: Jensen–Shannon divergence between the rows of every two heads."""

from __future__ import annotations

import numpy as np

from attnwidget.attention import Attention
from attnwidget.statistics.setting import F8

_CELLS = 1 << 20


def js_distances(attention: Attention, *, stack: str | None = None) -> F8:
    """Mean over rows of JS(A_a,i ‖ A_b,i) for every two heads of all layers, in nats: float64 [N, N], 0 to ln 2.

    N counts the heads of all layers in order. Its square root is a metric; Clark et al. (2019) sum over rows of a
    corpus: means of texts, weighted by their number of rows, add up to that. Of many texts:
    ``profile(..., distances=True).distances()``.
    """
    chosen = attention._stack(stack)
    layers = [i for i, layer in enumerate(chosen.layers) if layer.heads]
    number, n, k = sum(chosen.layers[i].heads for i in layers), len(chosen.queries), len(chosen.keys)
    total = np.zeros((number, number))
    step = max(1, _CELLS // max(1, number * k))
    for first in range(0, n, step):
        rows = slice(first, min(n, first + step))
        parts = [attention.weights(layer, stack=chosen.name, queries=rows) for layer in layers]
        weights = np.concatenate(parts).astype(np.float64)
        own = _entropy(weights)
        for a in range(number - 1):
            mixed = _entropy((weights[a] + weights[a + 1 :]) / 2)
            total[a, a + 1 :] += (mixed - (own[a] + own[a + 1 :]) / 2).sum(-1)
    total = np.maximum(total + total.T, 0)
    return total / max(1, n)


def condensed(square: F8) -> F8:
    """The upper triangle of [N, N], row by row: all that a symmetric table without a diagonal holds."""
    return square[np.triu_indices(len(square), 1)]


def squareform(pairs: F8, number: int) -> F8:
    """What `condensed` left of a table of `number` heads: [N, N]."""
    out = np.zeros((number, number))
    out[np.triu_indices(number, 1)] = pairs
    return out + out.T


def _entropy(weights: F8) -> F8:
    """Entropy of rows [..., k] in nats."""
    return np.asarray(-(weights * np.log(np.maximum(weights, 1e-300))).sum(-1), np.float64)


def js_rows(one: F8, two: F8) -> F8:
    """JS between rows [..., k] of the same place: [...], in nats."""
    one, two = np.asarray(one, np.float64), np.asarray(two, np.float64)
    return np.maximum(_entropy((one + two) / 2) - (_entropy(one) + _entropy(two)) / 2, 0)
