"""A layer whose weights are kept as they were computed, since no formula over queries and keys gives them again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from attnwidget.arrays import ArrayLayer
from attnwidget.capture.records import Record
from attnwidget.layers import Floats, Held


class Given(ArrayLayer):
    """Weights float32 [H, q, k] as the model computed them, with the vectors of `record` where they are known.

    Parameters
    ----------
    weights : float32 [H, q, k]
        Without a sink's column: what a row lacks to 1 is the sink's.
    record : Record, optional
        Queries, keys and values of the same call. Its own weights are not asked for.
    """

    def __init__(self, weights: Floats, record: Record | None = None) -> None:
        super().__init__(weights)
        self.record = record
        self.sink = None if record is None else record.sink
        self.projection = None if record is None else record.projection
        self._keys: int = weights.shape[2]
        self._pad_sink = False
        if self.sink is not None:
            rest = np.maximum(0, 1 - weights.sum(-1, keepdims=True, dtype=np.float32))
            self._set(np.concatenate([weights, rest], axis=-1))

    def _set(self, weights: Floats) -> None:
        self._weights = weights
        self.heads, self.queries, self.keys = weights.shape

    @property
    def pad_sink(self) -> bool:
        """As of a `Record`: whether an empty column stands for other layers' sink."""
        return self._pad_sink

    @pad_sink.setter
    def pad_sink(self, wanted: bool) -> None:
        if wanted and not self._pad_sink and self.sink is None:
            self._set(np.concatenate([self._weights, np.zeros((self.heads, self.queries, 1), np.float32)], axis=-1))
        self._pad_sink = wanted
        if self.record is not None:
            self.record.pad_sink = wanted

    @property
    def nbytes(self) -> int:
        return self._weights.nbytes + (0 if self.record is None else self.record.nbytes)

    def held(self) -> list[Held]:
        """What this layer holds, for a reader."""
        own = Held("weights", self._weights.nbytes, "float32", "memory", id(self._weights))
        return [own, *([] if self.record is None else self.record.held())]

    def scores(self, heads: Sequence[int], rows: Sequence[int] | slice) -> Floats:
        raise ValueError(
            "there are no scores: this model's weights follow more than queries and keys, so they were kept as they "
            "were computed; use weights(), query() and key()"
        )

    def vectors(self, which: str, heads: Sequence[int]) -> Floats:
        if self.record is None:
            raise ValueError(
                f"there are no {which} vectors: of this layer's attention only the weights could be told; use weights()"
            )
        return self.record.vectors(which, heads)

    def value_norms(self) -> Floats | None:
        return None if self.record is None else self.record.value_norms()

    def value_products(self, heads: Sequence[int]) -> npt.NDArray[np.float64] | None:
        return None if self.record is None else self.record.value_products(heads)
