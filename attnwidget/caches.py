"""TransformerLens' ActivationCache (or any mapping with its keys) → `Attention`, without importing TransformerLens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attnwidget.arrays import ArrayLayer, from_arrays, of_one_text, to_numpy
from attnwidget.attention import Attention
from attnwidget.inputs.tokens import Token, numbered_tokens
from attnwidget.layers import Layer, LayerInfo, Stack

_KEY = re.compile(r"^(?:(encoder|decoder)\.|blocks\.)(\d+)\.(attn|cross_attn)\.hook_pattern$")
_HOW = (
    "run logits, cache = model.run_with_cache(text), with a names_filter, if any, that keeps names ending in "
    "'hook_pattern'"
)


def from_cache(
    cache: Any,
    tokens: Any = None,
    *,
    key_tokens: Sequence[str | Token] | None = None,
    stack: str | None = None,
    model_name: str = "",
    text: str | None = None,
) -> Attention:
    """An `Attention` of the patterns in an activation cache.

    Parameters
    ----------
    cache : ActivationCache or mapping of str to array
        With keys like ``"blocks.0.attn.hook_pattern"``, each [head, query, key] or [1, head, query, key]; of an
        encoder-decoder ``"encoder.0.attn…"``, ``"decoder.0.attn…"`` and ``"decoder.0.cross_attn…"``.
    tokens : sequence of str or Token, ids, or str, optional
        Of the queries. A text or ids are looked up by ``cache.model.to_str_tokens``. Left out: positions are numbered,
        as a cache does not know its text.
    key_tokens : sequence of str or Token, optional
        Keys of the encoder's stacks, where an encoder-decoder has them: its source text.
    stack : str, optional
        Name of the one stack of ``blocks``; left out: "decoder" where no row sees a later key, else "encoder".
    model_name, text : str, optional
        Shown as the title; the name is taken from ``cache.model`` when left out.

    Raises
    ------
    TypeError, ValueError
        For what is no cache, holds no patterns, holds a batch of several texts, or does not fit the tokens.
    """
    patterns = _patterns(cache)
    model = getattr(cache, "model", None)
    name = model_name or str(getattr(getattr(model, "cfg", None), "model_name", "") or "")
    name = Path(name).name if Path(name).is_dir() else name
    stacks: list[Stack] = []
    layers: dict[str, Sequence[Layer | None]] = {}
    notes: list[str] = []
    for side, found in patterns.items():
        shape = next(iter(found.values())).shape
        queries = _tokens(key_tokens if side == "encoder" else tokens, model, shape[-2])
        keys = queries
        if side == "cross" or shape[-1] != shape[-2]:
            keys = _tokens(key_tokens, model, shape[-1])
        arrays = [found.get(i) for i in range(max(max(found) + 1, _count(model, side)))]
        given = from_arrays(arrays, queries, keys, stack="encoder", text="")
        held = next(iter(given.stacks.values()))
        shown = side
        if side == "blocks":
            shown = stack or ("decoder" if held.causal else "encoder")
        infos = tuple(
            info if info.heads else LayerInfo(0, "arrays", "its hook_pattern was not cached") for info in held.layers
        )
        stacks.append(Stack(shown, queries, keys, infos, held.causal))
        layers[shown] = [None if array is None else _layer(given, i) for i, array in enumerate(arrays)]
        notes += given.notes
    if tokens is None:
        notes.append("The cache does not know its text: positions are numbered; pass tokens= to name them.")
        text = "" if text is None else text
    elif text is None:
        text = tokens if isinstance(tokens, str) else " ".join(t.text for t in queries)
    return Attention(stacks, layers, model_name=name, text=text, notes=notes)


def _layer(given: Attention, i: int) -> Layer:
    return ArrayLayer(given.weights(i))


def _patterns(cache: Any) -> dict[str, dict[int, Any]]:
    """float32 [head, query, key] by side ("blocks", "encoder", "decoder", "cross") and layer."""
    if not hasattr(cache, "keys") or not hasattr(cache, "__getitem__"):
        raise TypeError(
            f"cache must be an ActivationCache or a mapping with its keys, got {type(cache).__name__}: {_HOW}"
        )
    names = [name for name in cache if isinstance(name, str)]
    found: dict[str, dict[int, Any]] = {}
    for name in names:
        match = _KEY.match(name)
        if match is None:
            continue
        side = "cross" if match[3] == "cross_attn" else match[1] or "blocks"
        array = to_numpy(cache[name], name)
        array = of_one_text(array, name, "{name: value[i : i + 1] for name, value in cache.items()}")
        found.setdefault(side, {})[int(match[2])] = array
    if not found:
        others = [name for name in names if name.endswith("hook_attn_scores")]
        scores = "; it holds hook_attn_scores, which are not weights yet" if others else ""
        held = f"it holds {', '.join(map(repr, names[:3]))}{' …' if len(names) > 3 else ''}" if names else "it is empty"
        raise ValueError(
            f"cache has no attention patterns (names ending in 'attn.hook_pattern'): {held}{scores}; {_HOW}"
        )
    for side, by_layer in found.items():
        shapes = {array.shape[-2:] for array in by_layer.values()}
        if len(shapes) > 1:
            raise ValueError(
                f"patterns of {side} differ in shape: {', '.join(map(str, sorted(shapes)))} queries × keys"
            )
    order = ("encoder", "blocks", "decoder", "cross")
    return {side: found[side] for side in order if side in found}


def _count(model: Any, side: str) -> int:
    """Layers that the model says it has, so that those after the last one cached are named too."""
    count = getattr(getattr(model, "cfg", None), "n_layers", 0) if side == "blocks" else 0
    return count if isinstance(count, int) else 0


def _tokens(given: Any, model: Any, count: int) -> tuple[Token, ...]:
    """Tokens of `count` positions."""
    from attnwidget.inputs.tokens import tokens_from_strings

    if given is None:
        return tuple(numbered_tokens(count))
    if isinstance(given, np.ndarray) and given.dtype.kind in "OTU":
        given = list(given)
    if isinstance(given, str) or hasattr(given, "shape") or (len(given) and isinstance(given[0], (int, np.integer))):
        lookup = getattr(model, "to_str_tokens", None)
        if lookup is None:
            raise TypeError(
                f"tokens were given as {type(given).__name__}, which only the cache's own model can split, and cache."
                "model has no to_str_tokens: pass a list of str, one for each position"
            )
        strings = lookup(given[0] if getattr(given, "ndim", 1) == 2 else given)
    else:
        strings = list(given)
    tokens = tokens_from_strings([s if isinstance(s, Token) else str(s) for s in strings])
    if len(tokens) != count:
        raise ValueError(
            f"tokens has {len(tokens)} items and the patterns have {count} positions: give one token for each, "
            "the start token that TransformerLens puts in front included"
        )
    return tokens
