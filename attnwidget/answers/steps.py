"""Steps: what one row of weights is made of, in numbers that the page multiplies out itself.

One head of one layer is the blocks ``steps/s/l/h/…``; a live answer brings one query of it, an exported page all of
them, read by the same code. The keys and values of a group of heads are there once, as ``steps/s/l/k/g`` and
``steps/s/l/v/g``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.answers.layers import check_layer
from attnwidget.attention import Attention
from attnwidget.layers import Parts
from attnwidget.wire.container import Block, Container, Packer, number_block

#: Stack, layer and head.
Place = tuple[str, int, int]

_GIVEN = (
    "no steps: of this layer only finished weights are known, not the queries and keys they were made of; "
    "capture(model, text) records those"
)
_UNLIKE = (
    "no steps: this model's weights follow more than queries and keys, so they were kept as they were computed and "
    "cannot be taken apart"
)


def steps(data: Attention, stack: str, layer: int, head: int, query: int) -> bytes:
    """The container of one query in one head; ValueError, in words for the page's reader, where there is none."""
    check_layer(data, stack, layer)
    chosen = data.stacks[stack]
    for name, index, count in (("head", head, chosen.layers[layer].heads), ("query", query, len(chosen.queries))):
        if not 0 <= index < count:
            raise ValueError(f"{name}: {index} is not valid. Valid: {f'0 to {count - 1}' if count else 'none'}")
    packer = Packer()
    _add(packer, data, (stack, layer, head), [query])
    return packer.pack()


def with_steps(container: bytes, data: Attention, places: Iterable[Place]) -> bytes:
    """The same container with every query of these heads besides; layers that cannot be taken apart are left out."""
    packer = Packer()
    packer.take(Container(container))
    for stack, layer, head in places:
        if has_steps(data, stack, layer):
            _add(packer, data, (stack, layer, head), range(len(data.stacks[stack].queries)))
    for name, one in data.stacks.items():
        known = [has_steps(data, name, layer) for layer in range(one.n_layers)]
        packer.add(f"steps/{name}", number_block(np.array(known, np.uint8), dtype="u1"))
    return packer.pack()


def has_steps(data: Attention, stack: str, layer: int) -> bool:
    """Whether the weights of this layer can be taken apart."""
    return bool(data.stacks[stack].layers[layer].heads) and hasattr(data._record(layer, data.stacks[stack]), "parts")


def parts_of(data: Attention, place: Place, queries: Sequence[int]) -> Parts:
    """What these rows of a head are made of; ValueError, in words for the page's reader, where that is not known."""
    stack, layer, head = place
    record: Any = data._record(layer, data.stacks[stack])
    if not hasattr(record, "parts"):
        raise ValueError(f"layer {layer}: {_UNLIKE if getattr(record, 'record', None) is not None else _GIVEN}")
    parts: Parts = record.parts(head, list(queries))
    return parts


def _add(packer: Packer, data: Attention, place: Place, queries: Sequence[int]) -> None:
    parts = parts_of(data, place, queries)
    stack, layer, head = place
    layer_path, path = f"steps/{stack}/{layer}", f"steps/{stack}/{layer}/{head}"
    residual = data.stacks[stack].layers[layer].residual
    numbers = [
        parts.scale,
        parts.softcap or 0,
        parts.group,
        parts.groups,
        parts.width or 0,
        np.nan if residual is None else residual,
    ]
    blocks = {
        f"{path}/numbers": _float_block(np.array(numbers)),
        f"{path}/queries": number_block(np.array(queries, np.uint32), dtype="u4"),
        f"{path}/q": _float_block(parts.q),
        f"{layer_path}/k/{parts.group}": _float_block(parts.k),
        f"{layer_path}/v/{parts.group}": _float_block(parts.v),
    }
    if parts.bias is not None:
        blocks[f"{path}/bias"] = _float_block(parts.bias)
    if parts.seen is not None:
        blocks[f"{path}/seen"] = _seen_block(parts.seen)
    if parts.sink is not None:
        blocks[f"{path}/sink"] = _float_block(parts.sink)
    for name, block in blocks.items():
        packer.add(name, block)


def _float_block(values: NDArray[Any]) -> Block:
    return number_block(np.asarray(values, np.float32), dtype="f4")


def _seen_block(seen: NDArray[np.bool_]) -> Block:
    """First key and the one after the last that each row sees, u4 [m, 2]; where some row has gaps, u1 [m, keys]."""
    count = seen.sum(axis=1)
    first = np.where(count > 0, seen.argmax(axis=1), 0)
    at = np.arange(seen.shape[1])
    filled = (at >= first[:, None]) & (at < (first + count)[:, None])
    if (filled == seen).all():
        return number_block(np.stack([first, first + count], axis=1), dtype="u4")
    return number_block(seen.astype(np.uint8), dtype="u1")
