"""What tests of the capture share: inputs, the eager truth, a model as it was before."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from tiny import eager_twin

from attnwidget import Attention

ODD: dict[str, tuple[str, str, dict[str, Any]]] = {
    "softcap": (
        "Gemma2",
        "Gemma2ForCausalLM",
        {
            "num_key_value_heads": 2,
            "head_dim": 8,
            "sliding_window": 4,
            "attn_logit_softcapping": 2.0,
            "attn_implementation": "eager",
        },
    ),
    "sink": (
        "GptOss",
        "GptOssForCausalLM",
        {
            "num_key_value_heads": 2,
            "head_dim": 8,
            "sliding_window": 4,
            "num_local_experts": 2,
            "num_experts_per_tok": 1,
        },
    ),
    "window": ("Mistral", "MistralForCausalLM", {"num_key_value_heads": 1, "sliding_window": 3, "head_dim": 8}),
    "fused": (
        "GPT2",
        "GPT2LMHeadModel",
        {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64},
    ),
    "shared layer": ("Albert", "AlbertModel", {"embedding_size": 16}),
    "BERT as decoder": ("Bert", "BertLMHeadModel", {"is_decoder": True}),
    "latent keys": (
        "DeepseekV3",
        "DeepseekV3ForCausalLM",
        {
            "num_key_value_heads": 4,
            "q_lora_rank": 16,
            "kv_lora_rank": 16,
            "qk_rope_head_dim": 4,
            "qk_nope_head_dim": 8,
            "v_head_dim": 6,
            "first_k_dense_replace": 3,
        },
    ),
}


def batch(n: int = 12, sizes: tuple[int, ...] = (12, 7), left: bool = False, vocab: int = 60) -> dict[str, Any]:
    ids = torch.randint(5, vocab, (len(sizes), n), generator=torch.Generator().manual_seed(3))
    mask = torch.zeros_like(ids)
    for i, size in enumerate(sizes):
        mask[i, n - size :] = 1
        if not left:
            mask[i] = mask[i].flip(0)
    return {"input_ids": ids * mask, "attention_mask": mask}


def reference(model: Any, inputs: dict[str, Any], **more: Any) -> Any:
    with torch.no_grad():
        return eager_twin(model)(**inputs, **more, output_attentions=True)


def assert_same(
    found: Attention,
    given: Any,
    sample: int,
    rows: Any,
    columns: Any,
    stack: str | None = None,
    tolerance: float = 1e-5,
) -> None:
    chosen = found.stacks[stack] if stack else next(iter(found.stacks.values()))
    shown = [layer for layer, info in enumerate(chosen.layers) if info.heads]
    assert len(shown) == len(given)
    for layer, wanted in zip(shown, given, strict=True):
        wanted = wanted[sample].numpy()[:, rows][:, :, columns]
        got = found.weights(layer, stack=stack)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got[..., : wanted.shape[-1]], wanted, atol=tolerance, rtol=0)
        np.testing.assert_allclose(got.sum(-1), 1, atol=1e-5)


def kept(inputs: dict[str, Any], i: int) -> list[int]:
    return torch.nonzero(inputs["attention_mask"][i]).flatten().tolist()


def formula_notes(found: Attention) -> list[str]:
    return [note for note in found.notes if "formula" in note]


def snapshot(model: Any) -> dict[str, Any]:
    names = ("_forward_hooks", "_forward_pre_hooks", "_forward_hooks_with_kwargs")
    return {
        "dicts": [
            {
                n: (list(v.items()) if n in names else v)
                for n, v in m.__dict__.items()
                if n in names or n in ("training", "_output_capturing_hooks_installed")
            }
            for m in model.modules()
        ],
        "config": model.config.to_dict(),
        "implementation": model.config._attn_implementation,
        "random": torch.get_rng_state().clone(),
        "gradients": [p.grad for p in model.parameters()],
    }


def assert_unchanged(model: Any, before: dict[str, Any]) -> None:
    after = snapshot(model)
    assert after["dicts"] == before["dicts"]
    assert after["config"] == before["config"]
    assert after["implementation"] == before["implementation"]
    assert torch.equal(after["random"], before["random"])
    assert all(grad is None for grad in after["gradients"])
