"""One attention call of one text: queries, keys, values and what changes the weights; everything else recomputed.

All in numpy: a worker thread may ask at any time, and numpy knows no autocast, no default device and no reduced float32
precision that the caller may have set for torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from attnwidget.capture.masks import Pick, Seen, Term
from attnwidget.capture.projection import Projection
from attnwidget.layers import Floats

_LOWEST = np.finfo(np.float32).min


@dataclass(frozen=True)
class Tensor:
    """A tensor in the model's own precision: float32, float16, or bfloat16 as the upper halves of float32 (uint16)."""

    data: npt.NDArray[Any]

    @classmethod
    def of(cls, tensor: Any) -> Tensor:
        """A copy of a torch tensor (any device, detached)."""
        import torch

        tensor = tensor.detach()
        if tensor.dtype == torch.bfloat16:
            bits = tensor.contiguous().view(torch.int16).to("cpu", copy=True)
            return cls(np.ascontiguousarray(bits.numpy()).view(np.uint16))
        if tensor.dtype not in (torch.float16, torch.float32):
            tensor = tensor.float()
        return cls(tensor.to("cpu", copy=True, memory_format=torch.contiguous_format).numpy())

    def float(self, pick: Any = slice(None)) -> Floats:
        """The part as float32; a view where it is that already: not to be written to."""
        part = self.data[pick]
        wide: Floats = (part.astype(np.uint32) << 16).view(np.float32) if part.dtype == np.uint16 else part
        return wide.astype(np.float32, copy=False)


class Record:
    """See :class:`attnwidget.layers.Layer`.

    Parameters
    ----------
    q : [H, q, d]; k : [G, k, d]; v : [G, k, d_v]
        After rotary embedding and norms; G key-value heads, each shared by H/G query heads.
    scale : float
    softcap : float, optional
        scores → tanh(scores / softcap) · softcap, before mask and bias.
    seen, terms
        See :mod:`attnwidget.capture.masks`.
    sink : float32 [H] or [H, q], optional
        Logit of the learned sink: one more column of the softmax, with value zero.
    pad_sink : bool
        The stack has a sink column and this layer has no sink: its column is zero.
    """

    def __init__(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        scale: float,
        *,
        softcap: float | None = None,
        seen: Seen | None = None,
        terms: Sequence[Term] = (),
        sink: Floats | None = None,
        projection: Projection | None = None,
    ) -> None:
        self.q, self.k, self.v, self.scale, self.softcap = q, k, v, float(scale), softcap
        self.seen, self.terms, self.sink, self.projection = seen, tuple(terms), sink, projection
        self.pad_sink = False
        self.heads: int = q.data.shape[0]
        self.queries: int = q.data.shape[1]
        self.groups: int = k.data.shape[0]
        self._keys: int = k.data.shape[1]
        self._norms: Floats | None = None

    @property
    def keys(self) -> int:
        return self._keys + (self.sink is not None or self.pad_sink)

    @property
    def nbytes(self) -> int:
        return int(self.q.data.nbytes + self.k.data.nbytes + self.v.data.nbytes)

    @property
    def shared_nbytes(self) -> dict[int, int]:
        """Bytes of what other layers may hold too, by identity."""
        return {id(part): part.nbytes for part in (self.seen, *self.terms) if part is not None}

    def _group(self, heads: Sequence[int]) -> list[int]:
        return [h * self.groups // self.heads for h in heads]

    def _logits(self, heads: Sequence[int], rows: Pick) -> tuple[Floats, npt.NDArray[np.bool_] | None]:
        """Scores [h, r, k] without the mask, and what the rows see (None: everything)."""
        q = self.q.float(list(heads))[:, rows]
        group = self._group(heads)
        if len(group) > 1 and len(set(group)) == 1:  # heads that share one key head: no copy of it for each
            logits = np.matmul(q, self.k.float(group[0]).T)
        else:
            logits = np.matmul(q, self.k.float(group).transpose(0, 2, 1))
        logits *= np.float32(self.scale)
        if self.softcap is not None:
            logits /= np.float32(self.softcap)
            np.tanh(logits, out=logits)
            logits *= np.float32(self.softcap)
        for term in self.terms:
            logits += term.term(heads, rows, self._keys)
        seen = None if self.seen is None else self.seen.visible(heads, rows, self._keys)
        return logits, seen

    def _sink(self, heads: Sequence[int], rows: Pick) -> Floats | None:
        """Sink logits [h, r, 1]."""
        if self.sink is None:
            return None
        sink = self.sink[list(heads)]
        count = len(range(self.queries)[rows]) if isinstance(rows, slice) else len(rows)
        column = sink[:, rows] if sink.ndim == 2 else np.broadcast_to(sink[:, None], (len(heads), count))
        return np.ascontiguousarray(column[..., None], np.float32)

    def weights(self, heads: Sequence[int], rows: Pick) -> Floats:
        logits, seen = self._logits(heads, rows)
        if seen is not None:
            # The lowest number, not −inf: a row that sees nothing becomes uniform, as in the models' own eager code.
            np.copyto(logits, _LOWEST, where=~seen)
        sink = self._sink(heads, rows)
        if sink is not None:
            logits = np.concatenate([logits, sink], axis=-1)
        logits -= logits.max(-1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(-1, keepdims=True)
        return self._padded(logits, 0)

    def scores(self, heads: Sequence[int], rows: Pick) -> Floats:
        logits, seen = self._logits(heads, rows)
        if seen is not None:
            np.copyto(logits, -np.inf, where=~seen)
        sink = self._sink(heads, rows)
        if sink is not None:
            logits = np.concatenate([logits, sink], axis=-1)
        return self._padded(logits, -np.inf)

    def _padded(self, cells: Floats, fill: float) -> Floats:
        if not self.pad_sink or self.sink is not None:
            return cells
        return np.concatenate([cells, np.full((*cells.shape[:2], 1), fill, np.float32)], axis=-1)

    def output(self, heads: Sequence[int], rows: Pick) -> Floats:
        """What the call returned for these rows: Σ weights · value, float32 [h, r, d_v]."""
        mixed: Floats = np.matmul(self.weights(heads, rows)[..., : self._keys], self.v.float(self._group(heads)))
        return mixed

    def vectors(self, which: str, heads: Sequence[int]) -> Floats:
        if which == "query":
            return self.q.float(list(heads)).copy()
        out = (self.k if which == "key" else self.v).float(self._group(heads))
        if self.keys > self._keys:
            fill = np.nan if which == "key" else 0
            out = np.concatenate([out, np.full((len(out), 1, out.shape[2]), fill, np.float32)], axis=1)
        return out

    def value_norms(self) -> Floats | None:
        if self.projection is None or not self.projection.unchanged:
            return None
        if self._norms is None:
            norms = np.zeros((self.heads, self.keys), np.float32)
            for h in range(self.heads):
                norms[h, : self._keys] = np.linalg.norm(self._written(h), axis=-1)
            self._norms = norms
        return self._norms.copy()

    def _written(self, head: int) -> Floats:
        """v·W_O of a head: what each value writes into the residual stream, float32 [k, hidden]."""
        assert self.projection is not None
        written: Floats = self.v.float(self._group([head])[0]) @ self.projection.head(head, self.heads)
        return written

    def value_products(self, heads: Sequence[int]) -> npt.NDArray[np.float64] | None:
        """Dot products of what the heads write, float64 [k, h, h]."""
        if self.projection is None or not self.projection.unchanged:
            return None
        out = np.zeros((self.keys, len(heads), len(heads)))
        # In blocks of keys: all heads' vectors of a long text at once would be as large as the model's own activations.
        matrices = [self.projection.head(h, self.heads) for h in heads]
        values = [self.v.float(g) for g in self._group(heads)]
        for start in range(0, self._keys, 512):
            part = slice(start, min(self._keys, start + 512))
            written = np.stack([v[part].astype(np.float64) @ m for v, m in zip(values, matrices, strict=True)], axis=1)
            out[part] = written @ written.transpose(0, 2, 1)
        return out
