"""Measures of attention: rows, heads, texts and corpora.

`heads.statistics` measures every head of one text in one pass (`setting`, `onepass`, `measures`, `values`,
`partition`); `corpus.HeadProfile` adds texts up (`single`, `accumulators`, `files`, `compare`); `rules`,
`labels` and `verdict` say what that means, in words (`texts`, `definitions`); `plain` is all of it as the page takes
it. On demand: `induction`, `flow`, `pairs`, `interventions`, `gradients`.
"""

from __future__ import annotations

from attnwidget.statistics.rows import KINDS, entropies, kind_sums

__all__ = ["KINDS", "entropies", "kind_sums"]
