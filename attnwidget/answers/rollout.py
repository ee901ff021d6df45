"""Rollout up to a layer, as a page reads weights: the blocks ``rollout/s/l`` and ``rollout_sums/s/l``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from attnwidget.answers.layers import check_layer
from attnwidget.attention import Attention
from attnwidget.statistics.flow import rollout as every_layer
from attnwidget.statistics.rows import KINDS, kind_sums
from attnwidget.wire import codec
from attnwidget.wire.container import Block, Container, Packer, number_block
from attnwidget.wire.sums import pack_sums

#: Layers × tokens² that are multiplied at once, in float64: 512 MB.
MOST_CELLS = 1 << 26


#: Cells of the rollouts of all layers that an exported page brings; of more it brings the shown layer's alone.
MOST_EXPORTED = 1 << 20


def _every(data: Attention, stack: str) -> NDArray[np.float64]:
    """Rollout from the first layer to each layer, float64 [layers, tokens, tokens]; ValueError where there is none."""
    chosen = data.stacks[stack]
    n = len(chosen.queries)
    if chosen.n_layers * n * n > MOST_CELLS:
        most = int((MOST_CELLS / chosen.n_layers) ** 0.5)
        raise ValueError(f"rollout multiplies {n} × {n} maps of every layer; it is shown for up to {most} tokens here")
    return every_layer(data, stack=stack)


def rolled(data: Attention, stack: str, layer: int) -> NDArray[np.float32]:
    """Rollout from the first layer to this one, of the mean of all heads: float32 [tokens, tokens].

    Raises
    ------
    ValueError
        Where tokens and keys differ, or the text is too long.
    """
    check_layer(data, stack, layer)
    return np.asarray(_every(data, stack)[layer], np.float32)


def rollout(data: Attention, stack: str, layer: int) -> bytes:
    """The container of one rollout; ValueError, in words for the page's reader, where there is none."""
    packer = Packer()
    for name, block in rollout_blocks(data, stack, {layer: rolled(data, stack, layer)}).items():
        packer.add(name, block)
    return packer.pack()


def with_rollout(container: bytes, data: Attention, stack: str, layer: int) -> bytes:
    """The same container with the rollouts of a stack besides: of every layer while they are small, else of this one.

    As it is where there is no rollout.
    """
    try:
        found = _every(data, stack).astype(np.float32)
    except ValueError:
        return container
    layers = range(len(found)) if found.size <= MOST_EXPORTED else [layer]
    packer = Packer()
    packer.take(Container(container))
    for name, block in rollout_blocks(data, stack, {at: found[at] for at in layers}).items():
        packer.add(name, block)
    return packer.pack()


def rollout_blocks(data: Attention, stack: str, maps: Mapping[int, NDArray[np.float32]]) -> dict[str, Block]:
    """The blocks of rollouts, by name. Weight lost to learned sinks leaves their columns zero.

    Parameters
    ----------
    maps
        By layer, float32 [tokens, tokens].
    """
    keys = data.stacks[stack].keys
    kinds = [key.kind for key in keys]
    blocks = {
        f"kinds/{stack}": number_block(np.array([KINDS.index(kind) for kind in kinds], np.uint8), dtype="u1"),
    }
    for layer, found in maps.items():
        weights = np.zeros((1, len(found), len(keys)), np.float32)
        weights[0, :, : found.shape[1]] = found
        codes = codec.encode_weights(weights)
        parts, extra = codec.pack_dense(codes)
        blocks[f"rollout/{stack}/{layer}"] = Block(parts, "u1", codes.shape, extra)
        units = kind_sums(codec.UNITS[codes], kinds)
        blocks[f"rollout_sums/{stack}/{layer}"] = pack_sums(kind_sums(weights, kinds), units)
    return blocks
