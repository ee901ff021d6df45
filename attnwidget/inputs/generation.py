"""Texts that the model writes itself: greedily, so that the same call gives the same picture.

What is shown is never put together from the steps of generation: their keys and values are let go, and one forward
pass over the finished sequence is captured instead. Each of its rows equals the step that wrote the next token.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attnwidget.inputs.models import Subject, main_model

#: Most tokens of a target that is written because none was given.
LONGEST_TARGET = 64


def can_write(model: Any) -> bool:
    """Whether the model has ``generate`` and a head to write with."""
    main = main_model(model)
    return bool(getattr(main, "can_generate", lambda: False)())


def check_count(subject: Subject, count: Any) -> None:
    """TypeError or ValueError for a `generate` that cannot be done."""
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"generate must be an int, the number of tokens to write, got {type(count).__name__} {count!r}")
    if count < 0:
        raise ValueError(f"generate must be 0 or more, got {count}")
    if count and not can_write(subject.model):
        raise ValueError(
            f"generate={count}: {type(main_model(subject.model)).__name__} cannot write, it has no language head; load "
            "the model with AutoModelForCausalLM (or AutoModelForSeq2SeqLM), or leave generate out"
        )


def written(subject: Subject, inputs: Mapping[str, Any], count: int) -> list[int]:
    """Ids that the model writes after (or, as an encoder-decoder, for) the one text in `inputs`, at most `count`.

    Greedy: without sampling, beams or a cache that outlives the call. Of a decoder-only model the prompt is not among
    them; of an encoder-decoder everything that its decoder read is. The end token is.
    """
    main = main_model(subject.model)
    model = subject.model if hasattr(subject.model, "generate") else main
    device = next((p.device for p in model.parameters() if p.device.type != "meta"), None)
    moved = {name: value.to(device) if device is not None else value for name, value in inputs.items()}
    config = copy.deepcopy(main.generation_config)
    for name, value in (("do_sample", False), ("num_beams", 1), ("max_new_tokens", count), ("max_length", None)):
        setattr(config, name, value)
    # Settings of sampling would only be warned about.
    for name in ("temperature", "top_p", "top_k", "typical_p", "min_p", "epsilon_cutoff", "eta_cutoff"):
        if hasattr(config, name):
            setattr(config, name, None)
    config.return_dict_in_generate = False
    if config.pad_token_id is None:
        end = config.eos_token_id
        config.pad_token_id = (end[0] if isinstance(end, list) and end else end) or 0
    read: list[list[int]] = []
    # Whisper's generate leaves out of its answer what it put in front of it (language, task, no time stamps).
    hook = main.register_forward_pre_hook(lambda _, __, given: _note_ids(given, read), with_kwargs=True)
    try:
        with _quiet():
            out = _generate(model, main, moved, config)
    finally:
        hook.remove()
    if not getattr(main.config, "is_encoder_decoder", False):
        return out[inputs["input_ids"].shape[1] :]
    return _whole(max(read, key=len, default=[]), out)


def _generate(model: Any, main: Any, inputs: dict[str, Any], config: Any) -> list[int]:
    try:
        found = model.generate(**inputs, generation_config=config)
    except Exception:  # caches are what a model's own generate most often stumbles over
        config.use_cache = False
        try:
            found = model.generate(**inputs, generation_config=config)
        except Exception as error:
            raise ValueError(
                f"{type(main).__name__} could not write: its generate() failed with {type(error).__name__}: "
                f"{str(error)[:300]}. Pass the text itself (an encoder-decoder: target=) and leave generate out"
            ) from error
    return [int(i) for i in found[0]]


def _note_ids(given: dict[str, Any], read: list[list[int]]) -> None:
    ids = given.get("decoder_input_ids")
    if ids is not None:
        read.append([int(i) for i in ids[0]])


def _whole(longest: list[int], out: list[int]) -> list[int]:
    """The decoder's sequence, from the longest piece that it read at once and from what `generate` returned."""
    if out[: len(longest)] == longest:
        return out
    rest = out[1:] if longest and out[:1] == longest[:1] else out
    # Without a cache the longest piece holds all but the last token, with one only what was put in front.
    common = next(k for k in range(min(len(longest), len(rest)), -1, -1) if longest[len(longest) - k :] == rest[:k])
    return longest + rest[common:]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' advice on settings of generation: they are ours, and the reader cannot change them."""
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def read_by_decoder(ids: list[int], start: int, ends: set[int]) -> list[int]:
    """What a decoder read to write `ids`: the start token in front, the end token, which it never reads, taken off."""
    read = ids if ids and ids[0] == start else [start, *ids]
    while len(read) > 1 and read[-1] in ends:
        read = read[:-1]
    return read
