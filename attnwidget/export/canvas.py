"""A small painter: rectangles, text and many smooth curves into an RGB array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnwidget.export import font

Colour = tuple[int, int, int]
Floats = NDArray[np.float32]

WHITE: Colour = (255, 255, 255)

#: Pixels kept free at the sides.
MARGIN = 12


class Canvas:
    """A white picture of `height` × `width` pixels."""

    def __init__(self, height: int, width: int) -> None:
        self.pixels = np.full((height, width, 3), 255, dtype=np.float32)

    def rectangle(self, x: float, y: float, width: float, height: float, colour: Colour, alpha: float = 1.0) -> None:
        """A filled rectangle, cut at the edge of the picture."""
        left, top = max(0, round(x)), max(0, round(y))
        area = self.pixels[top : max(top, round(y + height)), left : max(left, round(x + width))]
        area += (np.asarray(colour, dtype=np.float32) - area) * alpha

    def text(self, x: float, y: float, line: str, colour: Colour, scale: int = 1, *, upright: bool = False) -> None:
        """One line of text, its top left corner at (x, y); `upright` turns it to be read from the bottom up."""
        bits = font.bitmap(line, scale)
        if upright:
            bits = np.rot90(bits)
        left, top = round(x), round(y)
        bits = bits[max(0, -top) :, max(0, -left) :]
        area = self.pixels[max(0, top) :, max(0, left) :][: bits.shape[0], : bits.shape[1]]
        area[bits[: area.shape[0], : area.shape[1]]] = colour

    def caption(self, y: int, line: str, colour: Colour, scale: int = 2) -> None:
        """A line across the picture, in smaller letters or cut where it is too long."""
        room = self.pixels.shape[1] - 2 * MARGIN
        if font.width(line, scale) > room:
            scale = 1
        most = (room + 1) // font.ADVANCE
        self.text(MARGIN, y, line if len(line) <= most else line[: most - 1] + "…", colour, scale)

    def image(self, x: int, y: int, pixels: Floats) -> None:
        """A ready picture [height, width, 3] with its top left corner at (x, y)."""
        area = self.pixels[y : y + pixels.shape[0], x : x + pixels.shape[1]]
        area[:] = pixels[: area.shape[0], : area.shape[1]]

    def curves(
        self,
        x: tuple[int, int],
        start: Floats,
        stop: Floats,
        thickness: Floats,
        alpha: Floats,
        colours: Sequence[Colour],
        colour: NDArray[np.intp],
    ) -> None:
        """Smooth curves from the left to the right edge of a band, blended without regard to their order.

        Order does not matter since light that comes through several curves is the product of what each lets through,
        and the colour where they cross is the mean of theirs, weighted by how much each takes away.

        Parameters
        ----------
        x
            Left and right edge of the band, in pixels.
        start, stop : float32 arrays [n]
            Height of each curve at the left and at the right edge.
        thickness, alpha : float32 arrays [n]
            In pixels; opacity 0 to 1.
        colours, colour
            A palette, and the palette index of each curve, int array [n].
        """
        left, right = x
        height, wide = self.pixels.shape[0], right - left
        if not len(start) or wide <= 0:
            return
        along = (np.arange(wide, dtype=np.float32) + 0.5) / wide
        bend = along * along * (3 - 2 * along)
        slope = 6 * along * (1 - along) / wide
        taken = np.zeros((len(colours), height * wide), dtype=np.float32)
        # Curves of like steepness and one colour at a time: the steepest of a group sets how many pixels all are given.
        order = np.lexsort((np.abs(stop - start), colour))
        shades, firsts = np.unique(colour[order], return_index=True)
        groups = [
            (shade, same[first : first + 128])
            for shade, same in zip(shades, np.split(order, firsts[1:]), strict=True)
            for first in range(0, len(same), 128)
        ]
        columns = np.arange(wide)
        for shade, part in groups:
            rise = (stop[part] - start[part])[:, None]
            middle = start[part][:, None] + rise * bend
            # Measured upright, a steep curve is thicker than across.
            half = thickness[part][:, None] / 2 * np.sqrt(1 + (rise * slope) ** 2)
            top = np.floor(middle - half - 0.5)
            loss = -np.log1p(-np.minimum(alpha[part], 0.98))[:, None]
            most = np.minimum(1, 2 * half)
            cells, losses = [], []
            for step in range(int(np.ceil(2 * half.max())) + 2):
                line = top + step
                cover = np.minimum(half + 0.5 - np.abs(line + 0.5 - middle), most)
                seen = (cover > 0) & (line >= 0) & (line < height)
                cells.append((line * wide + columns)[seen].astype(np.int64))
                losses.append((cover * loss)[seen])
            taken[shade] += np.bincount(np.concatenate(cells), np.concatenate(losses), minlength=height * wide)
        total = taken.sum(axis=0)
        mixed = taken.T @ np.asarray(colours, dtype=np.float64) / np.maximum(total, 1e-12)[:, None]
        through = np.exp(-total)[:, None]
        band = self.pixels[:, left:right]
        flat = band.reshape(-1, 3) * through + mixed * (1 - through)
        band[:] = flat.reshape(height, wide, 3)

    def levels(self, step: int = 1) -> NDArray[np.uint8]:
        """The picture as uint8 [height, width, 3]; a larger `step` has fewer shades and compresses better."""
        # Counted from white, so that the ground stays white.
        rounded = 255 - np.round((255 - self.pixels) / step) * step
        return np.clip(rounded, 0, 255).astype(np.uint8)
