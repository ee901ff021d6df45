"""Over layers and between heads: rollout, flow, trace, distances, interventions, gradients."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import networkx
import numpy as np
import pytest
import torch
import transformers
from tiny import eager_twin, peaky

from attnwidget import Attention, capture
from attnwidget.breaks import in_breaks
from attnwidget.capture import records
from attnwidget.statistics import flow as flows
from attnwidget.statistics import values
from attnwidget.statistics.flow import flow, rollout, trace
from attnwidget.statistics.gradients import gradient_attention
from attnwidget.statistics.interventions import ablate, value_zeroing
from attnwidget.statistics.pairs import js_distances

TEXT = "The dog chased the cat."


def random_attention(layers: int = 3, heads: int = 2, n: int = 6) -> Attention:
    weights = np.random.default_rng(0).dirichlet(np.full(n, 0.5), (layers, heads, n))
    return Attention.from_arrays(weights, ["[CLS]", *"abcd", "[SEP]"][:n])


def test_rollout_is_the_product_of_half_attention_and_half_identity() -> None:
    attention = random_attention()
    found = rollout(attention)
    expected = np.eye(6)
    for layer in range(3):
        mixed = attention.weights(layer).astype(np.float64).mean(0) / 2 + np.eye(6) / 2
        expected = np.array([[sum(mixed[i, k] * expected[k, j] for k in range(6)) for j in range(6)] for i in range(6)])
        np.testing.assert_allclose(found[layer], expected, atol=1e-12)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-6)
    one = rollout(attention, head=1)[0]
    np.testing.assert_allclose(one, attention.weights(0, 1) / 2 + np.eye(6) / 2, atol=1e-7)


def test_flow_is_the_maximum_flow_of_the_layered_graph() -> None:
    attention = random_attention(2, 2, 4)
    graph = networkx.DiGraph()
    for layer in range(2):
        mixed = attention.weights(layer).astype(np.float64).mean(0) / 2 + np.eye(4) / 2
        for i in range(4):
            for j in range(4):
                graph.add_edge((layer + 1, i), (layer, j), capacity=mixed[i, j])
    expected = np.array([[networkx.maximum_flow_value(graph, (2, i), (0, j)) for j in range(4)] for i in range(4)])
    np.testing.assert_allclose(flow(attention, 1), expected / expected.sum(1, keepdims=True), atol=1e-6)
    # Through one layer the flow is the edge itself.
    np.testing.assert_allclose(flow(attention, 0), rollout(attention)[0], atol=1e-6)


def test_flow_reads_no_more_than_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    attention, read = random_attention(3, 2, 4), []
    weights = attention.weights

    def watched(layer: int, *args: Any, **settings: Any) -> Any:
        read.append(layer)
        return weights(layer, *args, **settings)

    monkeypatch.setattr(attention, "weights", watched)
    with pytest.raises(ValueError, match="pass limit=4"):
        flow(attention, 1, limit=3)
    with pytest.raises(IndexError, match="layer 3 is out of range: valid is 0 to 2"):
        flow(attention, 3)
    assert read == []
    flow(attention, 1)
    assert set(read) == {0, 1}


def test_long_computations_take_breaks(monkeypatch: pytest.MonkeyPatch, tiny_llama: Any) -> None:
    """One in every layer at least; of a layer with many cells one in every block, and the blocks make up the whole."""

    def captured() -> Attention:
        found = capture(tiny_llama, torch.arange(5, 25)[None])
        assert isinstance(found, Attention)
        return found

    def taken(compute: Callable[[Attention], Any]) -> tuple[int, Any]:
        breaks: list[None] = []
        attention = captured()
        with in_breaks(lambda: breaks.append(None)):
            found = compute(attention)
        return len(breaks), found

    every: dict[str, Callable[[Attention], Any]] = {
        "rollout": rollout,
        "flow": lambda attention: flow(attention, 1),
        "products": lambda attention: attention._record(0, attention._stack(None)).value_products(range(4)),
        "norms": lambda attention: attention.value_norms(0),
        "statistics": lambda attention: attention.statistics()["written"],
    }
    whole = {name: taken(compute) for name, compute in every.items()}
    assert all(count >= 3 for count, _ in whole.values())
    monkeypatch.setattr(flows, "CELLS_AT_ONCE", 5 * 20)
    monkeypatch.setattr(flows, "_PRODUCTS_AT_ONCE", 5 * 20 * 20)
    monkeypatch.setattr(records, "_WRITTEN_AT_ONCE", 5 * 4 * 32)
    monkeypatch.setattr(values, "_CELLS", 5 * 20 * 4)
    parts = {name: taken(compute) for name, compute in every.items()}
    # 3 layers of 4 heads, each in 4 blocks of rows, and 2 products of layers in 4.
    assert parts["rollout"][0] == 3 * 4 * 4 + 2 * 4
    # W_O of 4 heads, and 4 blocks of keys.
    assert parts["products"][0] == 4 + 4
    # 4 blocks of keys and 4 of rows instead of one, in 3 layers.
    assert parts["statistics"][0] - whole["statistics"][0] == 3 * (3 + 3)
    for name, (_, found) in whole.items():
        np.testing.assert_allclose(parts[name][1], found, rtol=1e-5, atol=1e-9, err_msg=name)


def test_trace_tells_a_pair_from_its_offset() -> None:
    attention = random_attention()
    found = trace(attention, 1, 4)
    step = found.forward[2]
    mean = attention.weights(2).astype(np.float64).mean(0)
    assert step.mean == pytest.approx(mean[1, 4])
    assert step.lift == pytest.approx(6 * mean[1, 4])
    assert step.excess == pytest.approx(mean[1, 4] - (mean[0, 3] + mean[2, 5]) / 2)
    assert step.rank == 1 + sum(mean[1, j] > mean[1, 4] for j in range(6))
    assert step.head == attention.weights(2)[:, 1, 4].argmax()
    assert found.backward[2].mean == pytest.approx(mean[4, 1])
    assert found.backward[2].rollout == pytest.approx(rollout(attention)[2, 4, 1])
    assert not found.adjacent
    assert trace(attention, 2, 1).adjacent
    with pytest.raises(IndexError, match="b=6"):
        trace(attention, 0, 6)


def test_distances_of_heads_are_those_of_a_loop() -> None:
    attention = random_attention(2, 2)
    found = js_distances(attention)
    heads = [attention.weights(layer, head).astype(np.float64) for layer in range(2) for head in range(2)]

    def kl(p: Any, q: Any) -> float:
        return sum(x * math.log(x / y) for x, y in zip(p, q, strict=True) if x > 0)

    for a in range(4):
        for b in range(4):
            rows = [(kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2 for p, q in zip(heads[a], heads[b], strict=True)]
            assert found[a, b] == pytest.approx(sum(rows) / 6, abs=1e-6)
    assert found.max() <= math.log(2)
    apart = Attention.from_arrays(np.stack([np.eye(4), np.eye(4)[::-1]])[None], list("abcd"))
    assert js_distances(apart)[0, 1] == pytest.approx(math.log(2))


def test_zeroing_the_value_of_the_sink_hardly_moves_minilm(minilm: Any) -> None:
    for layer in range(5):
        assert value_zeroing(minilm, TEXT, layer, 0).output < 0.002
    sink, word = value_zeroing(minilm, TEXT, 2, 0), value_zeroing(minilm, TEXT, 2, 2)
    assert word.output > 3 * sink.output
    np.testing.assert_allclose(word.attention[:3], 0, atol=1e-6)
    assert (word.attention[3:] > 0).any()
    assert word.logits is None


def leave_as_it_was(model: Any) -> tuple[Any, ...]:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    hooks = [len(m._forward_hooks) for m in model.modules()]
    return hooks, model.config._attn_implementation, vars(ALL_ATTENTION_FUNCTIONS).get("get_interface"), model.training


@pytest.fixture(scope="module")
def gqa() -> Any:
    config = transformers.LlamaConfig(
        vocab_size=30522,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return peaky(transformers.LlamaForCausalLM(config))


def test_interventions_are_those_of_hooks(gqa: Any, minilm_tokenizer: Any) -> None:
    before = leave_as_it_was(gqa)
    ids = minilm_tokenizer(TEXT, return_tensors="pt")["input_ids"]
    found = ablate(gqa, TEXT, 1, [2], tokenizer=minilm_tokenizer)
    meaned = ablate(gqa, TEXT, 1, 2, how="mean", tokenizer=minilm_tokenizer)

    def run(edit: Any) -> tuple[Any, float]:
        def hook(module: Any, args: Any) -> Any:
            x = args[0].clone()
            x[..., 16:24] = edit(x[..., 16:24])
            return (x,)

        handle = gqa.model.layers[1].self_attn.o_proj.register_forward_pre_hook(hook)
        with torch.no_grad():
            out = gqa(input_ids=ids, labels=ids)
        handle.remove()
        return torch.log_softmax(out.logits[0].double(), -1), float(out.loss)

    plain, loss = run(lambda x: x)
    for effect, edit in ((found, lambda x: 0 * x), (meaned, lambda x: x.mean(1, keepdim=True))):
        changed, changed_loss = run(edit)
        assert effect.loss == pytest.approx(changed_loss - loss, abs=1e-5)
        assert effect.logits == pytest.approx(float((plain.exp() * (plain - changed)).sum(-1).mean()), abs=1e-6)
        assert effect.attention[:2].max() < 1e-6
        assert effect.attention[2].max() > 1e-4
    # All values of one head gone is that head gone, though two heads share them.
    everything = range(ids.shape[1])
    zeroed = value_zeroing(gqa, TEXT, 1, everything, heads=[2], tokenizer=minilm_tokenizer)
    assert zeroed.output == pytest.approx(found.output, abs=1e-9)
    np.testing.assert_allclose(zeroed.attention, found.attention, atol=1e-9)
    assert leave_as_it_was(gqa) == before
    with pytest.raises(IndexError, match="heads 4 is out of range"):
        ablate(gqa, TEXT, 1, 4, tokenizer=minilm_tokenizer)
    with pytest.raises(ValueError, match="how must be"):
        ablate(gqa, TEXT, 1, 0, how="none", tokenizer=minilm_tokenizer)
    assert leave_as_it_was(gqa) == before
    assert isinstance(capture(gqa, TEXT, tokenizer=minilm_tokenizer), Attention)


def test_gradients_are_those_of_finite_differences(gqa: Any, minilm_tokenizer: Any) -> None:
    before = leave_as_it_was(gqa)
    for parameter in gqa.parameters():
        parameter.requires_grad_(False)
    found = gradient_attention(gqa, TEXT, "loss", tokenizer=minilm_tokenizer)
    assert leave_as_it_was(gqa) == before
    assert all(parameter.grad is None for parameter in gqa.parameters())
    twin = eager_twin(gqa).double()
    ids = minilm_tokenizer(TEXT, return_tensors="pt")["input_ids"]
    from transformers.models.llama import modeling_llama

    original = modeling_llama.eager_attention_forward

    def loss(step: float) -> float:
        def nudged(module: Any, q: Any, k: Any, v: Any, *args: Any, **kwargs: Any) -> Any:
            out, weights = original(module, q, k, v, *args, **kwargs)
            if module.layer_idx == 1:
                out = out.clone()
                out[:, 5, 2] += step * v[:, 1, 3]  # weight of head 2 (values 1), query 5, key 3
            return out, weights

        modeling_llama.eager_attention_forward = nudged
        try:
            with torch.no_grad():
                logits = twin(input_ids=ids).logits[0]  # the model's own loss is float32
                return float(torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:]))
        finally:
            modeling_llama.eager_attention_forward = original

    difference = (loss(1e-3) - loss(-1e-3)) / 2e-3
    assert found.gradients[1][2, 5, 3] == pytest.approx(difference, rel=1e-3, abs=1e-6)
    assert found.value == pytest.approx(loss(0), rel=1e-4)
    relevance = np.eye(len(ids[0]))
    for weights, gradients in zip(found.weights, found.gradients, strict=True):
        relevance = relevance + np.clip(weights * gradients, 0, None).mean(0) @ relevance
    np.testing.assert_allclose(found.relevance(), relevance, rtol=1e-5)
    assert found.sensitivity()[0].shape == found.importance()[0].shape == (4,)
    assert gradient_attention(gqa, TEXT, (2, 7), tokenizer=minilm_tokenizer).target == "logit of class 7 at position 2"


class Pooled(torch.nn.Module):
    """A module around a model that takes less than it, and gives something else."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        return self.inner(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[0, 0, 0]


def test_a_module_around_a_model(minilm: Any) -> None:
    before = leave_as_it_was(minilm)
    found = gradient_attention(Pooled(minilm), TEXT, lambda out: out)
    wanted = gradient_attention(minilm, TEXT, lambda out: out.last_hidden_state[0, 0, 0])
    for one, two in zip(found.gradients, wanted.gradients, strict=True):
        np.testing.assert_array_equal(one, two)
    assert ablate(Pooled(minilm), TEXT, 2, 0).output == ablate(minilm, TEXT, 2, 0).output > 0
    assert leave_as_it_was(minilm) == before
    parts = Pooled(minilm)
    parts.forward = lambda input_ids, **_: minilm.encoder(minilm.embeddings(input_ids))  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="Pooled does not call its BertModel but parts of it"):
        ablate(parts, TEXT, 2, 0)


def test_a_model_whose_first_part_has_no_weights_yet(gqa: Any, minilm_tokenizer: Any) -> None:
    """Offloaded parameters are on the meta device between calls: inputs go where the others are."""
    from accelerate import cpu_offload

    offloaded = copy.deepcopy(gqa)
    cpu_offload(offloaded.model.embed_tokens, torch.device("cpu"))
    assert next(offloaded.parameters()).is_meta
    one, two = (gradient_attention(model, TEXT, "loss", tokenizer=minilm_tokenizer) for model in (offloaded, gqa))
    np.testing.assert_array_equal(one.gradients[1], two.gradients[1])
    first, second = (ablate(model, TEXT, 1, 2, tokenizer=minilm_tokenizer) for model in (offloaded, gqa))
    assert first.loss == second.loss


def test_gradients_of_an_encoder_need_a_stated_scalar(minilm: Any) -> None:
    with pytest.raises(ValueError, match="needs logits"):
        gradient_attention(minilm, TEXT, "loss")

    def first(found: Any) -> Any:
        return found.last_hidden_state[0, 0, 0]

    found = gradient_attention(minilm, TEXT, first)
    assert found.target == "first"
    assert len(found.gradients) == 6
    assert not minilm.training
    assert minilm.config._attn_implementation != "eager"
