"""Single attention calls, as kernels that do not run here would make them: what is made of their masks and shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from attnwidget import Attention, capture
from attnwidget.capture.interface import Heard
from attnwidget.capture.recorder import Recorder
from attnwidget.capture.stacks import Places
from attnwidget.inputs.models import resolve
from attnwidget.inputs.texts import prepare

N, HEADS, GROUPS, D = 9, 4, 2, 8
MASK = torch.tensor([[1] * N, [0, 0, 0] + [1] * (N - 3)])
LOWEST = torch.finfo(torch.float32).min


class Caller(torch.nn.Module):
    """A module that calls attention."""

    is_causal = True

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config


@pytest.fixture
def hear(tiny_llama: Any) -> Callable[..., list[Any]]:
    """``hear(mask=…, implementation=…)`` → the records of both texts."""
    model = Caller(tiny_llama.config)
    batches, _ = prepare(resolve(tiny_llama), {"input_ids": MASK * 7, "attention_mask": MASK})

    def call(q: Any, k: Any, v: Any, **given: Any) -> list[Any]:
        recorder = Recorder(Places(model), batches[0])
        recorder.hear(Heard(model, q, k, v, **given))
        recorder.done()
        (calls,) = recorder.calls.values()
        return calls[0].records

    return call


def tensors(queries: int = N, keys: int = N, batch: int = 2) -> list[Any]:
    random = torch.Generator().manual_seed(2)
    q = torch.randn(2, HEADS, queries, D, generator=random) * 2
    return [q, *(torch.randn(batch, GROUPS, keys, D, generator=random) for _ in range(2))]


def expected(q: Any, k: Any, seen: Any) -> Any:
    k = k.expand(2, *k.shape[1:]).repeat_interleave(HEADS // GROUPS, 1)
    scores = (q @ k.transpose(2, 3) * D**-0.5).masked_fill(~seen, LOWEST)
    return scores.softmax(-1).numpy()


def assert_weights(records: list[Any], wanted: Any) -> None:
    for i, record in enumerate(records):
        kept = torch.nonzero(MASK[i]).flatten().tolist()
        own = record.weights(range(HEADS), slice(None))
        columns = kept if wanted.shape[3] == N else range(wanted.shape[3])
        np.testing.assert_allclose(own, wanted[i][:, kept][:, :, columns], atol=1e-6)


CAUSAL = torch.ones(N, N, dtype=torch.bool).tril()[None, None]


@pytest.mark.parametrize("window", [None, 4])
@pytest.mark.parametrize("padded", [False, True])
def test_flash_attention_has_its_mask_in_arguments(hear: Callable[..., Any], window: int | None, padded: bool) -> None:
    """Causal by a flag, windows by a number, and padding by text and key."""
    q, k, v = tensors()
    seen = CAUSAL if window is None else CAUSAL & ~CAUSAL.tril(-window)
    seen = seen & MASK[:, None, None].bool() if padded else seen.expand(2, 1, N, N)
    records = hear(
        q,
        k,
        v,
        mask=MASK if padded else None,
        implementation="flash_attention_2",
        kwargs={"scaling": D**-0.5, "sliding_window": window, "is_causal": True},
    )
    if not padded:  # then padding is seen as well, and cut away only afterwards
        return assert_weights(records[:1], expected(q, k, seen))
    return assert_weights(records, expected(q, k, seen))


def test_flex_attention_has_a_lazy_mask(hear: Callable[..., Any]) -> None:
    from torch.nn.attention.flex_attention import create_block_mask

    q, k, v = tensors()

    def rule(batch: Any, head: Any, query: Any, key: Any) -> Any:
        return (key <= query) & (query - key < 3)

    mask = create_block_mask(rule, 2, None, N, N, device="cpu")
    records = hear(q, k, v, mask=mask, implementation="flex_attention", kwargs={"scaling": D**-0.5})
    assert_weights(records[:1], expected(q, k, CAUSAL & ~CAUSAL.tril(-3)))


@pytest.mark.parametrize("kind", ["bool", "additive"])
def test_masks_of_every_cell(hear: Callable[..., Any], kind: str) -> None:
    q, k, v = tensors()
    seen = CAUSAL & MASK[:, None, None].bool()
    mask = seen if kind == "bool" else torch.zeros(2, 1, N, N).masked_fill(~seen, LOWEST)
    assert_weights(hear(q, k, v, mask=mask, implementation="sdpa"), expected(q, k, seen))


@pytest.mark.parametrize(("implementation", "causal"), [("sdpa", True), ("sdpa", False), ("eager", True)])
def test_no_mask_means_what_the_kernel_takes_it_for(
    hear: Callable[..., Any], implementation: str, causal: bool
) -> None:
    """Causal by the flag for sdpa, everything for eager code, whatever the flag says."""
    q, k, v = tensors()
    records = hear(
        q, k, v, implementation=implementation, ran_own=implementation == "eager", kwargs={"is_causal": causal}
    )
    seen = CAUSAL if causal and implementation == "sdpa" else torch.ones_like(CAUSAL)
    assert_weights(records[:1], expected(q, k, seen))


def test_a_cache_longer_than_what_it_holds(hear: Callable[..., Any]) -> None:
    """A static cache: more keys than queries, causal from the first on, so that its unused end is never seen."""
    q, k, v = tensors(keys=N + 4)
    records = hear(q, k, v, implementation="sdpa", kwargs={"is_causal": True})
    seen = torch.ones(N, N + 4, dtype=torch.bool).tril()[None, None]
    assert_weights(records[:1], expected(q, k, seen))
    assert not records[0].weights([0], [0])[..., 1:].any()


def test_keys_that_all_texts_share(hear: Callable[..., Any]) -> None:
    q, k, v = tensors(batch=1)
    seen = MASK[:, None, None].bool().expand(2, 1, N, N)
    assert_weights(hear(q, k, v, mask=seen, implementation="sdpa"), expected(q, k, seen))


def test_padding_that_is_seen_is_not_hidden(make_model: Callable[..., Any]) -> None:
    """A model that ignores its mask gives weight to padding: rows sum to less without it, and a note says why."""
    model = make_model("Bert", "BertModel", attn_implementation="eager")
    own = model.forward
    model.forward = lambda input_ids, attention_mask=None, **more: own(input_ids, **more)
    inputs = {"input_ids": torch.arange(5, 14)[None].repeat(2, 1), "attention_mask": MASK.flip(1)}
    found = capture(model, inputs)
    assert isinstance(found, list)
    with torch.no_grad():
        wanted = model(inputs["input_ids"], output_attentions=True).attentions
    for layer in range(3):
        np.testing.assert_allclose(found[1].weights(layer), wanted[layer][1, :, :6, :6].numpy(), atol=1e-5)
    assert found[1].weights(0).sum(-1).min() < 0.9
    assert found[1].stacks["encoder"].layers[0].note


def test_shared_keys_are_stored_once(hear: Callable[..., Any]) -> None:
    q, k, v = tensors()
    record = hear(q, k, v, implementation="sdpa")[0]
    assert record.k.data.shape == record.v.data.shape == (GROUPS, N, D)


def test_what_the_model_writes_in_place_later_changes_nothing(hear: Callable[..., Any]) -> None:
    q, k, v = tensors()
    record = hear(q, k, v, implementation="sdpa")[0]
    before = record.weights(range(HEADS), slice(None))
    for tensor in (q, k, v):
        tensor.zero_()
    assert np.array_equal(record.weights(range(HEADS), slice(None)), before)


def test_the_users_own_wish_for_attentions_stays(make_model: Callable[..., Any]) -> None:
    model = make_model("Bert", "BertModel", attn_implementation="eager")
    model.config.output_attentions = True
    found = capture(model, torch.arange(5, 15)[None])
    assert isinstance(found, Attention)
    assert found.n_layers == 3
    assert model.config.output_attentions is True
    with torch.no_grad():
        wanted = model(torch.arange(5, 15)[None]).attentions
    np.testing.assert_allclose(found.weights(2), wanted[2][0].numpy(), atol=1e-5)
