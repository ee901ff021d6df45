"""Text → what a model takes, and the tokens of each position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from attnwidget.inputs.models import Subject, is_encoder_decoder, length_limit, main_model
from attnwidget.inputs.tokens import Token
from attnwidget.inputs.vocabulary import Vocabulary

BATCH = 16
# What tokenizers return beside what models take.
_NOT_INPUTS = ("special_tokens_mask", "offset_mapping", "length", "overflow_to_sample_mapping", "num_truncated_tokens")


@dataclass(frozen=True)
class Side:
    """One sequence of a batch: `length` positions, of which each sample keeps some (the rest is padding)."""

    length: int
    keep: list[list[int]]
    tokens: list[tuple[Token, ...]]


@dataclass
class Prepared:
    """One batch: keyword arguments of the forward pass, and the tokens of its sides ("source", "target")."""

    inputs: dict[str, Any]
    sides: dict[str, Side]
    texts: list[str]
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Encoded:
    """One text as ids, before padding."""

    ids: list[int]
    tokens: tuple[Token, ...]
    types: list[int] | None = None


def prepare(subject: Subject, text: Any, text_pair: Any = None, target: Any = None) -> tuple[list[Prepared], bool]:
    """Batches of model inputs, and whether one text (not a list) was given.

    See :func:`attnwidget.capture` for the arguments. A list of strings is padded on the right, whatever the tokenizer's
    side: so each text has the positions, and the attention, that it has alone.
    """
    if _is_ready(text):
        from attnwidget.inputs.encodings import prepare_ready

        if text_pair is not None:
            raise ValueError("text_pair= goes with text as str: an encoding already holds both segments")
        return prepare_ready(subject, text, target)
    texts, single = _as_list(text, "text")
    pairs = _partners(text_pair, texts, single, "text_pair")
    targets = _partners(target, texts, single, "target")
    both = is_encoder_decoder(subject.model)
    if target is not None and not both:
        raise ValueError(
            f"target= is for encoder-decoder models, and {type(subject.model).__name__} is not one: leave it out (a "
            "second segment is text_pair=)"
        )
    if target is None and both:
        raise ValueError(
            f"{type(subject.model).__name__} is an encoder-decoder: pass target=, the text that its decoder writes, "
            "e.g. "
            "tokenizer.decode(model.generate(**tokenizer(text, return_tensors='pt'))[0], skip_special_tokens=True)"
        )
    tokenizer = subject.need_tokenizer()
    vocabulary = Vocabulary(tokenizer)
    sources = [_encode(subject, vocabulary, t, p) for t, p in zip(texts, pairs, strict=True)]
    written = [encode_target(subject, vocabulary, t) for t in targets] if both else []
    batches = []
    for start in range(0, len(texts), BATCH):
        part = slice(start, start + BATCH)
        inputs, side = _pad(vocabulary, sources[part])
        sides = {"source": side}
        if written:
            more, sides["target"] = _pad(vocabulary, written[part])
            inputs["decoder_input_ids"] = more["input_ids"]
            inputs["decoder_attention_mask"] = more["attention_mask"]
        shown = [t if p is None else f"{t} ⏐ {p}" for t, p in zip(texts[part], pairs[part], strict=True)]
        batches.append(Prepared(inputs, sides, shown))
    return batches, single


def check_ids(subject: Subject, ids: Sequence[int], what: str) -> None:
    """No tokens, too many, or ids that the model has no embedding for: a ValueError that says so."""
    if not len(ids):
        raise ValueError(f"{what} has no tokens: there is nothing to attend to")
    limit = length_limit(subject.model, subject.tokenizer)
    if limit is not None and len(ids) > limit[0]:
        raise ValueError(
            f"{what} has {len(ids)} tokens and {subject.name} takes {limit[0]} ({limit[1]}): shorten it, or pass "
            f"tokenizer(text, truncation=True, max_length={limit[0]}, return_tensors='pt') instead of the text"
        )
    embedding = getattr(main_model(subject.model), "get_input_embeddings", lambda: None)
    try:
        rows = getattr(embedding(), "num_embeddings", None)
    except (NotImplementedError, AttributeError):
        rows = None
    if rows is not None and max(ids) >= rows:
        raise ValueError(
            f"{what} has token id {max(ids)} and {subject.name} knows ids 0 to {rows - 1}: "
            "this tokenizer is not the model's"
        )


def _is_ready(text: Any) -> bool:
    return isinstance(text, Mapping) or hasattr(text, "input_ids") or hasattr(text, "shape")


def _as_list(text: Any, name: str) -> tuple[list[str], bool]:
    if isinstance(text, str):
        return [text], True
    if not isinstance(text, (list, tuple)) or not all(isinstance(t, str) for t in text):
        inside = f" of {type(text[0]).__name__}" if isinstance(text, (list, tuple)) and text else ""
        ids = ": ids go in a tensor, torch.tensor([ids])" if "int" in inside else ""
        raise TypeError(
            f"{name} must be a str, a list of str, or what the tokenizer returned, "
            f"got {type(text).__name__}{inside}{ids}"
        )
    if not text:
        raise ValueError(f"{name} is an empty list: give at least one text")
    return list(text), False


def _partners(given: Any, texts: list[str], single: bool, name: str) -> list[Any]:
    if given is None:
        return [None] * len(texts)
    partners, alone = _as_list(given, name)
    if alone != single or len(partners) != len(texts):
        raise ValueError(
            f"{name} must go with text one to one: text is {_count(texts, single)}, {name} is {_count(partners, alone)}"
        )
    return partners


def _count(texts: list[str], single: bool) -> str:
    return "one str" if single else f"a list of {len(texts)}"


def _encode(subject: Subject, vocabulary: Vocabulary, text: str, pair: str | None) -> Encoded:
    encoding = subject.need_tokenizer()(text, pair, verbose=False) if pair is not None else _call(subject, text)
    ids = [int(i) for i in encoding["input_ids"]]
    check_ids(subject, ids, f"text {text[:40]!r}" if text else "text ''")
    types = encoding.get("token_type_ids")
    types = None if types is None else [int(t) for t in types]
    segments = types if types is not None and any(types) else segments_of(encoding, 0, len(ids), pair is not None)
    words = words_of(encoding, 0)
    return Encoded(ids, vocabulary.tokens(ids, None, words, segments), types)


def _call(subject: Subject, text: str) -> Any:
    return subject.need_tokenizer()(text, verbose=False)


def encode_target(subject: Subject, vocabulary: Vocabulary, text: str) -> Encoded:
    """What the decoder reads when it writes `text`: the start token, then all but the last token."""
    encoding = subject.need_tokenizer()(text_target=text, verbose=False)
    ids = [int(i) for i in encoding["input_ids"]]
    start = start_id(subject.model)
    shifted = shift_right(subject.model, ids, start, vocabulary.named["eos"])
    check_ids(subject, shifted, f"target {text[:40]!r}")
    words = words_of(encoding, 0)
    if words is not None:
        offset = 1 if shifted[1:] == ids[: len(shifted) - 1] else 0 if shifted == ids[: len(shifted)] else None
        words = None if offset is None else ([None] * offset + list(words))[: len(shifted)]
    return Encoded(shifted, vocabulary.tokens(shifted, None, words, None, start))


def start_id(model: Any) -> int:
    """The id a decoder starts with."""
    main = main_model(model)
    config = main.config
    for place in (config, getattr(main, "generation_config", None), getattr(config, "decoder", None)):
        for name in ("decoder_start_token_id", "bos_token_id"):
            found = getattr(place, name, None)
            if isinstance(found, int):
                return found
    pad = getattr(config, "pad_token_id", None)
    if isinstance(pad, int):
        return pad
    raise ValueError(
        f"{type(main).__name__} does not say what its decoder starts with: set model.config.decoder_start_token_id, "
        "or pass "
        "an encoding with decoder_input_ids"
    )


def shift_right(model: Any, ids: list[int], start: int, eos: int | None) -> list[int]:
    """What a decoder reads when it writes `ids`, by the model's own rule where it has one."""
    import torch

    if ids and ids[0] == start and len(ids) > 1 and ids[-1] == eos != start:
        return ids[:-1]  # the tokenizer writes the start token itself (Whisper)
    own = getattr(main_model(model), "prepare_decoder_input_ids_from_labels", None)
    if own is not None and ids:
        return [int(i) for i in own(labels=torch.tensor([ids]))[0]]
    return [start, *(ids[:-1] if ids and ids[-1] == eos else ids)]


def words_of(encoding: Any, sample: int) -> list[int | None] | None:
    """Word numbers as a fast tokenizer knows them, those of a second segment counted on; None for slow ones."""
    if not getattr(encoding, "is_fast", False):
        return None
    words = list(encoding.word_ids(sample))
    parts = list(encoding.sequence_ids(sample))
    first = max((w for w, p in zip(words, parts, strict=True) if w is not None and p == 0), default=-1) + 1
    return [w if w is None or not p else w + first for w, p in zip(words, parts, strict=True)]


def segments_of(encoding: Any, sample: int, length: int, pair: bool) -> list[int] | None:
    """Segments of a pair where the model has no token types: by the tokenizer's own account, separators to the left."""
    if not pair or not getattr(encoding, "is_fast", False):
        return None
    segments, current = [], 0
    for part in encoding.sequence_ids(sample)[:length]:
        current = current if part is None else part
        segments.append(current)
    return segments


def _pad(vocabulary: Vocabulary, encoded: Sequence[Encoded]) -> tuple[dict[str, Any], Side]:
    import torch

    length = max(len(e.ids) for e in encoded)
    # Any id does for padding, as the mask hides it; models without a padding token get a real one.
    pad = vocabulary.named["pad"]
    pad = 0 if pad is None else pad
    ids = [e.ids + [pad] * (length - len(e.ids)) for e in encoded]
    mask = [[1] * len(e.ids) + [0] * (length - len(e.ids)) for e in encoded]
    inputs = {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}
    types = [e.types for e in encoded]
    if all(t is not None for t in types):
        inputs["token_type_ids"] = torch.tensor([[*(t or []), *[0] * (length - len(t or []))] for t in types])
    return inputs, Side(length, [list(range(len(e.ids))) for e in encoded], [e.tokens for e in encoded])
