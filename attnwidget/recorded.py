"""`Recorded`: the layers of one forward pass: their stacks, their tokens, what they take, and who asks for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from attnwidget.addressing import Heads, Rows, heads_of, index_of, rows_of
from attnwidget.inputs.tokens import Token
from attnwidget.layers import Layer, Stack
from attnwidget.memory import MemoryReport, report


class Recorded:
    """What an `Attention` holds, and how it is addressed; what it says of it is said there."""

    stacks: Mapping[str, Stack]
    model_name: str
    text: str
    notes: tuple[str, ...]
    residual: float | None
    image: bytes = b""

    def __init__(
        self,
        stacks: Sequence[Stack],
        layers: Mapping[str, Sequence[Layer | None]],
        *,
        model_name: str = "",
        text: str = "",
        notes: Sequence[str] = (),
        residual: float | None = None,
    ) -> None:
        self.stacks = MappingProxyType({stack.name: stack for stack in stacks})
        self.model_name, self.text, self.notes = model_name, text, tuple(notes)
        checked = [layer.residual for stack in stacks for layer in stack.layers if layer.residual is not None]
        self.residual = max(checked, default=None) if residual is None else residual
        self._layers: dict[str, tuple[Layer | None, ...]] | None = {name: tuple(ls) for name, ls in layers.items()}

    # What there is

    @property
    def grid(self) -> tuple[int, int] | None:
        """Rows and columns of the patches of an image; None where there are none."""
        places = [t.place for stack in self.stacks.values() for t in stack.keys if t.place is not None]
        return (max(r for r, _ in places) + 1, max(c for _, c in places) + 1) if places else None

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Query tokens of the first stack."""
        return next(iter(self.stacks.values())).queries

    def query_tokens(self, stack: str | None = None) -> tuple[Token, ...]:
        """Tokens of the rows, one for each query."""
        return self._stack(stack).queries

    def key_tokens(self, stack: str | None = None) -> tuple[Token, ...]:
        """Tokens of the columns, one for each key."""
        return self._stack(stack).keys

    @property
    def n_layers(self) -> int:
        """Number of layers; ValueError where the stacks differ (then ``stacks[name].n_layers`` tells)."""
        counts = {name: stack.n_layers for name, stack in self.stacks.items()}
        if len(set(counts.values())) != 1:
            listed = ", ".join(f"{name!r} {count}" for name, count in counts.items())
            raise ValueError(f"the stacks differ in their number of layers ({listed}): use stacks[name].n_layers")
        return next(iter(counts.values()))

    def n_heads(self, layer: int, *, stack: str | None = None) -> int:
        """Number of heads of a layer; 0 where it has no attention weights."""
        chosen = self._stack(stack)
        return chosen.layers[index_of(layer, chosen.n_layers, "layer")].heads

    def residuals(self, stack: str | None = None) -> tuple[float | None, ...]:
        """What the self-check found, layer by layer. See :class:`attnwidget.layers.LayerInfo`."""
        return tuple(layer.residual for layer in self._stack(stack).layers)

    # What it holds

    @property
    def nbytes(self) -> int:
        """Bytes held (queries, keys, values, masks; shared masks count once); 0 after `release`."""
        return self.memory_report().nbytes

    def memory_report(self) -> MemoryReport:
        """What is held and why, line by line; printed, a table. See :class:`attnwidget.memory.Line`."""
        return report(self._layers or {})

    @property
    def released(self) -> bool:
        """Whether the recorded tensors were given back."""
        return self._layers is None

    def release(self) -> None:
        """Give the recorded tensors back; every later question about weights raises RuntimeError. Tokens stay."""
        self._layers = None

    def __repr__(self) -> str:
        stacks = []
        for stack in self.stacks.values():
            heads = sorted({layer.heads for layer in stack.layers if layer.heads})
            span = f"{heads[0]}" if len(heads) == 1 else f"{heads[0]}–{heads[-1]}" if heads else "0"
            stacks.append(f"{stack.name} {stack.n_layers}×{span}, {len(stack.queries)}×{len(stack.keys)} tokens")
        state = ", released" if self.released else ""
        return f"<Attention {self.model_name or 'arrays'}: {'; '.join(stacks)}{state}>"

    # Addressing

    def _stack(self, name: str | None) -> Stack:
        if name is None:
            if len(self.stacks) > 1:
                raise ValueError(
                    f"this model has several stacks: pass stack= one of {', '.join(map(repr, self.stacks))}"
                )
            return next(iter(self.stacks.values()))
        if name not in self.stacks:
            raise ValueError(f"stack={name!r} is not one of {', '.join(map(repr, self.stacks))}")
        return self.stacks[name]

    def _record(self, layer: int, stack: Stack) -> Layer:
        index = index_of(layer, stack.n_layers, "layer")
        layers = self._layers
        if layers is None:
            raise RuntimeError("this Attention was released to free memory: run capture(model, text) again")
        record = layers[stack.name][index]
        if record is None:
            note = stack.layers[index].note or "none were recorded"
            raise ValueError(f"layer {index} of stack {stack.name!r} has no attention weights: {note}")
        return record

    def _address(
        self, layer: int, head: Heads, stack: str | None, queries: Rows
    ) -> tuple[Layer, Sequence[int], Sequence[int] | slice, bool]:
        record = self._record(layer, self._stack(stack))
        heads, single = heads_of(head, record.heads)
        return record, heads, rows_of(queries, record.queries), single
