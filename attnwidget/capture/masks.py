"""Masks, small: which keys a query may see, and what is added to its scores.

A mask is the hidden n² term of a capture (268 MB at 16,000 tokens), while almost every one is an interval of keys in
each row. So it is kept as intervals, after an exact check, else as bits; additive terms are kept along their diagonals
where they depend on the distance only (T5, ALiBi), as one row where they depend on the key only, else as they are. All
of it is read in blocks of rows, so that no second n² array is made either.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from attnwidget.capture.forms import (
    Bits,
    Bools,
    Dense,
    Diagonals,
    Intervals,
    Pick,
    Seen,
    Term,
    as_pick,
    blocks_of_rows,
)
from attnwidget.layers import Floats

__all__ = ["Bits", "Dense", "Diagonals", "Intervals", "Pick", "Seen", "Term"]


def compress(seen: Bools) -> Seen | None:
    """The smallest exact form of bool [group, q, keys]; None where every query sees every key."""
    groups, rows, keys = seen.shape
    return _compress(lambda: (seen[:, a:b] for a, b in blocks_of_rows(rows, groups * keys)), keys)


def _compress(blocks: Callable[[], Iterator[Bools]], keys: int) -> Seen | None:
    """`compress` of blocks of rows, which may be asked for twice."""
    found = []
    for seen in blocks():
        ends = np.array([_ends(row) for row in seen.reshape(-1, keys)], np.int32).reshape(*seen.shape[:2], 2)
        if (ends < 0).any():
            return Bits(np.concatenate([np.packbits(block, axis=-1) for block in blocks()], axis=1))
        found.append(ends)
    if not found:
        return None
    first, last = np.moveaxis(np.concatenate(found, axis=1), -1, 0)
    return simplest(Intervals(first.copy(), last.copy()), keys)


def _ends(row: Bools) -> tuple[int, int]:
    """The interval that a row is, exactly; negative where it is none."""
    count = int(np.count_nonzero(row))
    first = int(row.argmax()) if count else 0
    # Row by row: counting and searching in one row is quicker than any sum over an axis.
    return (first, first + count) if np.count_nonzero(row[first : first + count]) == count else (-1, -1)


def simplest(seen: Seen | None, keys: int) -> Seen | None:
    """None where every query sees every key."""
    whole = isinstance(seen, Intervals) and (seen.last - seen.first == keys).all()
    return None if whole else seen


def compress_term(values: Floats, seen: Bools | None = None) -> Term | None:
    """The smallest exact form of float32 [group, q, keys]; None where all of it is zero.

    Exact in the cells that are `seen` (all where not given); what stands in the others does not matter.
    """
    groups, rows, keys = values.shape
    if not values.any():
        return None

    def right(term: Term) -> bool:
        for start, stop in blocks_of_rows(rows, groups * keys):
            wrong = term.term(slice(None), slice(start, stop), keys) != values[:, start:stop]
            if (wrong if seen is None else wrong & seen[:, start:stop]).any():
                return False
        return True

    along = np.zeros((groups, rows + keys - 1), np.float32)
    alike = np.zeros((groups, 1, keys), np.float32)
    for row in range(rows):
        stretch = along[:, rows - 1 - row : rows - 1 - row + keys]
        for target in (stretch, alike[:, 0]):
            np.copyto(target, values[:, row], where=True if seen is None else seen[:, row])
    for term in (Diagonals(along, rows), Dense(alike)):
        if right(term):
            return term
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
    mask = mask.detach()
    additive = mask.dtype.is_floating_point
    # Masked cells of an additive mask hold the lowest number of its dtype or −inf, sometimes with a bias added.
    lowest = torch.finfo(mask.dtype).min / 2 if additive else 0.0

    def read_seen() -> Iterator[Bools]:
        for block in _rows_of(mask, rows, columns, queries):
            yield block > lowest if additive else block

    seen = _compress(read_seen, len(range(keys)[columns]) if isinstance(columns, slice) else len(columns))
    if not additive or not any(np.where(b > lowest, b, 0).any() for b in _rows_of(mask, rows, columns, queries)):
        return seen, None
    values = np.concatenate(list(_rows_of(mask, rows, columns, queries)), axis=1)
    kept = values > lowest
    values[~kept] = 0
    return seen, compress_term(values, kept)


def read_term(bias: Any, sample: int, rows: Pick, columns: Pick, queries: int, keys: int) -> Term | None:
    """Position bias tensor [B or 1, H or 1, q or 1, k] → its compressed form for one sample."""
    bias = bias[min(sample, bias.shape[0] - 1), :, :, :keys].detach()
    return compress_term(np.concatenate(list(_rows_of(bias, rows, columns, queries)), axis=1))


def _rows_of(tensor: Any, rows: Pick, columns: Pick, queries: int) -> Iterator[npt.NDArray[Any]]:
    """Blocks of the kept rows and columns of a tensor [group, q or 1, k]: bool, or float32."""
    import torch

    kept = np.arange(queries)[as_pick(rows)]
    whole = isinstance(rows, slice)
    for start, stop in blocks_of_rows(len(kept), tensor.shape[0] * tensor.shape[2]):
        some = kept[start:stop]
        if tensor.shape[1] == 1:
            block = tensor.expand(-1, stop - start, -1)
        elif whole:
            block = tensor[:, some[0] : some[-1] + 1]
        else:
            block = tensor[:, torch.from_numpy(some).to(tensor.device)]
        block = block.to("cpu", torch.float32 if tensor.dtype.is_floating_point else torch.bool)
        cells: npt.NDArray[Any] = block.numpy()[:, :, as_pick(columns)]
        yield cells


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
