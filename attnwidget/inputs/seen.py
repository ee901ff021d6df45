"""The picture that a model saw: cut and resized as its processor did, as a small image file for the page."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from attnwidget.export import png
from attnwidget.inputs.images import is_image
from attnwidget.inputs.models import load_beside

#: Height and width that a page gets at most.
LARGEST = 512
#: A PNG larger than this becomes a JPEG, where Pillow is there to write one.
LARGEST_PNG = 150_000

Pixels = npt.NDArray[np.float32]


def picture_seen(model: Any, given: Any, processor: Any = None) -> bytes:
    """A PNG or JPEG file of what the model saw; b"" where that is no single picture.

    Parameters
    ----------
    model : model, pipeline, path or hub id
        Whose processor is used where none is given.
    given : Pillow image, array, or encoding with ``pixel_values``
        What was handed over as the image, or in its place.
    processor : image processor or processor, optional

    Notes
    -----
    The processor's normalisation is undone. Of numbers given ready for the model it is not known what was done to
    them: those from 0 to 1 are shown as they are, those from −1 to 1 moved there, others stretched over the grey scale.
    """
    if isinstance(given, Mapping) or hasattr(given, "pixel_values"):
        values = given.get("pixel_values") if isinstance(given, Mapping) else given.pixel_values
        return _file(_pixels(values), None)
    if not is_image(given) and getattr(given, "ndim", 0) != 4:
        return b""
    inner = _image_processor(model, processor)
    ready = getattr(given, "ndim", 0) == 4 or (inner is None and hasattr(given, "shape"))
    if ready:
        return _file(_pixels(given), None)
    if inner is None:
        return b""
    found = inner(images=given, return_tensors="pt")
    return _file(_pixels(found.get("pixel_values")), inner)


def _image_processor(model: Any, processor: Any) -> Any:
    found = processor
    for name in ("image_processor", "processor"):
        found = found if found is not None else getattr(model, name, None)
    if found is None and isinstance(model, (str, os.PathLike)):
        import transformers

        try:
            auto: Any = transformers.AutoImageProcessor
            found = auto.from_pretrained(os.fspath(model), trust_remote_code=False)
        except (OSError, ValueError, ImportError):
            return None
    if found is None and hasattr(model, "modules"):
        found, _ = load_beside(model, "AutoImageProcessor")
    return getattr(found, "image_processor", found)


def _pixels(values: Any) -> Pixels | None:
    """[height, width, 3] of the one picture in `values`; None where there are none or several."""
    if values is None:
        return None
    array = np.asarray(values.detach().float().cpu() if hasattr(values, "detach") else values, np.float32)
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 3 or array.shape[0] not in (1, 3) or not array.size:
        return None
    array = array.transpose(1, 2, 0)
    return np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array


def _file(pixels: Pixels | None, processor: Any) -> bytes:
    if pixels is None or not np.isfinite(pixels).all():
        return b""
    mean, std = getattr(processor, "image_mean", None), getattr(processor, "image_std", None)
    if processor is not None and getattr(processor, "do_normalize", False) and mean is not None and std is not None:
        pixels = pixels * np.asarray(std, np.float32) + np.asarray(mean, np.float32)
    elif processor is None or not getattr(processor, "do_rescale", True):
        pixels = _stretched(pixels)
    shrunk = _shrunk(np.clip(pixels, 0, 1))
    array = np.round(shrunk * 255).astype(np.uint8)
    data = png.encode(array)
    return (_jpeg(array) or data) if len(data) > LARGEST_PNG else data


def _stretched(pixels: Pixels) -> Pixels:
    low, high = float(pixels.min()), float(pixels.max())
    if low >= 0 and high <= 1:
        return pixels
    if low >= -1 and high <= 1:
        return (pixels + np.float32(1)) / np.float32(2)
    stretched: Pixels = (pixels - np.float32(low)) / np.float32(max(high - low, 1e-12))
    return stretched


def _shrunk(pixels: Pixels) -> Pixels:
    """Means of whole blocks, so that neither side is longer than `LARGEST`."""
    step = -(-max(pixels.shape[:2]) // LARGEST)
    if step == 1:
        return pixels
    # The rest at the border is repeated to fill a block: nothing is cut off.
    pad = [(0, -size % step) for size in pixels.shape[:2]]
    padded = np.pad(pixels, [*pad, (0, 0)], mode="edge")
    height, width = padded.shape[0] // step, padded.shape[1] // step
    shrunk: Pixels = padded.reshape(height, step, width, step, 3).mean(axis=(1, 3), dtype=np.float32)
    return shrunk


def _jpeg(array: npt.NDArray[np.uint8]) -> bytes:
    try:
        from PIL import Image
    except ImportError:
        return b""
    out = io.BytesIO()
    Image.fromarray(array).save(out, "JPEG", quality=88)
    return out.getvalue()
