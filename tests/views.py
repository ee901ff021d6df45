"""What tests of views share: an attention of several stacks, and the page's side of the messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from made import softmax
from numpy.typing import NDArray

from attnwidget.attention import Attention, LayerInfo, Stack
from attnwidget.inputs.tokens import Token
from attnwidget.view import AttnView

TOKENS = ["[CLS]", "the", "dog", "chased", "the", "cat", "[SEP]"]


class Rows:
    """One layer of finished weights, as `Attention` wants it."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        self._weights = weights
        self.heads, self.queries, self.keys = weights.shape
        self.nbytes = weights.nbytes

    def weights(self, heads: Sequence[int], rows: Sequence[int] | slice) -> NDArray[np.float32]:
        return self._weights[list(heads)][:, rows].copy()

    scores = weights

    def vectors(self, which: str, heads: Sequence[int]) -> NDArray[np.float32]:
        raise ValueError

    def value_norms(self) -> None:
        return None

    def value_products(self, heads: Sequence[int]) -> None:
        return None


def encoder_decoder(heads: Sequence[int] = (2, 0, 4)) -> Attention:
    """Two sequences, three stacks, layers with different head counts; one has none."""
    source = tuple(Token(text, text, role="text", kind="word") for text in ["a", "b", "c", "d", "e"])
    target = tuple(Token(text, text, role="text", kind="word") for text in ["x", "y", "z"])
    shapes = {"encoder": (source, source), "decoder": (target, target), "cross": (target, source)}
    stacks, layers = [], {}
    for name, (queries, keys) in shapes.items():
        counts = heads if name == "encoder" else heads[:2]
        infos = tuple(LayerInfo(count, "interface", "" if count else "linear attention") for count in counts)
        stacks.append(Stack(name, queries, keys, infos))
        layers[name] = [Rows(softmax(n, len(queries), len(keys), seed=n)) if n else None for n in counts]
    return Attention(stacks, layers, model_name="tiny", text="a b c d e")


def sent(view: AttnView, monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], Any]]:
    """Messages that go to the page from now on."""
    messages: list[tuple[dict[str, Any], Any]] = []
    monkeypatch.setattr(view.comm, "send", lambda data, buffers=None, **_: messages.append((data, buffers)))
    return messages


def from_page(view: AttnView, **state: object) -> None:
    view.comm.handle_msg({"content": {"data": {"method": "update", "state": state, "buffer_paths": []}}, "buffers": []})


def message(view: AttnView, content: object) -> None:
    view.comm.handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})
