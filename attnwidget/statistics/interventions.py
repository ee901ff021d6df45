"""What changes when values are zero or a head is gone: the forward pass again, and the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attnwidget.addressing import index_of
from attnwidget.attention import Attention
from attnwidget.capture import capture
from attnwidget.capture.forward import arguments, asked
from attnwidget.capture.guest import as_guest
from attnwidget.capture.stacks import Places, true_numbers
from attnwidget.inputs.models import Subject, is_encoder_decoder, resolve
from attnwidget.inputs.texts import prepare
from attnwidget.statistics.pairs import js_rows
from attnwidget.statistics.patching import Change, Patch, patched
from attnwidget.statistics.setting import F8


@dataclass(frozen=True)
class Effect:
    """What an intervention changed.

    Attributes
    ----------
    output : float
        1 − cosine of the mean over positions of the last hidden states, before and after.
    tokens : float64 [n]
        1 − cosine of each position's last hidden state.
    logits : float or None
        KL(before ‖ after) of the softmax of the logits, mean over positions, in nats; None without logits.
    loss : float or None
        Change of the mean next-token loss on this text, in nats; None for models that are no causal language model.
    attention : float64 [L, H]
        Jensen–Shannon divergence of each head's rows before and after, mean over rows, in nats. 0 up to this layer.
    """

    output: float
    tokens: F8
    logits: float | None
    loss: float | None
    attention: F8


def value_zeroing(
    model: Any,
    text: str,
    layer: int,
    keys: int | Sequence[int],
    *,
    heads: Sequence[int] | None = None,
    text_pair: str | None = None,
    tokenizer: Any = None,
) -> Effect:
    """Run the model again with v = 0 for chosen keys in one layer, weights unchanged: the test of "no-op".

    Masking a key instead would re-spread its weight over the others, which is a different question.

    Parameters
    ----------
    model, text, text_pair, tokenizer
        As for :func:`attnwidget.capture`; one text.
    layer : int
    keys : int or sequence of int
        Positions whose values are zeroed.
    heads : sequence of int, optional
        Left out: all heads of the layer.

    References
    ----------
    Mohebbi et al. (2023), "Quantifying context mixing in transformers", EACL.
    """
    chosen = [keys] if isinstance(keys, (int, np.integer)) else list(keys)

    def change(function: Any, plain: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        module, query, key, value, *rest = args
        zeroed = value.clone()
        zeroed[:, :, [index_of(k, value.shape[2], "keys") for k in chosen]] = 0
        if heads is None:
            return function(module, query, key, zeroed, *rest, **kwargs)
        output, *others = function(*args, **kwargs)
        instead = plain(module, query, key, zeroed, *rest, **kwargs)[0]
        at = [index_of(h, output.shape[2], "heads") for h in heads]
        output = output.clone()
        output[:, :, at] = instead[:, :, at]
        return (output, *others)

    return _effect(model, text, text_pair, tokenizer, layer, change)


def ablate(
    model: Any,
    text: str,
    layer: int,
    heads: int | Sequence[int],
    *,
    how: str = "zero",
    text_pair: str | None = None,
    tokenizer: Any = None,
) -> Effect:
    """Run the model again without chosen heads of a layer.

    Parameters
    ----------
    model, text, text_pair, tokenizer
        As for :func:`attnwidget.capture`; one text.
    layer : int
    heads : int or sequence of int
    how : "zero" or "mean"
        What stands for a head's output: nothing, or at every position its mean over the positions of this text.
    """
    if how not in ("zero", "mean"):
        raise ValueError(f"how must be 'zero' or 'mean', got {how!r}")
    chosen = [heads] if isinstance(heads, (int, np.integer)) else list(heads)

    def change(function: Any, _plain: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output, *others = function(*args, **kwargs)
        at = [index_of(h, output.shape[2], "heads") for h in chosen]
        output = output.clone()
        output[:, :, at] = output[:, :, at].mean(1, keepdim=True) if how == "mean" else 0
        return (output, *others)

    return _effect(model, text, text_pair, tokenizer, layer, change)


def _effect(model: Any, text: str, text_pair: str | None, tokenizer: Any, layer: int, change: Change) -> Effect:
    if not isinstance(text, str):
        raise TypeError(f"text must be one str, got {type(text).__name__}")
    subject = resolve(model, tokenizer)
    if is_encoder_decoder(subject.model):
        raise ValueError(
            f"{type(subject.model).__name__} reads one text and writes another: value_zeroing and ablate change models "
            "of one sequence only; capture(model, text, target=...) tells what each key contributes"
        )
    places = Places(subject.model)
    before = capture(subject.model, text, text_pair, tokenizer=subject.tokenizer)
    assert isinstance(before, Attention)
    stack = next(iter(before.stacks))
    index_of(layer, before.stacks[stack].n_layers, "layer")
    with patched(Patch(places, stack)) as counted:
        plain = _outputs(subject, text, text_pair)
    if not counted.modules:
        raise ValueError(
            f"{type(subject.model).__name__} does not call attention through transformers' attention interface: "
            "there is nothing that could be changed"
        )
    numbers, _ = true_numbers(counted.modules, places)
    if layer not in numbers:
        raise ValueError(f"layer {layer} makes no attention call")
    call = numbers.index(layer)
    with patched(Patch(places, stack, call, change)):
        outputs = _outputs(subject, text, text_pair)
    with patched(Patch(places, stack, call, change)):
        after = capture(subject.model, text, text_pair, tokenizer=subject.tokenizer)
    assert isinstance(after, Attention)
    tokens = _turned(plain["hidden"], outputs["hidden"])
    pooled = _turned(plain["hidden"].mean(0, keepdims=True), outputs["hidden"].mean(0, keepdims=True))
    logits = loss = None
    if "logits" in plain:
        logits = float((np.exp(plain["logits"]) * (plain["logits"] - outputs["logits"])).sum(-1).mean())
        ids = plain["ids"]
        if before.stacks[stack].causal and plain["logits"].shape[0] == len(ids) > 1:
            loss = _loss(outputs["logits"], ids) - _loss(plain["logits"], ids)
    return Effect(float(pooled[0]), tokens, logits, loss, _moved(before, after, stack))


def _outputs(subject: Subject, text: str, text_pair: str | None) -> dict[str, Any]:
    """Last hidden states [n, hidden], and log-probabilities [n or 1, classes] where the model has logits."""
    import torch

    (batch, *_), _ = prepare(subject, text, text_pair)
    inputs = arguments(subject.model, batch.inputs)
    with as_guest(subject.model):
        outer, found = asked(subject.model, inputs, output_hidden_states=True)
    hidden = getattr(found, "last_hidden_state", None)
    hidden = found.hidden_states[-1] if hidden is None else hidden
    out = {"hidden": hidden[0].double().cpu().numpy(), "ids": inputs["input_ids"][0].cpu().numpy()}
    logits = getattr(outer, "logits", getattr(found, "logits", None))
    if isinstance(logits, torch.Tensor):
        out["logits"] = torch.log_softmax(logits[0].double(), -1).reshape(-1, logits.shape[-1]).cpu().numpy()
    return out


def _turned(one: F8, two: F8) -> F8:
    norms = np.linalg.norm(one, axis=-1) * np.linalg.norm(two, axis=-1)
    return np.asarray(1 - (one * two).sum(-1) / np.maximum(norms, 1e-300), np.float64)


def _loss(logs: F8, ids: Any) -> float:
    return float(-logs[np.arange(len(ids) - 1), ids[1:]].mean())


def _moved(before: Attention, after: Attention, stack: str) -> F8:
    heads = [layer.heads for layer in before.stacks[stack].layers]
    out = np.full((len(heads), max(heads)), np.nan)
    for layer, count in enumerate(heads):
        for head in range(count):
            one, two = (a.weights(layer, head, stack=stack).astype(np.float64) for a in (before, after))
            out[layer, head] = js_rows(one, two).mean()
    return out
