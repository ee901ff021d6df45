"""What `Attention.plot` is asked for → a selection and settings, checked."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attnwidget import figures
from attnwidget.addressing import as_int, heads_of, index_of
from attnwidget.selection import Selection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from attnwidget.attention import Attention, Stack

#: Options of a word, and the words; they are those of the view's traits.
_WORDS = {
    "highlight": ("none", "special", "query"),
    "measure": ("weight", "contribution"),
    "aggregate": ("mean", "max", "rollout"),
    "sinks": ("show", "dim", "leave_out", "renormalise"),
    "pair": ("all", "aa", "ab", "ba", "bb"),
    "unit": ("pieces", "words"),
    "scale": ("linear", "sqrt", "log", "relative"),
}
_OPTIONS = ("queries", "keys", "budget", "max_strokes", "width", "caption", *_WORDS)


def plot(
    attention: Attention,
    layer: int,
    heads: Any,
    kind: str,
    ax: Axes | None,
    stack: str | None,
    options: Mapping[str, Any],
) -> Axes:
    """See :meth:`attnwidget.Attention.plot`."""
    for name in options:
        if name not in _OPTIONS:
            near = difflib.get_close_matches(name, _OPTIONS, 1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise TypeError(f"plot() got an unexpected argument {name!r}{hint} It takes {', '.join(_OPTIONS)}")
    _word("kind", kind, ("lines", "matrix"))
    for name, words in _WORDS.items():
        _word(name, options.get(name, words[0]), words)
    chosen = next(iter(attention.stacks.values())) if stack is None else attention._stack(stack)
    at = index_of(layer, chosen.n_layers, "layer")
    few, pinned = _heads(heads, chosen, at)
    rest = {name: options[name] for name in ("budget", "max_strokes", *_WORDS) if name in options}
    selection = Selection(
        stack=chosen.name,
        layer=at,
        heads=few,
        pinned=pinned,
        mode=kind,
        queries=_positions("queries", options.get("queries"), len(chosen.queries)),
        keys=_positions("keys", options.get("keys"), len(chosen.keys)),
        **rest,
    )
    return figures.plot(
        attention, selection, ax=ax, **{name: options[name] for name in ("width", "caption") if name in options}
    )


def _word(name: str, value: object, words: Sequence[str]) -> None:
    if value not in words:
        raise ValueError(f"{name}: {value!r} is not valid. Valid: {', '.join(map(repr, words))}")


def _heads(heads: Any, stack: Stack, layer: int) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """Heads of the layer, or (layer, head) of several."""
    if heads is None:
        return (), ()
    if isinstance(heads, (list, tuple)) and any(isinstance(head, (list, tuple)) for head in heads):
        pairs = tuple((index_of(la, stack.n_layers, "layer"), as_int(head, "heads")) for la, head in heads)
        for at, head in pairs:
            index_of(head, stack.layers[at].heads, f"layer {at}: head")
        return (), pairs
    return tuple(heads_of(heads, stack.layers[layer].heads)[0]), ()


def _positions(name: str, given: Any, count: int) -> tuple[int, ...]:
    if given is None:
        return ()
    numbers = [given] if np.ndim(given) == 0 else list(given)
    return tuple(index_of(number, count, name) for number in numbers)
