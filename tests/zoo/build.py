"""Tiny random models of any architecture that transformers ships, and inputs that they take.

A default config is cut by rule: two layers (one of each kind in hybrids), four heads, a small vocabulary, few experts.
Weights are *peaky*: freshly initialised models attend almost uniformly, which any mistake would pass.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import math
import re
from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import torch
from transformers import CONFIG_MAPPING

PARAMETERS = 60_000_000
"""Models that stay above this, however much their config is cut, are not built."""

VOCABULARY, LENGTH, SHORT = 512, 10, 7

_LAYERS = re.compile(
    r"^(num_hidden_layers|n_layers?|num_layers|num_(en|de)coder_layers|(en|de)coder_layers|num_(block|hidden_group)s?|"
    r"(en|de)coder_num_hidden_layers|depth|num_blocks|n_blocks|num_hidden_groups|(en|de)coder_depth|"
    r"num_(text|vision|audio|qformer|backbone|adapter|mtp|nextn_predict)_layers|n_mtp_layers)$"
)
_HEADS = re.compile(
    r"^(num_attention_heads|n_heads?|num_heads|(en|de)coder_attention_heads|(en|de)coder_num_(attention_)?heads|"
    r"num_(en|de)coder_attention_heads)$"
)
_KEY_HEADS = re.compile(r"^((en|de)coder_)?(num_key_value_heads|num_kv_heads|n_head_kv|multi_query_group_num)$")
_HIDDEN = re.compile(
    r"^(hidden_size|d_model|n_embd|dim|embed_dim|hidden_dim|encoder_hidden_size|decoder_hidden_size|emb_dim)$"
)
_INNER = re.compile(
    r"^(intermediate_size|ffn_dim|d_ff|n_inner|(en|de)coder_ffn_dim|moe_intermediate_size|"
    r"shared_expert_intermediate_size|shared_intermediate_size|dim_feedforward|(en|de)coder_intermediate_size|"
    r"expert_intermediate_size|moe_shared_expert_intermediate_size|dense_intermediate_size|feed_forward_.*size)$"
)
_EXPERTS = re.compile(r"^(num_experts|num_local_experts|n_routed_experts|moe_num_experts|.*num_experts|n_experts)$")
_CHOSEN = re.compile(
    r"(experts_per_tok|top_?k_experts|experts_top_?k|moe_k|moe_topk|num_selected_experts|router_top_?k)"
)
_KINDS = ("layer_types", "layers_block_type", "block_types", "attention_types", "mlp_layer_types")


def model_types() -> list[str]:
    """Every type of model that transformers has a config for."""
    return sorted(CONFIG_MAPPING.keys())


def cut_config(config: Any, thin: bool) -> dict[str, Any]:
    """Arguments for ``type(config)(…)`` that make the model small.

    `thin` also makes it narrow; without it only what does not interact is cut: layers, vocabulary, experts.
    """
    values = {**config.to_dict(), **{k: v for k, v in vars(config).items() if not k.startswith("_")}}
    given: dict[str, Any] = {}
    kinds = _kinds(values)
    layers = max(2, max((len(k) for k in kinds.values()), default=2))
    for name, value in values.items():
        if isinstance(value, bool) or value is None:
            continue
        if name in (getattr(config, "sub_configs", None) or {}) or hasattr(value, "to_dict"):
            inner = value if hasattr(value, "to_dict") else None
            if inner is not None:
                given[name] = {**_plain(inner), **cut_config(inner, thin)}
        elif thin and isinstance(value, dict) and "mrope_section" in value:
            given[name] = {**value, "mrope_section": [2, 3, 3]}  # halves of rotary dimensions: 16 of a head
        elif isinstance(value, int):
            small = _number(name, value, layers, thin)
            if thin and _KEY_HEADS.match(name) and value == values.get("num_attention_heads"):
                small = min(value, 4)  # where keys are not shared by default, a model may not be able to
            if small != value:
                given[name] = small
    if "qk_rope_head_dim" in values and "head_dim" in given:
        same = values["head_dim"] == values["qk_rope_head_dim"]
        given["head_dim"] = given.get("qk_rope_head_dim", 8) if same else given["head_dim"]
    for name, found in kinds.items():
        given[name] = [*found, *[found[-1]] * (layers - len(found))]
    if "vocab_size" in given:
        for name in [n for n, v in values.items() if n.endswith(("_token_id", "_token_index"))]:
            value = values[name]
            if isinstance(value, list):
                value = value[0] if value else None
            if isinstance(value, int) and not isinstance(value, bool) and value >= given["vocab_size"]:
                given[name] = given["vocab_size"] - 1 - (sum(map(ord, name)) % 40)
    return given


def _plain(config: Any) -> dict[str, Any]:
    return {"model_type": config.model_type} if getattr(config, "model_type", "") else {}


def _kinds(values: dict[str, Any]) -> dict[str, list[Any]]:
    """One layer of each kind, in the order in which they appear."""
    found = {}
    for name in _KINDS:
        listed = values.get(name)
        if isinstance(listed, list) and listed and all(isinstance(x, str) for x in listed):
            found[name] = list(dict.fromkeys(listed))
    if len(found) == 2 and {"layer_types", "mlp_layer_types"} == set(found):
        pairs = list(dict.fromkeys(zip(values["layer_types"], values["mlp_layer_types"], strict=False)))
        found = {"layer_types": [p[0] for p in pairs], "mlp_layer_types": [p[1] for p in pairs]}
    return found


def _number(name: str, value: int, layers: int, thin: bool) -> int:
    if _LAYERS.match(name):
        return min(value, layers)
    if name in ("vocab_size", "n_words") or name.endswith("_vocab_size"):
        return min(value, VOCABULARY)
    if _EXPERTS.match(name):
        return min(value, 4)
    if _CHOSEN.search(name):
        return min(value, 2)
    if name in ("attn_layer_period", "attn_layer_offset"):  # hybrids: every second layer attends
        return 2 if name.endswith("period") else 1
    if name in ("n_group", "topk_group", "num_expert_group"):
        return 1
    if name == "max_source_positions" and value == 1500:
        return 20
    if name in ("image_size", "img_size") and value > 64:
        return 64
    if not thin:
        return value
    if _HEADS.match(name):
        return min(value, 4)
    if _KEY_HEADS.match(name):
        return min(value, 2)
    if _HIDDEN.match(name):
        return min(value, 64)
    if _INNER.match(name):
        return min(value, 96)
    if name in ("head_dim", "d_kv", "attention_head_dim", "kv_channels"):
        return min(value, 16)
    if name in ("rotary_dim", "qk_rope_head_dim", "qk_nope_head_dim"):
        return min(value, 8)
    if name in ("q_lora_rank", "kv_lora_rank", "v_head_dim"):
        return min(value, 12)
    return value


def configs(model_type: str) -> Iterator[Any]:
    """Small configs to try, the smallest first."""
    default = CONFIG_MAPPING[model_type]()
    for thin in (True, False):
        try:
            yield type(default)(**cut_config(default, thin))
        except Exception as error:  # noqa: PERF203 - whatever a config class checks
            yield error


def make(config: Any, implementation: str | None = None) -> Any:
    """The model of a config, on the meta device first so that a large one costs nothing."""
    more = {} if implementation is None else {"attn_implementation": implementation}
    auto = _auto(type(config))
    with torch.device("meta"):
        count = sum(p.numel() for p in auto.from_config(copy.deepcopy(config), **more).parameters())
    if count > PARAMETERS:
        raise OverflowError(f"{count / 1e6:.0f} M parameters")
    return auto.from_config(copy.deepcopy(config), **more)


def _auto(config_class: type) -> Any:
    from transformers.models.auto import modeling_auto

    preferred = ("AutoModel", "AutoModelForCausalLM", "AutoModelForSeq2SeqLM", "AutoModelForPreTraining")
    others = sorted(n for n in vars(modeling_auto) if n.startswith("AutoModelFor"))
    for name in (*preferred, *others):
        auto = getattr(modeling_auto, name)
        if config_class in getattr(auto, "_model_mapping", {}):
            return auto
    # Towers of a composite have classes that no automatic one knows.
    modeling = config_class.__module__.replace("configuration_", "modeling_")
    with contextlib.suppress(ImportError):
        for name, found in sorted(vars(import_module(modeling)).items(), key=lambda item: len(item[0])):
            own = isinstance(found, type) and getattr(found, "config_class", None) is config_class
            if own and name.endswith("Model") and not name.endswith("PreTrainedModel"):
                return SimpleNamespace(from_config=found._from_config)
    raise LookupError("no model class of its own")


def peaky(model: Any, seed: int = 0) -> Any:
    """`model` with weights under which attention is far from uniform."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if not p.dtype.is_floating_point:
                continue
            if p.ndim >= 2:
                fan_in = math.prod(p.shape[1:]) if p.ndim != 3 else p.shape[1]
                spread = 1.0 if "embed" in name or "wte" in name else 1.6 * max(fan_in, 1) ** -0.5
                p.copy_(torch.randn(p.shape, generator=generator) * spread)
            elif "sink" in name or name.endswith("bias"):
                p.copy_(torch.randn(p.shape, generator=generator) * 0.5)
    return model.eval()


def inputs(model: Any) -> Iterator[dict[str, Any]]:
    """Sets of inputs to try, the most telling first: batches of two, text padded on the right."""
    names = set(inspect.signature(model.forward).parameters)
    config = model.config
    main = getattr(model, "main_input_name", "input_ids")
    text = _text(config, names)
    images, sounds = list(_images(config, names)), list(_sounds(config, names))
    decoder = {}
    if "decoder_input_ids" in names:
        given = _ids(LENGTH - 2, (LENGTH - 2, SHORT - 2), 7)
        decoder = {"decoder_input_ids": given[0]}
        if "decoder_attention_mask" in names:
            decoder["decoder_attention_mask"] = given[1]
    if main == "input_ids" or "input_ids" in names:
        if main == "pixel_values" or {"input_ids", "pixel_values"} <= names:
            for image in images:
                yield {**text, **image, **decoder}
        yield {**text, **decoder}
        yield {k: v for k, v in text.items() if k == "input_ids"}
    for given in (*images, *sounds):
        yield {**given, **decoder}
        if decoder:
            yield given


def _ids(length: int, sizes: tuple[int, ...], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(5, 100, (len(sizes), length), generator=torch.Generator().manual_seed(seed))
    mask = torch.zeros_like(ids)
    for i, size in enumerate(sizes):
        mask[i, :size] = 1
    return ids, mask


def _text(config: Any, names: set[str]) -> dict[str, Any]:
    ids, mask = _ids(LENGTH, (LENGTH, SHORT), 3)
    given = {"input_ids": ids}
    if "attention_mask" in names:
        given["attention_mask"] = mask
    if "bbox" in names:
        given["bbox"] = torch.randint(0, 50, (2, LENGTH, 4)).sort(-1).values
    return given


def _images(config: Any, names: set[str]) -> Iterator[dict[str, Any]]:
    if "pixel_values" not in names:
        return
    inner = getattr(config, "vision_config", None) or getattr(config, "backbone_config", None) or config
    size = getattr(inner, "image_size", None) or getattr(config, "image_size", None) or 64
    size = size if isinstance(size, (list, tuple)) else (size, size)
    channels = getattr(inner, "num_channels", None) or getattr(inner, "in_channels", None) or 3
    frames = getattr(inner, "num_frames", None)
    random = torch.Generator().manual_seed(5)
    if isinstance(frames, int):
        yield {"pixel_values": torch.randn(2, frames, channels, *size, generator=random)}
    yield {"pixel_values": torch.randn(2, channels, *size, generator=random)}


def _sounds(config: Any, names: set[str]) -> Iterator[dict[str, Any]]:
    random = torch.Generator().manual_seed(5)
    if "input_values" in names:
        yield {"input_values": torch.randn(2, 6000, generator=random)}
        bins, length = getattr(config, "num_mel_bins", 80), getattr(config, "max_length", 128)
        yield {"input_values": torch.randn(2, length, bins, generator=random)}
    if "input_features" in names:
        inner = getattr(config, "audio_config", None) or getattr(config, "encoder_config", None) or config
        for name in ("num_mel_bins", "input_feat_per_channel", "feature_projection_input_dim", "input_dim"):
            bins = getattr(inner, name, None) or getattr(config, name, None)
            if isinstance(bins, int):
                frames = 2 * getattr(config, "max_source_positions", 20)
                frames = frames if frames <= 3000 else 40
                yield {"input_features": torch.randn(2, bins, frames, generator=random)}
                yield {"input_features": torch.randn(2, 40, bins, generator=random)}
