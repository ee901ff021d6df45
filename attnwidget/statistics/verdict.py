"""The answer to "everything looks at special tokens: is that normal?", from the data and no further."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attnwidget.statistics import rules
from attnwidget.statistics.heads import HeadStatistics
from attnwidget.statistics.rules import Summary
from attnwidget.statistics.texts import text_of

#: Kinds of key that can be what everything looks at.
_CANDIDATES = ("cls", "sep", "punct", "first", "other")
#: Warning signs: shares of heads and thresholds (§ "Worth checking when").
_NEARLY_ALL, _UNIFORM, _SAME, _NO_ENTROPY, _SHORT, _UNKNOWN = 0.9, 0.97, 0.02, 0.05, 5, 0.5


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes
    ----------
    kind : str
        "invalid", "untrained", "collapsed", "check", "ordinary", or "describes" where there are too few texts.
    signs : tuple of str
        Warning signs that hold: "a", "a_unknown", "b", "d", "e_short", "e_unknown".
    sink : str
        The kind of key that takes most beyond chance: "cls", "sep", "punct", "first" or "other".
    """

    kind: str
    signs: tuple[str, ...]
    sink: str


def diagnose(source: HeadStatistics | Summary, *, unknown: float = 0.0) -> Diagnosis:
    """Which of the warning signs hold. `unknown`: share of tokens that are unknown or padding."""
    summary = source if isinstance(source, Summary) else Summary.of(source)
    signs = _signs(summary, unknown)
    if summary.faults:
        kind = "invalid"
    elif not summary.enough:
        kind = "describes"
    elif "d" in signs:
        kind = "untrained"
    elif "b" in signs:
        kind = "collapsed"
    else:
        kind = "check" if signs else "ordinary"
    return Diagnosis(kind, signs, find_sink(summary))


def find_sink(summary: Summary) -> str:
    """Where most weight beyond chance goes: it is found, not assumed."""
    means = {kind: _mean(summary.kappa(kind)) for kind in _CANDIDATES}
    if means["first"] <= max(means["cls"], means["other"]) + 1e-9:
        means.pop("first")
    return max(means, key=lambda kind: means[kind])


def _mean(array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    good = array[np.isfinite(array)]
    return float(good.mean()) if len(good) else float("-inf")


def _signs(summary: Summary, unknown: float) -> tuple[str, ...]:
    there = np.isfinite(summary.values["cls"])
    entropy, shared = summary.values["entropy_norm"][there], summary.values["mi_norm"][there]
    out = []
    delimiters = summary.kappa("delimiters")
    full = [float((row[ok] >= 0.6).mean()) for row, ok in zip(delimiters, there, strict=True) if ok.any()]
    if full and min(full) >= _NEARLY_ALL:
        nu = _delimiter_nu(summary)
        if nu is None:
            out.append("a_unknown")
        elif nu > rules.NO_OP:
            out.append("a")
    if entropy.size:
        if float(((entropy <= _NO_ENTROPY) & (shared <= _SAME)).mean()) >= _NEARLY_ALL:
            out.append("b")
        # A causal row sees other keys than the next one, so that even uniform attention has mutual information.
        excess = shared - (summary.baselines["mi_norm"] if summary.causal else 0)
        if float(((entropy >= _UNIFORM) & (excess <= _SAME)).mean()) >= _NEARLY_ALL:
            out.append("d")
    if summary.texts and summary.tokens / summary.texts < _SHORT:
        out.append("e_short")
    if unknown > _UNKNOWN:
        out.append("e_unknown")
    return tuple(out)


def _delimiter_nu(summary: Summary) -> float | None:
    """ν of [CLS], [SEP] and punctuation together over all heads; None without values."""
    if not summary.has_values:
        return None
    kinds = ("cls", "sep", "punct")
    norm = sum(np.nan_to_num(summary.values[f"norm_{kind}"]) for kind in kinds)
    weight = sum(np.nan_to_num(summary.values[kind]) for kind in kinds)
    return float(np.sum(norm) / max(float(np.sum(weight)), 1e-300))


def verdict(
    source: HeadStatistics | Summary,
    lang: str = "en",
    *,
    unknown: float = 0.0,
    lengths: tuple[int, int] | None = None,
) -> str:
    """What was measured, what is normal, and what would be worth checking, in paragraphs.

    Parameters
    ----------
    source : HeadStatistics or Summary
    lang : "en" or "ja"
    unknown : float
        Share of tokens that are unknown or padding.
    lengths : (int, int), optional
        Shortest and longest text, in tokens.
    """
    summary = source if isinstance(source, Summary) else Summary.of(source)
    found = diagnose(summary, unknown=unknown)
    title = text_of(
        lang,
        f"verdict.title.{found.kind}",
        texts=summary.texts,
        rows=summary.rows,
        faults=summary.faults,
        needed=rules.TEXTS_NEEDED,
        needed_rows=rules.ROWS_NEEDED,
    )
    if found.kind == "invalid":
        return title
    parts = [title, _measured(summary, found.sink, lang)]
    parts.append(text_of(lang, "verdict.normal_causal" if summary.causal else "verdict.normal"))
    parts.append(_values(summary, found.sink, lang))
    per_text = f"{summary.tokens / max(summary.texts, 1):.1f}"
    parts += [
        text_of(lang, f"verdict.sign.{sign}", tokens_per_text=per_text, unknown=_percent(unknown))
        for sign in found.signs
    ]
    # What special tokens take says nothing where nothing has been learned.
    parts += [text_of(lang, "verdict.overfitting"), text_of(lang, "verdict.worth")]
    if lengths is not None:
        parts.append(text_of(lang, "verdict.extrapolation", shortest=lengths[0], longest=lengths[1]))
    return "\n\n".join(part for part in parts if part)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.1f} %"


def _name(summary: Summary, kind: str, lang: str) -> str:
    return summary.sinks.get(kind) or text_of(lang, f"name.{kind}")


def _measured(summary: Summary, kind: str, lang: str) -> str:
    share = summary.values[kind]
    by_layer = [_mean(row) for row in share]
    top = int(np.argmax(by_layer))
    strength = summary.kappa(kind)
    return text_of(
        lang,
        "verdict.measured",
        texts=summary.texts,
        tokens=summary.tokens,
        name=_name(summary, kind, lang),
        share=_percent(_mean(share)),
        base=_percent(float(summary.baselines[kind])),
        layer=top,
        top=_percent(by_layer[top]),
        count=int(np.nansum(strength >= rules.LEANS)),
        heads=sum(summary.heads),
        sinks=int(np.nansum(strength >= 0.6)),
    )


def _values(summary: Summary, kind: str, lang: str) -> str:
    if not summary.has_values:
        return text_of(lang, "verdict.no_values")
    leaning = summary.kappa(kind) >= rules.LEANS
    if not leaning.any():
        return ""
    share = float(summary.values[kind][leaning].mean())
    norm = float(summary.values[f"norm_{kind}"][leaning].mean())
    nu = summary.nu(kind)[leaning]
    return text_of(
        lang,
        "verdict.values",
        share=_percent(share),
        norm=_percent(norm),
        nu=f"{norm / share:.2f}",
        noop=int((nu <= rules.NO_OP).sum()),
        count=int(leaning.sum()),
    )
