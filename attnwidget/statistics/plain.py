"""Statistics as plain lists, numbers and words: what the page's Heads and Profile modes take, of a text or a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from attnwidget.statistics import rules
from attnwidget.statistics.definitions import ids, is_defined
from attnwidget.statistics.labels import HeadLabel, labels
from attnwidget.statistics.partition import CATEGORIES, PARTS, shares, statistic_of
from attnwidget.statistics.rules import Summary
from attnwidget.statistics.setting import F8
from attnwidget.statistics.texts import LANGUAGES, text_of
from attnwidget.statistics.values import VALUE_CLASSES
from attnwidget.statistics.verdict import diagnose, sign_text, verdict

#: Changes when a reader of older data would misread it.
SCHEMA = 1
_SHARES = ("cls", "sep", "punct", "other", "first", "delimiters", "self", "prev", "next", "window")
_HIDDEN = {name for part in PARTS for name in (part, f"norm_{part}")}


def plain(
    summary: Summary,
    *,
    stack: str,
    model_name: str,
    unknown: float,
    lengths: tuple[int, int],
    errors: Mapping[str, F8] | None = None,
    distances: F8 | None = None,
    failed: tuple[tuple[int, str, str], ...] = (),
    text_rows: int | None = None,
) -> dict[str, Any]:
    """Everything as JSON takes it: None for NaN, arrays as nested lists, [L][H] for heads and [L] for layers.

    Parameters
    ----------
    summary : Summary
        Of one text or of a corpus.
    unknown : float
        Share of tokens that are unknown or padding.
    lengths : (int, int)
        Shortest and longest text in tokens.
    errors : mapping of str to float64 [L, H], optional
        Standard errors over texts.
    distances : float64 [N, N], optional
        Jensen–Shannon divergences between heads.
    failed : tuple of (int, str, str)
        Texts that could not be read.
    text_rows : int, optional
        Rows of the text, where only some of them were read.
    """
    shown = {name: array for name, array in summary.values.items() if name not in _HIDDEN}
    return {
        "schema": SCHEMA,
        "model": model_name,
        "stack": stack,
        "heads": list(summary.heads),
        "texts": summary.texts,
        "rows": summary.rows,
        "text_rows": text_rows,
        "tokens": summary.tokens,
        "lengths": list(lengths),
        "faults": summary.faults,
        "causal": summary.causal,
        "has_values": summary.has_values,
        "enough": summary.enough,
        "sinks": dict(summary.sinks),
        "values": {name: listed(array) for name, array in shown.items()},
        "errors": {name: listed(array) for name, array in (errors or {}).items() if name in shown},
        "baselines": {name: number(summary.baselines.get(name, np.nan)) for name in shown},
        "kappa": {name: listed(summary.kappa(name)) for name in _SHARES},
        "nu": {name: listed(summary.nu(name)) for name in VALUE_CLASSES},
        "layers": {name: listed(array) for name, array in summary.layers.items()},
        "partition": _partition(summary),
        "labels": [_label(label) for label in labels(summary)],
        "verdict": _verdict(summary, unknown, lengths),
        "distances": None if distances is None else listed(distances),
        "failed": [list(one) for one in failed],
        "definitions": {name: ids(name) for name in (*shown, "nu", "js") if is_defined(name)},
    }


def _partition(summary: Summary) -> dict[str, Any]:
    out: dict[str, Any] = {"categories": list(CATEGORIES)}
    for by in ("weight", "contribution"):
        for per in ("layer", "head"):
            found = shares(summary.values, summary.layers, by, per)
            out[f"{by}_per_{per}"] = {name: listed(array) for name, array in found.items()}
    base = summary.baselines
    out["uniform"] = {name: number(base.get(statistic_of(name, "weight"), np.nan)) for name in CATEGORIES}
    return out


def _label(label: HeadLabel) -> dict[str, Any]:
    return {
        "layer": label.layer,
        "head": label.head,
        "label": label.label,
        "rule": f"rule.{label.label}",
        "title": {lang: label.title(lang) for lang in LANGUAGES},
        "text": {lang: label.text(lang) for lang in LANGUAGES},
        "margin": number(label.margin),
        "runner_up": label.runner_up,
        "runner_up_title": {lang: label.runner_up_title(lang) for lang in LANGUAGES},
        "runner_up_margin": number(label.runner_up_margin),
        "sink": label.sink or None,
        "tags": [{"id": tag, **label.tag_texts(tag)} for tag in label.tags],
        "certainty": label.certainty,
        "agreement": number(label.agreement),
        "statistic": rules.STATISTIC.get(label.label),
        "evidence": {name: number(value) for name, value in label.evidence.items()},
    }


def _verdict(summary: Summary, unknown: float, lengths: tuple[int, int]) -> dict[str, Any]:
    found = diagnose(summary, unknown=unknown)
    between = lengths if summary.texts > 1 else None
    return {
        "kind": found.kind,
        "sink": found.sink,
        "sink_name": summary.sinks.get(found.sink),
        "sink_title": {
            lang: summary.sinks.get(found.sink) or text_of(lang, f"name.{found.sink}") for lang in LANGUAGES
        },
        "signs": [{"id": sign, **{lang: sign_text(found, sign, lang) for lang in LANGUAGES}} for sign in found.signs],
        "evidence": {name: number(value) for name, value in found.evidence.items()},
        "text": {lang: verdict(summary, lang, unknown=unknown, lengths=between) for lang in LANGUAGES},
    }


def number(value: float) -> float | None:
    """A number with seven digits, which is all that float32 weights have; None for what is not finite."""
    return float(f"{value:.7g}") if np.isfinite(value) else None


def listed(array: F8) -> Any:
    """Nested lists."""
    return number(float(array)) if array.ndim == 0 else [listed(part) for part in array]
