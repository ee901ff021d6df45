"""Gradient × attention: what a small change of a weight would do to one stated scalar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.capture.forward import arguments, asked
from attnwidget.capture.guest import as_guest
from attnwidget.inputs.models import is_encoder_decoder, main_model, resolve
from attnwidget.inputs.texts import prepare
from attnwidget.statistics.setting import F8


@dataclass(frozen=True)
class GradientAttention:
    """Gradients of a scalar y by the attention weights of one text.

    Attributes
    ----------
    target : str
        What y is.
    value : float
        y.
    gradients, weights : tuple of float32 [H, n, n], one for each layer
    """

    target: str
    value: float
    gradients: tuple[NDArray[np.float32], ...]
    weights: tuple[NDArray[np.float32], ...]

    def sensitivity(self) -> tuple[F8, ...]:
        """Mean of |∂y/∂A| over all cells of a head, [H] for each layer (Clark et al. 2019, Fig. 3)."""
        return tuple(np.abs(g).mean((1, 2), dtype=np.float64) for g in self.gradients)

    def importance(self) -> tuple[F8, ...]:
        """|Σ A·∂y/∂A| of a head, [H] for each layer, after Michel et al. (2019), before their norm over a layer."""
        pairs = zip(self.weights, self.gradients, strict=True)
        return tuple(np.abs((w * g).sum((1, 2), dtype=np.float64)) for w, g in pairs)

    def relevance(self) -> F8:
        """R ← R + mean_h[(∂y/∂A · A)⁺]·R over layers, R = I at first: float64 [n, n].

        References
        ----------
        Chefer et al. (2021), "Generic attention-model explainability", ICCV, rules 5 and 6.
        """
        relevance = np.eye(self.weights[0].shape[1])
        for weights, gradients in zip(self.weights, self.gradients, strict=True):
            relevance = relevance + np.maximum(weights * gradients, 0).mean(0, dtype=np.float64) @ relevance
        return np.asarray(relevance, np.float64)


def gradient_attention(
    model: Any,
    text: str,
    target: str | Callable[[Any], Any] | tuple[int, int],
    *,
    text_pair: str | None = None,
    tokenizer: Any = None,
) -> GradientAttention:
    """Gradients of a scalar by every attention weight.

    Parameters
    ----------
    model, text, text_pair, tokenizer
        As for :func:`attnwidget.capture`; one text.
    target : "loss", (int, int) or callable
        What is derived. "loss": mean next-token loss of a causal language model on this text. (position, class): that
        logit; the position is 0 where a model has one row of logits. A callable takes the model's output and gives a
        scalar tensor.

    Raises
    ------
    ValueError
        The model returns no attention, or has no logits and the target needs them.
    """
    import torch

    subject = resolve(model, tokenizer)
    if is_encoder_decoder(subject.model):
        raise ValueError("gradients are for models with one sequence; this one reads one and writes another")
    (batch, *_), _ = prepare(subject, text, text_pair)
    guest, main = subject.model, main_model(subject.model)
    inputs = arguments(guest, batch.inputs)
    with as_guest(guest), torch.enable_grad():
        main.set_attn_implementation("eager")
        # Weights must have a gradient also where all parameters are frozen.
        main.get_input_embeddings().register_forward_hook(_needs_gradient)
        outer, found = asked(guest, inputs, output_attentions=True)
        attentions = [a for a in getattr(found, "attentions", None) or () if a is not None]
        if not attentions:
            raise ValueError(f"{type(main).__name__} returned no attention under eager attention")
        scalar = _scalar(outer, found, target, inputs["input_ids"])
        gradients = torch.autograd.grad(scalar, attentions, allow_unused=True)
    pairs = zip(gradients, attentions, strict=True)
    return GradientAttention(
        _name(target),
        float(scalar.detach()),
        tuple((torch.zeros_like(a) if g is None else g)[0].float().cpu().numpy() for g, a in pairs),
        tuple(a[0].detach().float().cpu().numpy() for a in attentions),
    )


def _needs_gradient(_module: Any, _args: Any, output: Any) -> Any:
    return output if output.requires_grad else output.requires_grad_()


def _name(target: Any) -> str:
    if isinstance(target, tuple):
        return f"logit of class {target[1]} at position {target[0]}"
    return target if isinstance(target, str) else getattr(target, "__name__", repr(target))


def _scalar(outer: Any, found: Any, target: Any, ids: Any) -> Any:
    import torch

    if callable(target):
        scalar = target(outer)
        if getattr(scalar, "numel", lambda: 0)() != 1:
            raise ValueError(f"target must give a scalar tensor, got {getattr(scalar, 'shape', type(scalar).__name__)}")
        return scalar.reshape(())
    logits = getattr(outer, "logits", getattr(found, "logits", None))
    if logits is None:
        raise ValueError(f"target={target!r} needs logits, which this model does not have: pass a callable")
    if isinstance(target, tuple):
        rows = logits[0].reshape(-1, logits.shape[-1])
        return rows[target[0], target[1]]
    if target != "loss":
        raise ValueError(f"target must be 'loss', (position, class) or a callable, got {target!r}")
    if logits.dim() != 3 or logits.shape[1] != ids.shape[1]:
        raise ValueError("target='loss' is the next-token loss of a causal language model, and this is none")
    return torch.nn.functional.cross_entropy(logits[0, :-1].float(), ids[0, 1:])
