"""The picture that a page shows is the one that the model saw."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from test_inputs_media import VIT

from attnwidget import AttnView, capture
from attnwidget.inputs.seen import LARGEST, picture_seen


def pixels(data: bytes) -> np.ndarray:
    """A PNG file → uint8 [height, width, 3]; written for this test, by the format's own description."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, parts = 8, dict[bytes, bytes]()
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind = data[at + 4 : at + 8]
        parts[kind] = parts.get(kind, b"") + data[at + 8 : at + 8 + length]
        at += 12 + length
    width, height, _, colour = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    depth = 1 if colour == 3 else 3
    lines = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, 1 + width * depth)
    rows = lines[:, 1:].copy()
    for i in range(height):
        assert lines[i, 0] in (0, 2)
        if lines[i, 0] == 2 and i:
            rows[i] += rows[i - 1]
    if colour == 3:
        return np.frombuffer(parts[b"PLTE"], np.uint8).reshape(-1, 3)[rows]
    return rows.reshape(height, width, 3)


class Processor:
    """Halves the picture and normalises it, as image processors do."""

    image_mean, image_std, do_normalize, do_rescale = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), True, True

    def __call__(self, images: Any, return_tensors: str) -> dict[str, Any]:
        array = np.asarray(images, np.float32)[::2, ::2] / 255
        normal = (array - self.image_mean) / self.image_std
        return {"pixel_values": torch.tensor(normal.transpose(2, 0, 1)[None], dtype=torch.float32)}


@pytest.fixture(scope="module")
def vit() -> Any:
    return transformers.ViTModel(transformers.ViTConfig(**VIT)).eval()


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)


def test_what_the_processor_made_of_it_is_shown_as_a_picture_again(vit: Any, photo: np.ndarray) -> None:
    view = AttnView(vit, photo, processor=Processor())
    np.testing.assert_array_equal(pixels(view.image), photo[::2, ::2])
    places = [token.get("place") for token in view.tokens["image"]]
    assert places == [None, *([row, column] for row in range(3) for column in range(3))]


def test_numbers_given_ready_are_brought_to_greys(vit: Any) -> None:
    ramp = np.linspace(0, 1, 3 * 12 * 12, dtype=np.float32).reshape(3, 12, 12)
    wanted = np.round(ramp.transpose(1, 2, 0) * 255)
    for ready in (
        ramp,
        ramp * 2 - 1,
        ramp * 9 - 3,
        torch.tensor(ramp)[None],
        {"pixel_values": torch.tensor(ramp)[None]},
    ):
        found = pixels(AttnView(vit, ready).image).astype(int)
        assert np.abs(found - wanted).max() <= 1


def test_large_pictures_are_made_smaller(vit: Any) -> None:
    wide = np.zeros((3, 700, 1400), np.float32)
    wide[:, :, 700:] = 1
    found = pixels(picture_seen(vit, {"pixel_values": wide[None]}))
    assert max(found.shape) <= LARGEST
    assert (found[:, : found.shape[1] // 2 - 1] == 0).all()
    assert (found[:, found.shape[1] // 2 + 1 :] == 255).all()


def test_a_noisy_photo_becomes_a_small_file(vit: Any) -> None:
    noise = np.random.default_rng(1).random((1, 3, 512, 512)).astype(np.float32)
    data = picture_seen(vit, {"pixel_values": noise})
    assert data[:3] == b"\xff\xd8\xff" or data.startswith(b"\x89PNG")
    assert len(data) < 512 * 512 * 3


@pytest.mark.parametrize(
    "given",
    [
        "a text",
        None,
        {"input_ids": [[1, 2]]},
        {"pixel_values": np.zeros((2, 3, 8, 8), np.float32)},
        {"pixel_values": np.full((1, 3, 8, 8), np.nan, np.float32)},
        {"pixel_values": np.zeros((1, 5, 3, 8, 8), np.float32)},
    ],
)
def test_what_is_no_single_picture_shows_none(vit: Any, given: Any) -> None:
    assert picture_seen(vit, given) == b""


def test_a_finished_capture_brings_its_picture_and_arrays_have_none(vit: Any, photo: np.ndarray) -> None:
    finished = capture(vit, photo, processor=Processor())
    assert AttnView(finished).image == finished.image != b""
    assert AttnView.from_arrays(np.full((1, 1, 2, 2), 0.5, np.float32), ["a", "b"]).image == b""
