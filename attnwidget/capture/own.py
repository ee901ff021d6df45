"""What the tap saw of a model's own attention code → the layers of each text.

Where the scores are queries times keys times one number, masked or not, only the queries and keys are kept, after a
check against the weights that the model computed; where there is more to them (relative positions, ALiBi), the weights
themselves are kept as well, one layer at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from attnwidget.capture import masks
from attnwidget.capture.given import Given
from attnwidget.capture.projection import Projection, find_projection
from attnwidget.capture.recorder import Axis, Recorder, not_by_text
from attnwidget.capture.records import Record, Tensor
from attnwidget.capture.tap import Softmax
from attnwidget.layers import Floats

# Below this a score is a mask's: 10,000 less and more are common, and nothing is left of such a weight in float32.
_MASKED = -5e3


def weigh(recorder: Recorder, softmax: Softmax, values: Any) -> None:
    """One attention call that ended in a softmax over [B, H, q, k] or [B · H, q, k]."""
    call = recorder.add(softmax.module, "tap")
    size = recorder.prepared.size
    weights, logits = _four(softmax.weights, size), _four(softmax.logits, size)
    if weights is None or logits is None or weights.shape[0] != size or softmax.weights.dim() > 4:
        call.note = not_by_text(softmax.weights)
        recorder.withdraw_second(call)
        return
    heads, queries, keys = weights.shape[1:]
    found = [_four(softmax.product.q, size), _four(softmax.product.k, size), _four(values, size)]
    known = all(
        t is not None and t.shape[2] == n and heads % t.shape[1] == 0
        for t, n in zip(found, (queries, keys, keys), strict=True)
    ) and found[0].shape[1] in (1, heads)
    known = known and found[0].shape[1] == heads and found[1].shape[1] == found[2].shape[1]
    stack = recorder.places.stack(softmax.module)
    projection = None
    if known:
        parent = recorder.places.parent(softmax.module)
        projection = find_projection(softmax.module, parent, heads * found[2].shape[-1])
    for i in range(size):
        axes = recorder.axis(stack, 0, i, queries), recorder.axis(stack, 1, i, keys)
        call.axes.append(axes)
        own = _cut(weights[i], *axes)
        record = None
        if known:
            record = _record(recorder, found, i, axes, _cut(logits[i], *axes), projection)
            difference = float(np.abs(record.weights(range(heads), slice(None)) - own).max(initial=0))
            if difference <= (1e-5 if weights.element_size() >= 4 else 1e-2):
                call.residual = max(call.residual or 0.0, difference)
                call.records.append(record)
                continue
        call.records.append(Given(own, record))


def take(recorder: Recorder, module: Any, weights: Any) -> None:
    """One attention call of which the weights [B, H, q, k] are known and nothing else."""
    call = recorder.add(module, "tap")
    if weights.shape[0] != recorder.prepared.size:
        call.note = not_by_text(weights)
        return
    stack = recorder.places.stack(module)
    for i in range(recorder.prepared.size):
        axes = recorder.axis(stack, 0, i, weights.shape[2]), recorder.axis(stack, 1, i, weights.shape[3])
        call.axes.append(axes)
        call.records.append(Given(_cut(weights[i], *axes)))


def _four(tensor: Any, size: int) -> Any:
    """[B, H, n, d] of what may also be [B · H, n, d] or [B, G, H/G, n, d]; None for anything else."""
    if tensor.dim() == 3 and tensor.shape[0] % size == 0:
        return tensor.reshape(size, tensor.shape[0] // size, *tensor.shape[1:])
    if tensor.dim() == 5 and tensor.shape[0] in (1, size):
        return tensor.flatten(1, 2)
    if tensor.dim() == 4 and tensor.shape[0] in (1, size):
        return tensor
    return None


def _cut(tensor: Any, rows: Axis, columns: Axis) -> Floats:
    """[H, q, k] → what is kept of it, float32."""
    part = rows.cut(tensor.detach())
    part = part if len(columns.keep) == columns.length else part[:, :, columns.keep]
    array: Floats = part.float().cpu().numpy().copy()
    return array


def _record(
    recorder: Recorder,
    found: list[Any],
    i: int,
    axes: tuple[Axis, Axis],
    logits: Floats,
    projection: Projection | None,
) -> Record:
    """Queries, keys and values, and the number and mask that make `logits` of them, as far as there are such."""
    q, k, v = (
        Tensor.of(axis.cut(t[min(i, t.shape[0] - 1)]), recorder.arena)
        for t, axis in zip(found, (axes[0], axes[1], axes[1]), strict=True)
    )
    seen = logits > _MASKED
    bare = Record(q, k, v, 1.0)
    products = bare.scores(range(bare.heads), slice(None)).astype(np.float64)
    products, wanted = products[seen], logits[seen].astype(np.float64)
    below = float(products @ products)
    scale = float(products @ wanted) / below if below else 1.0
    usual = bare.q.data.shape[-1] ** -0.5
    scale = next((u for u in (1.0, usual) if abs(scale - u) < 1e-5 * u), scale)
    same = bool((seen == seen[:1]).all())
    return Record(q, k, v, scale, seen=masks.compress(seen[:1] if same else seen), projection=projection)
