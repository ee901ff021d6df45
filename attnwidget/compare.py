"""What two attentions over the same tokens have for a difference picture: two checkpoints, or two layers.

Every weight of `b` is set against the weight of `a` at the same place. That is only meaningful where both read the
same tokens, which is checked, and where heads correspond: those of two checkpoints do, those of two layers do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attnwidget.addressing import index_of
from attnwidget.attention import Attention, Stack
from attnwidget.description import clean
from attnwidget.statistics.pairs import js_rows
from attnwidget.wire import encode

#: Cells of both sides that are measured; of longer texts evenly spread rows are.
MOST_CELLS = 40_000_000
_CELLS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Side:
    """One side: an attention and, where two layers are compared, the layer."""

    data: Attention
    layer: int | None


@dataclass(frozen=True)
class Pair:
    """Both sides, checked against each other.

    Attributes
    ----------
    a, b : Attention
    stack : str
        Shown first; the one of the layers, where layers are compared.
    layers : (int, int) or None
        The layer of `a` to begin with, and the one of `b` that all are compared with; None: each with its own number.
    names : (str, str)
    """

    a: Attention
    b: Attention
    stack: str
    layers: tuple[int, int] | None
    names: tuple[str, str]

    def measured(self) -> dict[str, Any]:
        """The trait `comparison`: JSON, with statistics of every head that both sides have.

        Returns
        -------
        dict
            "a", "b": names. "layer": of `b`, or None. "rows": of how many rows the statistics are the mean.
            "divergence": stack → layer → Jensen–Shannon divergence of each head, in nats, 0 to ln 2, mean over rows.
            "moved": likewise the total variation distance, the share of each row's mass that lies elsewhere in `b`.
        """
        divergence: dict[str, list[list[float]]] = {}
        moved: dict[str, list[list[float]]] = {}
        rows = 0
        for name in self.stacks:
            stack = self.a.stacks[name]
            cells = sum(info.heads for info in stack.layers) * len(stack.queries) * len(stack.keys)
            step = max(1, -(-cells // MOST_CELLS))
            rows = max(rows, len(range(0, len(stack.queries), step)))
            both = [self._of_layer(name, layer, step) for layer in range(stack.n_layers)]
            divergence[name] = [one for one, _ in both]
            moved[name] = [other for _, other in both]
        fixed = None if self.layers is None else self.layers[1]
        names = dict(zip("ab", self.names, strict=True))
        return {**names, "layer": fixed, "rows": rows, "divergence": divergence, "moved": moved}

    @property
    def stacks(self) -> tuple[str, ...]:
        """Stacks that are compared."""
        return tuple(self.a.stacks) if self.layers is None else (self.stack,)

    def layer_of_b(self, layer: int) -> int:
        """What a layer of `a` is compared with."""
        return layer if self.layers is None else self.layers[1]

    def encoded(self) -> bytes:
        """The container of every layer of `b` that is compared."""
        wanted = None if self.layers is None else {self.stack: [self.layers[1]]}
        return encode(self.b, stack_layers=wanted, overviews=False)

    def _of_layer(self, name: str, layer: int, step: int) -> tuple[list[float], list[float]]:
        stack, other = self.a.stacks[name], self.layer_of_b(layer)
        heads = min(stack.layers[layer].heads, self.b.stacks[name].layers[other].heads)
        queries = list(range(0, len(stack.queries), step))
        at_once = max(1, _CELLS_AT_ONCE // max(1, heads * len(stack.keys)))
        sums = np.zeros((2, heads))
        if not heads:
            return [], []
        for start in range(0, len(queries), at_once):
            rows = queries[start : start + at_once]
            one = self.a.weights(layer, range(heads), stack=name, queries=rows).astype(np.float64)
            two = self.b.weights(other, range(heads), stack=name, queries=rows).astype(np.float64)
            sums[0] += js_rows(one, two).sum(-1)
            sums[1] += np.abs(two - one).sum((-1, -2)) / 2
        means = (sums / max(1, len(queries))).tolist()
        return means[0], means[1]


def pair(a: Any, b: Any, *, stack: str | None = None, names: Sequence[str] | None = None) -> Pair:
    """Check that `a` and `b` can be compared; see `AttnView.compare` for what they may be.

    Raises
    ------
    TypeError
        If either is no `Attention`, `AttnView` or (one of them, layer), or only one names a layer.
    ValueError
        If they read other tokens (the first differing one is named) or have other layers or heads.
    IndexError
        For a layer that is not there.
    """
    one, two = _side(a, "a"), _side(b, "b")
    if (one.layer is None) != (two.layer is None):
        raise TypeError("a, b: name a layer on both sides, compare((a, 1), (b, 4)), or on none")
    shown = next(iter(one.data.stacks)) if stack is None else stack
    if shown not in one.data.stacks:
        raise ValueError(f"stack: {stack!r} is not valid. Valid: {', '.join(map(repr, one.data.stacks))}")
    layers = None
    if one.layer is not None and two.layer is not None:
        if shown not in two.data.stacks:
            raise ValueError(f"b has no stack {shown!r}; it has {', '.join(map(repr, two.data.stacks))}")
        _same_tokens(shown, one.data, two.data)
        counts = [side.data.stacks[shown].n_layers for side in (one, two)]
        first, second = one.layer, two.layer
        layers = (index_of(first, counts[0], "layer of a"), index_of(second, counts[1], "layer of b"))
    else:
        if list(one.data.stacks) != list(two.data.stacks):
            listed = " and ".join(", ".join(map(repr, side.data.stacks)) for side in (one, two))
            raise ValueError(f"a and b have other stacks: {listed}")
        for name in one.data.stacks:
            _same_tokens(name, one.data, two.data)
            _same_heads(one.data.stacks[name], two.data.stacks[name])
    return Pair(one.data, two.data, shown, layers, _names(names, one, two))


def _side(value: Any, name: str) -> Side:
    layer = None
    if isinstance(value, tuple) and len(value) == 2:
        value, layer = value
        if isinstance(layer, bool) or not isinstance(layer, (int, np.integer)):
            raise TypeError(f"{name}: the layer is {layer!r}, a whole number is needed: compare((a, 1), (b, 4))")
    data = getattr(value, "attention_data", value)
    if not isinstance(data, Attention):
        raise TypeError(
            f"{name}: {type(value).__name__} came. Valid: an Attention (attnwidget.capture(model, text)), an AttnView, "
            "or (either of them, layer)"
        )
    return Side(data, None if layer is None else int(layer))


def _same_tokens(name: str, a: Attention, b: Attention) -> None:
    for what in ("queries", "keys"):
        one, two = getattr(a.stacks[name], what), getattr(b.stacks[name], what)
        for at, (left, right) in enumerate(zip(one, two, strict=False)):
            if left.text != right.text:
                raise ValueError(
                    f"a and b read other tokens: of the {what} of stack {name!r}, number {at} is {left.text!r} in a "
                    f"and {right.text!r} in b. A difference needs the same tokens on both sides"
                )
        if len(one) != len(two):
            raise ValueError(
                f"a and b read other tokens: stack {name!r} has {len(one)} {what} in a and {len(two)} in b; "
                f"the first {min(len(one), len(two))} are the same"
            )


def _same_heads(a: Stack, b: Stack) -> None:
    if a.n_layers != b.n_layers:
        raise ValueError(
            f"stack {a.name!r} has {a.n_layers} layers in a and {b.n_layers} in b: compare two layers instead, "
            "compare((a, 1), (b, 4))"
        )
    for layer, (one, two) in enumerate(zip(a.layers, b.layers, strict=True)):
        if one.heads != two.heads:
            raise ValueError(f"layer {layer} of stack {a.name!r} has {one.heads} heads in a and {two.heads} in b")


def _names(names: Sequence[str] | None, one: Side, two: Side) -> tuple[str, str]:
    if names is not None:
        if isinstance(names, str) or len(names) != 2 or not all(isinstance(name, str) and name for name in names):
            raise TypeError(f"names: {names!r} is not valid. Valid: two names, names=('base', 'fine-tuned')")
        return clean(names[0]), clean(names[1])
    own = (one.data.model_name, two.data.model_name)
    return (clean(own[0]), clean(own[1])) if all(own) and own[0] != own[1] else ("A", "B")
