"""Sound → what a speech model takes, and what each of its frames is called."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from attnwidget.inputs.models import load_beside, main_model
from attnwidget.inputs.tokens import Token, make_token

#: Names under which models take sound: spectrograms or samples.
INPUTS = ("input_features", "input_values")


def is_audio_model(model: Any) -> bool:
    """Whether sound is what the model mainly reads."""
    return getattr(model, "main_input_name", "") in INPUTS


def audio_inputs(
    model: Any, audio: Any, sampling_rate: int | None, processor: Any = None
) -> tuple[dict[str, Any], list[str]]:
    """The model's input of one sound, and notes.

    Parameters
    ----------
    audio : array [samples] or [channels, samples]
        Numbers of about −1 to 1; channels are averaged. Integers are divided by their type's largest number.
    sampling_rate : int
        Samples a second. Where the model wants another, the sound is resampled.
    processor : feature extractor or processor, optional
        Found from the model when left out.

    Returns
    -------
    dict
        Tensors, "seconds", the length of the sound, and "step", the seconds from one input position to the next.
    """
    samples = _mono(audio)
    problem = ""
    if processor is None:
        processor, problem = load_beside(model, "AutoFeatureExtractor")
    if processor is None:
        raise ValueError(
            f"no feature extractor was found for {type(main_model(model)).__name__}: {problem}. Pass it: "
            "processor=AutoFeatureExtractor.from_pretrained('path-or-id')"
        )
    extractor = getattr(processor, "feature_extractor", processor)
    wanted = int(getattr(extractor, "sampling_rate", 16000))
    notes: list[str] = []
    if sampling_rate is None:
        raise ValueError(f"audio needs sampling_rate=, its samples a second (this model reads {wanted})")
    if isinstance(sampling_rate, bool) or not isinstance(sampling_rate, (int, np.integer)) or sampling_rate <= 0:
        raise ValueError(f"sampling_rate must be a whole number of samples a second, got {sampling_rate!r}")
    seconds = len(samples) / int(sampling_rate)
    if sampling_rate != wanted:
        samples = resample(samples, int(sampling_rate), wanted)
        notes.append(f"The sound was resampled from {sampling_rate} to {wanted} samples a second.")
    longest = getattr(extractor, "n_samples", None)
    if isinstance(longest, int) and len(samples) > longest:
        raise ValueError(
            f"audio lasts {seconds:.1f} s and {type(main_model(model)).__name__} takes {longest / wanted:.0f} s "
            f"(feature_extractor.n_samples): pass a part, audio[: {longest * int(sampling_rate) // wanted}]"
        )
    found = extractor(samples, sampling_rate=wanted, return_tensors="pt")
    inputs = {name: found[name] for name in found if hasattr(found[name], "dim")}
    spectrogram = any(value.dim() == 3 for name, value in inputs.items() if name in INPUTS)
    step = (getattr(extractor, "hop_length", None) or 0.01 * wanted) / wanted if spectrogram else 1 / wanted
    return {**inputs, "seconds": seconds, "step": step}, notes


def _mono(audio: Any) -> npt.NDArray[np.float32]:
    try:
        array = np.asarray(audio.detach().cpu() if hasattr(audio, "detach") else audio)
    except Exception as error:
        raise TypeError(f"audio cannot be read as an array: {type(audio).__name__}: {error}") from error
    if array.dtype.kind not in "fiu" or array.ndim not in (1, 2) or not array.size:
        raise TypeError(
            f"audio must be numbers of shape [samples] or [channels, samples], got {type(audio).__name__} of "
            f"{array.dtype}, shape {array.shape}"
        )
    whole = array.dtype.kind in "iu"
    samples = array.astype(np.float64) / (np.iinfo(array.dtype).max if whole else 1)
    if samples.ndim == 2:
        # Sound files are often read as [samples, channels].
        samples = samples.mean(axis=0 if samples.shape[0] < samples.shape[1] else 1)
    return samples.astype(np.float32)


def resample(samples: npt.NDArray[np.float32], rate: int, wanted: int) -> npt.NDArray[np.float32]:
    """`samples` at another rate, with everything above the lower rate's highest frequency left out."""
    count = max(1, round(len(samples) * wanted / rate))
    # A length of small factors keeps the transform fast; the silence that fills it up is cut off again.
    common = math.gcd(rate, wanted)
    step = rate // common
    padded = -(-len(samples) // step) * step
    spectrum = np.fft.rfft(samples, padded)
    longer = padded * wanted // rate
    out = np.fft.irfft(spectrum, longer) * (longer / padded)
    return out[:count].astype(np.float32)


def sound_length(model: Any, sound: Any) -> int:
    """Positions of an input along its axis of time: the last, but for models that take [batch, frames, bins]."""
    bins = getattr(main_model(model).config, "input_feat_per_channel", None)
    return int(sound.shape[1] if sound.dim() == 3 and sound.shape[2] == bins else sound.shape[-1])


def frame_count(model: Any, length: int) -> int | None:
    """Positions that the encoder makes of `length` samples or spectrogram frames; None where it does not say."""
    main = main_model(model)
    for module in main.modules():
        rule = getattr(module, "_get_feat_extract_output_lengths", None)
        if rule is None:
            continue
        try:
            import torch

            return int(rule(torch.tensor([length]))[0])
        except Exception:  # another signature
            continue
    limit = getattr(main.config, "max_source_positions", None)
    # Two convolutions, of which the second skips every other frame (Whisper and its kin).
    return limit if isinstance(limit, int) and length == 2 * limit else None


def frame_tokens(count: int, step: float, seconds: float | None = None) -> tuple[Token, ...]:
    """Frames called by the time at which they begin; those after the end of the sound are padding.

    `step`: seconds from one frame to the next. `seconds`: how long the sound lasts.
    """
    digits = 2 if step >= 0.01 else 3
    found = []
    for i in range(count):
        name = f"{i * step:.{digits}f} s"
        over = seconds is not None and i * step >= seconds
        found.append(make_token(name, name, role="pad" if over else "text", word=i))
    return tuple(found)
