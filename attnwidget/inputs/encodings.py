"""Ready encodings (what a tokenizer or processor returned, or a tensor of ids) → `Prepared`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attnwidget.inputs.models import Subject, is_encoder_decoder, main_model
from attnwidget.inputs.texts import (
    _NOT_INPUTS,
    Prepared,
    Side,
    check_ids,
    encode_target,
    shift_right,
    start_id,
    words_of,
)
from attnwidget.inputs.tokens import Token, numbered_tokens
from attnwidget.inputs.vocabulary import Vocabulary

_NO_TOKENIZER = "No tokenizer was found, so tokens are shown by their ids: pass tokenizer= to see their text."


def prepare_ready(subject: Subject, given: Any, target: Any = None) -> tuple[list[Prepared], bool]:
    """One batch of an encoding (input_ids, attention_mask, …) or of ids alone ([n] or [B, n]).

    Padding is what the attention mask says, on either side. A batch of one counts as one text.
    """
    encoding = given if isinstance(given, Mapping) else {"input_ids": getattr(given, "input_ids", given)}
    inputs = {name: _tensor(value, name) for name, value in encoding.items() if name not in _NOT_INPUTS}
    inputs = {name: value for name, value in inputs.items() if value is not None}
    config = getattr(main_model(subject.model), "config", None)
    vocabulary = Vocabulary(subject.tokenizer, config)
    notes: list[str] = []
    sides: dict[str, Side] = {}
    if "input_ids" in inputs:
        sides["source"] = _side(subject, vocabulary, inputs, encoding, "", "input_ids")
        if subject.tokenizer is None:
            notes.append(_NO_TOKENIZER)
    elif "inputs_embeds" in inputs:
        sides["source"] = _unnamed(inputs)
    if is_encoder_decoder(subject.model):
        _add_target(subject, vocabulary, inputs, target, sides)
    elif target is not None:
        raise ValueError(
            f"target= is for encoder-decoder models, and {type(subject.model).__name__} is not one: leave it out"
        )
    if not inputs:
        raise ValueError(
            "text is an encoding without any tensor: pass what tokenizer(text, return_tensors='pt') returns"
        )
    size = next(iter(inputs.values())).shape[0]
    texts = [_plain(sides["source"].tokens[i]) if "source" in sides else "" for i in range(size)]
    return [Prepared(inputs, sides, texts, notes)], size == 1


def _tensor(value: Any, name: str) -> Any:
    """A tensor with a batch axis; None for what is none (None, metadata)."""
    import torch

    if value is None or isinstance(value, (str, bool, Mapping)):
        return None
    if not isinstance(value, torch.Tensor):
        try:
            value = torch.as_tensor(value)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ValueError(
                f"{name} cannot be made a tensor ({error}): texts of different length need padding=True"
            ) from error
    if name in ("input_ids", "decoder_input_ids"):
        if value.is_floating_point() or value.dtype == torch.bool:
            raise TypeError(f"{name} must hold integers, got {value.dtype}, shape {tuple(value.shape)}")
        if value.dim() not in (1, 2):
            raise ValueError(f"{name} must have shape [n] or [batch, n], got {tuple(value.shape)}")
    return value[None] if value.dim() == 1 else value


def _side(
    subject: Subject, vocabulary: Vocabulary, inputs: dict[str, Any], encoding: Any, prefix: str, name: str
) -> Side:
    ids = inputs[name]
    mask = inputs.get(f"{prefix}attention_mask")
    if mask is not None and mask.dim() == 2 and mask.shape != ids.shape:
        raise ValueError(
            f"{prefix}attention_mask has shape {tuple(mask.shape)} and {name} {tuple(ids.shape)}: they must be the same"
        )
    start = start_id(subject.model) if prefix else None
    keep: list[list[int]] = []
    tokens: list[tuple[Token, ...]] = []
    types = inputs.get("token_type_ids") if not prefix else None
    for i, row in enumerate(ids.tolist()):
        kept = list(range(len(row)))
        if mask is not None and mask.dim() == 2:
            kept = [j for j, m in enumerate(mask[i].tolist()) if m]
        check_ids(subject, [row[j] for j in kept], f"text {i}" if not prefix else f"target {i}")
        words = None if prefix else words_of(encoding, i) if hasattr(encoding, "word_ids") else None
        named = vocabulary.tokens(
            [row[j] for j in kept],
            None,
            None if words is None else [words[j] for j in kept],
            None if types is None or types.shape != ids.shape else [int(types[i, j]) for j in kept],
            start,
        )
        keep.append(kept)
        tokens.append(named)
    return Side(ids.shape[1], keep, tokens)


def _unnamed(inputs: dict[str, Any]) -> Side:
    size, length = inputs["inputs_embeds"].shape[:2]
    return Side(length, [list(range(length))] * size, [tuple(numbered_tokens(length))] * size)


def _add_target(
    subject: Subject, vocabulary: Vocabulary, inputs: dict[str, Any], target: Any, sides: dict[str, Side]
) -> None:
    """The decoder's side: from target=, decoder_input_ids or labels, in this order."""
    import torch

    labels = inputs.pop("labels", None)
    if target is not None:
        if not isinstance(target, str):
            raise TypeError(f"target must be a str beside an encoding of one text, got {type(target).__name__}")
        subject.need_tokenizer()
        inputs["decoder_input_ids"] = torch.tensor([encode_target(subject, vocabulary, target).ids])
        inputs.pop("decoder_attention_mask", None)
    elif "decoder_input_ids" not in inputs and labels is not None:
        # −100 marks what a loss skips; models read padding there.
        pad = vocabulary.named["pad"]
        rows = [[pad or 0 if i == -100 else i for i in row] for row in labels.tolist()]
        start, eos = start_id(subject.model), vocabulary.named["eos"]
        inputs["decoder_input_ids"] = torch.tensor([shift_right(subject.model, row, start, eos) for row in rows])
    if "decoder_input_ids" not in inputs:
        raise ValueError(
            f"{type(subject.model).__name__} is an encoder-decoder: pass target=, the text that its decoder writes, "
            "or put decoder_input_ids into the encoding"
        )
    sides["target"] = _side(subject, vocabulary, inputs, {}, "decoder_", "decoder_input_ids")


def _plain(tokens: tuple[Token, ...]) -> str:
    """Roughly the text again, for a title."""
    words: list[str] = []
    last: int | None = None
    for token in tokens:
        if token.role not in ("text", "unk"):
            continue
        if words and token.word is not None and token.word == last:
            words[-1] += token.text
        else:
            words.append(token.text)
        last = token.word
    return " ".join(words)
