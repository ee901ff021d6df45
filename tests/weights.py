"""What the conversions of `models` share: numbers out of a file, weights into a transformers folder."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers


def save(model: Any, state: Mapping[str, Any], to: Path, half: bool = False, tied: tuple[str, ...] = ()) -> None:
    missing, unexpected = model.load_state_dict(state, strict=False)
    lost = [key for key in missing if not key.endswith("_ids") and key not in tied]
    surplus = [key for key in unexpected if not key.endswith("_ids")]
    if lost or surplus:
        raise RuntimeError(f"{to.name}: weights missing {lost}, left over {surplus}")
    model.tie_weights()
    (model.half() if half else model).save_pretrained(to)


def fast(inner: Any, **special: Any) -> Any:
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, **special)


class Reader:
    """Little-endian numbers of a file, one after another."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return found

    def skip(self, count: int) -> None:
        self.at += count


def four_bits(data: bytes, at: int, rows: int, columns: int, *, centred: bool) -> torch.Tensor:
    """Blocks of 32 numbers: a scale, (unless `centred`: a lowest value), 16 bytes whose halves are two numbers each."""
    fields: list[Any] = [("scale", "<f2"), *([] if centred else [("low", "<f2")]), ("halves", "u1", 16)]
    blocks = np.frombuffer(data, np.dtype(fields), rows * columns // 32, at)
    numbers = np.concatenate([blocks["halves"] & 15, blocks["halves"] >> 4], axis=1).astype(np.float32)
    scale = blocks["scale"].astype(np.float32)[:, None]
    values = (numbers - 8) * scale if centred else numbers * scale + blocks["low"].astype(np.float32)[:, None]
    return torch.from_numpy(values.reshape(rows, columns))
