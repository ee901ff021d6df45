"""`capture`: the forward pass, and the `Attention` of each text made of what was heard."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from attnwidget.arrays import ArrayLayer, is_causal
from attnwidget.attention import Attention
from attnwidget.capture.eager import ask_for_weights, cut
from attnwidget.capture.guest import as_guest
from attnwidget.capture.interface import Listener, listening
from attnwidget.capture.recorder import Call, Recorder
from attnwidget.capture.records import Record
from attnwidget.capture.stacks import ORDER, Places, true_numbers
from attnwidget.inputs.models import Subject, main_model, resolve
from attnwidget.inputs.texts import Prepared, prepare
from attnwidget.inputs.tokens import Token, numbered_tokens, sink_token, virtual_tokens
from attnwidget.layers import Layer, LayerInfo, Stack


def capture(
    model: Any, text: Any, text_pair: Any = None, *, target: Any = None, tokenizer: Any = None
) -> Attention | list[Attention]:
    """Run `model` on `text` once and keep what its attention looked at.

    Parameters
    ----------
    model : model, str, path, pipeline or sentence-transformers object
        A transformers model, or a path or hub id to load it from.
    text : str, list of str, encoding or tensor of ids
        A list gives a list of `Attention`. An encoding is what the tokenizer returned (input_ids, attention_mask, …);
        padding, on either side, is cut away by the attention mask.
    text_pair : str or list of str, optional
        The second segment (sentence pairs).
    target : str or list of str, optional
        What an encoder-decoder's decoder writes.
    tokenizer : tokenizer, processor or path, optional
        Found from the model when left out.

    Returns
    -------
    Attention, or list of Attention for a list of texts or a batch

    Raises
    ------
    ValueError
        The text is empty or too long for the model, there is no tokenizer, or the model has no attention weights.
    TypeError
        `model`, `text` or `tokenizer` is of a kind that cannot be used.

    Notes
    -----
    The model is a guest: it runs in evaluation mode without gradients, and every module's training flag, hooks,
    attention implementation and random state are as before afterwards, also after an exception. Weights are those of
    that pass without dropout, recomputed in float32.
    """
    subject = resolve(model, tokenizer)
    batches, single = prepare(subject, text, text_pair, target)
    places = Places(subject.model)
    found = [attention for batch in batches for attention in _run(subject, places, batch)]
    return found[0] if single else found


def _run(subject: Subject, places: Places, batch: Prepared) -> list[Attention]:
    recorder = Recorder(places, batch)
    model = subject.model
    inputs = _arguments(model, batch.inputs)
    with as_guest(model):
        with listening(Listener(places.modules, recorder.hear)):
            model(**inputs)
        if any(call.records for calls in recorder.calls.values() for call in calls):
            return [_attention(subject, places, batch, recorder, i) for i in range(batch.size)]
        given = ask_for_weights(model, inputs, _main_stack(model))
    if not given:
        shapes = next((call.note for calls in recorder.calls.values() for call in calls), "")
        why = (
            f"it calls attention, but {shapes}"
            if shapes
            else (
                "it made no call through transformers' attention interface, and output_attentions=True gave nothing. "
                "Models without attention (state space, recurrent, convolutional) have no weights"
            )
        )
        raise ValueError(f"{type(model).__name__} has no attention to show: {why}")
    return [_attention_of_weights(subject, batch, recorder, given, i) for i in range(batch.size)]


def _arguments(model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Arguments of the forward pass: the inputs on the model's device, without what it does not take."""
    device = next((p.device for p in model.parameters() if p.device.type != "meta"), None)
    moved = {name: value.to(device) if device is not None else value for name, value in inputs.items()}
    names = set(inspect.signature(model.forward).parameters)
    if "input_ids" in names:
        for name in ("token_type_ids", "decoder_attention_mask"):
            if name not in names:
                moved.pop(name, None)
    # A cache would hold the keys and values a second time, and logits of all positions can outweigh everything else.
    for name, value in (("use_cache", False), ("return_dict", True), ("logits_to_keep", 1)):
        if name in names and name not in moved:
            moved[name] = value
    return moved


def _attention(subject: Subject, places: Places, batch: Prepared, recorder: Recorder, i: int) -> Attention:
    stacks: list[Stack] = []
    layers: dict[str, Sequence[Layer | None]] = {}
    record: Record
    notes = list(batch.notes)
    for name in ORDER:
        calls = recorder.calls.get(name)
        first = next((call for call in calls or () if call.records), None)
        if calls is None or first is None:
            continue
        numbers, gaps = true_numbers([call.module for call in calls], places)
        records: list[Layer | None] = [None] * len(gaps)
        infos = [LayerInfo(0, "interface", gap) for gap in gaps]
        shape = first.records[i].queries, first.records[i]._keys
        sink = any(call.records and call.records[i].sink is not None for call in calls)
        for number, call in zip(numbers, calls, strict=True):
            note = call.note
            if call.records and (call.records[i].queries, call.records[i]._keys) != shape:
                own = call.records[i]
                note = f"its map is {own.queries}×{own._keys}, that of other layers {shape[0]}×{shape[1]}"
            if note:
                infos[number] = LayerInfo(0, "interface", note)
                continue
            record = call.records[i]
            record.pad_sink = sink and record.sink is None
            records[number], infos[number] = record, LayerInfo(record.heads, "interface")
        queries, keys = _tokens(recorder, name, first, i)
        keys += (sink_token(),) if sink else ()
        stacks.append(Stack(name, queries, keys, tuple(infos), _causal(records)))
        layers[name] = records
    if recorder.suspect:
        notes.append(
            "Recomputed attention differs from what the model computed (share of the largest output) in "
            f"{', '.join(recorder.suspect)}: its attention follows another formula."
        )
    return Attention(
        stacks, layers, model_name=subject.name, text=batch.texts[i], notes=notes, residual=recorder.residual
    )


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
        if not isinstance(record, Record) or record.queries < 2 or record._keys < record.queries:
            continue
        if record.seen is None:
            return False
        own = np.arange(record.queries) + record._keys - record.queries
        for row in range(0, record.queries, 64):
            rows = range(row, min(record.queries, row + 64))
            seen = record.seen.visible(slice(None), rows, record._keys)
            if (seen & (np.arange(record._keys) > own[list(rows)][:, None])).any():
                return False
        answer = True
    return answer


def _main_stack(model: Any) -> str:
    """The stack of what a model returns as plain `attentions`."""
    main = main_model(model)
    if getattr(main, "main_input_name", "") == "pixel_values":
        return "vision"
    writes = getattr(main, "can_generate", lambda: False)() or getattr(
        getattr(main, "config", None), "is_decoder", False
    )
    return "decoder" if writes else "encoder"


def _attention_of_weights(
    subject: Subject, batch: Prepared, recorder: Recorder, given: dict[str, list[Any]], i: int
) -> Attention:
    stacks: list[Stack] = []
    layers: dict[str, Sequence[Layer | None]] = {}
    for name, weights in given.items():
        axes = [recorder.axis(name, which, i, weights[0].shape[2 + which]) for which in (0, 1)]
        cuts = [cut(layer, i, axes[0].keep, axes[1].keep) for layer in weights]
        infos = tuple(LayerInfo(0 if layer is None else layer.heads, "eager", note) for layer, note in cuts)
        arrays: list[ArrayLayer | None] = [layer for layer, _ in cuts]
        causal = is_causal([None if layer is None else layer._weights for layer in arrays])
        # What an architecture without our sight into it calls its stack is less sure than what its weights show.
        shown = "decoder" if name == "encoder" and causal and len(given) == 1 else name
        queries, keys = _tokens(recorder, name, Call(None, axes=[(axes[0], axes[1])] * batch.size), i)
        stacks.append(Stack(shown, queries, keys, infos, causal))
        layers[shown] = arrays
    if not any(layer is not None for records in layers.values() for layer in records):
        reason = next(info.note for stack in stacks for info in stack.layers)
        raise ValueError(f"{type(subject.model).__name__} has no attention to show: {reason}")
    note = (
        "This model's attention does not go through transformers' attention interface: weights are those that the "
        "model returned under eager attention, in its own precision; queries, keys and values are not known."
    )
    return Attention(stacks, layers, model_name=subject.name, text=batch.texts[i], notes=[*batch.notes, note])
