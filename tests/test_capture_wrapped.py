"""Models that were wrapped or changed: adapters, quantised, compiled, checkpointed, in training, under autocast."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import peft
import pytest
import torch
from tiny import eager_twin

from attnwidget import Attention, capture

IDS = torch.arange(5, 17)[None]
LEFT = {
    "input_ids": torch.tensor([[0, 0, 7, 9, 11, 13], [5, 6, 7, 8, 9, 10]]),
    "attention_mask": torch.tensor([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]]),
}


def captured(model: Any, text: Any = IDS) -> Attention:
    found = capture(model, text)
    assert isinstance(found, Attention)
    return found


def every_weight(found: Attention) -> Any:
    return np.stack([found.weights(layer) for layer in range(found.n_layers)])


@pytest.fixture
def llama(tiny_llama: Any) -> Any:
    return copy.deepcopy(tiny_llama)


def eager_weights(model: Any, inputs: Any = IDS, **more: Any) -> Any:
    """What the same wrapped model returns when its attention is eager."""
    inputs = inputs if isinstance(inputs, dict) else {"input_ids": inputs}
    with torch.no_grad():
        return np.stack([a[0].numpy() for a in model(**inputs, **more, output_attentions=True).attentions])


def adapted(model: Any, config: Any) -> Any:
    torch.manual_seed(0)
    wrapped = peft.get_peft_model(model, config).eval()
    with torch.no_grad():
        for name, p in wrapped.named_parameters():
            if p.requires_grad and "prompt" not in name:
                p.copy_(torch.randn_like(p) * 0.3)
    return wrapped


# Adapters


def test_lora(llama: Any) -> None:
    plain = every_weight(captured(llama))
    twin = eager_twin(llama)
    wrapped = adapted(llama, peft.LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj", "o_proj"]))
    found = captured(wrapped)
    wanted = eager_weights(adapted(twin, peft.LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj", "o_proj"])))
    np.testing.assert_allclose(every_weight(found), wanted, atol=1e-5)
    assert np.abs(wanted - plain).max() > 0.01
    assert list(found.stacks) == ["decoder"]
    # W_O is more than the matrix that its name stands for.
    assert found.value_norms(0) is None


@pytest.mark.parametrize("kind", ["prefix", "prompt"])
@pytest.mark.parametrize("padded", [False, True])
def test_virtual_tokens_are_labelled(llama: Any, kind: str, padded: bool) -> None:
    settings = {"task_type": "CAUSAL_LM", "num_virtual_tokens": 4}
    config = peft.PrefixTuningConfig(**settings) if kind == "prefix" else peft.PromptTuningConfig(**settings)
    twin = eager_twin(llama)
    inputs = LEFT if padded else {"input_ids": IDS}
    wrapped, reference = adapted(llama, config), adapted(twin, copy.deepcopy(config))
    reference.load_state_dict(wrapped.state_dict())
    result = capture(wrapped, inputs)
    found = result[0] if isinstance(result, list) else result
    kept = [2, 3, 4, 5] if padded else list(range(12))
    assert [t.text for t in found.key_tokens()][:4] == ["⟨p0⟩", "⟨p1⟩", "⟨p2⟩", "⟨p3⟩"]
    assert len(found.key_tokens()) == 4 + len(kept)
    assert len(found.tokens) == len(kept) + (4 if kind == "prompt" else 0)
    wanted = eager_weights(reference, inputs)
    columns = [0, 1, 2, 3, *(4 + i for i in kept)]
    rows = columns if kind == "prompt" else kept
    np.testing.assert_allclose(every_weight(found), wanted[:, :, rows][..., columns], atol=1e-5)


# Numbers


def test_dynamically_quantised(llama: Any) -> None:
    quantised = torch.ao.quantization.quantize_dynamic(eager_twin(llama), {torch.nn.Linear}, dtype=torch.qint8)
    wanted = eager_weights(quantised)
    found = captured(torch.ao.quantization.quantize_dynamic(llama, {torch.nn.Linear}, dtype=torch.qint8))
    np.testing.assert_allclose(every_weight(found), wanted, atol=1e-5)
    assert found.value_norms(0) is None


def test_under_autocast(llama: Any) -> None:
    exact = every_weight(captured(llama))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = captured(llama)
        wanted = eager_weights(eager_twin(llama))
        weights = every_weight(found)
    assert found._layers is not None
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    np.testing.assert_allclose(weights[0], wanted[0], atol=3e-2)
    assert np.abs(weights - exact).max() > 1e-4  # it is the half precision pass that is shown
    assert len(found.notes) == 1  # that there is no tokenizer


# Compiled


@pytest.mark.parametrize("way", ["torch.compile", "compile", "each layer"])
def test_compiled(llama: Any, way: str) -> None:
    wanted = every_weight(captured(llama))
    model = llama
    if way == "torch.compile":
        model = torch.compile(llama)
    elif way == "compile":
        llama.compile()
    else:
        for layer in llama.model.layers:
            layer.compile()
    found = captured(model)
    assert np.array_equal(every_weight(found), wanted)
    assert found.n_layers == 3
    assert any("compiled" in note and "force_eager" in note for note in found.notes)


# Training


def test_gradient_checkpointing_and_training(llama: Any) -> None:
    wanted = every_weight(captured(llama))
    llama.config.attention_dropout = 0.5
    for layer in llama.model.layers:
        layer.self_attn.attention_dropout = 0.5
    llama.gradient_checkpointing_enable()
    llama.train()
    found = captured(llama)
    assert found.n_layers == 3
    assert np.array_equal(every_weight(found), wanted)
    assert llama.training
    assert llama.is_gradient_checkpointing
    assert any("training mode" in note and "before dropout" in note for note in found.notes)
    llama(input_ids=IDS, labels=IDS).loss.backward()
    assert all(p.grad is not None for p in llama.parameters())


def test_in_the_middle_of_a_training_step(llama: Any) -> None:
    """A capture between forward and backward changes neither gradients nor what they are taken of."""

    def gradients(meanwhile: Callable[[], Any]) -> list[Any]:
        llama.zero_grad()
        loss = llama(input_ids=IDS, labels=IDS).loss
        meanwhile()
        loss.backward()
        return [p.grad.clone() for p in llama.parameters()]

    plain = gradients(lambda: None)
    assert all(map(torch.equal, gradients(lambda: captured(llama)), plain))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.enable_grad, torch.inference_mode])
def test_whatever_mode_the_caller_is_in(llama: Any, mode: Any) -> None:
    wanted = every_weight(captured(llama))
    with mode():
        found = captured(llama)
        assert torch.is_grad_enabled() == (mode is torch.enable_grad)
    assert np.array_equal(every_weight(found), wanted)
    assert np.array_equal(found.value_norms(0), captured(llama).value_norms(0))


# At once


def test_two_models_in_two_threads(llama: Any, tiny_bert: Any) -> None:
    models = {"decoder": llama, "encoder": copy.deepcopy(tiny_bert)}
    wanted = {name: every_weight(captured(model)) for name, model in models.items()}
    wrong: list[str] = []
    start = threading.Barrier(2)

    def work(name: str) -> None:
        start.wait(10)
        for _ in range(4):
            found = captured(models[name])
            if list(found.stacks) != [name] or not np.array_equal(every_weight(found), wanted[name]):
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("outer", ["interface", "tap"])
def test_a_capture_within_a_capture(make_model: Callable[..., Any], llama: Any, outer: str) -> None:
    """The inner one, of either level, is not heard by the outer one."""
    bloom = make_model("Bloom", "BloomForCausalLM", n_layer=2, n_head=4)
    first, second = (llama, bloom) if outer == "interface" else (bloom, llama)
    wanted = every_weight(captured(first)), every_weight(captured(second))
    inner: list[Attention] = []
    layer = first.model.layers[1] if first is llama else first.transformer.h[1]
    handle = layer.register_forward_pre_hook(lambda *_: inner.append(captured(second)))
    found = captured(first)
    handle.remove()
    assert np.array_equal(every_weight(found), wanted[0])
    assert np.array_equal(every_weight(inner[0]), wanted[1])


# Where tensors lie


def test_parts_of_a_model_that_have_no_weights_yet(llama: Any) -> None:
    """Offloaded parameters are on the meta device between calls: inputs go where the others are."""
    from accelerate import cpu_offload

    wanted = every_weight(captured(llama))
    cpu_offload(llama.model.layers[0], torch.device("cpu"))
    assert llama.model.layers[0].self_attn.q_proj.weight.is_meta
    found = captured(llama)
    assert np.array_equal(every_weight(found), wanted)
    assert found.value_norms(0) is None  # its W_O went back to the meta device
    assert found.value_norms(1) is not None
