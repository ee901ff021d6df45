"""Tiny random models whose attention is far from uniform, and their eager twins: the reference."""

from __future__ import annotations

import copy
from typing import Any

import torch


def peaky(model: Any, seed: int = 0) -> Any:
    """`model` with weights under which attention is far from uniform."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim >= 2:
                spread = 1.0 if "embed" in name or "wte" in name else 1.6 * p.shape[-1] ** -0.5
                p.copy_(torch.randn(p.shape, generator=generator) * spread)
            elif "sinks" in name or name.endswith("bias"):
                p.copy_(torch.randn(p.shape, generator=generator) * 0.5)
    return model.eval()


def eager_twin(model: Any) -> Any:
    """The same weights with eager attention: the reference, which returns its attentions."""
    config = copy.deepcopy(model.config)
    config._attn_implementation = "eager"
    twin = type(model)(config)
    twin.load_state_dict(model.state_dict())
    return twin.eval()
