"""Bytes as text of a UTF-8 page, an eighth longer than the bytes (base64: a third). Read by ``js/src/saving/dense.ts``.

A digit is one of 140: 125 are the one-byte characters that a script element of a page keeps as they are (all of ASCII
but NUL, CR and <), fifteen are spread over the 1,920 two-byte characters, so that each of them carries seven more.
Blocks of 57 bytes are 64 digits; the bytes after the last block fill the seven bits. Pieces of 1 MiB are coded on their
own, so the work needs little memory, and a piece ends where its length is reached.

Measured on weights of 512 tokens, 27.1 MB: 7.11 bits a byte of page, 30.5 MB of text, against 36.2 MB in base64.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

#: Bytes of a piece.
PIECE = 1 << 20
_BLOCK = 57
_BASE = 140
_PLAIN = np.array([code for code in range(128) if code not in b"\0\r<"], np.uint8)
#: 8 digits hold 57 bits: 140⁸ > 2⁵⁷.
_HALF = np.uint64(_BASE**4)


def encode(data: bytes) -> str:
    """`data` as text. What reads it must know the length of `data`."""
    return "".join(pieces(data))


def pieces(data: bytes) -> Iterator[str]:
    """The same, one piece after another."""
    for start in range(0, len(data), PIECE):
        yield _piece(data[start : start + PIECE])


def _piece(data: bytes) -> str:
    digits = _digits(data)
    wide = digits >= len(_PLAIN)
    # The first count of blocks after which nothing is left over for the two-byte characters to carry.
    carried = np.cumsum(wide.reshape(-1, 64).sum(axis=1)) * 7 // 8
    blocks = 1 + int(np.argmax(_BLOCK * np.arange(1, len(carried) + 1) + carried >= len(data)))
    digits, wide = digits[: 64 * blocks], wide[: 64 * blocks]
    rest = _sevens(data[_BLOCK * blocks :], int(wide.sum()))

    at = np.arange(len(digits)) + np.concatenate([[0], np.cumsum(wide)[:-1]])
    out = np.zeros(len(digits) + len(rest), np.uint8)
    out[at[~wide]] = _PLAIN[digits[~wide]]
    code = 128 + (digits[wide].astype(np.int64) - len(_PLAIN)) * 128 + rest
    out[at[wide]], out[at[wide] + 1] = 0xC0 | code >> 6, 0x80 | code & 63
    return out.tobytes().decode("utf-8")


def _digits(data: bytes) -> NDArray[np.uint8]:
    """64 digits for every 57 bytes: 8 numbers of 7 bytes, little-endian, and one bit of the last byte each."""
    padded = np.frombuffer(data + bytes(-len(data) % _BLOCK), np.uint8).reshape(-1, _BLOCK)
    numbers = np.zeros((len(padded), 8), np.uint64)
    for byte in range(7):
        numbers |= padded[:, byte:56:7].astype(np.uint64) << np.uint64(8 * byte)
    numbers |= (padded[:, 56:] >> np.arange(8, dtype=np.uint8) & 1).astype(np.uint64) << np.uint64(56)
    halves = np.stack(np.divmod(numbers, _HALF), axis=-1).astype(np.uint32)
    digits = np.zeros((*halves.shape, 4), np.uint8)
    for place in (3, 2, 1, 0):
        halves, digits[..., place] = np.divmod(halves, np.uint32(_BASE))
    return digits.reshape(-1)


def _sevens(data: bytes, count: int) -> NDArray[np.int64]:
    """`count` numbers of seven bits each, the low bits of a byte first; zeros where the bytes end."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    padded = np.zeros(7 * count, np.int64)
    padded[: len(bits)] = bits[: 7 * count]
    return padded.reshape(count, 7) @ (1 << np.arange(7))
