"""Attention that is not the plain formula: what the self-check says of it, and models with code of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tiny import SMALL_QWEN3_NEXT, eager_twin, peaky
from transformers.models.llama import modeling_llama

from attnwidget import Attention, capture
from attnwidget.capture.given import Given
from attnwidget.capture.records import Record

IDS = torch.tensor([[9, 21, 33, 7, 15, 40, 8, 22, 50, 11], [12, 31, 5, 44, 18, 26, 37, 0, 0, 0]])
INPUTS = {"input_ids": IDS, "attention_mask": (IDS > 0).long()}
KEPT = [list(range(10)), list(range(7))]


def reference(model: Any, name: str = "attentions") -> Any:
    with torch.no_grad():
        return [a.numpy() for a in eager_twin(model)(**INPUTS, output_attentions=True)[name]]


def assert_weights(found: list[Attention], wanted: Any, tolerance: float = 1e-5) -> None:
    for i, one in enumerate(found):
        assert one.n_layers == len(wanted)
        for layer, given in enumerate(wanted):
            own = given[i][:, KEPT[i]][:, :, KEPT[i]]
            np.testing.assert_allclose(one.weights(layer), own, atol=tolerance, rtol=0)


def layer_of(found: Attention, number: int) -> Any:
    assert found._layers is not None
    return next(iter(found._layers.values()))[number]


# The self-check


def odd_attention(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float, **kwargs: Any
) -> Any:
    """A formula that nobody knows: a power of the weights, normalised again."""
    key, value = (modeling_llama.repeat_kv(t, module.num_key_value_groups) for t in (key, value))
    scores = query @ key.transpose(2, 3) * scaling + attention_mask
    weights = scores.softmax(-1) ** 1.5
    weights = weights / weights.sum(-1, keepdim=True)
    return (weights @ value).transpose(1, 2).contiguous(), weights


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modeling_llama, "eager_attention_forward", odd_attention)


def llama(make_model: Callable[..., Any], implementation: str) -> Any:
    return make_model("Llama", "LlamaForCausalLM", num_key_value_heads=2, attn_implementation=implementation)


@pytest.mark.usefixtures("odd")
def test_where_the_formula_is_wrong_the_models_own_weights_are_taken(make_model: Callable[..., Any]) -> None:
    model = llama(make_model, "eager")
    found = capture(model, INPUTS)
    assert isinstance(found, list)
    assert_weights(found, reference(model))
    for one in found:
        assert one.residual is not None
        assert one.residual > 0.01
        for number, info in enumerate(one.stacks["decoder"].layers):
            assert "its own eager function" in info.note
            assert info.residual == one.residuals()[number]
            assert info.residual is not None
            assert info.residual > 1e-3
            assert isinstance(layer_of(one, number), Given)
        assert any("decoder layers 0–2" in note and "formula" in note for note in one.notes)
        assert one.query(0).shape == (4, len(one.tokens), 8)
        assert one.value_norms(0) is not None
        with pytest.raises(ValueError, match="no scores"):
            one.scores(0)
    assert found[0].stacks["decoder"].causal


@pytest.mark.usefixtures("odd")
def test_what_ran_is_shown_where_eager_code_would_do_something_else(make_model: Callable[..., Any]) -> None:
    model = llama(make_model, "sdpa")
    found = capture(model, INPUTS)
    assert isinstance(found, list)
    assert isinstance(layer_of(found[0], 0), Record)
    assert "shown is what ran" in found[0].stacks["decoder"].layers[0].note
    assert found[0].residual is not None
    assert found[0].residual < 1e-5
    assert np.abs(found[0].weights(0) - reference(model)[0][0]).max() > 0.05


def test_every_layer_is_checked(tiny_llama: Any) -> None:
    found = capture(tiny_llama, INPUTS["input_ids"][:1])
    assert isinstance(found, Attention)
    residuals = found.residuals()
    assert len(residuals) == 3
    assert all(r is not None and 0 < r < 1e-5 for r in residuals)
    assert found.residual == max(r for r in residuals if r is not None)
    assert not any(layer.note for layer in found.stacks["decoder"].layers)


def test_a_gate_after_attention_is_named(make_model: Callable[..., Any]) -> None:
    """Qwen3-Next multiplies what attention gives with a gate before W_O."""
    model = make_model(
        "Qwen3Next",
        "Qwen3NextForCausalLM",
        num_hidden_layers=2,
        layer_types=["linear_attention", "full_attention"],
        **SMALL_QWEN3_NEXT,
    )
    found = capture(model, INPUTS)
    assert isinstance(found, list)
    np.testing.assert_allclose(found[0].weights(1), reference(model)[0][0], atol=1e-5)
    assert "before W_O" in found[0].stacks["decoder"].layers[1].note
    assert any("gate" in note and "contributions" in note for note in found[0].notes)
    assert found[0].contributions(1).shape == (4, 10, 10)


def test_a_scale_that_differs_by_layer(make_model: Callable[..., Any]) -> None:
    """Older transformers scale by layer in eager code only: then it is the kernel that is shown, and said so."""
    sizes = {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64}
    model = make_model("GPT2", "GPT2LMHeadModel", scale_attn_by_inverse_layer_idx=True, **sizes)
    found = capture(model, INPUTS)
    assert isinstance(found, list)
    if any("shown is what ran" in note for note in found[0].notes):
        assert found[0].residual is not None
        assert found[0].residual < 1e-5
    else:
        assert_weights(found, reference(model))


# Attention code of their own

OWN: dict[str, tuple[str, str, dict[str, Any], bool]] = {
    # family, architecture, settings, whether queries and keys say it all
    "baddbmm with ALiBi": ("Bloom", "BloomForCausalLM", {"n_layer": 2, "n_head": 4, "pad_token_id": 0}, False),
    "causal by a buffer": ("GPTJ", "GPTJForCausalLM", {"n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4}, True),
    "the kernel itself": ("Falcon", "FalconForCausalLM", {"num_hidden_layers": 2, "alibi": False}, True),
    "einsum": ("XLNet", "XLNetModel", {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 48}, False),
    "bmm of merged heads": (
        "XGLM",
        "XGLMForCausalLM",
        {"d_model": 32, "num_layers": 2, "attention_heads": 4, "ffn_dim": 48},
        True,
    ),
    "relative positions": (
        "DebertaV2",
        "DebertaV2Model",
        {"num_hidden_layers": 2, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 8},
        False,
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_attention_code_of_its_own(name: str, make_model: Callable[..., Any]) -> None:
    family, architecture, settings, formula = OWN[name]
    if family == "XLNet":  # refuses to be told of a longest text
        model = peaky(transformers.XLNetModel(transformers.XLNetConfig(vocab_size=64, **settings)))
    else:
        model = make_model(family, architecture, **settings)
    found = capture(model, INPUTS)
    assert isinstance(found, list)
    assert_weights(found, reference(model))
    for one in found:
        assert list(one.stacks) == ["decoder" if architecture.endswith("CausalLM") else "encoder"]
        stack = next(iter(one.stacks.values()))
        assert {layer.source for layer in stack.layers} == {"tap"}
        assert any("code of its own" in note for note in one.notes)
        size = len(one.tokens)
        assert one.query(1).shape[:2] == one.key(1).shape[:2] == one.value(1).shape[:2] == (4, size)
        assert isinstance(layer_of(one, 1), Record) == formula
        if formula:
            d = one.query(1).shape[-1]
            logits = one.query(1, 0) @ one.key(1, 0).T * d**-0.5
            seen = np.isfinite(one.scores(1, 0))
            if name != "bmm of merged heads":  # scales its queries beforehand
                np.testing.assert_allclose(one.scores(1, 0)[seen], logits[seen], atol=1e-4)
            assert one.residual is not None
            assert one.residual < 1e-5


def test_torchs_own_multi_head_attention(make_model: Callable[..., Any]) -> None:
    """Each head's weights, of which the model itself asks for the mean at most, or none."""

    class Layered(transformers.PreTrainedModel):
        config_class = transformers.BertConfig
        main_input_name = "input_ids"

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.embed = torch.nn.Embedding(64, 32)
            self.layers = torch.nn.ModuleList(
                torch.nn.TransformerEncoderLayer(32, 4, 48, 0.1, batch_first=True) for _ in range(2)
            )
            self.post_init()

        def forward(self, input_ids: Any, attention_mask: Any = None) -> Any:
            hidden = self.embed(input_ids)
            for layer in self.layers:
                hidden = layer(hidden, src_key_padding_mask=attention_mask == 0)
            return (hidden,)

    model = peaky(Layered(transformers.BertConfig()))
    with torch.no_grad():
        before = model(**INPUTS)[0]
    found = capture(model, INPUTS)
    assert isinstance(found, list)
    attention = model.layers[0].self_attn
    hidden = model.embed(IDS)
    q, k = (
        torch.nn.functional.linear(hidden, attention.in_proj_weight[i : i + 32], attention.in_proj_bias[i : i + 32])
        .view(2, 10, 4, 8)
        .transpose(1, 2)
        for i in (0, 32)
    )
    for i, one in enumerate(found):
        wanted = (q[i][:, KEPT[i]] @ k[i][:, KEPT[i]].transpose(1, 2) * 8**-0.5).softmax(-1).detach().numpy()
        np.testing.assert_allclose(one.weights(0), wanted, atol=1e-5)
        assert one.stacks["encoder"].layers[1].source == "tap"
        with pytest.raises(ValueError, match="no query vectors"):
            one.query(0)
    with torch.no_grad():
        assert torch.equal(model(**INPUTS)[0], before)


class Kernel(torch.nn.Module):
    """Two heads of 8, or one without an axis for heads, through the kernel with a mask that torch broadcasts."""

    def __init__(self, mask: Any, heads: bool) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding.from_pretrained(torch.randn(64, 48, generator=torch.Generator().manual_seed(0)))
        self.mask, self.heads = mask, heads

    def operands(self, input_ids: Any) -> Any:
        parts = self.embed(input_ids).unflatten(-1, (3, 2, 8)).permute(2, 0, 3, 1, 4)
        return parts if self.heads else parts[:, :, 0]

    def forward(self, input_ids: Any) -> Any:
        q, k, v = self.operands(input_ids)
        one = torch.nn.functional.scaled_dot_product_attention(*(t.flatten(0, -3)[0] for t in (q, k, v)))
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=self.mask) + 0 * one


BIAS = torch.randn(2, 10, 10, generator=torch.Generator().manual_seed(1))
MASKS = [torch.ones(10, 10).tril().bool(), BIAS, BIAS[0], BIAS[0, :1] < 0, BIAS[0, :, :1], None]


@pytest.mark.parametrize("heads", [True, False])
@pytest.mark.parametrize("mask", MASKS)
def test_the_kernel_takes_missing_axes_of_a_mask_to_be_in_front(mask: Any, heads: bool) -> None:
    """[q, k] holds for every text, [head, q, k] for every text, or [text, q, k] where there are no heads."""
    model = Kernel(mask, heads)
    found = capture(model, IDS)
    assert isinstance(found, list)
    q, k, _ = model.operands(IDS)
    scores = q @ k.transpose(-1, -2) * 8**-0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    wanted = scores.softmax(-1).numpy()
    for i, one in enumerate(found):
        assert one.n_layers == 1
        np.testing.assert_allclose(one.weights(0), wanted[i] if heads else wanted[i][None], atol=1e-6)
        assert one.residual is not None
        assert one.residual < 1e-5


def test_a_router_is_no_attention(make_model: Callable[..., Any]) -> None:
    """A softmax over a product that is never multiplied with values, as those that choose experts."""
    model = make_model("Bloom", "BloomModel", n_head=4)
    block = model.h[0]
    own = block.mlp.forward

    def routed(hidden: Any, *args: Any) -> Any:
        chosen = torch.matmul(hidden, hidden.transpose(1, 2)).softmax(-1)
        return own(hidden, *args) + 0 * chosen.amax()

    block.mlp.forward = routed
    found = capture(model, IDS[:1])
    assert isinstance(found, Attention)
    assert found.n_layers == 3
