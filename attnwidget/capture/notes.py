"""What a reader has to know of a capture: which layers come from where, and what is special about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attnwidget.layers import Stack

TAP = (
    "This model computes attention in code of its own, outside transformers' attention interface: what its tensor "
    "functions multiplied and normalised was recorded"
)
EAGER = (
    "This model's attention does not go through transformers' attention interface: weights are those that the "
    "model returned under eager attention, in its own precision; queries, keys and values are not known."
)


def what_to_know(stacks: Sequence[Stack]) -> list[str]:
    """Sentences for `Attention.notes`, one for each thing, with the layers that it concerns."""
    said: dict[str, dict[str, list[int]]] = {}
    tapped: dict[str, list[int]] = {}
    shown = 0
    for stack in stacks:
        for number, layer in enumerate(stack.layers):
            shown += layer.heads > 0
            if layer.heads and layer.source == "tap":
                tapped.setdefault(stack.name, []).append(number)
            if layer.heads and layer.note:
                said.setdefault(layer.note, {}).setdefault(stack.name, []).append(number)
    notes = []
    if tapped:
        every = sum(map(len, tapped.values())) == shown
        notes.append(f"{TAP}{'' if every else f' ({_places(tapped)})'}.")
    return [*notes, *(f"{_places(places)}: {note}." for note, places in said.items())]


def _places(places: dict[str, list[int]]) -> str:
    """E.g. "encoder layers 0–11, cross layer 3"."""
    parts = []
    for stack, numbers in places.items():
        runs: list[list[int]] = []
        for number in numbers:
            if runs and runs[-1][-1] == number - 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        listed = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)
        parts.append(f"{stack} {'layer' if len(numbers) == 1 else 'layers'} {listed}")
    return ", ".join(parts)


def wrappings(given: Any, model: Any) -> list[str]:
    """What a capture of `model` does that a plain call of what was `given`, it or a wrapper, would not have done."""
    notes = []
    compiled = given if hasattr(given, "modules") else model
    if any(is_compiled(module) for module in compiled.modules()):
        notes.append(
            "This model is compiled: for the capture its source ran instead (force_eager), as compiled code calls "
            "nothing that can be listened to. The compiled kernels may round differently."
        )
    if any(module.training and _drops(module) for module in model.modules()):
        notes.append(
            "The model is in training mode: for the capture it ran in evaluation mode, so these are the weights before "
            "dropout."
        )
    return notes


def is_compiled(module: Any) -> bool:
    """Whether calling the module runs compiled code."""
    return getattr(module, "_compiled_call_impl", None) is not None or "_orig_mod" in getattr(module, "_modules", {})


def _drops(module: Any) -> bool:
    """Whether the module has a dropout above zero: torch's own, or a number that it hands to attention."""
    if "Dropout" in type(module).__name__:
        return getattr(module, "p", 0) != 0
    numbers = (value for name, value in vars(module).items() if "dropout" in name and isinstance(value, float))
    return any(numbers)
