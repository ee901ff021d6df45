"""What a fast tokenizer tells beside ids: words, segments and blank space, from its own account of the text."""

from __future__ import annotations

from typing import Any


def words_of(encoding: Any, sample: int) -> list[int | None] | None:
    """Word numbers as a fast tokenizer knows them, those of a second segment counted on; None for slow ones."""
    if not getattr(encoding, "is_fast", False):
        return None
    words = list(encoding.word_ids(sample))
    parts = list(encoding.sequence_ids(sample))
    first = max((w for w, p in zip(words, parts, strict=True) if w is not None and p == 0), default=-1) + 1
    return [w if w is None or not p else w + first for w, p in zip(words, parts, strict=True)]


def segments_of(encoding: Any, sample: int) -> list[int] | None:
    """Segments by a fast tokenizer's own account, special tokens with those to their left; None for slow ones."""
    if not getattr(encoding, "is_fast", False):
        return None
    segments, current = [], 0
    for part in encoding.sequence_ids(sample):
        current = current if part is None else part
        segments.append(current)
    return segments


def gaps_of(encoding: Any, sample: int) -> list[bool] | None:
    """Whether blank space lies between a token and the one before it in the text; None for slow tokenizers."""
    if not getattr(encoding, "is_fast", False):
        return None
    inner = encoding.encodings[sample]
    gaps: list[bool] = []
    end: dict[int | None, int] = {}
    for (start, stop), part in zip(inner.offsets, inner.sequence_ids, strict=True):
        gaps.append(part is not None and end.get(part, 0) < start)
        end[part] = stop
    return gaps
