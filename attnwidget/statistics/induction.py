"""What heads of causal models do on random tokens that are repeated once: induction, duplicates, previous token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from attnwidget.attention import Attention
from attnwidget.capture import capture
from attnwidget.statistics.accumulators import Moments
from attnwidget.statistics.heads import _grid
from attnwidget.statistics.setting import F8

if TYPE_CHECKING:
    from attnwidget.inputs.models import Subject

LENGTH, BATCH = 50, 4


def repeated_tokens(vocabulary: int, length: int = LENGTH, batch: int = BATCH, seed: int = 0) -> Any:
    """Random ids repeated once: int64 [batch, 2·length], from the middle of the vocabulary, clear of special ids."""
    generator = np.random.default_rng(seed)
    low, high = (100, min(20000, vocabulary)) if vocabulary > 1000 else (vocabulary // 8, vocabulary)
    half = generator.integers(low, max(high, low + 1), (batch, length))
    return np.concatenate([half, half], axis=1)


def induction_scores(model: Any, *, tokenizer: Any = None, stack: str = "decoder", seed: int = 0) -> dict[str, F8]:
    """Scores of every head on repeated random tokens, which this call makes itself.

    Of s tokens repeated once: the mean weight at distance s − 1 ("induction": the token after the earlier copy), s
    ("duplicate": the copy itself), over the second half's rows, and 1 ("previous_random") over all rows but the first.
    No start token is put before them.

    Returns
    -------
    dict of str to float64 [L, H]

    References
    ----------
    Olsson et al. (2022), "In-context learning and induction heads".
    """
    from attnwidget.inputs.models import resolve

    means = induction_moments(resolve(model, tokenizer), stack, seed).means
    return dict(zip(("induction", "duplicate", "previous_random"), means, strict=True))


def induction_moments(subject: Subject, stack: str, seed: int = 0) -> Moments:
    """The scores' moments over sequences, [3, L, H]."""
    import torch

    from attnwidget.inputs.models import main_model

    config = main_model(subject.model).config
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    limit = int(getattr(text, "max_position_embeddings", 0) or 2 * LENGTH)
    ids = repeated_tokens(int(text.vocab_size), min(LENGTH, limit // 2), seed=seed)
    found = capture(
        subject.model,
        {"input_ids": torch.tensor(ids), "attention_mask": torch.ones(ids.shape, dtype=torch.int64)},
        tokenizer=subject.tokenizer,
    )
    total: Moments | None = None
    for one in found if isinstance(found, list) else [found]:
        part = Moments.of(_scores(one, stack, ids.shape[1] // 2))
        total = part if total is None else total.merge(part)
    assert total is not None
    return total


def _scores(attention: Attention, stack: str, s: int) -> F8:
    """[3, L, H] of one sequence of 2·s tokens."""
    chosen = attention._stack(stack)
    heads = tuple(layer.heads for layer in chosen.layers)
    at = np.arange(2 * s)
    out = []
    for layer, count in enumerate(heads):
        if count:
            weights = attention.weights(layer, stack=stack)
            # The first row at distance s − 1 is the last of the first half: it has no earlier copy.
            rows = at[s:]
            diagonals = [weights[:, rows, rows - distance].mean(1, dtype=np.float64) for distance in (s - 1, s)]
            diagonals.append(weights[:, at[1:], at[:-1]].mean(1, dtype=np.float64))
            out.append(np.stack(diagonals))
    flat = np.concatenate(out, axis=1)
    return np.stack([_grid(row, heads) for row in flat])
