"""What heads write, not only where they look: norms of α·v·W_O (Kobayashi et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attnwidget.attention import Attention
from attnwidget.breaks import take_break
from attnwidget.statistics.partition import PARTS, parts
from attnwidget.statistics.setting import CLASSES, F8, NEIGHBOURS, Setting

#: Classes of keys that value statistics tell apart.
VALUE_CLASSES = ("cls", "sep", "punct", "other", "word", "first")
_CELLS = 1 << 18


@dataclass(frozen=True)
class Written:
    """Value statistics of one layer: `heads` by name, float64 [H]; `layer` by class of key or category."""

    heads: dict[str, F8]
    layer: dict[str, float]

    @staticmethod
    def names() -> tuple[str, ...]:
        return (
            *(f"norm_{name}" for name in (*VALUE_CLASSES, *PARTS)),
            *(f"value_{name}" for name in VALUE_CLASSES),
            "written",
        )


def written(attention: Attention, layer: int, stack: str, columns: F8, near: F8, setting: Setting) -> Written:
    """Norm shares by class and category of key, and mean norms by class.

    ‖α_ij·f(x_j)‖ = α_ij·‖f(x_j)‖ for one head, so that its sums over rows need the column sums of the weights only.
    For the layer it is ‖Σ_h α_ij·f_h(x_j)‖, which takes the dot products of what the heads write.

    Parameters
    ----------
    columns : float64 [H, keys]
        Weight that each key gets from all rows together.
    near : float64 [H, len(NEIGHBOURS), keys]
        Weight that each key gets from its own row and the rows beside it.
    """
    classes = setting.classes[:, [CLASSES.index(name) for name in VALUE_CLASSES]]
    counts = classes.sum(0)
    heads = len(columns)
    record = attention._record(layer, attention._stack(stack))
    products = record.value_products(range(heads))
    if products is None:
        nothing = np.full(heads, np.nan)
        return Written(dict.fromkeys(Written.names(), nothing), {})
    norms = np.sqrt(np.maximum(np.einsum("khh->hk", products), 0))
    moved = columns * norms
    total = moved.sum(1)
    out: dict[str, F8] = {}
    for i, name in enumerate(VALUE_CLASSES):
        member = classes[:, i]
        there = counts[i] > 0
        out[f"norm_{name}"] = _over(moved @ member, total)
        out[f"value_{name}"] = norms @ member / counts[i] if there else np.full(heads, np.nan)
    for name, part in parts(moved, near * norms[:, None], setting).items():
        out[f"norm_{name}"] = _over(part, total)
    out["written"] = total / setting.queries
    summed, beside = _layer_columns(attention, layer, stack, products, setting)
    whole = summed.sum()
    found = dict(zip(VALUE_CLASSES, summed @ classes, strict=True))
    found |= {name: part[0] for name, part in parts(summed[None], beside[None], setting).items()}
    return Written(out, {name: float(part / whole) if whole > 0 else np.nan for name, part in found.items()})


def _over(part: F8, whole: F8) -> F8:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def _layer_columns(attention: Attention, layer: int, stack: str, products: F8, setting: Setting) -> tuple[F8, F8]:
    """‖Σ_h α_ij·f_h(x_j)‖ of each key: summed over all rows, float64 [keys], and of `NEIGHBOURS`, [3, keys]."""
    heads = products.shape[1]
    out, beside = np.zeros(setting.keys), np.zeros((len(NEIGHBOURS), setting.keys))
    step = max(1, _CELLS // (setting.keys * heads))
    for first in range(0, setting.queries, step):
        take_break()
        rows = slice(first, min(setting.queries, first + step))
        weights = attention.weights(layer, stack=stack, queries=setting.read(rows)).astype(np.float64)
        by_key = np.ascontiguousarray(weights.transpose(2, 0, 1))
        squared = ((products @ by_key) * by_key).sum(1)
        norms = np.sqrt(np.maximum(squared, 0))
        out += norms.sum(1)
        for near, (at, keys) in enumerate(setting.neighbours(rows)):
            beside[near, keys] += norms[keys, at]
    return out, beside
