"""Attention → container."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from attnwidget.breaks import take_break
from attnwidget.overviews import Block as WeightBlock
from attnwidget.statistics.rows import KINDS, entropies, kind_sums
from attnwidget.wire import codec, large, top
from attnwidget.wire.container import Block, Packer, number_block, product
from attnwidget.wire.sums import pack_sums

#: Larger layers carry only the largest weights of each row.
MOST_DENSE_CELLS = 24_000_000
#: Largest keys of a row in a "top" layer.
TOP_KEYS = 16
OVERVIEW_SIZE = 32
#: A stack no larger than this brings no overviews when it brings all its weights: the page pools them itself.
MOST_POOLED_CELLS = 4_000_000
#: A stack larger than this brings the overviews of the layers it brings, not of all: those would take seconds.
MOST_PICTURED_CELLS = 100_000_000
_OVERVIEW_STEPS = 31

#: Of fraction: 2.4e-4 nats, finer than any page prints.
ENTROPY_BITS = 12

#: Float32 weights held at once.
_CELLS_AT_ONCE = 1 << 22


class _Token(Protocol):
    @property
    def kind(self) -> str: ...


class _LayerInfo(Protocol):
    @property
    def heads(self) -> int: ...


class _Stack(Protocol):
    @property
    def queries(self) -> Sequence[_Token]: ...
    @property
    def keys(self) -> Sequence[_Token]: ...
    @property
    def layers(self) -> Sequence[_LayerInfo]: ...


class AttentionLike(Protocol):
    """What `encode` needs of an `Attention`."""

    @property
    def stacks(self) -> Mapping[str, Any]: ...
    def weights(
        self,
        layer: int,
        head: Sequence[int] | None = None,
        *,
        stack: str | None = None,
        queries: slice | Sequence[int] | None = None,
    ) -> NDArray[np.float32]: ...
    def overview(self, layer: int, *, stack: str | None = None, size: int = 32) -> NDArray[np.float32]: ...
    def value_norms(self, layer: int, *, stack: str | None = None) -> NDArray[np.float32] | None: ...


def encode(
    attention: AttentionLike,
    *,
    stack_layers: Mapping[str, Iterable[int]] | None = None,
    overviews: bool = True,
    dense_cells: int = MOST_DENSE_CELLS,
    tell: Callable[[], object] = lambda: None,
) -> bytes:
    """The container of an attention, one layer in memory at a time.

    Parameters
    ----------
    attention
        An `Attention`.
    stack_layers
        Layers to bring, by stack; all of all stacks where not given. Layers without heads bring nothing.
    overviews
        Whether small pictures of every head of all stacks are brought, of the layers left out too. A small stack that
        is whole brings none: there the page makes them from the weights. Of a long stack (`MOST_PICTURED_CELLS`) every
        layer brings its own instead, whatever is said here.
    dense_cells
        Layers of more cells (heads · queries · keys) bring only the 16 largest weights of each row.
    tell
        Called after each layer.

    Returns
    -------
    bytes
        See `attnwidget.wire` for the layout.

    Raises
    ------
    ValueError
        For an unknown stack or layer.
    """
    wanted = _wanted(attention, stack_layers)
    packer = Packer()
    for name, layers in wanted.items():
        stack = attention.stacks[name]
        if overviews and not _is_long(stack) and not _is_poolable(stack, layers, dense_cells):
            packer.add(f"overview/{name}", _overviews(attention, name))
    for name, layers in wanted.items():
        if layers:
            kinds = [KINDS.index(token.kind) for token in attention.stacks[name].keys]
            packer.add(f"kinds/{name}", number_block(np.array(kinds, np.uint8), dtype="u1"))
        for layer in layers:
            for block, content in _layer_blocks(attention, name, layer, dense_cells):
                packer.add(f"{block}/{name}/{layer}", content)
            tell()
    return packer.pack()


def encode_rows(attention: AttentionLike, stack: str, layer: int, queries: Sequence[int]) -> bytes:
    """The container of a few whole rows of all heads of a layer, for a page that has only the largest keys of each.

    Parameters
    ----------
    attention
        An `Attention`.
    stack, layer
        Of the rows.
    queries
        Which rows, in the order wanted.

    Returns
    -------
    bytes
        With the blocks ``rows/s/l`` and ``queries/s/l``.
    """
    codes = codec.encode_weights(attention.weights(layer, stack=stack, queries=list(queries)))
    packer = Packer()
    # As they stand: to sort a row into classes, cell by cell, takes longer than its reader's pointer rests.
    packer.add(f"rows/{stack}/{layer}", number_block(codes, dtype="u2"))
    packer.add(f"queries/{stack}/{layer}", number_block(np.array(queries, np.uint32), dtype="u4"))
    return packer.pack()


def _wanted(attention: AttentionLike, asked: Mapping[str, Iterable[int]] | None) -> dict[str, list[int]]:
    """Layers with heads to bring, of every stack."""
    stacks = attention.stacks
    for name in asked or ():
        if name not in stacks:
            raise ValueError(f"stack_layers: there is no stack {name!r}; valid: {', '.join(map(repr, stacks))}")
    out = {}
    for name, stack in stacks.items():
        count = len(stack.layers)
        layers = list(range(count)) if asked is None else sorted(set(asked.get(name, ())))
        for layer in layers:
            if not 0 <= layer < count:
                raise ValueError(f"stack_layers: {name!r} has no layer {layer}; valid: 0 to {count - 1}")
        out[name] = [layer for layer in layers if stack.layers[layer].heads]
    return out


def _is_poolable(stack: _Stack, layers: Sequence[int], dense_cells: int) -> bool:
    with_heads = [layer for layer, info in enumerate(stack.layers) if info.heads]
    square = len(stack.queries) * len(stack.keys)
    cells = [info.heads * square for info in stack.layers]
    return list(layers) == with_heads and sum(cells) <= MOST_POOLED_CELLS and max(cells, default=0) <= dense_cells


def _is_long(stack: _Stack) -> bool:
    """Whether overviews of all its layers would take too long: each then comes with its layer."""
    heads = sum(info.heads for info in stack.layers)
    return heads * len(stack.queries) * len(stack.keys) > MOST_PICTURED_CELLS


def _overviews(attention: AttentionLike, name: str) -> Block:
    stack: _Stack = attention.stacks[name]
    size = (min(len(stack.queries), OVERVIEW_SIZE), min(len(stack.keys), OVERVIEW_SIZE))
    parts = [np.zeros((0, *size), np.uint8)]
    for layer, info in enumerate(stack.layers):
        if info.heads:
            parts.append(levels(attention.overview(layer, stack=name, size=OVERVIEW_SIZE)))
    return number_block(np.concatenate(parts), dtype="u1")


def levels(pictures: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Overviews as they travel: √weight · 255, in some thirty steps."""
    # A thumbnail shows some 30 shades; more would only cost bytes.
    steps = np.round(np.sqrt(np.clip(pictures, 0.0, 1.0)) * _OVERVIEW_STEPS)
    return np.round(steps * (255 / _OVERVIEW_STEPS)).astype(np.uint8)


@dataclass(frozen=True)
class _Part:
    """Weights of some heads and queries of a layer; over them all, a layer."""

    heads: slice
    queries: slice
    weights: NDArray[np.float32]


def _parts(attention: AttentionLike, name: str, layer: int, shape: tuple[int, int, int]) -> Iterator[_Part]:
    heads, queries, keys = shape
    per_head = max(1, queries * keys)
    at_once = max(1, min(heads, _CELLS_AT_ONCE // per_head))
    rows = max(1, min(queries, _CELLS_AT_ONCE // max(1, keys)))
    for first in range(0, heads, at_once):
        some = slice(first, min(first + at_once, heads))
        chosen = None if at_once == heads else range(some.start, some.stop)
        for start in range(0, queries, rows):
            block = slice(start, min(start + rows, queries))
            which = None if rows >= queries else block
            take_break()
            yield _Part(some, block, attention.weights(layer, chosen, stack=name, queries=which))


def _layer_blocks(attention: AttentionLike, name: str, layer: int, dense_cells: int) -> Iterator[tuple[str, Block]]:
    stack: _Stack = attention.stacks[name]
    shape = (stack.layers[layer].heads, len(stack.queries), len(stack.keys))
    kinds = [token.kind for token in stack.keys]
    norms = attention.value_norms(layer, stack=name)
    plain = plain_norms(attention, name, layer) if norms is None else None
    written = None
    if product(shape) <= dense_cells:
        codes, sums, units, entropy = _dense(attention, name, layer, shape, kinds)
        parts, extra = codec.pack_dense(codes)
        pictures = attention.overview(layer, stack=name, size=OVERVIEW_SIZE) if _is_long(stack) else None
    else:
        blocks = _blocks(attention, name, layer, shape)
        found = large.read(
            blocks, shape, kinds, min(TOP_KEYS, shape[2]), OVERVIEW_SIZE, plain if norms is None else norms
        )
        sums, units, entropy = found.sums, found.units, found.entropy.astype(np.float64)
        parts, extra = top.pack(found.index, found.codes, shape[2])
        pictures, written = found.overview if _is_long(stack) else None, found.written
    yield "weights", Block(parts, "u1", shape, extra)
    yield "sums", pack_sums(sums, units)
    # What a page says of layers that it does not show: no need to inflate their weights.
    yield "shares", number_block(sums.mean(axis=1) if shape[1] else np.zeros((shape[0], len(KINDS))), dtype="f4")
    yield "entropy", number_block(entropy, dtype="u2", bits=ENTROPY_BITS)
    if norms is not None:
        yield "value_norms", number_block(_twelve_bits(norms), dtype="f4")
    elif plain is not None:
        yield "plain_value_norms", number_block(_twelve_bits(plain), dtype="f4")
    if written is not None:
        yield "written", number_block(_twelve_bits(written), dtype="f4")
    if pictures is not None:
        yield "overview", number_block(levels(pictures), dtype="u1")


def plain_norms(attention: AttentionLike, stack: str, layer: int) -> NDArray[np.float32] | None:
    """‖v‖ of every head and key, float32 [heads, keys]: for layers whose W_O is not known; None without values."""
    value: Any = getattr(attention, "value", None)
    if value is None:
        return None
    try:
        norms: NDArray[np.float32] = np.linalg.norm(value(layer, stack=stack), axis=-1).astype(np.float32)
    except ValueError:
        return None
    return norms


def _dense(
    attention: AttentionLike, name: str, layer: int, shape: tuple[int, int, int], kinds: Sequence[str]
) -> tuple[NDArray[np.uint16], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Codes of all cells, sums of the weights and of the codes by kind of key, and entropies."""
    codes = np.zeros(shape, np.uint16)
    sums, units = np.zeros((*shape[:2], len(KINDS))), np.zeros((*shape[:2], len(KINDS)))
    entropy = np.zeros(shape[:2])
    for part in _parts(attention, name, layer, shape):
        here = part.heads, part.queries
        codes[here] = codec.encode_weights(part.weights)
        units[here] = kind_sums(codec.UNITS[codes[here]], kinds)
        sums[here] = kind_sums(part.weights, kinds)
        entropy[here] = entropies(part.weights)
    return codes, sums, units, entropy


def _blocks(attention: AttentionLike, name: str, layer: int, shape: tuple[int, int, int]) -> Iterator[WeightBlock]:
    """Blocks of an `Attention`, which leaves out what is masked; of anything else, whole rows."""
    own: Any = getattr(attention, "blocks", None)
    if own is not None:
        yield from own(layer, stack=name)
        return
    for part in _parts(attention, name, layer, shape):
        for head, weights in enumerate(part.weights, part.heads.start):
            yield WeightBlock(head, part.queries, 0, weights)


def _twelve_bits(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rounded to 12 bits of mantissa (1.2e-4 relative): the low byte is then 0 and costs nothing."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + np.uint32(0x800)) & np.uint32(0xFFFFF000)).view(np.float32)
