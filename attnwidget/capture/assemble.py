"""The calls and weights of one forward pass → the `Attention` of each text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attnwidget.arrays import ArrayLayer, is_causal
from attnwidget.attention import Attention
from attnwidget.capture.eager import cut
from attnwidget.capture.given import Given
from attnwidget.capture.notes import EAGER, what_to_know
from attnwidget.capture.recorder import Axis, Call, Recorder
from attnwidget.capture.records import Record
from attnwidget.capture.stacks import ORDER, Places, true_numbers
from attnwidget.inputs.models import Subject, main_model
from attnwidget.inputs.texts import Prepared
from attnwidget.inputs.tokens import Token, numbered_tokens, sink_token, virtual_tokens
from attnwidget.layers import Layer, LayerInfo, Stack


def attention(
    subject: Subject, places: Places, batch: Prepared, recorder: Recorder, i: int, notes: Sequence[str] = ()
) -> Attention:
    """What was recorded of the batch's text `i`; `notes` go first."""
    stacks: list[Stack] = []
    layers: dict[str, Sequence[Layer | None]] = {}
    record: Record | Given
    for name in ORDER:
        calls = recorder.calls.get(name, [])
        first = _leading(calls, i)
        if first is None:
            continue
        numbers, gaps = true_numbers([call.module for call in calls], places)
        records: list[Layer | None] = [None] * len(gaps)
        infos = [LayerInfo(0, first.source, gap) for gap in gaps]
        shape = first.records[i].queries, first.records[i]._keys
        sink = any(call.records and call.records[i].sink is not None for call in calls)
        for number, call in zip(numbers, calls, strict=True):
            note = "" if call.records else call.note
            if call.records and (call.records[i].queries, call.records[i]._keys) != shape:
                own = call.records[i]
                note = f"its map is {own.queries}×{own._keys}, that of other layers {shape[0]}×{shape[1]}"
            if note:
                infos[number] = LayerInfo(0, call.source, note)
                continue
            record = call.records[i]
            record.pad_sink = sink and record.sink is None
            records[number] = record
            infos[number] = LayerInfo(record.heads, call.source, call.note, call.residual)
        queries, keys = _tokens(recorder, name, first, i)
        keys += (sink_token(),) if sink else ()
        causal = _causal(records)
        # Code of a model's own says nothing of itself; what it computed is surer.
        unsaid = first.source == "tap" and name == "encoder" and causal and "decoder" not in recorder.calls
        shown = "decoder" if unsaid else name
        stacks.append(Stack(shown, queries, keys, tuple(infos), causal))
        layers[shown] = records
    return Attention(
        stacks,
        layers,
        model_name=subject.name,
        text=batch.texts[i],
        notes=[*notes, *batch.notes, *what_to_know(stacks)],
    )


def _leading(calls: Sequence[Call], i: int) -> Call | None:
    """The call that says which rows and columns a stack has: whose tokens are known, then of the commonest size."""
    usable = [call for call in calls if call.records]
    sizes = [(call.records[i].queries, call.records[i]._keys) for call in usable]
    known = [all(axis.known for axis in call.axes[i]) for call in usable]
    order = sorted(range(len(usable)), key=lambda n: (not known[n], -sizes.count(sizes[n]), n))
    return usable[order[0]] if order else None


def _tokens(recorder: Recorder, name: str, call: Call, i: int) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
    found: list[tuple[Token, ...]] = []
    for which, axis in enumerate(call.axes[i]):
        side = recorder.side(name, which)
        if side is None or not axis.known:
            found.append(tuple(numbered_tokens(len(axis.keep))))
        else:
            found.append((*virtual_tokens(axis.virtual), *side.tokens[i]))
    return found[0], found[1]


def _causal(records: Sequence[Layer | None]) -> bool | None:
    """Whether no row of any layer sees a key after its own position."""
    answer: bool | None = None
    for record in records:
        if isinstance(record, Given) and record.queries == record._keys > 1:
            if any(
                np.triu(record.weights([h], slice(None))[0, :, : record._keys], 1).any() for h in range(record.heads)
            ):
                return False
            answer = True
        if not isinstance(record, Record) or record.queries < 2 or record._keys < record.queries:
            continue
        if record.seen is None:
            return False
        if record.seen.looks_ahead(record._keys, record._keys - record.queries):
            return False
        answer = True
    return answer


def main_stack(model: Any) -> str:
    """The stack of what a model returns as plain `attentions`."""
    main = main_model(model)
    if getattr(main, "main_input_name", "") == "pixel_values":
        return "vision"
    writes = getattr(main, "can_generate", lambda: False)() or getattr(
        getattr(main, "config", None), "is_decoder", False
    )
    return "decoder" if writes else "encoder"


@dataclass
class Reduced:
    """One stack of weights that the model returned, of one text: what is kept of each layer, and of its axes."""

    axes: tuple[Axis, Axis]
    layers: list[ArrayLayer | None] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def reduce(given: dict[str, list[Any]], recorder: Recorder) -> list[dict[str, Reduced]]:
    """Weights of a whole batch → those of each text, without padding, in main memory.

    Layer by layer: each is let go as soon as it is cut, so that no more than one is held twice. `given` ends empty.
    """
    size = recorder.prepared.size
    texts: list[dict[str, Reduced]] = [{} for _ in range(size)]
    for name in list(given):
        weights = given.pop(name)
        weights.reverse()
        queries, keys = weights[-1].shape[2:]
        for i in range(size):
            texts[i][name] = Reduced((recorder.axis(name, 0, i, queries), recorder.axis(name, 1, i, keys)))
        while weights:
            layer = weights.pop()
            for i in range(size):
                reduced = texts[i][name]
                array, note = cut(layer, i, reduced.axes[0].keep, reduced.axes[1].keep)
                reduced.layers.append(array)
                reduced.notes.append(note)
            del layer
    return texts


def attention_of_weights(
    subject: Subject,
    batch: Prepared,
    recorder: Recorder,
    given: dict[str, Reduced],
    i: int,
    notes: Sequence[str] = (),
) -> Attention:
    """What the model returned as attentions of the batch's text `i`."""
    stacks: list[Stack] = []
    layers: dict[str, Sequence[Layer | None]] = {}
    for name, reduced in given.items():
        infos = tuple(
            LayerInfo(0 if layer is None else layer.heads, "eager", note)
            for layer, note in zip(reduced.layers, reduced.notes, strict=True)
        )
        causal = is_causal([None if layer is None else layer._weights for layer in reduced.layers])
        # What an architecture without our sight into it calls its stack is less sure than what its weights show.
        shown = "decoder" if name == "encoder" and causal and len(given) == 1 else name
        queries, keys = _tokens(recorder, name, Call(None, axes=[reduced.axes] * batch.size), i)
        stacks.append(Stack(shown, queries, keys, infos, causal))
        layers[shown] = reduced.layers
    if not any(layer is not None for records in layers.values() for layer in records):
        reason = next(info.note for stack in stacks for info in stack.layers)
        raise ValueError(f"{type(subject.model).__name__} has no attention to show: {reason}")
    return Attention(stacks, layers, model_name=subject.name, text=batch.texts[i], notes=[*notes, *batch.notes, EAGER])
