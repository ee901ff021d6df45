"""One text → ids and tokens: encoded, checked against the model's limits, and continued where that is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attnwidget.inputs.generation import LONGEST_TARGET, can_write, read_by_decoder, written
from attnwidget.inputs.models import Subject, is_encoder_decoder, length_limit, main_model
from attnwidget.inputs.offsets import gaps_of, segments_of, words_of
from attnwidget.inputs.prepared import Encoded, Options, Side
from attnwidget.inputs.targets import shift_right, start_id
from attnwidget.inputs.vocabulary import Vocabulary


def check_characters(text: str, name: str) -> None:
    """A ValueError for a lone surrogate (half a character of UTF-16, or a byte that was none of UTF-8)."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        at = error.start
        raise ValueError(
            f"{name} {text[max(0, at - 20) : at + 20]!r} has {text[at]!r} at position {at}, a lone surrogate, which is "
            "no character and cannot be read: decode the text in its own encoding, or replace what is broken, "
            f"{name}.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace')"
        ) from None


def check_ids(subject: Subject, ids: Sequence[int], what: str, how: str = "", more: int = 0) -> None:
    """No tokens, too many, or ids that the model has no embedding for: a ValueError that says so.

    `how`: what to do where there are too many; `more`: tokens that are yet to be written.
    """
    if not len(ids):
        raise ValueError(f"{what} has no tokens: there is nothing to attend to")
    limit = length_limit(subject.model, subject.tokenizer)
    if limit is not None and len(ids) + more > limit[0]:
        count = f"{len(ids)} tokens" + (f" and generate={more} makes them {len(ids) + more}" if more else "")
        raise ValueError(
            f"{what} has {count} and {subject.name} takes {limit[0]} ({limit[1]}): shorten it, or pass "
            + (how or "truncation=True to have its end cut off")
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


def encode(
    subject: Subject,
    vocabulary: Vocabulary,
    text: str,
    pair: str | None = None,
    options: Options | None = None,
    rendered: bool = False,
) -> Encoded:
    """One text (and its second segment) as ids, and what the model writes after it where that is wanted.

    `rendered`: a chat template has put the special tokens in.
    """
    options = options or Options()
    settings: dict[str, Any] = {"verbose": False, **({"add_special_tokens": False} if rendered else {})}
    more = 0 if is_encoder_decoder(subject.model) else options.generate
    for part, name in ((text, "text"), (pair, "text_pair")):
        if part is not None:
            check_characters(part, name)
    encoding = subject.need_tokenizer()(text, pair, **settings)
    notes: list[str] = []
    limit = length_limit(subject.model, subject.tokenizer) if options.truncation else None
    whole = len(encoding["input_ids"])
    if limit is not None and whole + more > limit[0] > more:
        encoding = subject.need_tokenizer()(text, pair, truncation=True, max_length=limit[0] - more, **settings)
        notes.append(f"The text was cut from {whole} to {len(encoding['input_ids'])} tokens (truncation=True).")
    ids = [int(i) for i in encoding["input_ids"]]
    check_ids(subject, ids, f"text {text[:40]!r}" if text else "text ''", more=more)
    types = encoding.get("token_type_ids")
    types = None if types is None else [int(t) for t in types]
    # Zeros for a pair tell nothing; for one text they tell that there is one segment.
    segments = types if types is not None and (any(types) or pair is None) else None
    if segments is None and pair is not None:
        segments = segments_of(encoding, 0)
    words, gaps = words_of(encoding, 0), gaps_of(encoding, 0)
    if more:
        own = {"input_ids": [ids], "attention_mask": [[1] * len(ids)], **({"token_type_ids": [types]} if types else {})}
        return continued(subject, vocabulary, own, words, segments, gaps, more, notes)
    return Encoded(ids, vocabulary.tokens(ids, None, words, segments, None, gaps), types, tuple(notes))


def continued(
    subject: Subject,
    vocabulary: Vocabulary,
    inputs: Mapping[str, Any],
    words: list[int | None] | None,
    segments: list[int] | None,
    gaps: list[bool] | None,
    count: int,
    notes: Sequence[str] = (),
) -> Encoded:
    """A prompt (one row of ids, all kept) and what the model writes after it, the latter as a segment of its own."""
    import torch

    tensors = {name: torch.as_tensor(value) for name, value in inputs.items()}
    ids = [int(i) for i in tensors["input_ids"][0]]
    new = written(subject, tensors, count)
    prompt = vocabulary.tokens(ids, None, words, segments, None, gaps)
    last = max((token.segment for token in prompt), default=0)
    parts = [*(token.segment for token in prompt), *[last + 1] * len(new)]
    known = words if words is not None else [token.word for token in prompt]
    spaces = None if gaps is None else [*gaps, *[False] * len(new)]
    tokens = vocabulary.tokens([*ids, *new], None, known, parts, None, spaces)
    types = inputs.get("token_type_ids")
    grown = None if types is None else [*(int(t) for t in tensors["token_type_ids"][0]), *[0] * len(new)]
    note = f"The last segment was written by the model (greedy, at most {count} tokens)."
    return Encoded([*ids, *new], tokens, grown, (*notes, note))


def encode_target(subject: Subject, vocabulary: Vocabulary, text: str, options: Options | None = None) -> Encoded:
    """What the decoder reads when it writes `text`: the start token, then all but the last token."""
    check_characters(text, "target")
    encoding = subject.need_tokenizer()(text_target=text, verbose=False)
    ids = [int(i) for i in encoding["input_ids"]]
    start = start_id(subject.model)
    shifted = shift_right(subject.model, ids, start, vocabulary.named["eos"])
    notes: tuple[str, ...] = ()
    limit = length_limit(subject.model, subject.tokenizer) if options is not None and options.truncation else None
    if limit is not None and len(shifted) > limit[0]:
        notes = (f"The target was cut from {len(shifted)} to {limit[0]} tokens (truncation=True).",)
        shifted = shifted[: limit[0]]
    check_ids(subject, shifted, f"target {text[:40]!r}")
    words = words_of(encoding, 0)
    if words is not None:
        offset = 1 if shifted[1:] == ids[: len(shifted) - 1] else 0 if shifted == ids[: len(shifted)] else None
        words = None if offset is None else ([None] * offset + list(words))[: len(shifted)]
    return Encoded(shifted, vocabulary.tokens(shifted, None, words, None, start), None, notes)


def write_target(subject: Subject, vocabulary: Vocabulary, inputs: Mapping[str, Any], options: Options) -> Encoded:
    """What the decoder reads when it writes its own answer to the one text in `inputs`."""
    name = type(main_model(subject.model)).__name__
    if not can_write(subject.model):
        raise ValueError(
            f"{name} is an encoder-decoder and has no head to generate a target with: pass target=, the text that its "
            "decoder writes, or load it with AutoModelForSeq2SeqLM"
        )
    start = start_id(subject.model)
    limit = length_limit(subject.model, subject.tokenizer)
    count = options.generate or LONGEST_TARGET
    if limit is not None:
        count = max(1, min(count, limit[0] - 1))  # the start token is one of them
    ends = {i for i in (vocabulary.named["eos"], vocabulary.named["pad"]) if i is not None}
    ids = read_by_decoder(written(subject, inputs, count), start, ends)
    note = (
        f"No target was given: the model wrote it (greedy, at most {count} tokens); pass target= to show another text."
    )
    return Encoded(ids, vocabulary.tokens(ids, None, None, None, start), None, (note,))


def pad(vocabulary: Vocabulary, encoded: Sequence[Encoded]) -> tuple[dict[str, Any], Side]:
    """Texts of different length as one batch, padded on the right."""
    import torch

    length = max(len(e.ids) for e in encoded)
    # Any id does for padding, as the mask hides it; models without a padding token get a real one.
    filler = vocabulary.named["pad"]
    filler = 0 if filler is None else filler
    ids = [e.ids + [filler] * (length - len(e.ids)) for e in encoded]
    mask = [[1] * len(e.ids) + [0] * (length - len(e.ids)) for e in encoded]
    inputs = {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}
    types = [e.types for e in encoded]
    if all(t is not None for t in types):
        inputs["token_type_ids"] = torch.tensor([[*(t or []), *[0] * (length - len(t or []))] for t in types])
    return inputs, Side(length, [list(range(len(e.ids))) for e in encoded], [e.tokens for e in encoded])
