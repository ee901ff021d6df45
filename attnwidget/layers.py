"""What `Attention` is made of: layers that answer for their weights, and the stacks they form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from attnwidget.inputs.tokens import Token

Floats = npt.NDArray[np.float32]


class Layer(Protocol):
    """One attention call for one text: a source of weights. `heads` and `rows` are lists of valid indices."""

    @property
    def heads(self) -> int: ...
    @property
    def queries(self) -> int: ...
    @property
    def keys(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    def weights(self, heads: Sequence[int], rows: Sequence[int] | slice) -> Floats: ...
    def scores(self, heads: Sequence[int], rows: Sequence[int] | slice) -> Floats: ...
    def vectors(self, which: str, heads: Sequence[int]) -> Floats: ...
    def value_norms(self) -> Floats | None: ...
    def value_products(self, heads: Sequence[int]) -> npt.NDArray[np.float64] | None: ...


@dataclass(frozen=True)
class LayerInfo:
    """What a layer holds: number of `heads` (0: no attention weights), `source` ("interface": recomputed from recorded
    queries and keys; "eager": as the model returned them; "arrays": as given), and a `note` for the reader.
    """

    heads: int
    source: str
    note: str = ""


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
        return len(self.layers)
