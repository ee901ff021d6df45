"""Measures of attention rows and heads, from exact float32 weights."""

from __future__ import annotations

from attnwidget.statistics.rows import KINDS, entropies, kind_sums

__all__ = ["KINDS", "entropies", "kind_sums"]
