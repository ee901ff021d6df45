"""Finished weights: what is taken, and what each wrong array is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from attnwidget import Attention
from attnwidget.inputs import Token


def rows(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])


WORDS = ["[CLS]", "the", "dog", ".", "[SEP]"]


@pytest.mark.parametrize(
    "given",
    [
        rows(2, 3, 5, 5),
        list(rows(2, 3, 5, 5)),
        tuple(torch.tensor(rows(2, 1, 3, 5, 5)).requires_grad_()),
        torch.tensor(rows(2, 3, 5, 5)).to(torch.bfloat16),
        rows(2, 1, 3, 5, 5).astype(np.float16),
    ],
    ids=["array", "list", "transformers", "bfloat16", "float16"],
)
def test_what_is_taken(given: Any) -> None:
    found = Attention.from_arrays(given, WORDS, model_name="m")
    assert (found.n_layers, found.n_heads(1), list(found.stacks)) == (2, 3, ["encoder"])
    np.testing.assert_allclose(found.weights(1), rows(2, 3, 5, 5)[1], atol=1e-2)
    assert found.weights(0).dtype == np.float32
    assert [t.role for t in found.tokens] == ["cls", "text", "text", "text", "sep"]
    assert [t.kind for t in found.tokens] == ["cls", "word", "word", "punct", "sep"]
    assert found.stacks["encoder"].layers[0].source == "arrays"
    assert found.value_norms(0) is None
    assert found.text == "[CLS] the dog . [SEP]"


def test_layers_may_differ() -> None:
    found = Attention.from_arrays([rows(2, 5, 5), None, rows(7, 5, 5)], WORDS)
    assert [found.n_heads(i) for i in range(3)] == [2, 0, 7]
    with pytest.raises(ValueError, match="layer 1 of stack 'encoder' has no attention weights: no weights given"):
        found.weights(1)


def test_keys_of_their_own() -> None:
    key_tokens = [Token("a", "a"), Token("b", "b"), Token("⟨sink⟩", "s", None, "sink", "other")]
    found = Attention.from_arrays([rows(2, 1, 3)], ["q"], key_tokens, stack="cross")
    assert [t.role for t in found.key_tokens("cross")] == ["text", "text", "sink"]
    assert found.stacks["cross"].causal is None


def test_causal_is_seen() -> None:
    lower = np.tril(np.ones((1, 2, 5, 5)))
    lower /= lower.sum(-1, keepdims=True)
    assert Attention.from_arrays(lower, WORDS).stacks["encoder"].causal is True
    assert Attention.from_arrays(rows(1, 2, 5, 5), WORDS).stacks["encoder"].causal is False


def test_the_source_may_change_afterwards() -> None:
    given = rows(1, 2, 5, 5).astype(np.float32)
    found = Attention.from_arrays(given, WORDS)
    given[:] = 0
    found.weights(0)[:] = 0
    found.weights(0, queries=slice(0, 2))[:] = 0
    assert found.weights(0).sum() == pytest.approx(10)


def test_rows_of_zeros_are_masked_rows() -> None:
    given = rows(1, 2, 5, 5)
    given[0, 1, 4] = 0
    assert "fully masked" in Attention.from_arrays(given, WORDS).notes[0]


class Output:
    attentions = ()


GOOD = rows(2, 3, 5, 5)
WRONG: dict[str, tuple[Any, Any, type[Exception], str]] = {
    "none": (None, WORDS, ValueError, "attn_implementation='eager'.*capture"),
    "empty": ((), WORDS, ValueError, "attentions is empty.*sdpa"),
    "all none": ((None, None), WORDS, ValueError, "2 layers and all of them are None.*sdpa"),
    "output object": (Output(), WORDS, TypeError, r"pass its \.attentions"),
    "generate": (((torch.ones(1, 1, 1, 1),),), ["a"], TypeError, "generate"),
    "three axes": (GOOD[0], WORDS, ValueError, r"4 axes.*\(3, 5, 5\).*\[attentions\]"),
    "two axes in a list": ([GOOD[0, 0]], WORDS, ValueError, r"attentions\[0\] must have axes.*\(5, 5\)"),
    "batch": ([GOOD], WORDS, ValueError, "batch of 2.*one text at a time"),
    "tokens short": (GOOD, WORDS[:4], ValueError, "5 queries.*4 tokens"),
    "keys": ([rows(3, 5, 7)], WORDS, ValueError, "7 keys.*key_tokens="),
    "nan": (np.where(np.arange(5) == 2, np.nan, GOOD), WORDS, ValueError, r"NaN, first at.*\[0, 0, 2\]"),
    "scores": ([np.log(GOOD[0])], WORDS, ValueError, "negative.*not scores"),
    "not normalised": ([GOOD[0] * 2], WORDS, ValueError, r"sum 2 instead of 1.*model.eval\(\)"),
    "wrong axis": ([np.swapaxes(GOOD[0], 1, 2)], WORDS, ValueError, "no distribution"),
    "text": (GOOD, "the dog . it ran", TypeError, "convert_ids_to_tokens"),
    "ids": (GOOD, [1, 2, 3, 4, 5], TypeError, r"tokens\[0\] must be str or Token, got int"),
    "no tokens": (GOOD, [], ValueError, "tokens is empty"),
    "words": ([np.full((1, 5, 5), "x")], WORDS, TypeError, "must hold numbers"),
    "no heads": ([np.zeros((0, 5, 5))], WORDS, ValueError, "no heads"),
    "no layers": (np.zeros((0, 3, 5, 5)), WORDS, ValueError, "axis of length 0"),
    "number": (3, WORDS, TypeError, "got int"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name: str) -> None:
    given, tokens, kind, message = WRONG[name]
    with pytest.raises(kind, match=message):
        Attention.from_arrays(given, tokens)


def test_an_unknown_stack() -> None:
    with pytest.raises(ValueError, match="stack='text' is not one of 'encoder'"):
        Attention.from_arrays(GOOD, WORDS, stack="text")
