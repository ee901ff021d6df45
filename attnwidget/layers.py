"""What `Attention` is made of: layers that answer for their weights, and the stacks they form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from attnwidget.inputs.tokens import Token

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Held:
    """One thing that a layer holds: `what` ("queries", "masks", …), its bytes and number type, `where` it lies
    ("memory", "disk", or "model": the model's own, not a copy), and an `identity` that layers share which share it.
    """

    what: str
    nbytes: int
    dtype: str
    where: str
    identity: int


class Layer(Protocol):
    """One attention call for one text: a source of weights. `heads` and `rows` are lists of valid indices."""

    @property
    def heads(self) -> int:
        """How many heads."""

    @property
    def queries(self) -> int:
        """How many queries: rows."""

    @property
    def keys(self) -> int:
        """How many keys: columns."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""

    def weights(self, heads: Sequence[int], rows: Sequence[int] | slice) -> Floats:
        """[heads, rows, keys], after softmax; the caller's own, to be changed in place."""

    def scores(self, heads: Sequence[int], rows: Sequence[int] | slice) -> Floats:
        """[heads, rows, keys], before softmax; ValueError where they are not known."""

    def vectors(self, which: str, heads: Sequence[int]) -> Floats:
        """The "query", "key" or "value" vectors [heads, positions, d]; ValueError where they are not known."""

    def value_norms(self) -> Floats | None:
        """‖v·W_O‖ of every head and key [heads, keys]; None where W_O is not known."""

    def value_products(self, heads: Sequence[int]) -> npt.NDArray[np.float64] | None:
        """Inner products of v·W_O between every two of the heads [keys, heads, heads]; None where W_O is not known."""


@dataclass(frozen=True)
class Parts:
    """What one head's weights and output are made of: softmax(cap(scale · q·k) + bias, where seen) · v.

    Attributes
    ----------
    q : float32 [q, d]; k : float32 [k, d]; v : float32 [k, d_v]
        As they are multiplied: after rotary embedding and norms.
    scale : float
    softcap : float or None
        cap(s) = tanh(s / softcap) · softcap.
    bias : float32 [q, k], or [1, k] where all rows are alike; or None
    seen : bool [q, k] or None
        None: every query sees every key. A row that sees nothing attends to every key alike.
    sink : float32 [q] or None
        Logit of the learned sink: one more column of the softmax, with value zero.
    group, groups : int
        The key-value head, and how many there are.
    width : int or None
        Of the residual stream, where it is known.
    """

    q: Floats
    k: Floats
    v: Floats
    scale: float
    softcap: float | None
    bias: Floats | None
    seen: npt.NDArray[np.bool_] | None
    sink: Floats | None
    group: int
    groups: int
    width: int | None


@dataclass(frozen=True)
class LayerInfo:
    """What a layer holds.

    Attributes
    ----------
    heads : int
        Number of heads; 0: no attention weights.
    source : str
        Where the weights come from. "interface": recomputed from queries and keys recorded in transformers' attention
        interface; "tap": read from the tensor functions of a model with attention code of its own; "eager": as the
        model returned them under eager attention; "arrays": as given.
    note : str
        For the reader: why there are no weights, or what is special about them.
    residual : float or None
        What the self-check found on a few rows: the largest difference between recomputed attention and what the
        model computed, relative to the largest output. None where there was nothing to compare with.
    """

    heads: int
    source: str
    note: str = ""
    residual: float | None = None


@dataclass(frozen=True)
class Stack:
    """Layers that share their query and key tokens: "encoder", "decoder", "cross" or "vision".

    `causal` is True where no query sees a later key, None where one cannot tell (a single token).
    """

    name: str
    queries: tuple[Token, ...]
    keys: tuple[Token, ...]
    layers: tuple[LayerInfo, ...]
    causal: bool | None = None

    @property
    def n_layers(self) -> int:
        """How many layers."""
        return len(self.layers)
