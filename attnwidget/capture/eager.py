"""The fallback for models whose attention does not go through the interface: ask the model for its weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from attnwidget.arrays import ROW_TOLERANCE, ArrayLayer, to_numpy
from attnwidget.capture.guest import configs
from attnwidget.capture.stacks import ORDER

_NAMES = {
    "encoder_attentions": "encoder",
    "decoder_attentions": "decoder",
    "cross_attentions": "cross",
    "vision_attentions": "vision",
}


def ask_for_weights(model: Any, inputs: dict[str, Any], main_stack: str) -> dict[str, list[Any]]:
    """Weights that the model itself returns under ``output_attentions=True`` with eager attention.

    Within :func:`attnwidget.capture.guest.as_guest`, which restores the implementation and takes off the hooks that
    transformers puts on.

    Returns
    -------
    dict of str to list of torch.Tensor
        By stack, one [B, H, q, k] for each layer; empty where the model returned none.
    """
    for config in configs(model):
        if "_attn_implementation_internal" in config.__dict__:
            config.__dict__["_attn_implementation_internal"] = "eager"
    try:
        outputs = model(**inputs, output_attentions=True)
    except TypeError as error:
        if "output_attentions" not in str(error):
            raise
        return {}
    found: dict[str, list[Any]] = {}
    for name, stack in {**_NAMES, "attentions": main_stack}.items():
        layers = getattr(outputs, name, None)
        layers = [a for a in layers or () if hasattr(a, "shape") and len(a.shape) == 4]
        if layers:
            found[stack] = layers
    return {stack: found[stack] for stack in ORDER if stack in found}


def cut(weights: Any, sample: int, rows: list[int], columns: list[int]) -> tuple[ArrayLayer | None, str]:
    """One text's weights of one layer without padding, or None and the reason."""
    if sample >= weights.shape[0] or max(rows) >= weights.shape[2] or max(columns) >= weights.shape[3]:
        shape = "×".join(map(str, weights.shape))
        return None, f"the model returned shape {shape}, which is not one map for each text"
    array = to_numpy(weights[sample], "weights")[:, rows][:, :, columns]
    if np.isnan(array).any():
        return None, "the model returned NaN"
    if (array < 0).any() or (np.abs(array.sum(-1) - 1) > ROW_TOLERANCE).any():
        return None, "what the model returned as attentions is no distribution over keys"
    return ArrayLayer(np.ascontiguousarray(array)), ""
