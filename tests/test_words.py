"""Attention between words: sums to, means from, computed when asked for and never all at once."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnwidget import Attention, AttnView, capture, words
from attnwidget.inputs.tokens import Token, tokens_from_strings
from attnwidget.wire import decode
from attnwidget.words import WordAttention, word_starts, word_tokens


def one(found: Any) -> Attention:
    assert isinstance(found, Attention)
    return found


def slowly(weights: np.ndarray, rows: list[list[int]], columns: list[list[int]]) -> np.ndarray:
    """The definition, cell by cell, in float64."""
    exact = weights.astype(np.float64)
    return np.stack([np.stack([exact[:, r][:, :, c].sum(-1).mean(-1) for c in columns], axis=-1) for r in rows], axis=1)


def groups_of(tokens: tuple[Token, ...]) -> list[list[int]]:
    edges = [*word_starts(tokens), len(tokens)]
    return [list(range(a, b)) for a, b in pairwise(edges)]


@st.composite
def sequences(draw: st.DrawFn, least: int = 1) -> tuple[Token, ...]:
    """Tokens of words of one to four pieces, specials between them, in one or two segments."""
    found: list[Token] = []
    for word, pieces in enumerate(draw(st.lists(st.integers(0, 4), min_size=least, max_size=7))):
        segment = int(word > 3)
        if pieces == 0:
            found.append(Token("[SEP]", "[SEP]", 1, "sep", "sep", segment))
        found += [Token(f"w{word}", f"w{word}", 2, segment=segment, word=word) for _ in range(pieces)]
    return tuple(found)


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_sums_to_and_means_from(data: st.DataObject) -> None:
    queries, keys = data.draw(sequences()), data.draw(sequences())
    heads = data.draw(st.integers(1, 3))
    random = np.random.default_rng(data.draw(st.integers(0, 9)))
    weights = random.dirichlet(np.ones(len(keys)) * 0.3, (2, heads, len(queries))).astype(np.float32)
    tokens = Attention.from_arrays(weights, queries, keys)
    found = tokens.by_word()
    rows, columns = groups_of(queries), groups_of(keys)
    assert (len(found.query_tokens()), len(found.key_tokens())) == (len(rows), len(columns))
    whole = found.weights(1)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(whole, slowly(weights[1], rows, columns), atol=1e-6)
    np.testing.assert_allclose(whole.sum(-1), 1, atol=1e-5)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=5))
    for asked in (chosen, data.draw(st.slices(len(rows))), len(rows) - 1):
        wanted = whole[:, [asked] if isinstance(asked, int) else asked]
        np.testing.assert_allclose(found.weights(1, queries=asked), wanted, atol=1e-6)
    np.testing.assert_array_equal(found.weights(1, heads - 1), whole[heads - 1])
    size = data.draw(st.integers(1, 8))
    assert found.overview(1, size=size).max() == pytest.approx(whole.max())


def test_small_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, minilm: Any) -> None:
    found = one(capture(minilm, "unbelievably tokenized words are uncharacteristically fragmented")).by_word()
    wanted = found.weights(2)
    for block in (1, 17, 100):
        monkeypatch.setattr(words, "_BLOCK", block)
        np.testing.assert_allclose(found.weights(2), wanted, atol=1e-6)


def test_a_real_text(minilm: Any) -> None:
    tokens = one(capture(minilm, "The unbelievable dog", "tokenizes"))
    found = tokens.by_word()
    assert [t.text for t in found.tokens] == ["[CLS]", "the", "unbelievable", "dog", "[SEP]", "tokenizes", "[SEP]"]
    assert [t.segment for t in found.tokens] == [0, 0, 0, 0, 0, 1, 1]
    assert [t.kind for t in found.tokens][:3] == ["cls", "word", "word"]
    assert found.tokens[1] is tokens.tokens[1]
    assert (found.n_layers, found.n_heads(0), found.text) == (6, 12, tokens.text)
    assert "mean over its pieces" in found.notes[-1]
    assert found.by_word() is found
    assert found.to_frame(0, 0).shape == (7, 7)
    assert found.residual == tokens.residual
    for question in (found.scores, found.query, found.value):
        with pytest.raises(ValueError, match="words have no"):
            question(0)
    with pytest.raises(ValueError, match="norm of a sum"):
        found.contributions(0)
    assert found.value_norms(0) is None
    with pytest.raises(IndexError, match="layer 6"):
        found.weights(6)


def test_a_view_of_words(minilm: Any) -> None:
    found = one(capture(minilm, "The unbelievable dog")).by_word()
    view = AttnView(found)
    assert [t["text"] for t in view.tokens["text"]] == ["[CLS]", "the", "unbelievable", "dog", "[SEP]"]
    assert decode(view.attention)
    assert isinstance(view.attention_data, WordAttention)
    view.close()


def test_words_live_as_long_as_their_tokens(minilm: Any) -> None:
    tokens = one(capture(minilm, "unbelievable"))
    first, second = tokens.by_word(), tokens.by_word()
    assert first.nbytes == tokens.nbytes > 0
    first.release()
    assert (first.released, second.released, tokens.released) == (True, False, False)
    assert first.nbytes == 0
    with pytest.raises(RuntimeError, match="released"):
        first.weights(0)
    second.weights(0)
    tokens.release()
    assert second.released
    with pytest.raises(RuntimeError, match="released"):
        second.weights(0)


def test_characters_cut_into_bytes_are_whole_in_words() -> None:
    raws = ["çĬ", "¬", "ãģĮ", "ĠçĮ", "«", "s"]
    tokens = tokens_from_strings(raws)
    assert [t.text for t in tokens] == ["犬 1/2", "犬 2/2", "が", "猫 1/2", "猫 2/2", "s"]
    assert [t.text for t in word_tokens(tokens)] == ["犬が", "猫s"]
    pieces = tokens_from_strings(["▁un", "believ", "able", "▁", "<0xE7>", "<0x8A>", "<0xAC>"])
    assert [t.text for t in word_tokens(pieces)] == ["unbelievable", "犬"]
    assert [t.text for t in word_tokens(tokens_from_strings(["un", "##believ", "##able", "!"]))] == [
        "unbelievable",
        "!",
    ]
    odd = tuple(Token(text, "?", word=0) for text in ("α", "β"))
    assert [t.text for t in word_tokens(odd)] == ["αβ"]


def test_one_word_does_not_cost_all_weights() -> None:
    """A head of words at 2,048 tokens takes its own room and a block, not the 16 heads of tokens."""
    count, heads = 2048, 16
    random = np.random.default_rng(0)
    rows = random.dirichlet(np.ones(count), 8).astype(np.float32)

    class Lazy:
        """Weights that are made when asked for."""

        queries = keys = count
        nbytes = 0

        def __init__(self) -> None:
            self.heads = heads
            self.most = 0

        def weights(self, chosen: Any, wanted: Any) -> Any:
            at = np.arange(count)[wanted if isinstance(wanted, slice) else list(wanted)]
            self.most = max(self.most, len(chosen) * len(at) * count)
            return np.broadcast_to(rows[at % 8], (len(chosen), len(at), count)).copy()

    layer: Any = Lazy()
    starts = np.arange(0, count, 4)
    folded = words.WordLayer(layer, starts, starts)
    tracemalloc.start()
    found = folded.weights(range(heads), slice(None))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.shape == (heads, 512, 512)
    assert layer.most <= words._BLOCK
    assert peak < found.nbytes + 4 * 4 * words._BLOCK
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-4)
