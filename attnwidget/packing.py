"""How much of a capture travels with the widget's own state: every layer if they are few, else the one shown now."""

from __future__ import annotations

from attnwidget.attention import Attention
from attnwidget.wire import encode


def packed(data: Attention, stack: str, layer: int, most: int, *, overviews: bool = True) -> tuple[bytes, bool]:
    """What travels in the trait, and whether that is every layer; `overviews` as for `encode`."""
    layers = sum(one.n_layers for one in data.stacks.values())
    cells = sum(info.heads * len(one.queries) * len(one.keys) for one in data.stacks.values() for info in one.layers)
    # Attention that hardly spreads still takes a byte for ten cells. Below that, and where trying all would take long,
    # the size of one layer tells about the others.
    may_fit = cells <= 10 * most
    if may_fit and cells > 2 * most:
        probe = encode(data, stack_layers={stack: [layer]}, overviews=False)
        may_fit = len(probe) * layers <= 1.5 * most
    if may_fit:
        whole = encode(data, overviews=overviews)
        if len(whole) <= most:
            return whole, True
    return encode(data, stack_layers={stack: [layer]}, overviews=overviews), False
