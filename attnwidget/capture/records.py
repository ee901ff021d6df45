"""One attention call of one text: queries, keys, values and what changes the weights; everything else recomputed.

All in numpy: a worker thread may ask at any time, and numpy knows no autocast, no default device and no reduced float32
precision that the caller may have set for torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from attnwidget.breaks import take_break
from attnwidget.capture.arena import Arena
from attnwidget.capture.masks import Pick, Seen, Term
from attnwidget.capture.projection import Projection
from attnwidget.layers import Floats, Held, Parts

_LOWEST = float(np.finfo(np.float32).min)
# Numbers that the heads write for a block of keys: 32 MB of float64, and some tens of milliseconds.
_WRITTEN_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Tensor:
    """A tensor in the model's own precision: float32, float16, or bfloat16 as the upper halves of float32 (uint16)."""

    data: npt.NDArray[Any]
    on_disk: bool = False

    @classmethod
    def of(cls, tensor: Any, arena: Arena | None = None) -> Tensor:
        """A copy of a torch tensor (any device, detached), kept where and how `arena` says."""
        return cls(*(arena or Arena()).keep(tensor))

    def narrowed(self, arena: Arena) -> Tensor:
        """The same as `arena` stores it in the end."""
        return Tensor(*arena.narrow(self.data, self.on_disk))

    @property
    def dtype(self) -> str:
        return "bfloat16" if self.data.dtype == np.uint16 else self.data.dtype.name

    def float(self, pick: Any = slice(None)) -> Floats:
        """The part as float32; a view where it is that already: not to be written to."""
        part = self.data[pick]
        wide = (part.astype(np.uint32) << 16).view(np.float32) if part.dtype == np.uint16 else part
        floats: Floats = wide.astype(np.float32, copy=False)
        return floats


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
        return sum(part.data.nbytes for part in (self.q, self.k, self.v) if not part.on_disk)

    def narrow(self, arena: Arena) -> None:
        """Store queries, keys and values as `arena` does in the end."""
        self.q, self.k, self.v = (tensor.narrowed(arena) for tensor in (self.q, self.k, self.v))

    def held(self) -> list[Held]:
        """What this layer holds, for a reader."""
        out = [
            Held(what, part.data.nbytes, part.dtype, "disk" if part.on_disk else "memory", id(part.data))
            for what, part in (("queries", self.q), ("keys", self.k), ("values", self.v))
        ]
        if self.seen is not None:
            out.append(Held("masks", self.seen.nbytes, type(self.seen).__name__.lower(), "memory", id(self.seen)))
        out += [Held("biases", t.nbytes, f"float32 {type(t).__name__.lower()}", "memory", id(t)) for t in self.terms]
        if self.projection is not None:
            out.append(self.projection.held())
        return out

    def _group(self, heads: Sequence[int]) -> list[int]:
        return [h * self.groups // self.heads for h in heads]

    def _runs(self, heads: Sequence[int]) -> Iterator[tuple[slice, slice, int]]:
        """Stretches of neighbours among `heads` that share a key-value head: places in `heads`, heads, that head."""
        groups = self._group(heads)
        first = 0
        for i in range(1, len(heads) + 1):
            if i == len(heads) or groups[i] != groups[first] or heads[i] != heads[i - 1] + 1:
                yield slice(first, i), slice(heads[first], heads[i - 1] + 1), groups[first]
                first = i

    def _logits(self, heads: Sequence[int], rows: Pick, keys: slice, masked: float) -> Floats:
        """Scores [h, r, keys], those that are not seen `masked`."""
        start, stop = keys.start, keys.stop
        logits = np.empty((len(heads), self._count(rows), stop - start), np.float32)
        for at, some, group in self._runs(heads):
            # Written in place head by head: the key-value head is not copied for each head that shares it.
            np.matmul(self.q.float((some, rows)), self.k.float((group, keys)).T, out=logits[at])
        logits *= np.float32(self.scale)
        if self.softcap is not None:
            logits /= np.float32(self.softcap)
            np.tanh(logits, out=logits)
            logits *= np.float32(self.softcap)
        for term in self.terms:
            logits += term.term(heads, rows, stop, start)
        if self.seen is not None:
            _, _, first, last = self.seen.span(heads, rows, self._keys)
            # What all rows see needs no mask; on a long text that is nearly all of a block of rows.
            edges = ((start, min(first, stop)), (max(last, start), stop)) if first < last else ((start, stop),)
            for a, b in edges:
                if a < b:
                    seen = self.seen.visible(heads, rows, b, a)
                    np.copyto(logits[..., a - start : b - start], np.float32(masked), where=~seen)
        return logits

    def _count(self, rows: Pick) -> int:
        return len(range(self.queries)[rows]) if isinstance(rows, slice) else len(rows)

    def _sink(self, heads: Sequence[int], rows: Pick) -> Floats | None:
        """Sink logits [h, r, 1]."""
        if self.sink is None:
            return None
        sink = self.sink[list(heads)]
        column = sink[:, rows] if sink.ndim == 2 else np.broadcast_to(sink[:, None], (len(heads), self._count(rows)))
        return np.ascontiguousarray(column[..., None], np.float32)

    def weights(self, heads: Sequence[int], rows: Pick) -> Floats:
        return self._weights(heads, rows, slice(0, self._keys))

    def seen_weights(self, heads: Sequence[int], rows: slice) -> tuple[int, Floats]:
        """Weights of the keys that any of the rows sees: the first of these keys, and float32 [h, r, their number]."""
        start, stop = 0, self._keys
        if self.seen is not None:
            start, stop, _, _ = self.seen.span(heads, rows, self._keys)
        if self.keys > self._keys:  # the sink's column comes after the last key
            stop = self._keys
        return start, self._weights(heads, rows, slice(start, stop))

    def _weights(self, heads: Sequence[int], rows: Pick, keys: slice) -> Floats:
        # The lowest number, not −inf: a row that sees nothing becomes uniform, as in the models' own eager code.
        logits = self._logits(heads, rows, keys, _LOWEST)
        sink = self._sink(heads, rows)
        if sink is not None:
            logits = np.concatenate([logits, sink], axis=-1)
        logits -= logits.max(-1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(-1, keepdims=True)
        return self._padded(logits, 0)

    def scores(self, heads: Sequence[int], rows: Pick) -> Floats:
        logits = self._logits(heads, rows, slice(0, self._keys), -np.inf)
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
        weights = self.weights(heads, rows)[..., : self._keys]
        mixed = np.empty((*weights.shape[:2], self.v.data.shape[-1]), np.float32)
        for at, _, group in self._runs(heads):
            np.matmul(weights[at], self.v.float(group), out=mixed[at])
        return mixed

    def vectors(self, which: str, heads: Sequence[int]) -> Floats:
        if which == "query":
            return self.q.float(list(heads)).copy()
        out = (self.k if which == "key" else self.v).float(self._group(heads))
        if self.keys > self._keys:
            fill = np.nan if which == "key" else 0
            out = np.concatenate([out, np.full((len(out), 1, out.shape[2]), fill, np.float32)], axis=1)
        return out

    def parts(self, head: int, rows: Pick) -> Parts:
        """What the weights of one head are made of, for these rows."""
        heads, group = [head], self._group([head])[0]
        bias: Floats | None = None
        for term in self.terms:
            part = term.term(heads, rows, self._keys)[0]
            bias = part if bias is None else bias + part
        sink = self._sink(heads, rows)
        return Parts(
            self.q.float((head, rows)),
            self.k.float(group),
            self.v.float(group),
            self.scale,
            self.softcap,
            bias,
            None if self.seen is None else self.seen.visible(heads, rows, self._keys)[0],
            None if sink is None else sink[0, :, 0],
            group,
            self.groups,
            None if self.projection is None else self.projection.head(head, self.heads).shape[1],
        )

    def value_norms(self) -> Floats | None:
        if self.projection is None or not self.projection.unchanged:
            return None
        if self._norms is None:
            norms = np.zeros((self.heads, self.keys), np.float32)
            for h, group in enumerate(self._group(range(self.heads))):
                take_break()
                # ‖v·W‖² = v·(W·Wᵀ)·vᵀ, in float64 as squares lose half the digits: what each value writes, hidden/d_v
                # times as long as the value, is never made.
                matrix = self.projection.head(h, self.heads).astype(np.float64)
                values = self.v.float(group).astype(np.float64)
                squared = np.einsum("kd,kd->k", values @ (matrix @ matrix.T), values)
                norms[h, : self._keys] = np.sqrt(np.maximum(squared, 0))
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
        matrices = []
        for head in heads:
            take_break()
            matrices.append(self.projection.head(head, self.heads).astype(np.float64))
        values = [self.v.float(g) for g in self._group(heads)]
        # In blocks of keys: all heads' vectors of a long text at once would be as large as the model's own activations.
        step = max(1, min(512, _WRITTEN_AT_ONCE // max(1, sum(m.shape[1] for m in matrices))))
        for start in range(0, self._keys, step):
            take_break()
            part = slice(start, min(self._keys, start + step))
            written = np.stack([v[part].astype(np.float64) @ m for v, m in zip(values, matrices, strict=True)], axis=1)
            out[part] = written @ written.transpose(0, 2, 1)
        return out
