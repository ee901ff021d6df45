"""The answer to "everything looks at special tokens: is that normal?", from the data and no further."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    evidence : mapping of str to float
        The numbers behind it. Of the sink: "share" and "base" (of all weight, and by chance), "top_layer" and
        "top_share", "heads", "leaning" (heads with κ ≥ 0.3), "sinks" (κ ≥ 0.6), "valued" (leaning heads whose values
        are known), and of these "leaning_share", "leaning_norm", "nu" and "no_op" (heads with ν ≤ 0.5); where there are
        none, "leaning_share" is of all leaning heads, and the others are NaN. Of the signs:
        "delimiter_heads" (the smallest share over layers of heads that put κ ≥ 0.6 on delimiters), "delimiter_nu",
        "collapsed_heads", "uniform_heads" (shares of all heads), "tokens_per_text", "unknown".
    """

    kind: str
    signs: tuple[str, ...]
    sink: str
    evidence: Mapping[str, float] = field(default_factory=dict)


def diagnose(source: HeadStatistics | Summary, *, unknown: float = 0.0) -> Diagnosis:
    """Which of the warning signs hold. `unknown`: share of tokens that are unknown or padding."""
    summary = source if isinstance(source, Summary) else Summary.of(source)
    sink = find_sink(summary)
    evidence = _of_sink(summary, sink) | _of_signs(summary, unknown)
    signs = _signs(evidence)
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
    return Diagnosis(kind, signs, sink, evidence)


def find_sink(summary: Summary) -> str:
    """Where most weight beyond chance goes: it is found, not assumed. Kinds that no text has are none of it."""
    there = [kind for kind in _CANDIDATES if kind == "first" or float(summary.baselines[kind]) > 0]
    means = {kind: _mean(summary.kappa(kind)) if kind in there else float("-inf") for kind in _CANDIDATES}
    if means["first"] <= max(means["cls"], means["other"]) + 1e-9:
        means.pop("first")
    return max(means, key=lambda kind: means[kind])


def _mean(array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    good = array[np.isfinite(array)]
    return float(good.mean()) if len(good) else float("-inf")


def _of_sink(summary: Summary, kind: str) -> dict[str, float]:
    share = summary.values[kind]
    by_layer = [_mean(row) for row in share]
    top = int(np.argmax(by_layer))
    strength = summary.kappa(kind)
    leaning = strength >= rules.LEANS
    # A layer whose W_O has changed since the capture has weights, and no values.
    valued = leaning & np.isfinite(summary.values[f"norm_{kind}"]) & summary.has_values
    out = {
        "share": _mean(share),
        "base": float(summary.baselines[kind]),
        "top_layer": float(top),
        "top_share": by_layer[top],
        "heads": float(sum(summary.heads)),
        "leaning": float(leaning.sum()),
        "sinks": float((strength >= rules.THRESHOLDS["cls_sink"]).sum()),
        "valued": float(valued.sum()),
        **dict.fromkeys(("leaning_share", "leaning_norm", "nu", "no_op"), float("nan")),
    }
    if valued.any():
        out["leaning_share"] = float(share[valued].mean())
        out["leaning_norm"] = float(summary.values[f"norm_{kind}"][valued].mean())
        out["nu"] = out["leaning_norm"] / out["leaning_share"]
        out["no_op"] = float((summary.nu(kind)[valued] <= rules.NO_OP).sum())
    elif leaning.any():
        out["leaning_share"] = float(share[leaning].mean())
    return out


def _of_signs(summary: Summary, unknown: float) -> dict[str, float]:
    there = np.isfinite(summary.values["cls"])
    entropy, shared = summary.values["entropy_norm"][there], summary.values["mi_norm"][there]
    delimiters = summary.kappa("delimiters")
    full = [float((row[ok] >= 0.6).mean()) for row, ok in zip(delimiters, there, strict=True) if ok.any()]
    # A causal row sees other keys than the next one, so that even uniform attention has mutual information.
    excess = shared - (summary.baselines["mi_norm"] if summary.causal else 0)
    same, even = (entropy <= _NO_ENTROPY) & (shared <= _SAME), (entropy >= _UNIFORM) & (excess <= _SAME)
    return {
        "delimiter_heads": min(full, default=0.0),
        "delimiter_nu": _delimiter_nu(summary),
        "collapsed_heads": float(same.mean()) if entropy.size else 0.0,
        "uniform_heads": float(even.mean()) if entropy.size else 0.0,
        "tokens_per_text": summary.tokens / summary.texts if summary.texts else float("nan"),
        "unknown": unknown,
    }


def _signs(evidence: Mapping[str, float]) -> tuple[str, ...]:
    out = []
    if evidence["delimiter_heads"] >= _NEARLY_ALL:
        nu = evidence["delimiter_nu"]
        if np.isnan(nu):
            out.append("a_unknown")
        elif nu > rules.NO_OP:
            out.append("a")
    held = {
        "b": evidence["collapsed_heads"] >= _NEARLY_ALL,
        "d": evidence["uniform_heads"] >= _NEARLY_ALL,
        "e_short": evidence["tokens_per_text"] < _SHORT,
        "e_unknown": evidence["unknown"] > _UNKNOWN,
    }
    return (*out, *(sign for sign, holds in held.items() if holds))


def _delimiter_nu(summary: Summary) -> float:
    """ν of [CLS], [SEP] and punctuation together over all heads whose values are known; NaN where there are none."""
    kinds = ("cls", "sep", "punct")
    norm, weight = (np.sum([summary.values[f"{of}{kind}"] for kind in kinds], axis=0) for of in ("norm_", ""))
    known = np.isfinite(norm)
    if not summary.has_values or not known.any():
        return float("nan")
    return float(norm[known].sum() / max(float(weight[known].sum()), 1e-300))


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
    parts = [title, _measured(summary, found, lang)]
    parts.append(text_of(lang, "verdict.normal_causal" if summary.causal else "verdict.normal"))
    parts += _values(summary, found.evidence, lang)
    parts += [sign_text(found, sign, lang) for sign in found.signs]
    # What special tokens take says nothing where nothing has been learned.
    parts += [text_of(lang, "verdict.overfitting"), text_of(lang, "verdict.worth")]
    if lengths is not None:
        parts.append(text_of(lang, "verdict.extrapolation", shortest=lengths[0], longest=lengths[1]))
    return "\n\n".join(parts)


def sign_text(found: Diagnosis, sign: str, lang: str = "en") -> str:
    """A warning sign that holds, in words."""
    per_text, unknown = f"{found.evidence['tokens_per_text']:.1f}", _percent(found.evidence["unknown"])
    return text_of(lang, f"verdict.sign.{sign}", tokens_per_text=per_text, unknown=unknown)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.0995 else f"{100 * share:.1f} %"


def _measured(summary: Summary, found: Diagnosis, lang: str) -> str:
    evidence = found.evidence
    return text_of(
        lang,
        "verdict.measured",
        texts=summary.texts,
        tokens=summary.tokens,
        name=summary.sinks.get(found.sink) or text_of(lang, f"verdict.named.{found.sink}"),
        share=_percent(evidence["share"]),
        base=_percent(evidence["base"]),
        layer=int(evidence["top_layer"]),
        top=_percent(evidence["top_share"]),
        count=int(evidence["leaning"]),
        heads=sum(summary.heads),
        sinks=int(evidence["sinks"]),
    )


def _values(summary: Summary, evidence: Mapping[str, float], lang: str) -> list[str]:
    leaning, valued = int(evidence["leaning"]), int(evidence["valued"])
    if not summary.has_values or (leaning and not valued):
        return [text_of(lang, "verdict.no_values")]
    if not leaning:
        return []
    written = text_of(
        lang,
        "verdict.values",
        share=_percent(evidence["leaning_share"]),
        norm=_percent(evidence["leaning_norm"]),
        nu=f"{evidence['nu']:.2f}",
        noop=int(evidence["no_op"]),
        count=valued,
    )
    return [written] if valued == leaning else [written, text_of(lang, "verdict.values_some", of=valued, count=leaning)]
