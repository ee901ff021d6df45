"""Ready encodings (what a tokenizer or processor returned, or a tensor of ids) → `Prepared`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attnwidget.inputs.audio import INPUTS, frame_count, frame_tokens, sound_length
from attnwidget.inputs.encode import check_ids, continued, encode_target, pad, write_target
from attnwidget.inputs.images import image_tokens
from attnwidget.inputs.models import Subject, is_encoder_decoder, main_model
from attnwidget.inputs.offsets import gaps_of, segments_of, words_of
from attnwidget.inputs.prepared import Options, Prepared, Side
from attnwidget.inputs.targets import shift_right, start_id
from attnwidget.inputs.tokens import Token, numbered_tokens
from attnwidget.inputs.vocabulary import Vocabulary

# What tokenizers return beside what models take, and the times of a sound, which our own audio inputs carry.
_NOT_INPUTS = (
    "special_tokens_mask",
    "offset_mapping",
    "length",
    "overflow_to_sample_mapping",
    "num_truncated_tokens",
    "seconds",
    "step",
)
_NO_TOKENIZER = "No tokenizer was found, so tokens are shown by their ids: pass tokenizer= to see their text."
_NO_IDS = "Embeddings were given without ids: positions are shown by their number."


def prepare_ready(
    subject: Subject, given: Any, target: Any = None, options: Options | None = None, words: str | None = None
) -> tuple[list[Prepared], bool]:
    """One batch of an encoding (input_ids, attention_mask, …) or of ids alone ([n] or [B, n]).

    Padding is what the attention mask says, on either side. A batch of one counts as one text. `words`: its title.
    """
    options = options or Options()
    encoding = given if isinstance(given, Mapping) else {"input_ids": getattr(given, "input_ids", given)}
    inputs = {name: _tensor(value, name) for name, value in encoding.items() if name not in _NOT_INPUTS}
    inputs = {name: value for name, value in inputs.items() if value is not None}
    vocabulary = Vocabulary(subject.tokenizer, getattr(main_model(subject.model), "config", None))
    notes: list[str] = []
    sides: dict[str, Side] = {}
    if not inputs:
        raise ValueError(
            "text is an encoding without any tensor: pass what tokenizer(text, return_tensors='pt') returns"
        )
    size = next(iter(inputs.values())).shape[0]
    both = is_encoder_decoder(subject.model)
    if "input_ids" in inputs:
        sides["source"] = _side(subject, vocabulary, inputs, encoding, "", "input_ids")
        if options.generate and not both:
            sides["source"] = _continue(subject, vocabulary, inputs, sides["source"], encoding, options.generate, notes)
    elif "inputs_embeds" in inputs:
        sides["source"] = _unnamed(inputs)
        notes.append(_NO_IDS)
    _add_media(subject, inputs, encoding, sides)
    if options.generate and "input_ids" not in inputs and not both:
        raise ValueError(f"generate={options.generate} needs ids to write after: the input holds {', '.join(inputs)}")
    if both:
        _add_target(subject, vocabulary, inputs, target, sides, options, notes)
    elif target is not None:
        raise ValueError(
            f"target= is for encoder-decoder models, and {type(subject.model).__name__} is not one: leave it out"
        )
    if subject.tokenizer is None and any(name in inputs for name in ("input_ids", "decoder_input_ids")):
        notes.append(_NO_TOKENIZER)
    titled = "source" in sides and "input_ids" in inputs
    texts = [_plain(sides["source"].tokens[i]) if titled else words or "" for i in range(size)]
    return [Prepared(inputs, sides, texts if words is None else [words] * size, notes)], size == 1


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
    bare = {"pixel_values": 3, "input_features": 2, "inputs_embeds": 2}.get(name, 1)
    return value[None] if value.dim() == bare else value


def _kept(inputs: dict[str, Any], prefix: str, name: str, i: int) -> list[int]:
    """Positions of one text that are no padding."""
    shape = inputs[name].shape[:2]
    mask = inputs.get(f"{prefix}attention_mask")
    if mask is None or mask.dim() != 2:
        return list(range(shape[1]))
    if mask.shape != shape:
        raise ValueError(
            f"{prefix}attention_mask has shape {tuple(mask.shape)} and {name} {tuple(shape)}: they must be the same"
        )
    return [j for j, m in enumerate(mask[i].tolist()) if m]


def _side(
    subject: Subject, vocabulary: Vocabulary, inputs: dict[str, Any], encoding: Any, prefix: str, name: str
) -> Side:
    ids = inputs[name]
    start = start_id(subject.model) if prefix else None
    keep: list[list[int]] = []
    tokens: list[tuple[Token, ...]] = []
    for i, row in enumerate(ids.tolist()):
        kept = _kept(inputs, prefix, name, i)
        check_ids(subject, [row[j] for j in kept], f"text {i}" if not prefix else f"target {i}", _CUT)
        words, segments, gaps = (None, None, None) if prefix else _known(vocabulary, encoding, inputs, i, kept)
        keep.append(kept)
        tokens.append(vocabulary.tokens([row[j] for j in kept], None, words, segments, start, gaps))
    return Side(ids.shape[1], keep, tokens)


_CUT = "tokenizer(text, truncation=True, …) instead, which cuts the end off where the encoding is made"


def _known(
    vocabulary: Vocabulary, encoding: Any, inputs: dict[str, Any], i: int, kept: list[int]
) -> tuple[Any, Any, Any]:
    """Words, segments and gaps of one text, as far as the encoding tells."""
    types = inputs.get("token_type_ids")
    segments = None
    if types is not None and types.shape == inputs["input_ids"].shape:
        segments = [int(t) for t in types[i]]
    told = _tells(encoding, i, inputs["input_ids"][i].tolist(), vocabulary.named["mask"])
    if told and (segments is None or not any(segments)):
        # Separators know better than a fast tokenizer that was given one text with a separator written in it.
        own = segments_of(encoding, i)
        segments = own if own is not None and any(own) else segments
    found = (words_of(encoding, i) if told else None, segments, gaps_of(encoding, i) if told else None)
    return tuple(None if known is None else [known[j] for j in kept] for known in found)  # type: ignore[return-value]


def _tells(encoding: Any, i: int, ids: list[int], mask_id: int | None) -> bool:
    """Whether a fast tokenizer's account is of this row: its ids may have been changed since, but for masking some."""
    accounts = getattr(encoding, "encodings", None)
    if accounts is None or i >= len(accounts) or len(accounts[i].ids) != len(ids):
        return False
    return all(own in (told, mask_id) for own, told in zip(ids, accounts[i].ids, strict=True))


def _continue(
    subject: Subject,
    vocabulary: Vocabulary,
    inputs: dict[str, Any],
    side: Side,
    encoding: Any,
    count: int,
    notes: list[str],
) -> Side:
    """Put what the model writes after each text into `inputs`; padding is cut away, and put on the right."""
    import torch

    ids = inputs["input_ids"]
    plain = {"input_ids", "attention_mask", "token_type_ids"}
    if len(side.keep) > 1 and set(inputs) - plain:
        extra = ", ".join(sorted(set(inputs) - plain))
        raise ValueError(f"generate= beside {extra} takes one text at a time, got a batch of {len(side.keep)}")
    encoded = []
    for i, kept in enumerate(side.keep):
        what = f"text {i}"
        check_ids(subject, [int(ids[i, j]) for j in kept], what, "a smaller generate=", count)
        own = {name: v[i : i + 1, kept] if name in plain else v for name, v in inputs.items()}
        own.setdefault("attention_mask", torch.ones_like(own["input_ids"]))
        known = _known(vocabulary, encoding, inputs, i, kept)
        encoded.append(continued(subject, vocabulary, own, *known, count))
    notes.extend(encoded[0].notes)
    grown, whole = pad(vocabulary, encoded)
    inputs.update({name: value for name, value in grown.items() if name != "token_type_ids" or name in inputs})
    return whole


def _unnamed(inputs: dict[str, Any]) -> Side:
    size, length = inputs["inputs_embeds"].shape[:2]
    keep = [_kept(inputs, "", "inputs_embeds", i) for i in range(size)]
    return Side(length, keep, [tuple(numbered_tokens(len(kept))) for kept in keep])


def _add_media(subject: Subject, inputs: dict[str, Any], encoding: Any, sides: dict[str, Side]) -> None:
    """Sides of an image ("image") and of a sound (the "source")."""
    pixels = inputs.get("pixel_values")
    if pixels is not None and pixels.dim() == 4:
        tokens = image_tokens(subject.model, pixels.shape[2], pixels.shape[3])
        if tokens is not None:
            whole = list(range(len(tokens)))
            sides["image"] = Side(len(tokens), [whole] * len(pixels), [tokens] * len(pixels), exact=True)
            if is_encoder_decoder(subject.model):
                sides.setdefault("source", sides["image"])  # what a decoder that describes pictures looks at
    sound = next((inputs[name] for name in INPUTS if name in inputs), None)
    if sound is None or "source" in sides:
        return
    length = sound_length(subject.model, sound)
    count = frame_count(subject.model, length)
    if not count:
        return
    # 10 ms a frame of a spectrogram and 16000 samples a second are what models have where nothing else is said.
    step = encoding.get("step") or (0.01 if sound.dim() == 3 else 1 / 16000)
    frames = frame_tokens(count, step * length / count, encoding.get("seconds"))
    sides["source"] = Side(count, [list(range(count))] * len(sound), [frames] * len(sound), exact=True)


def _add_target(
    subject: Subject,
    vocabulary: Vocabulary,
    inputs: dict[str, Any],
    target: Any,
    sides: dict[str, Side],
    options: Options,
    notes: list[str],
) -> None:
    """The decoder's side: from target=, decoder_input_ids or labels, in this order; else the model writes it."""
    import torch

    labels = inputs.pop("labels", None)
    if target is not None:
        if not isinstance(target, str):
            raise TypeError(f"target must be a str beside an encoding of one text, got {type(target).__name__}")
        subject.need_tokenizer()
        encoded = encode_target(subject, vocabulary, target, options)
        notes.extend(encoded.notes)
        inputs["decoder_input_ids"] = torch.tensor([encoded.ids])
        inputs.pop("decoder_attention_mask", None)
    elif "decoder_input_ids" not in inputs and labels is not None:
        # −100 marks what a loss skips; models read padding there.
        filler = vocabulary.named["pad"]
        rows = [[filler or 0 if i == -100 else i for i in row] for row in labels.tolist()]
        start, eos = start_id(subject.model), vocabulary.named["eos"]
        inputs["decoder_input_ids"] = torch.tensor([shift_right(subject.model, row, start, eos) for row in rows])
    elif "decoder_input_ids" not in inputs:
        size = next(iter(inputs.values())).shape[0]
        own = [{name: value[i : i + 1] for name, value in inputs.items()} for i in range(size)]
        answers = [write_target(subject, vocabulary, one, options) for one in own]
        notes.extend(dict.fromkeys(note for answer in answers for note in answer.notes))
        more, _ = pad(vocabulary, answers)
        inputs["decoder_input_ids"] = more["input_ids"]
        if size > 1:
            inputs["decoder_attention_mask"] = more["attention_mask"]
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
