"""Weights: containers of one layer, or of some whole rows of one."""

from __future__ import annotations

from collections.abc import Sequence

from attnwidget.attention import Attention
from attnwidget.wire import encode, encode_rows


def layer(data: Attention, stack: str, layer: int) -> bytes:
    """The container of one layer; ValueError, in words for the page's reader, where there is none."""
    check_layer(data, stack, layer)
    return encode(data, stack_layers={stack: [layer]}, overviews=False)


def rows(data: Attention, stack: str, layer: int, queries: Sequence[int]) -> bytes:
    """The container of some rows of a layer, of all heads; likewise."""
    check_layer(data, stack, layer)
    count = len(data.stacks[stack].queries)
    if any(not 0 <= query < count for query in queries):
        raise ValueError(f"queries: {list(queries)!r:.100} is not valid. Valid: 0 to {count - 1}")
    return encode_rows(data, stack, layer, queries)


def check_stack(data: Attention, stack: str) -> None:
    """ValueError where there is no such stack."""
    if stack not in data.stacks:
        raise ValueError(f"stack: {stack!r:.100} is not valid. Valid: {', '.join(map(repr, data.stacks))}")


def check_layer(data: Attention, stack: str, layer: int) -> None:
    """ValueError where there is no such layer."""
    check_stack(data, stack)
    count = data.stacks[stack].n_layers
    if not 0 <= layer < count:
        raise ValueError(f"layer: {layer} is not valid. Valid: 0 to {count - 1}")
