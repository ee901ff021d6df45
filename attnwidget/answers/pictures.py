"""Small pictures of every head of a layer, for an overview of all heads of a long text."""

from __future__ import annotations

from attnwidget.answers.layers import check_layer
from attnwidget.attention import Attention
from attnwidget.wire.container import Packer, number_block
from attnwidget.wire.encode import OVERVIEW_SIZE, levels


def pictures(data: Attention, stack: str, layer: int) -> bytes:
    """The container of a layer's overviews; ValueError, in words for the page's reader, where there are none."""
    check_layer(data, stack, layer)
    packer = Packer()
    found = data.overview(layer, stack=stack, size=OVERVIEW_SIZE)
    packer.add(f"overview/{stack}/{layer}", number_block(levels(found), dtype="u1"))
    return packer.pack()
