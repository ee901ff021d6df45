"""What a view answers its page: containers of one layer, or of some whole rows of one."""

from __future__ import annotations

from collections.abc import Sequence

from attnwidget.attention import Attention
from attnwidget.wire import encode, encode_rows


def layer(data: Attention, stack: str, number: int) -> bytes:
    """The container of one layer; ValueError, in words for the page's reader, where there is none."""
    _check(data, stack, number)
    return encode(data, stack_layers={stack: [number]}, overviews=False)


def rows(data: Attention, stack: str, number: int, queries: Sequence[int]) -> bytes:
    """The container of some rows of a layer, of all heads; likewise."""
    _check(data, stack, number)
    count = len(data.stacks[stack].queries)
    if any(not 0 <= query < count for query in queries):
        raise ValueError(f"queries: {list(queries)!r:.100} is not valid. Valid: 0 to {count - 1}")
    return encode_rows(data, stack, number, queries)


def _check(data: Attention, stack: str, number: int) -> None:
    if stack not in data.stacks:
        raise ValueError(f"stack: {stack!r:.100} is not valid. Valid: {', '.join(map(repr, data.stacks))}")
    count = data.stacks[stack].n_layers
    if not 0 <= number < count:
        raise ValueError(f"layer: {number} is not valid. Valid: 0 to {count - 1}")
