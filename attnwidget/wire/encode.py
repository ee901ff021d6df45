"""Attention → container, and back as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from attnwidget.statistics.rows import KINDS, entropies, kind_sums
from attnwidget.wire import codec, top
from attnwidget.wire.container import Block, Container, Packer, WireError, number_block, product
from attnwidget.wire.sums import pack_sums, unpack_sums

#: Larger layers carry only the largest weights of each row.
MOST_DENSE_CELLS = 24_000_000
#: Largest keys of a row in a "top" layer.
TOP_KEYS = 16
OVERVIEW_SIZE = 32
#: A stack no larger than this brings no overviews when it brings all its weights: the page pools them itself.
MOST_POOLED_CELLS = 4_000_000
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
        self, layer: int, head: Sequence[int] | None = None, *, stack: str | None = None, queries: slice | None = None
    ) -> NDArray[np.float32]: ...
    def overview(self, layer: int, *, stack: str | None = None, size: int = 32) -> NDArray[np.float32]: ...
    def value_norms(self, layer: int, *, stack: str | None = None) -> NDArray[np.float32] | None: ...


def encode(
    attention: AttentionLike,
    *,
    stack_layers: Mapping[str, Iterable[int]] | None = None,
    overviews: bool = True,
    dense_cells: int = MOST_DENSE_CELLS,
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
        is whole brings none: there the page makes them from the weights.
    dense_cells
        Layers of more cells (heads · queries · keys) bring only the 16 largest weights of each row.

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
        if overviews and not _is_poolable(attention.stacks[name], layers, dense_cells):
            packer.add(f"overview/{name}", _overviews(attention, name))
    for name, layers in wanted.items():
        if layers:
            kinds = [KINDS.index(token.kind) for token in attention.stacks[name].keys]
            packer.add(f"kinds/{name}", number_block(np.array(kinds, np.uint8), dtype="u1"))
        for layer in layers:
            for block, content in _layer_blocks(attention, name, layer, dense_cells):
                packer.add(f"{block}/{name}/{layer}", content)
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


def _overviews(attention: AttentionLike, name: str) -> Block:
    stack: _Stack = attention.stacks[name]
    size = (min(len(stack.queries), OVERVIEW_SIZE), min(len(stack.keys), OVERVIEW_SIZE))
    parts = [np.zeros((0, *size), np.uint8)]
    for layer, info in enumerate(stack.layers):
        if info.heads:
            pooled = np.clip(attention.overview(layer, stack=name, size=OVERVIEW_SIZE), 0.0, 1.0)
            # A thumbnail shows some 30 shades; more would only cost bytes.
            steps = np.round(np.sqrt(pooled) * _OVERVIEW_STEPS)
            parts.append(np.round(steps * (255 / _OVERVIEW_STEPS)).astype(np.uint8))
    return number_block(np.concatenate(parts), dtype="u1")


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
            yield _Part(some, block, attention.weights(layer, chosen, stack=name, queries=which))


def _layer_blocks(attention: AttentionLike, name: str, layer: int, dense_cells: int) -> Iterator[tuple[str, Block]]:
    stack: _Stack = attention.stacks[name]
    shape = (stack.layers[layer].heads, len(stack.queries), len(stack.keys))
    kinds = [token.kind for token in stack.keys]
    dense = product(shape) <= dense_cells
    held = min(TOP_KEYS, shape[2])
    codes = np.zeros(shape if dense else (*shape[:2], held), np.uint16)
    index = np.zeros((0, 0, 0) if dense else codes.shape, np.uint32)
    sums = np.zeros((*shape[:2], len(KINDS)))
    units = np.zeros(sums.shape)
    entropy = np.zeros(shape[:2])
    for part in _parts(attention, name, layer, shape):
        weights, here = part.weights, (part.heads, part.queries)
        if dense:
            codes[here] = codec.encode_weights(weights)
            units[here] = kind_sums(codec.UNITS[codes[here]], kinds)
        else:
            index[here], codes[here] = top.largest(weights, held)
            units[here] = top.kind_units(index[here], codes[here], kinds)
        sums[here] = kind_sums(weights, kinds)
        entropy[here] = entropies(weights)
    parts, extra = codec.pack_dense(codes) if dense else top.pack(index, codes, shape[2])
    yield "weights", Block(parts, "u1", shape, extra)
    yield "sums", pack_sums(sums, units)
    # What a page says of layers that it does not show: no need to inflate their weights.
    yield "shares", number_block(sums.mean(axis=1) if shape[1] else np.zeros((shape[0], len(KINDS))), dtype="f4")
    yield "entropy", number_block(entropy, dtype="u2", bits=ENTROPY_BITS)
    norms = attention.value_norms(layer, stack=name)
    if norms is not None:
        yield "value_norms", number_block(_twelve_bits(norms), dtype="f4")


def _twelve_bits(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rounded to 12 bits of mantissa (1.2e-4 relative): the low byte is then 0 and costs nothing."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + np.uint32(0x800)) & np.uint32(0xFFFFF000)).view(np.float32)


@dataclass(frozen=True)
class Layer:
    """One layer as a container holds it.

    Attributes
    ----------
    weights
        float32 [heads, queries, keys], each as its printed digits; 0 where a "top" layer does not list the key.
    sums
        float32 [heads, queries, 5], exact mass by kind of key (`KINDS`).
    shares
        float32 [heads, 5], mean of the sums over the rows.
    entropy
        float32 [heads, queries], nats.
    value_norms
        float32 [heads, keys], or None.
    form
        "dense" or "top".
    """

    weights: NDArray[np.float32]
    sums: NDArray[np.float32]
    shares: NDArray[np.float32]
    entropy: NDArray[np.float32]
    value_norms: NDArray[np.float32] | None
    form: str


def decode(data: bytes) -> dict[tuple[str, int], Layer]:
    """Every layer of a container, by stack and number. Raises `WireError` where the bytes are no whole container."""
    container = Container(data)
    out = {}
    for name in container.blocks:
        what, _, address = name.partition("/")
        stack, _, number = address.rpartition("/")
        if what == "weights" and stack and number.isascii() and number.isdigit():
            out[stack, int(number)] = _read_layer(container, stack, f"{stack}/{number}")
    return out


def _read_layer(container: Container, stack: str, address: str) -> Layer:
    info = container.block(f"weights/{address}", (-1, -1, -1))
    heads, queries, keys = info["shape"]
    raw = container.bytes(f"weights/{address}")
    form = info.get("form", "dense")
    if form == "top":
        codes = top.unpack(raw, (heads, queries, keys), info.get("keys", 0))
    else:
        codes = codec.unpack_dense(raw, (heads, queries, keys), info.get("large", 0), info.get("classes", []))
    kinds = container.numbers(f"kinds/{stack}", (keys,)).astype(int)
    if keys and kinds.max() >= len(KINDS):
        raise WireError(f"block 'kinds/{stack}' holds the unknown kind {kinds.max()}")
    units = kind_sums(codec.UNITS[codes], [KINDS[kind] for kind in kinds])
    planes = container.numbers(f"sums/{address}", (len(KINDS), heads, queries))
    norms = f"value_norms/{address}"
    return Layer(
        weights=codec.VALUES[codes],
        sums=unpack_sums(planes, units),
        shares=container.numbers(f"shares/{address}", (heads, len(KINDS))),
        entropy=container.numbers(f"entropy/{address}", (heads, queries)),
        value_norms=container.numbers(norms, (heads, keys)) if norms in container.blocks else None,
        form=form,
    )
