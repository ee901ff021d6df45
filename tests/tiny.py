"""Tiny random models whose attention is far from uniform, and their eager twins: the reference."""

from __future__ import annotations

import copy
from typing import Any

import torch
import transformers


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


def tiny_whisper(**settings: Any) -> Any:
    """A peaky Whisper: 1 encoder layer, 2 decoder layers, 2 heads."""
    config = transformers.WhisperConfig(
        vocab_size=64,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        num_mel_bins=8,
        max_target_positions=16,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=3,
        **settings,
    )
    return peaky(transformers.WhisperForConditionalGeneration(config))


#: Settings of a Qwen3-Next, whose layers are of linear attention or of gated attention.
SMALL_QWEN3_NEXT = {
    "num_key_value_heads": 2,
    "head_dim": 8,
    "num_experts": 2,
    "num_experts_per_tok": 1,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
    "linear_num_value_heads": 2,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
