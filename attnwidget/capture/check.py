"""The self-check: what is recomputed against what really ran, on a few rows of every layer.

Two witnesses, as each alone can be fooled. The *kernel's output*: recomputed weights times values must be what the
attention function returned. The *architecture's own eager function*: it must give the same weights for the same
queries and keys. Where only the second agrees, the output is changed after the weighted sum (gated); where only the
first does, the model runs something else than its eager code says, and what ran is shown; where neither does, its
formula is one that is not known here, and the eager function's own weights are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from attnwidget.capture.interface import Heard
from attnwidget.capture.masks import Pick
from attnwidget.capture.records import Record
from attnwidget.layers import Floats

TOLERANCE = 2e-4
# Half precision models round their weights and outputs; what lies beyond is another formula.
HALF_TOLERANCE = 5e-2
# Cells of scores that may be in memory at once where a whole layer is computed by the model's own function (64 MB).
_BLOCK = 1 << 24

CHANGED = "its output is changed (a gate) before W_O: contributions are those without that"
DIFFERENT = "its eager function gives other weights than the kernel that ran; shown is what ran"
REPLACED = (
    "its attention follows a formula of its own, or looks at padding: weights are those of its own eager function"
)
UNKNOWN = "recomputed attention differs from what the model computed: its attention follows another formula"


@dataclass(frozen=True)
class Verdict:
    """`residual`: largest relative difference, None where there was nothing to compare with; `note`: for the reader."""

    residual: float | None = None
    note: str = ""


def judge(heard: Heard, record: Record, sample: int, rows: list[int], columns: list[int]) -> Verdict:
    """Compare one text's record with both witnesses.

    Parameters
    ----------
    heard : Heard
    record : Record
        Of the sample `sample`, whose queries and keys are those at `rows` and `columns` of the call's.
    """
    if not rows or not columns:
        return Verdict()
    some = sorted({0, len(rows) // 2, len(rows) - 1})
    weights = record.weights(range(record.heads), some)[..., : record._keys]
    by_output = _output_difference(heard, record, sample, some, [rows[r] for r in some])
    # Under autocast only some of them are in half precision.
    exact = all(t.element_size() >= 4 for t in (heard.q, heard.k, heard.v, heard.output) if hasattr(t, "element_size"))
    limit = TOLERANCE if exact else HALF_TOLERANCE
    own = own_weights(heard, sample, [rows[r] for r in some])
    by_own = None if own is None else float(np.abs(weights - own[:, :, columns]).max())
    agrees, own_agrees = _within(by_output, limit), _within(by_own, TOLERANCE)
    if agrees is not False and own_agrees is not False:
        return Verdict(_largest(by_output, by_own))
    if agrees and own_agrees is False:
        return Verdict(by_output, DIFFERENT)
    if own_agrees and agrees is False:
        return Verdict(by_own, CHANGED)
    return Verdict(_largest(by_output, by_own), UNKNOWN if own is None else REPLACED)


def sink_is_gate(heard: Heard, record: Record, sample: int, rows: list[int]) -> bool:
    """Whether the sink scales what attention gives instead of taking a share of its weights (Granite SWA).

    The output is the same either way; what counts is what the model calls its weights.
    """
    if record.sink is None or not rows:
        return False
    own = own_weights(heard, sample, rows[-1:])
    return own is not None and float(np.abs(own.sum(-1) - 1).max()) < TOLERANCE


def _within(difference: float | None, limit: float) -> bool | None:
    return None if difference is None else difference <= limit


def _largest(*differences: float | None) -> float | None:
    known = [d for d in differences if d is not None]
    return max(known) if known else None


def _output_difference(heard: Heard, record: Record, sample: int, rows: Pick, places: list[int]) -> float | None:
    """Relative to the largest output; None where it cannot be compared, or the kernel itself gave NaN."""
    output = heard.output
    wanted = (record.heads, record.v.data.shape[-1])
    if getattr(output, "dim", lambda: 0)() != 4 or tuple(output.shape[2:]) != wanted:
        return None
    own = output[sample, places].detach().float().cpu().numpy().transpose(1, 0, 2)
    largest = float(np.abs(own).max())
    if not np.isfinite(largest):
        return None
    return float(np.abs(record.output(range(record.heads), rows) - own).max()) / max(largest, 1e-12)


def own_weights(heard: Heard, sample: int, rows: list[int]) -> Floats | None:
    """Weights [H, len(rows), k] by the architecture's own eager function, in float32; None where it cannot say."""
    import torch

    if heard.own is None:
        return None
    queries, keys = heard.q.shape[2], heard.k.shape[2]
    try:
        mask = _mask(heard, sample, rows)
        kwargs = {name: _cut(value, sample, rows, queries) for name, value in heard.kwargs.items()}
        kwargs.update({"dropout": 0.0} if "dropout" in kwargs else {})
        q, k, v = (t[min(sample, t.shape[0] - 1)][None].detach() for t in (heard.q, heard.k, heard.v))
        # Weights do not depend on values: one column of them spares their copy for every query head.
        q, k, v = q[:, :, rows].float(), k.float(), v[..., :1].float()
        with torch.no_grad(), torch.autocast(q.device.type, enabled=False):
            weights = heard.own(heard.module, q, k, v, mask, **kwargs)[1]
        array: Floats = weights[0].detach().float().cpu().numpy()
    except Exception:
        # Someone else's function, called in a way it may not provide for: a witness that cannot speak is none.
        return None
    heads = heard.q.shape[1]
    return array if array.shape == (heads, len(rows), keys) and np.isfinite(array).all() else None


def all_own_weights(heard: Heard, sample: int, rows: list[int], columns: list[int]) -> Floats | None:
    """The same for all kept rows and columns: float32 [H, q, k], block by block."""
    step = max(1, _BLOCK // (heard.q.shape[1] * heard.k.shape[2]))
    parts = []
    for start in range(0, len(rows), step):
        part = own_weights(heard, sample, rows[start : start + step])
        if part is None:
            return None
        parts.append(part[:, :, columns])
    return np.concatenate(parts, axis=1)


def _mask(heard: Heard, sample: int, rows: list[int]) -> Any:
    """The mask in the form that eager functions take: additive [1, 1 or H, r, k], or None."""
    import torch

    queries, keys = heard.q.shape[2], heard.k.shape[2]
    mask = heard.mask
    if mask is not None and hasattr(mask, "mask_mod"):
        from attnwidget.capture.recorder import dense_block_mask

        mask = dense_block_mask(mask, queries, keys)
    name = str(heard.implementation or "")
    if mask is None:
        causal = heard.kwargs.get("is_causal")
        causal = getattr(heard.module, "is_causal", True) if causal is None else bool(causal)
        if heard.ran_own or name in ("", "eager") or not causal or queries == 1:
            return None
        at = torch.tensor(rows, device=heard.q.device)[:, None]
        mask = (torch.arange(keys, device=heard.q.device)[None] <= at)[None, None]
    elif mask.dim() != 4:
        raise ValueError("only the mask of every query and key is understood by eager functions")
    else:
        mask = mask[min(sample, mask.shape[0] - 1)][None]
        mask = mask if mask.shape[2] == 1 else mask[:, :, rows]
    if mask.dtype == torch.bool:
        lowest = torch.finfo(torch.float32).min
        return torch.zeros(mask.shape, dtype=torch.float32, device=mask.device).masked_fill(~mask, lowest)
    return mask.float()


def _cut(value: Any, sample: int, rows: list[int], queries: int) -> Any:
    """Of an argument that has a row for each query (a position bias), the rows asked for, of one text."""
    if getattr(value, "ndim", 0) != 4 or not hasattr(value, "detach"):
        return value
    value = value[min(sample, value.shape[0] - 1)][None]
    return value[:, :, rows] if value.shape[2] == queries and queries > 1 else value
