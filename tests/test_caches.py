"""TransformerLens' activation caches, as mappings with its keys."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from attnwidget import Attention, AttnView


class Cache(dict):  # type: ignore[type-arg]
    """What an ActivationCache is to us: a mapping of names to tensors, with the model at hand."""

    def __init__(self, entries: Any, model: Any = None) -> None:
        super().__init__(entries)
        self.model = model


def pattern(heads: int, queries: int, keys: int | None = None, seed: int = 0, causal: bool = True) -> torch.Tensor:
    logits = torch.randn(heads, queries, keys or queries, generator=torch.Generator().manual_seed(seed))
    if causal and keys is None:
        logits = logits.masked_fill(torch.ones(queries, queries).triu(1).bool(), -torch.inf)
    return logits.softmax(-1)


def cache(batch: bool = True, layers: tuple[int, ...] = (0, 1, 2), **settings: Any) -> Cache:
    entries: dict[str, Any] = {"hook_embed": torch.zeros(1, 4, 8)}
    for i in layers:
        weights = pattern(2, 4, seed=i)
        entries[f"blocks.{i}.attn.hook_q"] = torch.zeros(1, 4, 2, 4)
        entries[f"blocks.{i}.attn.hook_pattern"] = weights[None] if batch else weights
    config = SimpleNamespace(model_name="gpt2-small", n_layers=3)
    return Cache(
        entries, SimpleNamespace(cfg=config, to_str_tokens=lambda given: ["<|endoftext|>", "The", " dog", "!"])
    )


@pytest.mark.parametrize("batch", [True, False])
def test_patterns(batch: bool) -> None:
    given = cache(batch)
    found = Attention.from_cache(given, ["<|endoftext|>", "The", "Ġdog", "!"])
    assert (found.n_layers, found.n_heads(1), found.model_name) == (3, 2, "gpt2-small")
    assert list(found.stacks) == ["decoder"]
    assert [t.text for t in found.tokens] == ["<|endoftext|>", "The", "dog", "!"]
    assert found.tokens[0].role == "bos"
    for i in range(3):
        np.testing.assert_array_equal(found.weights(i), pattern(2, 4, seed=i).numpy())
    assert Attention.from_cache(given, stack="encoder").stacks["encoder"].causal


def test_names_of_positions() -> None:
    numbered = Attention.from_cache(cache())
    assert [t.text for t in numbered.tokens] == ["0", "1", "2", "3"]
    assert "pass tokens=" in numbered.notes[-1]
    for given in ("The dog!", torch.tensor([[5, 6, 7, 8]]), [5, 6, 7, 8]):
        found = Attention.from_cache(cache(), given)
        assert [t.text for t in found.tokens] == ["<|endoftext|>", "The", "dog", "!"]
    assert Attention.from_cache(cache(), "The dog!").text == "The dog!"
    assert Attention.from_cache(cache(), text="The dog!").text == "The dog!"
    assert [t.text for t in Attention.from_cache(dict(cache()), np.array(list("abcd"))).tokens] == list("abcd")
    with pytest.raises(ValueError, match=r"tokens has 2 items and the patterns have 4 positions.*start token"):
        Attention.from_cache(cache(), ["a", "b"])
    with pytest.raises(TypeError, match="has no to_str_tokens"):
        Attention.from_cache(dict(cache()), "The dog!")


def test_layers_that_were_not_cached_keep_their_number() -> None:
    found = Attention.from_cache(cache(layers=(1,)))
    assert [info.heads for info in found.stacks["decoder"].layers] == [0, 2, 0]
    assert "not cached" in found.stacks["decoder"].layers[2].note
    with pytest.raises(ValueError, match="layer 0 of stack 'decoder' has no attention weights: its hook_pattern"):
        found.weights(0)


def test_an_encoder_decoder() -> None:
    entries = {}
    for i in range(2):
        entries[f"encoder.{i}.attn.hook_pattern"] = pattern(2, 5, seed=i, causal=False)[None]
        entries[f"decoder.{i}.attn.hook_pattern"] = pattern(2, 3, seed=i)[None]
        entries[f"decoder.{i}.cross_attn.hook_pattern"] = pattern(2, 3, 5, seed=i)[None]
    found = Attention.from_cache(Cache(entries), list("abc"), key_tokens=list("vwxyz"))
    assert list(found.stacks) == ["encoder", "decoder", "cross"]
    assert [t.text for t in found.key_tokens("cross")] == list("vwxyz")
    assert found.weights(1, 0, stack="cross").shape == (3, 5)


def test_what_is_no_cache_of_patterns() -> None:
    with pytest.raises(TypeError, match=r"cache must be an ActivationCache.*got int"):
        Attention.from_cache(3)
    with pytest.raises(ValueError, match=r"no attention patterns.*it is empty.*run_with_cache"):
        Attention.from_cache({})
    with pytest.raises(ValueError, match="hook_attn_scores, which are not weights"):
        Attention.from_cache({"blocks.0.attn.hook_attn_scores": torch.zeros(1, 1, 2, 2)})
    two = {"blocks.0.attn.hook_pattern": pattern(2, 4)[None].repeat(2, 1, 1, 1)}
    with pytest.raises(ValueError, match=r"shape \(2, 2, 4, 4\), a batch of 2"):
        Attention.from_cache(two)
    with pytest.raises(ValueError, match=r"must have axes \[head, query, key\], got shape \(4, 4\)"):
        Attention.from_cache({"blocks.0.attn.hook_pattern": pattern(1, 4)[0]})
    mixed = {f"blocks.{i}.attn.hook_pattern": pattern(2, 4 + i) for i in range(2)}
    with pytest.raises(ValueError, match="differ in shape"):
        Attention.from_cache(mixed)
    wrong = {"blocks.0.attn.hook_pattern": pattern(2, 4) * 2}
    with pytest.raises(ValueError, match="no distribution"):
        Attention.from_cache(wrong)


def test_a_view() -> None:
    view = AttnView.from_cache(cache(), "The dog!", layer=2, model_name="mine")
    assert (view.layer, view.title, len(view.stacks[0]["layers"])) == (2, "mine · The dog!", 3)
    view.close()
    with pytest.raises(TypeError, match=r"from_cache\(\) got an unexpected argument 'layers'"):
        AttnView.from_cache(cache(), layers=2)
