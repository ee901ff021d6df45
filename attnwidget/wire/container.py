"""The container itself: magic, version, JSON header, blocks. What is in the blocks: `encode` and `codec`."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from attnwidget.wire.messages import BlockInfo

MAGIC = b"ATTN"
VERSION = 1
_START = 12
_ALIGNMENT = 8
#: Bytes of a block that stay as they are: for a page, to inflate a block takes longer than to read twice as many.
_FEW = 512
#: Of entries along an axis. And the largest ratio that deflate reaches: an announcement beyond it is not believed.
_MOST = 2**32
_MOST_INFLATED = 1032

DTYPES = {name: np.dtype(f"<{name}") for name in ("u1", "u2", "u4", "f4")}


class WireError(ValueError):
    """Malformed or truncated bytes."""


@dataclass(frozen=True)
class Block:
    """One block before it is packed.

    Parameters
    ----------
    parts
        Its bytes, in pieces that have statistics of their own: each may start a deflate block with its own code table.
    dtype, shape
        Of the numbers in it.
    extra
        Further fields of its header entry.
    """

    parts: Sequence[bytes]
    dtype: str
    shape: tuple[int, ...]
    extra: Mapping[str, Any]
    #: Words repeat as words, numbers only as runs.
    text: bool = False


def json_block(value: object) -> Block:
    """Plain data as JSON in UTF-8."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return Block([data], "u1", (len(data),), {}, text=True)


def number_block(values: NDArray[Any], *, dtype: str, bits: int = 0, split: bool = False) -> Block:
    """Numbers as byte planes: all first bytes, then all second bytes, … High bytes are alike, and so shrink.

    Parameters
    ----------
    values
        One axis or more.
    dtype
        "u1", "u2", "u4" or "f4".
    bits
        Of fraction: round(values · 2^bits) is stored.
    split
        Whether the entries of the first axis differ so much that each deserves code tables of its own.
    """
    items = np.ascontiguousarray(np.rint(values * 2.0**bits) if bits else values).astype(DTYPES[dtype])
    planes = items.reshape(-1).view(np.uint8).reshape(len(items) if split else 1, -1, items.itemsize).transpose(2, 0, 1)
    extra: dict[str, Any] = {"shuffle": True} if items.itemsize > 1 else {}
    if bits:
        extra["bits"] = bits
    return Block([part.tobytes() for plane in planes for part in plane], dtype, values.shape, extra)


def _deflate(parts: Sequence[bytes], text: bool) -> bytes:
    # Rounded weights repeat only as runs (of masked zeros): to look for more takes ten times as long and saves nothing.
    strategy = zlib.Z_DEFAULT_STRATEGY if text else zlib.Z_RLE
    stream = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, strategy)
    out, table = [], None
    for part in parts:
        if not part:
            continue
        own = np.bincount(np.frombuffer(part, np.uint8), minlength=256)
        together = own if table is None else table + own
        # Two small parts are cheaper under one code table than under two.
        if table is not None and _bits(table) + _bits(own) < _bits(together):
            out.append(stream.flush(zlib.Z_BLOCK))
            together = own
        table = together
        out.append(stream.compress(part))
    return b"".join([*out, stream.flush()])


def _bits(counts: NDArray[np.intp]) -> float:
    """What bytes of these counts take in a deflate block, about: their entropy, and the code table."""
    some = counts[counts > 0]
    return float(some @ np.log2(some.sum() / some)) + 100 + 3.5 * len(some)


class Packer:
    """Collects blocks, compressing each as it comes, and writes the container."""

    def __init__(self) -> None:
        self._blocks: dict[str, tuple[dict[str, Any], bytes | memoryview]] = {}

    def add(self, name: str, block: Block) -> None:
        size = sum(map(len, block.parts))
        stored, codec = (b"", "raw") if size <= _FEW else (_deflate(block.parts, block.text), "deflate")
        if codec == "raw" or len(stored) >= size:
            stored, codec = b"".join(block.parts), "raw"
        entry = {"length": len(stored), "size": size, "codec": codec, "dtype": block.dtype, "shape": list(block.shape)}
        self._blocks[name] = ({**entry, **block.extra}, stored)

    def take(self, container: Container) -> None:
        """Take over every block of a container as it is stored."""
        for name, info in container.blocks.items():
            entry: dict[str, Any] = {field: value for field, value in info.items() if field != "offset"}
            self._blocks[name] = (entry, memoryview(container.data)[info["offset"] : info["offset"] + info["length"]])

    def pack(self) -> bytes:
        """The container. Offsets count from its start, so the header's own length is found by trying."""
        # What is read of every layer at once lies together: pages decode their text piece by piece, as they read it.
        ordered = sorted(self._blocks.items(), key=lambda item: not item[0].startswith("shares/"))
        entries = {name: {"offset": 0, **entry} for name, (entry, _) in self._blocks.items()}
        header = b""
        for _ in range(8):
            offset = _aligned(_START + len(header))
            for name, (_, stored) in ordered:
                entries[name]["offset"] = offset
                offset = _aligned(offset + len(stored))
            previous, header = header, json.dumps({"blocks": entries}, separators=(",", ":")).encode()
            if len(previous) == len(header):
                break
        out: list[bytes | memoryview] = [MAGIC, bytes([VERSION, 0, 0, 0]), len(header).to_bytes(4, "little"), header]
        end = _START + len(header)
        for name, (_, stored) in ordered:
            out += [bytes(entries[name]["offset"] - end), stored]
            end = entries[name]["offset"] + len(stored)
        return b"".join(out)


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT


def _is_count(x: object) -> TypeGuard[int]:
    return isinstance(x, int) and not isinstance(x, bool) and x >= 0


def _checked(name: str, entry: object, total: int) -> BlockInfo:
    def bad(why: str) -> WireError:
        return WireError(f"block {name!r} of the attention data {why}")

    if not isinstance(entry, dict):
        raise bad("is not described by an object")
    offset, length, size = entry.get("offset"), entry.get("length"), entry.get("size")
    if not _is_count(offset) or offset % _ALIGNMENT:
        raise bad("has an offset that is not a multiple of 8")
    if not _is_count(length) or not _is_count(size):
        raise bad("has no valid length and size")
    if offset + length > total:
        raise bad(f"ends at byte {offset + length}, but only {total} bytes came")
    codec, dtype, shape = entry.get("codec"), entry.get("dtype"), entry.get("shape")
    if codec not in ("raw", "deflate"):
        raise bad(f"has the unknown codec {codec!r}")
    if codec == "raw" and length != size:
        raise bad("is raw, yet its length is not its size")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise bad(f"has the unknown dtype {dtype!r}")
    if not isinstance(shape, list) or not all(_is_count(n) and n < _MOST for n in shape):
        raise bad("has no valid shape")
    if size > _MOST_INFLATED * length:
        raise bad(f"announces {size} bytes, more than {length} can inflate to")
    if not isinstance(entry.get("shuffle", False), bool):
        raise bad("has a shuffle that is not true or false")
    if not all(_is_count(entry.get(field, 0)) for field in ("bits", "large", "keys")):
        raise bad("has a bits, large or keys that is no count")
    classes = entry.get("classes", [])
    if not isinstance(classes, list) or not all(map(_is_count, classes)):
        raise bad("has invalid classes")
    return cast(BlockInfo, entry)


class Container:
    """A read-only view of packed bytes. The header is checked as a whole; blocks inflate when asked for.

    Raises
    ------
    WireError
        Where `data` is no container, is cut off, or its header does not fit it.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) < _START:
            raise WireError(f"the attention data is {len(data)} bytes long, too short for a header")
        if data[:4] != MAGIC:
            raise WireError("this is not attention data (no ATTN at its start)")
        if data[4] != VERSION:
            raise WireError(f"the attention data has version {data[4]}; this release reads version {VERSION}")
        end = _START + int.from_bytes(data[8:12], "little")
        if end > len(data):
            raise WireError("the attention data ends within its header")
        try:
            header = json.loads(data[_START:end].decode())
        except (ValueError, RecursionError):
            raise WireError("the header of the attention data is not valid JSON") from None
        blocks = header.get("blocks") if isinstance(header, dict) else None
        if not isinstance(blocks, dict):
            raise WireError("the header of the attention data lists no blocks")
        self.data = data
        self.blocks: dict[str, BlockInfo] = {name: _checked(name, entry, len(data)) for name, entry in blocks.items()}

    def block(self, name: str, shape: tuple[int, ...] | None = None) -> BlockInfo:
        """Header entry of a block that must be there; entries of -1 in `shape` are free."""
        info = self.blocks.get(name)
        if info is None:
            raise WireError(f"the attention data holds no block {name!r}")
        found = info["shape"]
        if shape is not None and (
            len(found) != len(shape) or any(n not in (-1, m) for n, m in zip(shape, found, strict=True))
        ):
            raise WireError(f"block {name!r} has shape {found}, expected {list(shape)}")
        return info

    def stored(self, name: str) -> bytes:
        """The bytes of a block as they are stored."""
        info = self.block(name)
        return self.data[info["offset"] : info["offset"] + info["length"]]

    def bytes(self, name: str) -> bytes:
        """The inflated bytes of a block."""
        info = self.block(name)
        stored = self.stored(name)
        if info["codec"] == "raw":
            return stored
        stream = zlib.decompressobj()
        try:
            # One byte more than announced: a stream that goes on is noticed without being followed.
            out = stream.decompress(stored, info["size"] + 1)
        except zlib.error:
            raise WireError(f"block {name!r} of the attention data cannot be read: its bytes are damaged") from None
        if len(out) != info["size"] or not stream.eof or stream.unused_data:
            raise WireError(
                f"block {name!r} of the attention data does not inflate to the {info['size']} bytes announced"
            )
        return out

    def json(self, name: str) -> Any:
        """The plain data of a block of JSON."""
        try:
            return json.loads(self.bytes(name).decode())
        except (UnicodeDecodeError, ValueError, RecursionError):
            raise WireError(f"block {name!r} of the attention data is not valid JSON") from None

    def numbers(self, name: str, shape: tuple[int, ...] | None = None) -> NDArray[np.float32]:
        """The values of a block of numbers, float32, in its shape."""
        info = self.block(name, shape)
        dtype = DTYPES[info["dtype"]]
        data = np.frombuffer(self.bytes(name), np.uint8)
        # Counted in Python's integers: a malformed shape must not overflow.
        count = product(info["shape"])
        if len(data) != count * dtype.itemsize:
            raise WireError(f"block {name!r} has {len(data)} bytes instead of {count * dtype.itemsize}")
        if info.get("shuffle"):
            data = np.ascontiguousarray(data.reshape(dtype.itemsize, count).T).reshape(-1)
        items = data.view(dtype).reshape(info["shape"])
        return np.ldexp(items.astype(np.float64), -min(info.get("bits", 0), 1000)).astype(np.float32)


def product(shape: Sequence[int]) -> int:
    """Number of cells, in Python's unbounded integers."""
    out = 1
    for n in shape:
        out *= n
    return out
