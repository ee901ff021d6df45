"""Masks, small: which keys a query may see, and what is added to its scores.

A mask is the hidden n² term of a capture (268 MB at 16,000 tokens), while almost every one is an interval of keys in
each row. So it is kept as intervals, after an exact check, else as bits; additive terms are kept along their diagonals
where they depend on the distance only (T5, ALiBi), else as they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from attnwidget.layers import Floats

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int32]
Pick = Sequence[int] | slice


@dataclass(frozen=True, eq=False)
class Intervals:
    """Row i of group g sees keys first[g, i] ≤ key < last[g, i]. One group for all heads, or one for each head."""

    first: Ints
    last: Ints

    @property
    def nbytes(self) -> int:
        return self.first.nbytes + self.last.nbytes

    def visible(self, heads: Pick, rows: Pick, keys: int) -> Bools:
        """Bool [1 or len(heads), rows, keys]"""
        at = np.arange(keys, dtype=np.int32)
        first, last = (_pick(a, heads, rows)[..., None] for a in (self.first, self.last))
        seen: Bools = (at >= first) & (at < last)
        return seen


@dataclass(frozen=True, eq=False)
class Bits:
    """Any other pattern: packed bits uint8 [group, q, ⌈keys/8⌉]."""

    packed: npt.NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        return self.packed.nbytes

    def visible(self, heads: Pick, rows: Pick, keys: int) -> Bools:
        return np.unpackbits(_pick(self.packed, heads, rows), axis=-1, count=keys).astype(bool)


@dataclass(frozen=True, eq=False)
class Diagonals:
    """An additive term of the distance only: term[g, i, j] = along[g, j − i + q − 1]."""

    along: Floats
    queries: int

    @property
    def nbytes(self) -> int:
        return self.along.nbytes

    def term(self, heads: Pick, rows: Pick, keys: int) -> Floats:
        """float32 [1 or len(heads), rows, keys]"""
        along = self.along if len(self.along) == 1 else self.along[_as_pick(heads)]
        at = np.arange(keys)[None, :] - np.arange(self.queries)[_as_pick(rows)][:, None] + self.queries - 1
        return along[:, at]


@dataclass(frozen=True, eq=False)
class Dense:
    """Any other additive term: float32 [group, q, keys]."""

    values: Floats

    @property
    def nbytes(self) -> int:
        return self.values.nbytes

    def term(self, heads: Pick, rows: Pick, keys: int) -> Floats:
        return _pick(self.values, heads, rows)


Seen = Intervals | Bits
Term = Diagonals | Dense


def _as_pick(index: Pick) -> Any:
    return index if isinstance(index, slice) else np.asarray(index, np.intp)


def _pick(array: npt.NDArray[Any], heads: Pick, rows: Pick) -> npt.NDArray[Any]:
    array = array if len(array) == 1 else array[_as_pick(heads)]
    return array[:, _as_pick(rows)]


def compress(seen: Bools) -> Seen | None:
    """The smallest exact form of bool [group, q, keys]; None where every query sees every key."""
    if seen.all():
        return None
    keys = seen.shape[-1]
    counts = seen.sum(-1, dtype=np.int32)
    first = np.where(counts > 0, seen.argmax(-1), 0).astype(np.int32)
    # Exact: a row is an interval if and only if as many cells are set as lie between its first and its last.
    last = np.where(counts > 0, keys - seen[..., ::-1].argmax(-1), 0).astype(np.int32)
    if (last - first == counts).all():
        return Intervals(first, last)
    return Bits(np.packbits(seen, axis=-1))


def compress_term(values: Floats) -> Term | None:
    """The smallest exact form of float32 [group, q, keys]; None where all of it is zero."""
    if not values.any():
        return None
    along = np.concatenate([values[:, :0:-1, 0], values[:, 0, :]], axis=1)
    diagonals = Diagonals(along, values.shape[1])
    everywhere = slice(None)
    if np.array_equal(diagonals.term(everywhere, everywhere, values.shape[2]), values):
        return diagonals
    return Dense(values)


def causal(queries: int, keys: int, *, lower_right: bool = False) -> Intervals:
    """Query i sees the keys up to its own. `lower_right`: the last query is aligned with the last key (flash), not the
    first with the first (sdpa).
    """
    shift = keys - queries if lower_right else 0
    last = np.clip(np.arange(queries, dtype=np.int32) + 1 + shift, 0, keys)
    return Intervals(np.zeros((1, queries), np.int32), last[None].astype(np.int32))


def windowed(seen: Intervals, window: int) -> Intervals:
    """Of each interval only the last `window` keys (as flash attention takes a sliding window: by argument)."""
    first = np.maximum(seen.first, seen.last - window)
    return Intervals(first.astype(np.int32), seen.last)


def read(mask: Any, sample: int, rows: Pick, columns: Pick, queries: int, keys: int) -> tuple[Seen | None, Term | None]:
    """Mask tensor of a whole batch → what one sample's kept rows and columns see, and what is added to their scores.

    Parameters
    ----------
    mask : torch.Tensor
        [k], [B, k] (1 or True: keep), or [B or 1, H or 1, q or 1, k]; bool (True: keep) or additive float. Keys beyond
        `keys` (a static cache's unused end) are cut off.
    """
    import torch

    while mask.dim() < 4:
        mask = mask[None] if mask.dim() < 2 else mask[:, None]
    mask = mask[min(sample, mask.shape[0] - 1), :, :, :keys]
    if mask.shape[1] not in (1, queries):
        mask = mask[:, -queries:]
    mask = mask.detach().cpu()
    if mask.dtype == torch.bool or not mask.dtype.is_floating_point:
        seen = mask.bool().numpy()
        return compress(_spread(seen, rows, columns, queries)), None
    # Masked cells of an additive mask hold the lowest number of its dtype or −inf, sometimes with a bias added.
    lowest = torch.finfo(mask.dtype).min / 2
    values = mask.float().numpy()
    seen = _spread(values > lowest, rows, columns, queries)
    added = np.where(seen, _spread(values, rows, columns, queries), np.float32(0)).astype(np.float32)
    return compress(seen), compress_term(added)


def read_term(bias: Any, sample: int, rows: Pick, columns: Pick, queries: int, keys: int) -> Term | None:
    """Position bias tensor [B or 1, H or 1, q or 1, k] → its compressed form for one sample."""
    bias = bias[min(sample, bias.shape[0] - 1), :, :, :keys].detach().float().cpu().numpy()
    return compress_term(np.ascontiguousarray(_spread(bias, rows, columns, queries)))


def _spread(array: npt.NDArray[Any], rows: Pick, columns: Pick, queries: int) -> npt.NDArray[Any]:
    full = np.broadcast_to(array, (array.shape[0], queries, array.shape[-1]))
    return full[:, _as_pick(rows)][:, :, _as_pick(columns)]


def version(tensor: Any) -> int:
    """How often a tensor was written to in place; tensors made in inference mode do not count."""
    return 0 if tensor.is_inference() else int(tensor._version)


class Shared:
    """Compresses a tensor once where several layers share it (one or two masks in most models).

    Keeps the last few tensors alive, so that their addresses cannot be given to others while they are compared.
    """

    def __init__(self, size: int = 4) -> None:
        self._recent: deque[tuple[Any, Any, Any]] = deque(maxlen=size)

    def get(self, tensor: Any, extra: Any, make: Any) -> Any:
        key = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype, version(tensor), extra)
        for known, _, made in self._recent:
            if known == key:
                return made
        made = make()
        self._recent.append((key, tensor, made))
        return made
