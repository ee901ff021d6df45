"""`Attention.by_word()`: the same attention between whole words, computed from that between their pieces when asked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from attnwidget.addressing import Heads, Rows
from attnwidget.attention import Attention
from attnwidget.inputs.display import joined
from attnwidget.inputs.tokens import Token, make_token
from attnwidget.layers import Floats, Layer, Stack
from attnwidget.memory import MemoryReport, report

# Cells of token weights that may be in memory at once (16 MB of float32).
_BLOCK = 1 << 22

_NOTE = "Between words: the weight to a word is the sum over its pieces, from a word the mean over its pieces."
_NO_SCORES = (
    "words have no scores: a word's weight is a sum of softmax outputs, which no single number before the softmax "
    "gives; ask the Attention of the tokens"
)
_NO_CONTRIBUTIONS = (
    "words have no contributions: the norm of a sum of vectors is not the sum of their norms; ask the Attention of "
    "the tokens"
)


__all__ = ["WordAttention", "word_starts", "word_tokens"]


def word_starts(tokens: Sequence[Token]) -> npt.NDArray[np.intp]:
    """First position of each word: neighbours with the same word number and segment; all other tokens stand alone."""
    starts = [
        i
        for i, token in enumerate(tokens)
        if i == 0 or token.word is None or (token.word, token.segment) != (tokens[i - 1].word, tokens[i - 1].segment)
    ]
    return np.array(starts, np.intp)


def word_tokens(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """One token for each word; a word of one piece is that very token. `id` is None for words of several pieces."""
    edges = [*word_starts(tokens), len(tokens)]
    return tuple(_word(tokens[a:b]) for a, b in pairwise(edges))


def _word(pieces: Sequence[Token]) -> Token:
    first = pieces[0]
    if len(pieces) == 1:
        return first
    raw = "".join(piece.raw for piece in pieces)
    roles = [role for role, _ in groupby(piece.role for piece in pieces)]
    text = joined([piece.raw for piece in pieces], [piece.text for piece in pieces])
    role = roles[0] if len(roles) == 1 else "text"
    return make_token(raw, text, None, role, first.segment, first.word, first.space_before)


class WordLayer:
    """A :class:`attnwidget.layers.Layer` between words, made of one between tokens.

    Parameters
    ----------
    layer : Layer
    rows, columns : int arrays
        First query and first key of each word, ascending from 0 (`word_starts`).
    """

    def __init__(self, layer: Layer, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> None:
        self._layer, self._columns = layer, columns
        self._edges = np.append(rows, layer.queries)
        self.heads, self.queries, self.keys = layer.heads, len(rows), len(columns)

    @property
    def nbytes(self) -> int:
        return 0  # everything belongs to the layer between tokens

    def weights(self, heads: Sequence[int], rows: Sequence[int] | slice) -> Floats:
        wanted = np.arange(self.queries)[rows if isinstance(rows, slice) else list(rows)]
        out = np.empty((len(heads), len(wanted), self.keys), np.float32)
        # Token rows are computed for a few heads and words at a time and folded at once, so that what is in memory
        # besides the answer does not grow with the text's length squared.
        longest = int(np.diff(self._edges).max(initial=1))
        together = max(1, min(len(heads), _BLOCK // (self._layer.keys * longest)))
        step = max(1, _BLOCK // (self._layer.keys * longest * together))
        for first in range(0, len(heads), together):
            some = list(heads[first : first + together])
            for start in range(0, len(wanted), step):
                words = wanted[start : start + step]
                out[first : first + together, start : start + step] = self._fold(some, words)
        return out

    def _fold(self, heads: list[int], words: npt.NDArray[np.intp]) -> Floats:
        lengths = self._edges[words + 1] - self._edges[words]
        begins = np.cumsum(lengths) - lengths
        pieces = np.repeat(self._edges[words] - begins, lengths) + np.arange(int(lengths.sum()))
        whole = len(pieces) == pieces[-1] - pieces[0] + 1 and bool((np.diff(pieces) == 1).all())
        chosen = slice(int(pieces[0]), int(pieces[-1]) + 1) if whole else [int(p) for p in pieces]
        cells = np.add.reduceat(self._layer.weights(heads, chosen), self._columns, axis=2, dtype=np.float32)
        folded: Floats = np.add.reduceat(cells, begins, axis=1, dtype=np.float32)
        folded /= lengths[:, None].astype(np.float32)
        return folded

    def scores(self, heads: Sequence[int], rows: Sequence[int] | slice) -> NoReturn:
        raise ValueError(_NO_SCORES)

    def vectors(self, which: str, heads: Sequence[int]) -> NoReturn:
        raise ValueError(f"words have no {which} vectors: their pieces have; ask the Attention of the tokens")

    def value_norms(self) -> None:
        return None

    def value_products(self, heads: Sequence[int]) -> None:
        return None


class WordAttention(Attention):
    """An `Attention` between words; made by :meth:`attnwidget.Attention.by_word`.

    It holds nothing of its own: when the `Attention` of the tokens is released, this one is too.

    Attributes
    ----------
    of_tokens : Attention
        What it was made of.
    """

    def __init__(self, attention: Attention) -> None:
        self.of_tokens = attention
        self._starts = {
            name: (word_starts(stack.queries), word_starts(stack.keys)) for name, stack in attention.stacks.items()
        }
        self._let_go = False
        stacks = [
            Stack(stack.name, word_tokens(stack.queries), word_tokens(stack.keys), stack.layers, _causal(stack))
            for stack in attention.stacks.values()
        ]
        super().__init__(
            stacks,
            {stack.name: [None] * stack.n_layers for stack in stacks},
            model_name=attention.model_name,
            text=attention.text,
            notes=[*attention.notes, _NOTE],
            residual=attention.residual,
        )

    def by_word(self) -> WordAttention:
        return self

    def contributions(
        self, layer: int, head: Heads = None, *, stack: str | None = None, queries: Rows = None, summed: bool = False
    ) -> Floats:
        raise ValueError(_NO_CONTRIBUTIONS)

    def memory_report(self) -> MemoryReport:
        return report({}) if self._let_go else self.of_tokens.memory_report()

    @property
    def released(self) -> bool:
        return self._let_go or self.of_tokens.released

    def release(self) -> None:
        """Let go of the `Attention` of the tokens, which keeps what it has for others."""
        self._let_go = True

    def _record(self, layer: int, stack: Stack) -> Layer:
        if self._let_go:
            raise RuntimeError("this Attention was released to free memory: ask for by_word() again")
        tokens = self.of_tokens
        return WordLayer(tokens._record(layer, tokens.stacks[stack.name]), *self._starts[stack.name])


def _causal(stack: Stack) -> bool | None:
    """Words of a causal stack see no later word; one word alone cannot tell."""
    return stack.causal if len(word_starts(stack.queries)) > 1 else None
