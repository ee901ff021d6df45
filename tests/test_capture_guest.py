"""The model is a guest: after a capture it is as it was before, and only it was heard."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from captures import assert_unchanged, batch, snapshot

from attnwidget import Attention, capture
from attnwidget.capture import interface

pytestmark = pytest.mark.usefixtures("nothing_left_patched")


def test_outputs_are_bit_identical_and_nothing_changes(tiny_llama: Any, minilm: Any) -> None:
    for model in (tiny_llama, minilm):
        inputs = batch()
        with torch.no_grad():
            first = model(**inputs)[0]
        model.train()
        next(model.children()).eval()  # a frozen part of a model in training
        before = snapshot(model)
        try:
            capture(model, inputs)
            assert_unchanged(model, before)
        finally:
            model.eval()
        with torch.no_grad():
            assert torch.equal(model(**inputs)[0], first)


def test_dropout_is_off_and_random_numbers_go_on(make_model: Callable[..., Any]) -> None:
    model = make_model("Bert", "BertModel", attention_probs_dropout_prob=0.5).train()
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    found = capture(model, torch.arange(5, 15)[None])
    assert torch.equal(torch.rand(3), wanted)
    assert model.training
    np.testing.assert_allclose(found.weights(0).sum(-1), 1, atol=1e-5)  # type: ignore[union-attr]


@pytest.mark.parametrize("fallback", [False, True])
def test_an_exception_half_way_leaves_nothing(
    make_model: Callable[..., Any], fallback: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attnwidget.capture.tap import Tap

    if fallback:
        monkeypatch.setattr(Tap, "_see", lambda *_: None)
    model = (
        make_model("Bloom", "BloomModel", n_layer=2, n_head=4)
        if fallback
        else make_model("Llama", "LlamaForCausalLM", num_key_value_heads=2)
    ).train()
    layer = model.h[1] if fallback else model.model.layers[1]
    own = layer.forward
    calls: list[int] = []

    def fails(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) > fallback:
            raise RuntimeError("half way")
        return own(*args, **kwargs)

    layer.forward = fails
    before = snapshot(model)
    with pytest.raises(RuntimeError, match="half way"):
        capture(model, torch.arange(5, 15)[None])
    assert_unchanged(model, before)
    assert interface._listener.get() is None


def test_hooks_of_the_user_stay(tiny_bert: Any) -> None:
    seen: list[str] = []
    handle = tiny_bert.register_forward_hook(lambda *_: seen.append("hook"))
    try:
        capture(tiny_bert, torch.arange(5, 15)[None])
        tiny_bert(torch.arange(5, 15)[None])
        assert seen == ["hook", "hook"]
    finally:
        handle.remove()


def test_only_this_model_and_this_thread_are_heard(tiny_bert: Any, tiny_llama: Any) -> None:
    ids = torch.arange(5, 15)[None]
    inner: list[Any] = []
    running, done = threading.Event(), threading.Event()

    def other_thread() -> None:
        running.wait(10)
        with torch.no_grad():
            tiny_bert(ids[:, :4])
        done.set()

    def meanwhile(*_: Any) -> None:
        if not inner:
            inner.append(None)
            tiny_llama(ids[:, :3])  # another model in this thread, not captured
            inner.append(capture(tiny_llama, ids[:, :5]))  # a capture within a capture
            running.set()
            assert done.wait(10)

    thread = threading.Thread(target=other_thread)
    thread.start()
    handle = tiny_bert.encoder.layer[1].register_forward_pre_hook(meanwhile)
    try:
        found = capture(tiny_bert, ids)
    finally:
        handle.remove()
        running.set()
        thread.join()
    assert isinstance(found, Attention)
    assert list(found.stacks) == ["encoder"]
    assert found.n_layers == 3
    assert len(found.tokens) == 10
    assert inner[1].n_layers == 3
    assert len(inner[1].tokens) == 5


def test_captures_in_many_threads(tiny_llama: Any) -> None:
    tiny_llama.train()
    wanted = {n: capture(tiny_llama, torch.arange(5, 5 + n)[None]).weights(2) for n in (4, 9)}  # type: ignore[union-attr]
    wrong: list[Any] = []

    def work(n: int) -> None:
        for _ in range(5):
            found = capture(tiny_llama, torch.arange(5, 5 + n)[None])
            if not np.array_equal(found.weights(2), wanted[n]):  # type: ignore[union-attr]
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in (4, 9, 4, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(module.training for module in tiny_llama.modules())
    tiny_llama.eval()


def test_no_graph_and_no_alias_is_kept(tiny_llama: Any) -> None:
    found = capture(tiny_llama, torch.arange(5, 15)[None])
    assert isinstance(found, Attention)
    assert found._layers is not None
    record = found._layers["decoder"][0]
    assert isinstance(record.q.data, np.ndarray)
    assert record.q.data.flags.owndata is not None
    first = found.weights(0)
    found.weights(0)[:] = 0
    assert np.array_equal(found.weights(0), first)


def test_a_compiled_model_is_looked_through(tiny_llama: Any) -> None:
    found = capture(torch.compile(tiny_llama), torch.arange(5, 15)[None])
    assert found.n_layers == 3  # type: ignore[union-attr]


def test_transformers_without_the_interface(monkeypatch: pytest.MonkeyPatch, tiny_bert: Any) -> None:
    import transformers.modeling_utils as modeling

    class Older:
        pass

    with monkeypatch.context() as patch:
        patch.setattr(modeling, "AttentionInterface", Older)
        with pytest.raises(RuntimeError, match=f"transformers {transformers.__version__} does not have"):
            capture(tiny_bert, torch.arange(5, 15)[None])
