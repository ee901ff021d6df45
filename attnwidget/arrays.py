"""Finished attention weights → `Attention`: every check that tells a wrong array from a right one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from attnwidget.attention import Attention
from attnwidget.inputs.tokens import Token, tokens_from_strings
from attnwidget.layers import Floats, Layer, LayerInfo, Stack

# A row of weights that was computed in bfloat16 misses 1 by up to 3e-3, also after a cast to float32.
ROW_TOLERANCE = 1e-2


class ArrayLayer:
    """Weights as they are: float32 [H, q, k]."""

    def __init__(self, weights: Floats) -> None:
        self._weights = weights
        self.heads, self.queries, self.keys = weights.shape

    @property
    def nbytes(self) -> int:
        return self._weights.nbytes

    def weights(self, heads: Sequence[int], rows: Sequence[int] | slice) -> Floats:
        # One copy at most: fancy indexing over heads copies, so the rows are cut first, where they are a slice.
        if isinstance(rows, slice):
            return self._weights[:, rows][list(heads)]
        return self._weights[np.ix_(list(heads), list(rows))]

    def scores(self, heads: Sequence[int], rows: Sequence[int] | slice) -> Floats:
        raise ValueError("there are no scores: only finished weights are known here; use capture(model, text)")

    def vectors(self, which: str, heads: Sequence[int]) -> Floats:
        raise ValueError(
            f"there are no {which} vectors: only finished weights are known here; use capture(model, text)"
        )

    def value_norms(self) -> Floats | None:
        return None

    def value_products(self, heads: Sequence[int]) -> npt.NDArray[np.float64] | None:
        return None


def from_arrays(
    attentions: Any,
    tokens: Sequence[str | Token],
    key_tokens: Sequence[str | Token] | None = None,
    *,
    stack: str = "encoder",
    model_name: str = "",
    text: str | None = None,
) -> Attention:
    """An `Attention` of finished weights.

    Parameters
    ----------
    attentions : sequence of arrays, or one array
        One array [H, q, k] for each layer (head counts may differ; None for a layer without weights), or all in one
        array [L, H, q, k]. numpy, torch (any device and dtype) or anything numpy understands. A batch axis of 1 before
        the heads is taken off, so the ``outputs.attentions`` of transformers fits as it is.
    tokens : sequence of str or Token
        One for each query. Of strings the roles are guessed from well-known ones ([CLS], <s>, [SEP], </s>, <pad>, …):
        give `Token` objects where the guess is not good enough.
    key_tokens : sequence of str or Token, optional
        One for each key; left out: the same as `tokens`.
    stack : str
        Name of the stack: "encoder", "decoder", "cross" or "vision".
    model_name, text : str, optional
        Shown as the title.

    Returns
    -------
    Attention

    Raises
    ------
    TypeError, ValueError
        For what cannot be read as weights: wrong axes, a batch, a number of tokens that does not match, NaN, negative
        numbers, rows that do not sum to 1 (to within 0.01; a row of zeros is let through as fully masked).
    """
    if stack not in ("encoder", "decoder", "cross", "vision"):
        raise ValueError(f"stack={stack!r} is not one of 'encoder', 'decoder', 'cross', 'vision'")
    queries = _tokens(tokens, "tokens")
    keys = queries if key_tokens is None else _tokens(key_tokens, "key_tokens")
    layers = [
        None if given is None else _layer(given, i, len(queries), len(keys), key_tokens is not None)
        for i, given in enumerate(_layers(attentions))
    ]
    if all(layer is None for layer in layers):
        raise ValueError(f"attentions holds {len(layers)} layers and all of them are None: {_HOW}")
    notes = []
    empty = [i for i, layer in enumerate(layers) if layer is not None and not layer.any(axis=-1).all()]
    if empty:
        notes.append(f"Layers {', '.join(map(str, empty))} have rows that are zero throughout (fully masked).")
    causal = is_causal(layers)
    infos = tuple(
        LayerInfo(0, "arrays", "no weights given") if layer is None else LayerInfo(layer.shape[0], "arrays")
        for layer in layers
    )
    records: list[Layer | None] = [None if layer is None else ArrayLayer(layer) for layer in layers]
    shown = " ".join(t.text for t in queries) if text is None else text
    return Attention(
        [Stack(stack, queries, keys, infos, causal)], {stack: records}, model_name=model_name, text=shown, notes=notes
    )


_HOW = (
    "load the model with attn_implementation='eager' and call it with output_attentions=True (sdpa silently returns "
    "nothing), or use capture(model, text), which works with any implementation"
)


def is_causal(layers: Sequence[Floats | None]) -> bool | None:
    """True where no row of any layer gives weight to a later key; None where one token or unequal axes cannot tell."""
    known = [layer for layer in layers if layer is not None]
    if not known or any(a.shape[1] != a.shape[2] or a.shape[1] < 2 for a in known):
        return None
    return not any(np.triu(head, 1).any() for layer in known for head in layer)


def _tokens(tokens: Any, name: str) -> tuple[Token, ...]:
    if isinstance(tokens, (str, bytes)) or not isinstance(tokens, (Sequence, np.ndarray)):
        raise TypeError(
            f"{name} must be a list of str or Token, one for each position, got {type(tokens).__name__} "
            f"{str(tokens)[:40]!r}: pass tokenizer.convert_ids_to_tokens(ids)"
        )
    for i, token in enumerate(tokens):
        if not isinstance(token, (str, Token)):
            raise TypeError(f"{name}[{i}] must be str or Token, got {type(token).__name__} {str(token)[:40]!r}")
    if len(tokens) == 0:
        raise ValueError(f"{name} is empty: there is no position to show")
    return tokens_from_strings([t if isinstance(t, Token) else str(t) for t in tokens])


def _layers(attentions: Any) -> list[Any]:
    """One item a layer."""
    if attentions is None:
        raise ValueError(f"attentions is None: {_HOW}")
    if isinstance(attentions, (list, tuple)):
        if not attentions:
            raise ValueError(f"attentions is empty: {_HOW}")
        if isinstance(attentions[0], (tuple, list)) and any(hasattr(x, "shape") for x in attentions[0]):
            raise TypeError(
                "attentions is a tuple of tuples, as generate() returns it (one tuple for each new token): call the "
                "model once on the whole sequence and pass that output's attentions, or use capture(model, text)"
            )
        return list(attentions)
    if not hasattr(attentions, "shape"):
        raise TypeError(
            f"attentions must be an array [layer, head, query, key] or a list of arrays [head, query, key], got "
            f"{type(attentions).__name__}: {_what_is(attentions)}"
        )
    shape = tuple(attentions.shape)
    if len(shape) not in (4, 5):
        hint = "; for one layer pass [attentions]" if len(shape) == 3 else ""
        raise ValueError(f"attentions must have 4 axes [layer, head, query, key], got shape {shape}{hint}")
    if 0 in shape:
        raise ValueError(f"attentions has an axis of length 0: shape {shape}")
    return list(attentions)


def _what_is(value: Any) -> str:
    if hasattr(value, "attentions"):
        return "this is a model output, pass its .attentions (or .encoder_attentions, .cross_attentions)"
    return "pass outputs.attentions of a model, or numpy arrays"


def of_one_text(array: Floats, name: str, text_i: str) -> Floats:
    """Weights [head, query, key], a batch axis of 1 taken off; `text_i` is how to pick text i out of a batch."""
    if array.ndim == 4:
        if array.shape[0] != 1:
            raise ValueError(
                f"{name} has shape {array.shape}, a batch of {array.shape[0]}: pass one text at a time, "
                f"e.g. {text_i} for text i (and cut its padding away)"
            )
        array = array[0]
    if array.ndim != 3:
        raise ValueError(f"{name} must have axes [head, query, key], got shape {array.shape}")
    return array


def _layer(given: Any, index: int, n_queries: int, n_keys: int, keys_given: bool) -> Floats:
    """Checked weights of one layer: float32 [H, q, k], a copy of what was given."""
    name = f"attentions[{index}]"
    array = to_numpy(given, name)
    array = of_one_text(array, name, "[a[i] for a in attentions]")
    if array.shape[0] == 0:
        raise ValueError(f"{name} has no heads: shape {array.shape}; give None for a layer without weights")
    _heads, q, k = array.shape
    if q != n_queries:
        raise ValueError(
            f"{name} has {q} queries (shape {array.shape}) and there are {n_queries} tokens: give one token for each "
            "query, special tokens and padding included"
        )
    if k != n_keys:
        what = "key_tokens" if keys_given else "tokens, which also stand for the keys"
        hint = "" if keys_given else "; where keys differ from queries pass key_tokens="
        raise ValueError(f"{name} has {k} keys (shape {array.shape}) and there are {n_keys} {what}{hint}")
    if np.isnan(array).any():
        raise ValueError(f"{name} holds NaN, first at [head, query, key] = {_first(np.isnan(array))}")
    if (array < 0).any():
        at = _first(array < 0)
        raise ValueError(
            f"{name} holds negative numbers, first {array[tuple(at)]:.4g} at [head, query, key] = {at}: weights are "
            "wanted, after the softmax, not scores"
        )
    sums = array.sum(-1, dtype=np.float64)
    wrong = (np.abs(sums - 1) > ROW_TOLERANCE) & (sums != 0)
    if wrong.any():
        at = _first(wrong)
        raise ValueError(
            f"{name} has rows that are no distribution, first [head, query] = {at} with sum {sums[tuple(at)]:.4g} "
            "instead of 1: are the axes [head, query, key]? Weights of a model in training mode have dropout in them "
            "(call model.eval()), and those of a model with learned sinks lack the sink (use capture, which adds it)"
        )
    return array


def _first(where: npt.NDArray[np.bool_]) -> list[int]:
    return [int(i) for i in np.argwhere(where)[0]]


def to_numpy(given: Any, name: str) -> Floats:
    """A float32 copy of a numpy or torch array (any device, also bfloat16, also one that carries a graph)."""
    if hasattr(given, "detach"):
        given = given.detach().float().cpu().numpy()
    try:
        array = np.array(given)
    except Exception as error:
        raise TypeError(f"{name} cannot be read as an array: {type(given).__name__}: {error}") from error
    if array.dtype.kind not in "fiu" and array.dtype.name != "bfloat16":
        raise TypeError(f"{name} must hold numbers, got {type(given).__name__} of dtype {array.dtype}")
    return array.astype(np.float32, copy=False)
