"""Which layers and heads a page brings, and the container of just those."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attnwidget.addressing import as_int, rows_of
from attnwidget.overviews import Block, Pooled, blocks
from attnwidget.statistics.rows import KINDS, kind_sums
from attnwidget.wire import Container, encode
from attnwidget.wire.container import Packer, number_block
from attnwidget.wire.encode import OVERVIEW_SIZE, _is_long, _overviews, levels

if TYPE_CHECKING:
    from attnwidget.attention import Attention, Stack

#: Heads: their numbers, for every layer that has them; or (layer, head) each.
Heads = Iterable[int] | Iterable[tuple[int, int]]


@dataclass(frozen=True)
class Choice:
    """What a page brings of every stack.

    Attributes
    ----------
    layers : dict of str to list of int
        By stack, ascending.
    heads : dict of str to dict of int to list of int
        By stack and layer, where a layer brings some of its heads only; they keep their numbers.
    """

    layers: dict[str, list[int]] = field(default_factory=dict)
    heads: dict[str, dict[int, list[int]]] = field(default_factory=dict)

    def has(self, stack: str, layer: int, head: int) -> bool:
        """Whether the page brings this head."""
        held = self.heads.get(stack, {}).get(layer)
        return layer in self.layers.get(stack, ()) and (held is None or head in held)

    def opening(self, stack: str, layer: int) -> dict[str, Any]:
        """What of a view's state changes for the page: it opens on a layer that it has, and knows its heads."""
        if layer not in self.layers[stack]:
            stack = stack if self.layers[stack] else next(name for name, layers in self.layers.items() if layers)
            return {"stack": stack, "layer": self.layers[stack][0], "heads": [], "held_heads": self.heads}
        return {"held_heads": self.heads}


def choose(stacks: Mapping[str, Stack], layers: Iterable[int] | None, heads: Heads | None) -> Choice | None:
    """The layers and heads asked for, checked; None where that is everything.

    Parameters
    ----------
    stacks
        Of an `Attention`.
    layers
        Numbers, for every stack that has them; where not given, those that `heads` names, or all.
    heads
        Numbers, for every layer that has them, or (layer, head) pairs; all where not given.

    Raises
    ------
    TypeError, ValueError
        For what is no such list, for layers and heads that no stack has, and for nothing at all.
    """
    if layers is None and heads is None:
        return None
    pairs = None if heads is None else [_pair(head) for head in heads]
    named = [layer for layer, _ in pairs or () if layer is not None]
    of_pairs = set(named) if pairs is not None and len(named) == len(pairs) > 0 else None
    wanted: set[int] | None = of_pairs if layers is None else {as_int(layer, "layers") for layer in layers}
    _check("layers", wanted or (), max(len(stack.layers) for stack in stacks.values()))
    _check("heads", {head for _, head in pairs or ()}, max(i.heads for s in stacks.values() for i in s.layers))
    choice = Choice()
    for name, stack in stacks.items():
        choice.layers[name] = []
        for layer, info in enumerate(stack.layers):
            if wanted is not None and layer not in wanted:
                continue
            held = sorted(
                {head for at, head in pairs or () if at in (None, layer) and head < info.heads}
                if pairs is not None
                else range(info.heads)
            )
            if held:
                choice.layers[name].append(layer)
            if 0 < len(held) < info.heads:
                choice.heads.setdefault(name, {})[layer] = held
    if not any(choice.layers.values()):
        raise ValueError(f"layers={layers!r}, heads={heads!r}: no layer has any of them, so the page would be empty")
    return choice


def container(attention: Attention, choice: Choice, tell: Callable[[], object] = lambda: None) -> bytes:
    """The container of the chosen layers and heads, with small pictures of every head there is.

    What is said of a layer without reading its weights (the blocks ``shares``, ``overview``) stays true of all its
    heads.

    `tell` is called after each layer.
    """
    packer = Packer()
    for name, stack in attention.stacks.items():
        if not _is_long(stack):
            packer.add(f"overview/{name}", _overviews(attention, name))
    packed = Container(encoded(attention, choice, tell))
    packer.take(packed)
    for name, layers in choice.heads.items():
        for layer in layers:
            shares, pictures = _of_all_heads(attention, name, layer)
            packer.add(f"shares/{name}/{layer}", number_block(shares, dtype="f4"))
            if (own := f"overview/{name}/{layer}") in packed.blocks:
                packer.add(own, number_block(levels(pictures), dtype="u1"))
    return packer.pack()


def encoded(attention: Attention, choice: Choice, tell: Callable[[], object] = lambda: None) -> bytes:
    """The container of the chosen layers and heads, and of nothing else.

    Heads left out are zeros, which take hardly any bytes, so that the others keep their numbers.
    """
    return encode(_Held(attention, choice.heads), stack_layers=choice.layers, overviews=False, tell=tell)


def sizes(packed: bytes) -> dict[str, dict[int, int]]:
    """Bytes that each layer takes in a container, by stack."""
    out: dict[str, dict[int, int]] = {}
    for name, info in Container(packed).blocks.items():
        parts = name.split("/")
        if len(parts) >= 3 and parts[2].isdigit():
            of_stack = out.setdefault(parts[1], {})
            of_stack[int(parts[2])] = of_stack.get(int(parts[2]), 0) + int(info["length"])
    return out


def _of_all_heads(attention: Attention, name: str, layer: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Mean mass by kind of key, [heads, 5], and the small pictures of a layer; no n×n array is made."""
    stack = attention.stacks[name]
    heads, kinds = stack.layers[layer].heads, [token.kind for token in stack.keys]
    sums, pooled = np.zeros((heads, len(KINDS))), Pooled(heads, len(stack.queries), len(kinds), OVERVIEW_SIZE)
    for block in attention.blocks(layer, stack=name):
        pooled.add(block)
        seen = kinds[block.start : block.start + block.weights.shape[1]]
        sums[block.head] += kind_sums(block.weights, seen).sum(axis=0)
    return sums / max(1, len(stack.queries)), pooled.pictures


class _Held:
    """An `Attention` whose other heads are zeros; what `encode` needs of one."""

    def __init__(self, attention: Attention, heads: Mapping[str, Mapping[int, Sequence[int]]]) -> None:
        self._attention, self._heads = attention, heads
        self.stacks = attention.stacks

    def weights(
        self, layer: int, head: Any = None, *, stack: str | None = None, queries: Any = None
    ) -> NDArray[np.float32]:
        held = self._heads.get(stack or "", {}).get(layer)
        if held is None:
            return self._attention.weights(layer, head, stack=stack, queries=queries)
        of = self.stacks[stack or ""]
        heads = list(range(of.layers[layer].heads) if head is None else head)
        some = [index for index, one in enumerate(heads) if one in held]
        rows = np.arange(len(of.queries))[rows_of(queries, len(of.queries))]
        out = np.zeros((len(heads), len(rows), len(of.keys)), np.float32)
        if some:
            out[some] = self._attention.weights(layer, [heads[at] for at in some], stack=stack, queries=queries)
        return out

    def blocks(self, layer: int, *, stack: str | None = None) -> Iterator[Block]:
        record = self._attention._record(layer, self._attention._stack(stack))
        held = self._heads.get(stack or "", {}).get(layer)
        yield from blocks(record, held)
        if held is not None:
            # Of one key: all others have no weight either.
            nothing = np.zeros((record.queries, 1), np.float32)
            for head in sorted({*range(record.heads)} - {*held}):
                yield Block(head, slice(0, record.queries), 0, nothing)

    def overview(self, layer: int, *, stack: str | None = None, size: int = 32) -> NDArray[np.float32]:
        return self._attention.overview(layer, stack=stack, size=size)

    def value_norms(self, layer: int, *, stack: str | None = None) -> NDArray[np.float32] | None:
        return self._attention.value_norms(layer, stack=stack)

    def value(self, layer: int, *, stack: str | None = None) -> NDArray[np.float32]:
        return self._attention.value(layer, stack=stack)


def _pair(head: object) -> tuple[int | None, int]:
    if isinstance(head, (tuple, list)):
        if len(head) != 2:
            raise ValueError(f"heads: expected numbers or (layer, head) pairs, got {head!r}")
        return as_int(head[0], "heads"), as_int(head[1], "heads")
    return None, as_int(head, "heads")


def _check(name: str, numbers: Iterable[int], count: int) -> None:
    for number in sorted(numbers):
        if not 0 <= number < count:
            raise ValueError(f"{name}: there is no {number}; valid: 0 to {count - 1}")
