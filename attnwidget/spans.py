"""How a layer shares keys and values between heads, and how far its queries see: said of each layer on the page."""

from __future__ import annotations

from typing import Any

import numpy as np


def kv_heads(record: Any) -> int | None:
    """Key-value heads of a layer, where several query heads share one; None where each has its own."""
    record = getattr(record, "record", None) or record
    groups = getattr(record, "groups", None)
    return groups if isinstance(groups, int) and 0 < groups < record.heads else None


def window(record: Any) -> tuple[int | None, bool]:
    """Keys that a query of this layer sees at most, and whether it sees them in fixed chunks.

    None where it sees all (that its model allows), or where the text is too short to tell: read from the mask alone.
    """
    record = getattr(record, "record", None) or record
    seen: Any = getattr(record, "seen", None)
    # Only masks of intervals have ends. (Known by that: their class would bring all of the capture with it.)
    if not hasattr(seen, "first") or not seen.first.size:
        return None, False
    # Where heads differ, or a pad separates rows, no one number says it.
    if (seen.first != seen.first[:1]).any() or (seen.last != seen.last[:1]).any():
        return None, False
    first, last = seen.first[0].astype(np.int64), seen.last[0].astype(np.int64)
    keys = int(last.max())
    lengths = last - first
    cut = first > first.min()
    if not cut.any():
        return None, False
    widest = int(lengths.max())
    starts = np.unique(first)
    steps = set(np.diff(starts).tolist())
    if len(starts) < len(first) and len(steps) == 1 and widest <= (step := steps.pop()):
        return step, True
    # Rows at the start and the end of the text see fewer keys.
    inner = cut & (last < keys)
    moving = inner if inner.any() else cut
    return (widest, False) if (lengths[moving] == widest).all() else (None, False)
