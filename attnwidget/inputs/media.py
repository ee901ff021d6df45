"""Images and sounds, alone or beside a text → `Prepared`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from attnwidget.inputs.audio import audio_inputs, is_audio_model
from attnwidget.inputs.encode import check_characters
from attnwidget.inputs.encodings import prepare_ready
from attnwidget.inputs.images import image_inputs, is_image
from attnwidget.inputs.models import Subject, dtype_of, main_model
from attnwidget.inputs.prepared import Options, Prepared
from attnwidget.inputs.texts import as_list, partners

# Arrays that are the model's input already, by its name and number of axes.
_READY = {("pixel_values", 4), ("input_features", 3)}


def as_media(subject: Subject, text: Any, options: Options) -> tuple[Any, Options]:
    """An image or a sound that came in the place of the text, moved to where it belongs."""
    if text is None or isinstance(text, (str, Mapping)) or hasattr(text, "input_ids"):
        return text, options
    main_input = getattr(main_model(subject.model), "main_input_name", "")
    dims = len(getattr(text, "shape", ()))
    if (main_input, dims) in _READY:
        return {main_input: text}, options
    first = text[0] if isinstance(text, (list, tuple)) and len(text) else text
    if options.image is None and (hasattr(first, "convert") or (main_input == "pixel_values" and is_image(first))):
        return None, replace(options, image=text)
    if options.audio is None and is_audio_model(main_model(subject.model)) and hasattr(first, "shape"):
        return None, replace(options, audio=text)
    return text, options


def prepare_media(
    subject: Subject, text: Any, text_pair: Any, target: Any, options: Options
) -> tuple[list[Prepared], bool]:
    """One batch for each image or sound: their sizes, and so their positions, may differ."""
    if options.image is not None and options.audio is not None:
        raise ValueError("image and audio were given together: no model that is supported takes both, pass one")
    if text_pair is not None:
        raise ValueError("text_pair= goes with texts alone: leave it out beside an image or a sound")
    name = "image" if options.image is not None else "audio"
    given = getattr(options, name)
    if isinstance(given, (list, tuple)) and not given:
        raise ValueError(f"{name} is an empty list: give at least one")
    single = not isinstance(given, (list, tuple)) or (name == "audio" and not hasattr(given[0], "shape"))
    items = [given] if single else list(given)
    if text is not None and not single and isinstance(text, str):
        raise ValueError(f"text must go with {name} one to one: text is one str, {name} is a list of {len(items)}")
    texts: list[Any] = [None] * len(items)
    if text is not None:
        texts, alone = as_list(text, "text")
        if single and not alone:  # one image under several texts
            items, single = items * len(texts), False
        if len(texts) != len(items):
            raise ValueError(f"text must go with {name} one to one: {len(texts)} texts, {len(items)} of {name}")
    targets = partners(target, items, single, "target")
    batches = []
    for item, words, wanted in zip(items, texts, targets, strict=True):
        encoding, notes = _encoding(subject, name, item, words, options)
        for key, value in encoding.items():
            if hasattr(value, "is_floating_point") and value.is_floating_point():
                # Ours to cast: processors make float32, and convolutions take their own precision only.
                encoding[key] = value.to(dtype_of(subject.model))
        found, _ = prepare_ready(subject, encoding, wanted, options, words=words or "")
        for batch in found:
            batch.notes[:0] = notes
        batches += found
    return batches, single


def _encoding(subject: Subject, name: str, item: Any, text: str | None, options: Options) -> tuple[Any, list[str]]:
    """What the model takes: of a text the tokenizer's encoding, with the image or sound put in."""
    if text is not None:
        check_characters(text, "text")
    if name == "image":
        if text is not None and hasattr(options.processor, "tokenizer"):
            # The processor of a model that reads images amid text knows how many positions to leave for them.
            return options.processor(text=text, images=item, return_tensors="pt"), []
        inputs, notes = image_inputs(subject.model, item, options.processor)
    else:
        inputs, notes = audio_inputs(subject.model, item, options.sampling_rate, options.processor)
    if text is None:
        return inputs, notes
    encoding = subject.need_tokenizer()(text, return_tensors="pt", verbose=False, truncation=options.truncation)
    for key, value in inputs.items():
        encoding[key] = value
    return encoding, notes
