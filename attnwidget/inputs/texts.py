"""Text → what a model takes, and the tokens of each position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attnwidget.inputs.chat import is_chat, render, title_of
from attnwidget.inputs.encode import encode, encode_target, pad, write_target
from attnwidget.inputs.generation import check_count
from attnwidget.inputs.models import Subject, is_encoder_decoder
from attnwidget.inputs.prepared import Encoded, Options, Prepared, Side
from attnwidget.inputs.vocabulary import Vocabulary

__all__ = ["Options", "Prepared", "Side", "prepare"]

BATCH = 16


def prepare(
    subject: Subject, text: Any, text_pair: Any = None, target: Any = None, options: Options | None = None
) -> tuple[list[Prepared], bool]:
    """Batches of model inputs, and whether one text (not a list) was given.

    See :func:`attnwidget.capture` for the arguments. A list of strings is padded on the right, whatever the tokenizer's
    side: so each text has the positions, and the attention, that it has alone.
    """
    options = options or Options()
    check_count(subject, options.generate)
    from attnwidget.inputs.media import as_media, prepare_media

    text, options = as_media(subject, text, options)
    if options.image is not None or options.audio is not None:
        return prepare_media(subject, text, text_pair, target, options)
    if _is_ready(text):
        from attnwidget.inputs.encodings import prepare_ready

        if text_pair is not None:
            raise ValueError("text_pair= goes with text as str: an encoding already holds both segments")
        return prepare_ready(subject, text, target, options)
    texts, single, chats = _conversations(subject, text, options)
    pairs = partners(text_pair, texts, single, "text_pair")
    targets = partners(target, texts, single, "target")
    both = is_encoder_decoder(subject.model)
    if target is not None and not both:
        raise ValueError(
            f"target= is for encoder-decoder models, and {type(subject.model).__name__} is not one: leave it out (a "
            "second segment is text_pair=)"
        )
    vocabulary = Vocabulary(subject.need_tokenizer())
    sources = [encode(subject, vocabulary, t, p, options, chats is not None) for t, p in zip(texts, pairs, strict=True)]
    answers: list[Encoded] = []
    if both:
        answers = [
            encode_target(subject, vocabulary, t, options)
            if t is not None
            else write_target(subject, vocabulary, pad(vocabulary, [source])[0], options)
            for t, source in zip(targets, sources, strict=True)
        ]
    titles = chats or [t if p is None else f"{t} ⏐ {p}" for t, p in zip(texts, pairs, strict=True)]
    batches = []
    for part in _parts([sources[i].notes + (answers[i].notes if both else ()) for i in range(len(texts))]):
        inputs, side = pad(vocabulary, sources[part])
        sides = {"source": side}
        if answers:
            more, sides["target"] = pad(vocabulary, answers[part])
            inputs["decoder_input_ids"] = more["input_ids"]
            inputs["decoder_attention_mask"] = more["attention_mask"]
        first = (*sources[part][:1], *answers[part][:1])
        batches.append(Prepared(inputs, sides, titles[part], [note for one in first for note in one.notes]))
    return batches, single


def _parts(notes: Sequence[tuple[str, ...]]) -> Iterator[slice]:
    """Neighbours with the same notes, at most `BATCH`: what is said of a batch is said of each of its texts."""
    start = 0
    for stop in range(1, len(notes) + 1):
        if stop == len(notes) or stop - start == BATCH or notes[stop] != notes[start]:
            yield slice(start, stop)
            start = stop


def _is_ready(text: Any) -> bool:
    # A str first: numpy's has a shape.
    return not isinstance(text, str) and (
        isinstance(text, Mapping) or hasattr(text, "input_ids") or hasattr(text, "shape")
    )


def _conversations(subject: Subject, text: Any, options: Options) -> tuple[list[str], bool, list[str] | None]:
    """Texts, whether one was given, and their titles where they are chat messages."""
    many = isinstance(text, (list, tuple)) and bool(text) and all(map(is_chat, text))
    if is_chat(text) or many:
        chats = list(text) if many else [text]
        reply = options.generate > 0
        return [render(subject, chat, reply) for chat in chats], not many, [title_of(chat) for chat in chats]
    return (*as_list(text, "text"), None)


def as_list(text: Any, name: str) -> tuple[list[str], bool]:
    """A list of strings, and whether it was one string."""
    if isinstance(text, str):
        return [str(text)], True
    if not isinstance(text, (list, tuple)) or not all(isinstance(t, str) for t in text):
        inside = f" of {type(text[0]).__name__}" if isinstance(text, (list, tuple)) and text else ""
        hint = ": ids go in a tensor, torch.tensor([ids])" if "int" in inside else ""
        hint = ": each message of a chat needs 'role' and 'content'" if "dict" in inside else hint
        raise TypeError(
            f"{name} must be a str, a list of str, chat messages, or what the tokenizer returned, "
            f"got {type(text).__name__}{inside}{hint}"
        )
    if not text:
        raise ValueError(f"{name} is an empty list: give at least one text")
    return [str(t) for t in text], False


def partners(given: Any, texts: Sequence[Any], single: bool, name: str) -> list[Any]:
    """What goes with each text; None for each where nothing was given."""
    if given is None:
        return [None] * len(texts)
    found, alone = as_list(given, name)
    if alone != single or len(found) != len(texts):
        raise ValueError(
            f"{name} must go with text one to one: text is {_count(texts, single)}, {name} is {_count(found, alone)}"
        )
    return list(found)


def _count(texts: Sequence[Any], single: bool) -> str:
    return "one str" if single else f"a list of {len(texts)}"
