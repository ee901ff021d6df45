"""The PNG writer, the font, the painter, and the fallback picture of a view."""

from __future__ import annotations

import struct
import sys
import zlib

import numpy as np
import pytest
from made import softmax
from numpy.typing import NDArray

from attnwidget.arrays import from_arrays
from attnwidget.export import font, png
from attnwidget.export.canvas import Canvas
from attnwidget.export.picture import LARGEST, label, picture
from attnwidget.inputs.tokens import Token
from attnwidget.selection import Selection

TOKENS = ["[CLS]", "the", "dog", "chased", "the", "cat", ".", "[SEP]"]


def read(data: bytes) -> NDArray[np.uint8]:
    """A reader of its own, strict about what the writer uses: signature, chunks, checksums, filters, palette."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length
    assert (next(iter(chunks)), list(chunks)[-1]) == (b"IHDR", b"IEND")
    width, height, depth, colour, compression, method, interlace = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, compression, method, interlace) == (8, 0, 0, 0)
    channels = {2: 3, 3: 1}[colour]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    rows = lines[:, 1:].copy()
    for index, method in enumerate(lines[:, 0]):
        assert method in (0, 2)
        if method == 2 and index:
            rows[index] += rows[index - 1]
    if colour == 3:
        palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
        return palette[rows]
    return rows.reshape(height, width, 3)


def is_near(pixels: NDArray[np.uint8], colour: tuple[int, int, int], tolerance: int = 24) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.all(np.abs(pixels.astype(int) - colour) <= tolerance, axis=-1)
    return near


@pytest.mark.parametrize("colours", [1, 2, 255, 256, 257, 5000])
def test_what_is_written_is_read_back(colours: int) -> None:
    rng = np.random.default_rng(colours)
    palette = rng.integers(0, 256, (colours, 3), dtype=np.uint8)
    pixels = palette[rng.integers(0, colours, (61, 83))]
    np.testing.assert_array_equal(read(png.encode(pixels)), pixels)


def test_one_pixel_and_smooth_pictures() -> None:
    np.testing.assert_array_equal(read(png.encode(np.zeros((1, 1, 3), np.uint8))), np.zeros((1, 1, 3)))
    ramp = np.stack(np.meshgrid(np.arange(200), np.arange(150)), axis=-1)
    pixels = np.dstack([ramp, ramp.sum(axis=-1) // 2]).astype(np.uint8)
    data = png.encode(pixels)
    np.testing.assert_array_equal(read(data), pixels)
    assert len(data) < pixels.nbytes / 20


@pytest.mark.parametrize("shape", [(3, 3), (3, 3, 4), (0, 3, 3)])
def test_other_arrays_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"pixels: expected a uint8 array"):
        png.encode(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="float64"):
        png.encode(np.zeros((3, 3, 3)))


def test_the_font_has_every_letter_and_they_differ() -> None:
    letters = [chr(code) for code in range(33, 127)] + ["·", "×", "→", "…"]
    bits = {font.bitmap(letter).tobytes() for letter in letters}
    assert len(bits) == len(letters)
    assert all(font.bitmap(letter).any() for letter in letters)
    assert font.drawable("[CLS] ok")
    assert not any(font.drawable(text) for text in ("", " ", "犬", "a\tb", "é"))


@pytest.mark.parametrize("scale", [1, 2])
def test_text_is_as_wide_as_said(scale: int) -> None:
    assert font.bitmap("hello", scale).shape == (font.HEIGHT * scale, font.width("hello", scale))
    assert font.bitmap("", scale).shape == (font.HEIGHT * scale, 0)


def test_text_and_pictures_are_cut_at_the_edge() -> None:
    canvas = Canvas(12, 12)
    for x, y in ((-20, 2), (8, 2), (2, -5), (2, 9), (40, 40), (-3, -3)):
        canvas.text(x, y, "Wide", (0, 0, 0))
        canvas.text(x, y, "Wide", (0, 0, 0), upright=True)
    canvas.rectangle(-5, -5, 100, 8, (0, 0, 0), 0.5)
    assert canvas.levels().shape == (12, 12, 3)


def test_curves_end_where_they_should_and_cross_without_order() -> None:
    def draw(order: list[int]) -> NDArray[np.uint8]:
        canvas = Canvas(60, 100)
        start, stop = np.array([10.5, 50.5])[order], np.array([50.5, 10.5])[order]
        ones = np.ones(2, np.float32)
        canvas.curves(
            (0, 100),
            start.astype("f4"),
            stop.astype("f4"),
            2 * ones,
            0.9 * ones,
            [(200, 0, 0), (0, 0, 200)],
            np.array([0, 1])[order],
        )
        return canvas.levels()

    pixels = draw([0, 1])
    np.testing.assert_array_equal(pixels, draw([1, 0]))
    assert is_near(pixels[10:11, 1], (200, 0, 0), 40).all()
    assert is_near(pixels[50:51, 98], (200, 0, 0), 40).all()
    assert is_near(pixels[50:51, 1], (0, 0, 200), 40).all()
    assert (pixels[30, 50] < 120).all()
    assert (pixels[:5] == 255).all()


def test_a_curve_of_no_weight_is_not_seen() -> None:
    canvas = Canvas(20, 20)
    none = np.zeros(1, np.float32)
    canvas.curves((0, 20), none + 10, none + 10, none, none, [(0, 0, 0)], np.array([0]))
    canvas.curves((0, 20), none[:0], none[:0], none[:0], none[:0], [(0, 0, 0)], np.array([], dtype=int))
    assert (canvas.levels() == 255).all()


def test_the_strongest_link_is_the_darkest_line() -> None:
    weights = np.full((1, 1, 3, 3), 0.05, np.float32)
    for query, key in ((0, 2), (1, 0), (2, 1)):
        weights[0, 0, query, key] = 0.9
    pixels = read(picture(from_arrays(weights, ["a", "b", "c"]), Selection("encoder"))).astype(int)
    # Rows of 22 pixels begin at 60; just inside the left edge of the lines.
    darkness = 255 - pixels[60:126, 210].mean(axis=-1)
    assert darkness[11] > 60
    assert darkness[33] > 60
    assert darkness[55] > 60
    assert darkness[22] < 5


@pytest.mark.parametrize("mode", ["lines", "matrix"])
def test_colours_follow_the_highlight(mode: str) -> None:
    data = from_arrays(softmax(1, 12, 8, 8), TOKENS)
    green, violet, orange = (12, 154, 102), (122, 69, 238), (226, 112, 13)
    plain = read(picture(data, Selection("encoder", mode=mode)))
    assert not any(is_near(plain, colour).any() for colour in (green, violet, orange))
    special = read(picture(data, Selection("encoder", mode=mode, highlight="special")))
    assert is_near(special, green).any()
    assert is_near(special, violet).any()
    chosen = read(picture(data, Selection("encoder", mode=mode, highlight="query", queries=(2,))))
    assert is_near(chosen, orange).any()


def test_few_heads_have_their_own_colours() -> None:
    data = from_arrays(softmax(1, 12, 8, 8), TOKENS)
    three = read(picture(data, Selection("encoder", heads=(0, 1, 2), budget=0.3)))
    assert is_near(three, (37, 99, 201), 60).any()
    assert is_near(three, (194, 46, 92), 60).any()


@pytest.mark.parametrize("mode", ["lines", "matrix", "heads"])
@pytest.mark.parametrize(
    ("layers", "heads", "queries", "keys"),
    [(1, 1, 1, 1), (2, 64, 20, 20), (1, 2, 300, 300), (1, 2, 3, 900), (1, 1, 600, 1)],
)
def test_pictures_of_any_size_stay_small(mode: str, layers: int, heads: int, queries: int, keys: int) -> None:
    data = from_arrays(
        softmax(layers, heads, queries, keys), [f"q{n}" for n in range(queries)], [f"k{n}" for n in range(keys)]
    )
    for selection in (
        Selection("encoder", mode=mode),
        Selection("encoder", mode=mode, budget=1.0, highlight="special", queries=(queries - 1,), keys=(keys - 1,)),
    ):
        made = picture(data, selection, title="x" * 300)
        assert len(made) <= LARGEST
        height, width = read(made).shape[:2]
        assert width <= 900
        assert height <= 900


def test_heads_are_shown_together_and_long_texts_say_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    data = from_arrays(softmax(3, 4, 8, 8), TOKENS)
    plain = read(picture(data, Selection("encoder", mode="heads")))
    orange = (226, 112, 13)
    assert not is_near(plain, orange).any()
    assert is_near(read(picture(data, Selection("encoder", mode="heads", pinned=((1, 2),)))), orange).any()
    monkeypatch.setattr(sys.modules["attnwidget.export.atlas"], "MOST_CELLS", 10)
    assert read(picture(data, Selection("encoder", mode="heads"))).shape[0] < plain.shape[0]


def test_the_same_view_gives_the_same_bytes() -> None:
    data = from_arrays(softmax(2, 4, 8, 8), TOKENS)
    selection = Selection("encoder", layer=1, heads=(1, 2))
    assert picture(data, selection, title="t") == picture(data, selection, title="t")
    assert picture(data, selection, title="t") != picture(data, selection, title="u")


def test_tokens_without_letters_of_ours_are_named_by_position() -> None:
    def named(text: str) -> str:
        return label(Token(text, text, role="text", kind="word"), 7)

    assert [named(text) for text in ("dog", "犬", "", "\x00", "a\nb", "😀", "é")] == ["dog", *["#7"] * 6]
    assert named("a" * 40) == "a" * 13 + "…"
