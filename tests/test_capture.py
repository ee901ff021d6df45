"""Captured attention against what eager attention returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from captures import ODD, assert_same, assert_unchanged, batch, formula_notes, kept, reference, snapshot
from tiny import SMALL_QWEN3_NEXT, tiny_whisper

from attnwidget import Attention, capture

TEXTS = ["The dog chased the cat.", "Time flies like an arrow; fruit flies like a banana, they say.", "Yes"]
pytestmark = pytest.mark.usefixtures("nothing_left_patched")


def test_a_real_bert_alone_and_in_a_batch(minilm: Any, minilm_tokenizer: Any) -> None:
    assert minilm.config._attn_implementation == "sdpa"
    alone = [capture(minilm, text) for text in TEXTS]
    together = capture(minilm, TEXTS)
    padded = {
        side: minilm_tokenizer(TEXTS, padding=True, padding_side=side, return_tensors="pt")
        for side in ("left", "right")
    }
    for i, text in enumerate(TEXTS):
        wanted = reference(minilm, minilm_tokenizer(text, return_tensors="pt")).attentions
        everything = slice(None)
        assert_same(alone[i], wanted, 0, everything, everything)
        assert_same(together[i], wanted, 0, everything, everything)
        assert (alone[i].n_layers, alone[i].n_heads(0)) == (6, 12)
        assert [t.raw for t in together[i].tokens] == minilm_tokenizer.convert_ids_to_tokens(
            minilm_tokenizer(text)["input_ids"]
        )
    for inputs in padded.values():
        wanted = reference(minilm, inputs).attentions
        for i, found in enumerate(capture(minilm, inputs)):
            assert_same(found, wanted, i, kept(inputs, i), kept(inputs, i))
            assert found.tokens[0].role == "cls"
            assert found.tokens[-1].role == "sep"


@pytest.mark.parametrize("left", [False, True])
def test_llama_with_shared_keys(tiny_llama: Any, left: bool) -> None:
    inputs = batch(left=left)
    wanted = reference(tiny_llama, inputs).attentions
    assert max(float(a.max()) for a in wanted) > 0.9
    for i, found in enumerate(capture(tiny_llama, inputs)):
        assert_same(found, wanted, i, kept(inputs, i), kept(inputs, i))
        assert list(found.stacks) == ["decoder"]
        assert found.stacks["decoder"].causal
        assert found.residual is not None
        assert found.residual < 1e-5
        assert np.array_equal(found.key(0, 0), found.key(0, 1))
        assert not np.array_equal(found.key(0, 1), found.key(0, 2))
    ids = inputs["input_ids"][:1]
    alone = capture(tiny_llama, ids)
    assert_same(alone, reference(tiny_llama, {"input_ids": ids}).attentions, 0, slice(None), slice(None))


@pytest.mark.parametrize("name", ODD)
def test_odd_formulas(name: str, make_model: Callable[..., Any]) -> None:
    family, architecture, settings = ODD[name]
    model = make_model(family, architecture, pad_token_id=0, **settings)
    inputs = batch()
    wanted = reference(model, inputs).attentions
    for i, found in enumerate(capture(model, inputs)):
        assert_same(found, wanted, i, kept(inputs, i), kept(inputs, i))
        assert found.residual is not None
        assert found.residual < 1e-5
        assert found.n_layers == 3
        assert not formula_notes(found)


@pytest.mark.parametrize("kind", ["additive", "bool"])
def test_a_mask_of_ones_own(tiny_bert: Any, kind: str) -> None:
    """Any pattern, per row; a row that sees nothing is uniform, as in eager code."""
    seen = torch.rand(1, 1, 10, 10, generator=torch.Generator().manual_seed(1)) < 0.6
    seen[0, 0, 3] = False
    lowest = torch.finfo(torch.float32).min
    additive = torch.zeros(1, 1, 10, 10).masked_fill(~seen, lowest)
    ids = torch.arange(5, 15)[None]
    found = capture(tiny_bert, {"input_ids": ids, "attention_mask": additive if kind == "additive" else seen})
    assert isinstance(found, Attention)
    np.testing.assert_allclose(found.weights(0, queries=3), 0.1, atol=1e-6)
    wanted = reference(tiny_bert, {"input_ids": ids, "attention_mask": additive}).attentions
    if kind == "additive":
        assert_same(found, wanted, 0, slice(None), slice(None))
    else:  # what sdpa makes of a row that sees nothing is its own affair, and so are the layers after it
        np.testing.assert_allclose(found.weights(0), wanted[0][0].numpy(), atol=1e-5)


def test_a_learned_sink_is_a_key(make_model: Callable[..., Any]) -> None:
    family, architecture, settings = ODD["sink"]
    found = capture(make_model(family, architecture, **settings), batch(sizes=(12,))["input_ids"])
    assert isinstance(found, Attention)
    keys = found.key_tokens()
    assert len(keys) == len(found.tokens) + 1
    assert (keys[-1].role, keys[-1].kind) == ("sink", "other")
    assert found.weights(0).shape == (4, 12, 13)
    assert found.weights(0)[..., -1].min() > 0
    norms = found.value_norms(0)
    assert norms is not None
    assert not norms[:, -1].any()
    assert norms[:, :-1].all()
    assert np.isnan(found.key(0, 0)[-1]).all()
    assert not found.value(0, 0)[-1].any()
    assert found.scores(0, 0).shape == (12, 13)


@pytest.mark.parametrize("family", ["T5", "Bart"])
def test_encoder_decoder(family: str, make_model: Callable[..., Any]) -> None:
    settings: dict[str, Any] = {"pad_token_id": 0, "decoder_start_token_id": 0, "num_hidden_layers": 2}
    if family == "T5":
        settings |= {
            "d_model": 32,
            "d_kv": 8,
            "d_ff": 48,
            "num_layers": 2,
            "num_decoder_layers": 3,
            "num_heads": 4,
            "relative_attention_num_buckets": 8,
        }
    else:
        settings |= {
            "d_model": 32,
            "encoder_layers": 2,
            "decoder_layers": 3,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 48,
            "decoder_ffn_dim": 48,
        }
    model = make_model(family, f"{family}ForConditionalGeneration", **settings)
    source, target = batch(), batch(n=8, sizes=(8, 5))
    inputs = {**source, "decoder_input_ids": target["input_ids"], "decoder_attention_mask": target["attention_mask"]}
    outputs = reference(model, inputs)
    for i, found in enumerate(capture(model, inputs)):
        source_kept, target_kept = kept(source, i), kept(target, i)
        assert list(found.stacks) == ["encoder", "decoder", "cross"]
        # Unscaled logits: sdpa's and eager's own rounding differ, so that layer by layer their inputs do.
        tolerance = 2e-5 if family == "T5" else 1e-5
        assert_same(found, outputs.encoder_attentions, i, source_kept, source_kept, "encoder", tolerance)
        assert_same(found, outputs.decoder_attentions, i, target_kept, target_kept, "decoder", tolerance)
        assert_same(found, outputs.cross_attentions, i, target_kept, source_kept, "cross", tolerance)
        assert [s.causal for s in found.stacks.values()][:2] == [False, True]
        assert found.residual is not None
        assert found.residual < 1e-5
        with pytest.raises(ValueError, match="'encoder', 'decoder', 'cross'"):
            found.weights(0)
        with pytest.raises(ValueError, match="'encoder' 2, 'decoder' 3"):
            _ = found.n_layers
    assert all("No target was given" in found.notes[0] for found in capture(model, source))


def test_audio_frames_are_timed() -> None:
    model = tiny_whisper(max_source_positions=20)
    inputs = {"input_features": torch.randn(1, 8, 40), "decoder_input_ids": torch.tensor([[3, 7, 9, 11]])}
    outputs = reference(model, inputs)
    found = capture(model, inputs)
    assert isinstance(found, Attention)
    assert_same(found, outputs.cross_attentions, 0, slice(None), slice(None), "cross")
    assert [t.text for t in found.key_tokens("cross")][-1] == "0.38 s"
    assert found.query_tokens("cross")[0].role == "bos"


def test_layers_without_attention_keep_their_number(make_model: Callable[..., Any]) -> None:
    model = make_model(
        "Qwen3Next",
        "Qwen3NextForCausalLM",
        num_hidden_layers=4,
        **SMALL_QWEN3_NEXT,
    )
    found = capture(model, torch.arange(5, 15)[None])
    assert isinstance(found, Attention)
    assert [layer.heads for layer in found.stacks["decoder"].layers] == [0, 0, 0, 4]
    assert "linear attention" in found.stacks["decoder"].layers[0].note
    assert found.n_heads(0) == 0
    assert found.weights(3).shape == (4, 10, 10)
    with pytest.raises(ValueError, match="layer 0 of stack 'decoder' has no attention weights: linear attention"):
        found.weights(0)


def test_half_precision_is_kept_and_recomputed_in_float32(tiny_llama: Any) -> None:
    import copy

    model = copy.deepcopy(tiny_llama).to(torch.bfloat16)
    inputs = batch(sizes=(12,))
    found = capture(model, inputs)
    assert isinstance(found, Attention)
    assert found.nbytes < 0.6 * capture(tiny_llama, inputs).nbytes  # type: ignore[union-attr]
    np.testing.assert_allclose(found.weights(0).sum(-1), 1, atol=1e-6)
    wanted = reference(model, inputs).attentions[0][0].float().numpy()
    np.testing.assert_allclose(found.weights(0), wanted, atol=2e-2)
    assert not formula_notes(found)


def test_a_model_that_shows_nothing_is_asked_for_its_weights(
    make_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from attnwidget.capture.tap import Tap

    monkeypatch.setattr(Tap, "_see", lambda *_: None)
    model = make_model("Bloom", "BloomForCausalLM", n_layer=2, n_head=4, pad_token_id=0)
    inputs = batch()
    wanted = reference(model, inputs).attentions
    before = snapshot(model)
    for i, found in enumerate(capture(model, inputs)):
        assert_same(found, wanted, i, kept(inputs, i), kept(inputs, i))
        assert found.stacks["decoder"].layers[0].source == "eager"
        assert "eager" in found.notes[-1]
        assert found.value_norms(0) is None
        with pytest.raises(ValueError, match="capture"):
            found.query(0)
    assert_unchanged(model, before)


def test_gpt2_that_computes_attention_itself(make_model: Callable[..., Any]) -> None:
    model = make_model(
        "GPT2",
        "GPT2LMHeadModel",
        n_embd=32,
        n_layer=2,
        n_head=4,
        reorder_and_upcast_attn=True,
        attn_implementation="eager",
    )
    before = snapshot(model)
    found = capture(model, torch.arange(5, 15)[None])
    assert isinstance(found, Attention)
    assert found.stacks["decoder"].layers[0].source == "tap"
    assert_unchanged(model, before)
    assert not any(m._forward_hooks for m in model.modules())


def test_a_model_without_attention_says_so(make_model: Callable[..., Any]) -> None:
    model = make_model("Mamba", "MambaForCausalLM", state_size=4, expand=1)
    with pytest.raises(ValueError, match="MambaForCausalLM has no attention to show"):
        capture(model, torch.arange(5, 15)[None])


# Output projections


@pytest.mark.parametrize("name", ["bert", "llama", "gpt2", "latent keys"])
def test_heads_together_write_what_the_layer_writes(
    name: str, make_model: Callable[..., Any], tiny_bert: Any, tiny_llama: Any
) -> None:
    if name in ("bert", "llama"):
        model = tiny_bert if name == "bert" else tiny_llama
    else:
        family, architecture, settings = ODD["fused" if name == "gpt2" else name]
        model = make_model(family, architecture, **settings)
    linear = {
        "bert": lambda: model.encoder.layer[1].attention.output.dense,
        "gpt2": lambda: model.transformer.h[1].attn.c_proj,
    }.get(name, lambda: model.model.layers[1].self_attn.o_proj)()
    written: list[Any] = []
    handle = linear.register_forward_hook(lambda module, args, output: written.append(output[0].detach().numpy()))
    found = capture(model, torch.arange(5, 15)[None])
    handle.remove()
    assert isinstance(found, Attention)
    assert found._layers is not None
    record: Any = next(iter(found._layers.values()))[1]
    weights = found.weights(1)
    vectors = np.stack([record._written(h) for h in range(4)])
    total = np.einsum("hqk,hkd->qd", weights, vectors)
    bias = 0 if linear.bias is None else linear.bias.detach().numpy()
    np.testing.assert_allclose(total + bias, written[0], atol=1e-4)
    np.testing.assert_allclose(found.value_norms(1), np.linalg.norm(vectors, axis=-1), rtol=1e-5)
    each = np.linalg.norm(weights[..., None] * vectors[:, None], axis=-1)
    np.testing.assert_allclose(found.contributions(1), each, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.contributions(1, 2, queries=[3]), each[2][[3]], rtol=1e-4, atol=1e-6)
    summed = np.linalg.norm((weights[..., None] * vectors[:, None])[[0, 3]].sum(0), axis=-1)
    np.testing.assert_allclose(found.contributions(1, [0, 3], summed=True), summed, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "write",
    [
        lambda weight: weight.mul_(2),
        lambda weight: weight.data.zero_(),
        # One head alone, of the four in this W_O.
        lambda weight: weight.data[:, 16:24].zero_(),
    ],
    ids=["in place", "through .data", "one head through .data"],
)
def test_contributions_end_when_the_model_is_trained_on(make_model: Callable[..., Any], write: Any) -> None:
    model = make_model("Bert", "BertModel")
    found = capture(model, torch.arange(5, 15)[None])
    assert isinstance(found, Attention)
    assert found.value_norms(0) is not None
    with torch.no_grad():
        write(model.encoder.layer[0].attention.output.dense.weight)
    assert found.value_norms(0) is None
    assert found.value_norms(1) is not None
    with pytest.raises(ValueError, match="changed since the capture"):
        found.contributions(0)
