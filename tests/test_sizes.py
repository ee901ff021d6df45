"""What travels stays small: real attention of BERT-base shape (MiniLM's six layers, twice)."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from attnwidget import Attention, AttnView, capture
from attnwidget.wire import encode

TEXT = Path(__file__).parent / "bench" / "alice.txt"


def twelve_by_twelve(path: str, tokenizer: Any, n: int) -> Attention:
    encoding = tokenizer(TEXT.read_text(), truncation=True, max_length=n, return_tensors="pt")
    attention = capture(path, encoding, tokenizer=tokenizer)
    assert isinstance(attention, Attention)
    assert len(attention.tokens) == n
    layers = [attention.weights(layer) for layer in range(6)]
    return Attention.from_arrays(layers * 2, [token.text for token in attention.tokens])


def test_a_sentence_travels_whole_in_a_quarter_of_a_megabyte(minilm_path: str, minilm_tokenizer: Any) -> None:
    container = encode(twelve_by_twelve(minilm_path, minilm_tokenizer, 32))
    assert len(base64.b64encode(container)) < 250_000


@pytest.mark.slow
def test_a_page_of_128_tokens_stays_below_three_megabytes(minilm_path: str, minilm_tokenizer: Any) -> None:
    view = AttnView(twelve_by_twelve(minilm_path, minilm_tokenizer, 128))
    assert len(view.to_html().encode()) < 3_000_000


@pytest.mark.slow
def test_a_page_of_512_tokens_stays_below_32_megabytes(minilm_path: str, minilm_tokenizer: Any) -> None:
    attention = twelve_by_twelve(minilm_path, minilm_tokenizer, 512)
    # 30.7 MB; what is left is room for the page's code, which is not what is measured here.
    assert len(AttnView(attention).to_html().encode()) < 31_500_000
