"""One architecture: weights against eager `output_attentions`, W_O against what it writes, outputs afterwards."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping
from typing import Any

import build
import numpy as np
import torch

from attnwidget import Attention, capture

_STACKS = {
    "encoder_attentions": "encoder",
    "decoder_attentions": "decoder",
    "cross_attentions": "cross",
    "vision_attentions": "vision",
}


UNSCALED = {"embedding_gemma2", "embedding_gemma2_text", "mt5", "pop2piano", "t5", "umt5"}
"""Logits that are not scaled amplify what sdpa and eager attention round differently: 2e-5 for these."""

SCORES = {"prophetnet": ("encoder_attentions", "cross_attentions"), "squeezebert": ("attentions",)}
"""Of these, upstream returns the scores before the softmax."""


def examine(model_type: str) -> dict[str, Any]:
    """What came of one type of model.

    Returns
    -------
    dict with
        status : "unbuilt" (cannot be built or run with generic inputs), "no reference" or "compared"
        reason : why, for what is not compared or does not agree
        same_output : whether a forward pass after the capture gives bit for bit what it gave before
        worst : largest difference of any weight; layers, sources: of what was captured
        projections, wrong_projections : layers whose W_O was found; those whose heads do not add up to the output
    """
    started = time.monotonic()
    found: dict[str, Any] = {"type": model_type, "status": "unbuilt", "reason": "", "same_output": None}
    try:
        _examine(model_type, found)
    except UnbuiltError as done:
        found["reason"] = found["reason"] or str(done)
    found["seconds"] = round(time.monotonic() - started, 1)
    return found


class UnbuiltError(Exception):
    """Nothing more can be said of this type."""


def _examine(model_type: str, found: dict[str, Any]) -> None:
    model, config, inputs = _running(model_type)
    found["implementation"] = model.config._attn_implementation
    before = _outputs(model, inputs)
    found["status"] = "no reference"
    reference, why = _reference(model, config, inputs)
    error = ""
    captured: list[Attention] = []
    written = _Written(model)
    try:
        torch.manual_seed(0)
        result = capture(model, inputs)
        captured = result if isinstance(result, list) else [result]
    except (ValueError, RuntimeError, TypeError, IndexError, KeyError, AttributeError, AssertionError) as problem:
        error = f"capture: {type(problem).__name__}: {str(problem)[:300]}"
    written.remove()
    found["same_output"] = _same(before, _outputs(model, inputs))
    if captured:
        stacks = captured[0].stacks
        found["layers"] = {n: [layer.heads for layer in s.layers] for n, s in stacks.items()}
        found["sources"] = sorted({layer.source for s in stacks.values() for layer in s.layers if layer.heads})
        found["notes"] = sorted({layer.note for s in stacks.values() for layer in s.layers if layer.note})
        found["residual"] = captured[0].residual
        found["said"] = list(captured[0].notes)
        written.compare(captured[0], found)
    if not reference:
        found["reason"] = error or why
        return
    found["status"] = "compared"
    found["agrees"], found["worst"] = False, None
    if not captured:
        found["reason"] = error
        return
    _compare(captured, reference, inputs, found)


def _running(model_type: str) -> tuple[Any, Any, dict[str, Any]]:
    """A model that runs with some generic input."""
    problems = []
    for config in build.configs(model_type):
        if isinstance(config, Exception):
            problems.append(f"config: {type(config).__name__}: {str(config)[:150]}")
            continue
        try:
            model = build.peaky(build.make(config))
        except Exception as error:
            problems.append(f"build: {type(error).__name__}: {str(error)[:150]}")
            continue
        for inputs in build.inputs(model):
            try:
                outputs = _outputs(model, inputs)
            except Exception as error:
                problems.append(f"run {'+'.join(inputs)}: {type(error).__name__}: {str(error)[:150]}")
                continue
            if outputs:
                # Composites do not say what they start with, which a ready encoding makes no use of.
                if "decoder_input_ids" in inputs and getattr(model.config, "decoder_start_token_id", None) is None:
                    model.config.decoder_start_token_id = 0
                return model, config, inputs
        problems.append("runs with no generic input")
    raise UnbuiltError(" | ".join(dict.fromkeys(problems))[:700])


def _outputs(model: Any, inputs: dict[str, Any]) -> list[torch.Tensor]:
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - what some models draw from
    with torch.no_grad():
        return list(_tensors(model(**inputs)))


def _tensors(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _tensors(inner)
    elif isinstance(value, (tuple, list)):
        for inner in value:
            yield from _tensors(inner)


def _same(before: list[torch.Tensor], after: list[torch.Tensor]) -> bool:
    return len(before) == len(after) and all(
        a.shape == b.shape and torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))
        for a, b in zip(before, after, strict=True)
    )


Groups = dict[str, list[torch.Tensor]]


def _reference(model: Any, config: Any, inputs: dict[str, Any]) -> tuple[Groups, str]:
    """Attentions that an eager copy returns, by name; or why there are none."""
    try:
        twin = build.make(config, "eager")
        twin.load_state_dict(model.state_dict())
        twin.eval()
        torch.manual_seed(0)
        # As in a capture; FSMT masks nothing where it thinks that it writes token by token.
        cache = {"use_cache": False} if "use_cache" in inspect.signature(twin.forward).parameters else {}
        with torch.no_grad():
            outputs = twin(**inputs, **cache, output_attentions=True)
    except Exception as error:
        return {}, f"eager: {type(error).__name__}: {str(error)[:150]}"
    groups: Groups = {}
    _attentions(outputs, "", groups)
    if not groups:
        return {}, "output_attentions gives nothing"
    if any(not torch.isfinite(a).all() for layers in groups.values() for a in layers):
        return {}, "eager attentions are NaN with random weights"
    return groups, ""


def _attentions(outputs: Any, prefix: str, groups: Groups) -> None:
    if not isinstance(outputs, Mapping):
        return
    for name, value in outputs.items():
        if name.endswith("attentions") and isinstance(value, (tuple, list)):
            layers = [a for a in value if isinstance(a, torch.Tensor) and a.ndim == 4]
            if layers:
                groups[f"{prefix}{name}"] = layers
        elif isinstance(value, Mapping):
            _attentions(value, f"{prefix}{name}.", groups)


def _compare(captured: list[Attention], reference: Groups, inputs: dict[str, Any], found: dict[str, Any]) -> None:
    """Every layer of the reference must be among the captured ones, in its order."""
    tolerance = 2e-5 if found["type"] in UNSCALED else 1e-5
    worst, problems, surplus = 0.0, [], 0
    for name in SCORES.get(found["type"], ()):
        reference[name] = [scores.softmax(-1) for scores in reference[name]]
    halves = [reference.get(f"{side}_attentions") for side in ("decoder", "cross")]
    if all(halves) and "cross" not in captured[0].stacks:
        # T5Gemma2 has one map over the keys of both, which upstream takes apart.
        joined = [torch.cat(pair, -1) for pair in zip(*halves, strict=True)]
        reference = {n: a for n, a in reference.items() if n != "cross_attentions"} | {"decoder_attentions": joined}
    for name, layers in reference.items():
        chosen: tuple[float, str, int] | None = None
        for stack in _candidates(name, captured[0]):
            result = _sequence(captured, stack, layers, inputs)
            if chosen is None or result[0] < chosen[0]:
                chosen = result
        if chosen is None:
            problems.append(f"{name}: no stack")
            worst = float("inf")
            continue
        worst, surplus = max(worst, chosen[0]), surplus + chosen[2]
        if not chosen[0] <= tolerance:
            problems.append(f"{name}: {chosen[1]}")
    found["worst"] = worst if np.isfinite(worst) else None
    found["agrees"] = not problems
    found["surplus"] = surplus
    found["reason"] = " | ".join(problems)


def _candidates(name: str, first: Attention) -> list[str]:
    known = _STACKS.get(name)
    return [known] if known in first.stacks else list(first.stacks)


def _sequence(
    captured: list[Attention], stack: str, layers: list[torch.Tensor], inputs: dict[str, Any]
) -> tuple[float, str, int]:
    """Largest difference, what is wrong, and how many captured layers the reference does not have."""
    shown = [i for i, layer in enumerate(captured[0].stacks[stack].layers) if layer.heads]
    if len(shown) < len(layers):
        return float("inf"), f"{len(shown)} layers of stack {stack!r} for {len(layers)}", 0
    worst, at = 0.0, 0
    for number, wanted in enumerate(layers):
        differences = []
        # The next captured layer, or a later one where as many are left over.
        for candidate in range(at, len(shown) - (len(layers) - number) + 1):
            difference = max(_difference(a, stack, shown[candidate], i, wanted, inputs) for i, a in enumerate(captured))
            differences.append(difference)
            if difference < 2e-5:
                break
        best = min(range(len(differences)), key=differences.__getitem__)
        worst = max(worst, differences[best])
        at += best + 1
    return worst, f"stack {stack!r} differs by {worst:.2g}", len(shown) - len(layers)


def _difference(
    found: Attention, stack: str, layer: int, sample: int, wanted: torch.Tensor, inputs: dict[str, Any]
) -> float:
    own = found.weights(layer, stack=stack)
    if sample >= wanted.shape[0]:
        return float("inf")
    given = wanted[sample].float().numpy()
    if found.key_tokens(stack) and found.key_tokens(stack)[-1].role == "sink":
        own = own[..., :-1]
    if own.shape == given.shape:
        return float(np.abs(own - given).max())
    for rows in _kept(inputs, sample, given.shape[1]):
        for columns in _kept(inputs, sample, given.shape[2]):
            if own.shape == (len(given), len(rows), len(columns)):
                return float(np.abs(own - given[:, rows][:, :, columns]).max())
    return float("inf")


def _kept(inputs: dict[str, Any], sample: int, length: int) -> list[list[int]]:
    """Positions of a text that are no padding, for any of its masks that fits; and all of them."""
    masks = [inputs[n][sample] for n in ("attention_mask", "decoder_attention_mask") if n in inputs]
    kept = []
    for mask in masks:
        extra = length - len(mask)
        if extra >= 0:
            kept.append([*range(extra), *(extra + int(i) for i in torch.nonzero(mask).flatten())])
    return [*kept, list(range(length))]


class _Written:
    """What every linear layer of the model writes, to be compared with the heads' contributions."""

    def __init__(self, model: Any) -> None:
        self.outputs: dict[int, list[tuple[Any, torch.Tensor]]] = {}
        self.handles = [
            m.register_forward_hook(self._hear) for m in model.modules() if getattr(m, "weight", None) is not None
        ]

    def _hear(self, module: Any, arguments: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and module.weight is not None and module.weight.ndim == 2:
            self.outputs.setdefault(module.weight.data_ptr(), []).append((module, output.detach().clone()))

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def compare(self, found: Attention, into: dict[str, Any]) -> None:
        """Σ over heads and keys of weight · value · W_O, plus its bias, against what W_O's module returned."""
        assert found._layers is not None
        good, bad, gated = 0, [], 0
        for stack, layers in found._layers.items():
            turns: dict[int, int] = {}
            for number, record in enumerate(layers):
                projection: Any = getattr(record, "projection", None)
                info = found.stacks[stack].layers[number]
                if record is None or projection is None or info.source != "interface":
                    continue
                if "W_O" in info.note:
                    gated += 1
                    continue
                place = projection._weight.data_ptr()
                turn = turns[place] = turns.get(place, -1) + 1
                heard = self.outputs.get(place, [])
                if turn >= len(heard):
                    bad.append(f"{stack} {number}: its projection did not run")
                    continue
                module, output = heard[turn]
                difference = _written_difference(record, module, output, found, stack, number)
                if difference is None or difference > 1e-3:
                    bad.append(f"{stack} {number}: {difference}")
                else:
                    good += 1
        into["projections"], into["wrong_projections"], into["gated"] = good, bad, gated


def _written_difference(
    record: Any, module: Any, output: torch.Tensor, found: Attention, stack: str, layer: int
) -> float | None:
    weights = found.weights(layer, stack=stack)[..., : record._keys]
    total = sum(weights[h] @ record._written(h) for h in range(record.heads))
    bias = getattr(module, "bias", None)
    total = total + (0 if bias is None else bias.detach().float().numpy())
    # The first text's rows come first and are not padded on the left; some models have queries before texts.
    ways = [output.reshape(-1, output.shape[-1])]
    if output.ndim == 3 and output.shape[0] >= len(total):
        ways.append(output[:, 0])
    differences = []
    for way in ways:
        own = way[: len(total)].float().numpy()
        if own.shape == total.shape:
            differences.append(float(np.abs(own - total).max() / max(float(np.abs(own).max()), 1e-6)))
    return min(differences, default=None)
