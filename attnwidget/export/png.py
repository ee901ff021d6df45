"""Writing PNG files with numpy and zlib alone."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_INDEXED, _RGB = 3, 2
_NO_FILTER, _UP = 0, 2


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG file of an opaque picture; up to 256 colours make a palette, else it is true colour.

    Parameters
    ----------
    pixels : uint8 array [height, width, 3]
        Red, green, blue.

    Raises
    ------
    ValueError
        If `pixels` is not such an array, or empty.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
        raise ValueError(f"pixels: expected a uint8 array [height, width, 3], got {pixels.dtype} {list(pixels.shape)}")
    height, width = pixels.shape[:2]
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    colours, index = np.unique(packed, return_inverse=True)
    palette = b""
    if len(colours) <= 256:
        palette = _chunk(b"PLTE", b"".join(int(colour).to_bytes(3, "big") for colour in colours))
        data = _deflate(index.reshape(height, width).astype(np.uint8), _NO_FILTER)
    else:
        rows = pixels.reshape(height, width * 3)
        data = min((_deflate(rows, method) for method in (_NO_FILTER, _UP)), key=len)
    header = struct.pack(">IIBBBBB", width, height, 8, _INDEXED if palette else _RGB, 0, 0, 0)
    return _SIGNATURE + _chunk(b"IHDR", header) + palette + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _deflate(rows: NDArray[np.uint8], method: int) -> bytes:
    lines = rows.copy()
    if method == _UP:
        lines[1:] -= rows[:-1]  # wraps around, as the format wants
    return zlib.compress(np.insert(lines, 0, method, axis=1).tobytes(), 6)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
