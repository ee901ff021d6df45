"""What each head is called, how sure that is, and on what evidence."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from attnwidget.statistics import rules
from attnwidget.statistics.heads import HeadStatistics
from attnwidget.statistics.rules import LABELS, STATISTIC, Summary
from attnwidget.statistics.texts import LANGUAGES, text_of

_SINKS = {f"{kind}_sink": kind for kind in ("cls", "sep", "punct", "first", "other")}
_POSITIONS = {"previous": -1, "next": 1, "self": 0}


@dataclass(frozen=True)
class HeadLabel:
    """A head's label.

    Attributes
    ----------
    layer, head : int
        0-based.
    label, runner_up : str
        One of :data:`attnwidget.statistics.rules.LABELS`.
    margin, runner_up_margin : float
        How far the statistic is above the rule's threshold (0 for "mixed"); the runner-up's may be negative.
    sink : str
        For a sink: "no-op", "read-out", "unclear" (from values), or "unverified" (values unknown); "" otherwise.
    tags : tuple of str
        "strict" (position), "leans_on:KIND", "latent:OFFSET", "gathers", "own_sentence", "cross_sentence".
    certainty : str
        "describes" (too few texts to judge), "is", "mostly" or "between", by bootstrap over texts.
    agreement : float
        Share of bootstrap replicates with this label; NaN where there are none.
    evidence : dict of str to float
        The numbers behind it: share, base, kappa, nu, texts, …
    name, runner_up_name : str
        What the token of a sink is called ("[CLS]").
    """

    layer: int
    head: int
    label: str
    margin: float
    runner_up: str
    runner_up_margin: float
    sink: str = ""
    tags: tuple[str, ...] = ()
    certainty: str = "describes"
    agreement: float = float("nan")
    evidence: dict[str, float] = field(default_factory=dict)
    name: str = ""
    runner_up_name: str = ""

    def title(self, lang: str = "en") -> str:
        """The label in words: "[SEP] sink (no-op)"."""
        return _title(self.label, self.name, self.sink, lang)

    def runner_up_title(self, lang: str = "en") -> str:
        """The runner-up in words: "[SEP] sink"."""
        return _title(self.runner_up, self.runner_up_name, "", lang)

    def tag_texts(self, tag: str) -> dict[str, str]:
        """A tag in words of every language."""
        return {lang: _tag(tag, lang) for lang in LANGUAGES}

    def text(self, lang: str = "en") -> str:
        """One sentence with the evidence, in words that go no further than the data. `lang`: "en" or "ja"."""
        title = self.title(lang)
        if self.certainty == "between":
            title = text_of(lang, "certainty.between", first=title, second=self.runner_up_title(lang))
        elif self.certainty == "mostly":
            title = text_of(lang, "certainty.mostly", first=title)
        if self.label == "mixed":
            body = title
        elif self.label in ("broad", "induction"):
            body = text_of(lang, f"evidence.{self.label}", title=title, **self._numbers())
        else:
            body = text_of(lang, "evidence.share", title=title, **self._numbers())
        parts = [body]
        if "nu" in self.evidence:
            parts.append(text_of(lang, "evidence.nu", nu=f"{self.evidence['nu']:.2f}"))
        parts += [_tag(tag, lang) for tag in self.tags]
        texts = int(self.evidence.get("texts", 1))
        key = "evidence.one_text" if texts == 1 else "evidence.few_texts" if self.certainty == "describes" else None
        parts.append(text_of(lang, key or "evidence.texts", texts=texts))
        return text_of(lang, "evidence.join").join(parts)

    def _numbers(self) -> dict[str, str]:
        return {name: f"{self.evidence[name]:.2f}" for name in ("share", "base") if name in self.evidence}


def _title(label: str, name: str, sink: str, lang: str) -> str:
    title = text_of(lang, f"label.{label}", name=name or text_of(lang, f"name.{_SINKS.get(label, 'other')}"))
    return text_of(lang, "label.with_sink", title=title, sink=text_of(lang, f"sink.{sink}")) if sink else title


def _tag(tag: str, lang: str) -> str:
    kind, _, value = tag.partition(":")
    if kind == "leans_on":
        return text_of(lang, "tag.leans_on", name=value)
    if kind == "latent":
        offset = int(value)
        named = {-1: "previous", 0: "self", 1: "next"}.get(offset)
        return text_of(lang, f"tag.latent_{named}" if named else "tag.latent", offset=f"{offset:+d}")
    return text_of(lang, f"tag.{kind}")


def labels(source: HeadStatistics | Summary) -> list[HeadLabel]:
    """Labels of all heads, in order of layer and head."""
    summary = source if isinstance(source, Summary) else Summary.of(source)
    margin = rules.margins(summary.values, summary.baselines)
    code = rules.decide(margin)
    latent, offset = summary.latent()
    return [
        _label(summary, margin[:, layer, head], int(code[layer, head]), latent, offset, layer, head)
        for layer, count in enumerate(summary.heads)
        for head in range(count)
    ]


def _label(
    summary: Summary,
    margin: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    code: int,
    latent: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    offset: np.ndarray[tuple[int, ...], np.dtype[np.intp]],
    layer: int,
    head: int,
) -> HeadLabel:
    label = LABELS[code]
    # "Mixed", at margin 0, is the runner-up of whatever alone holds.
    second = max((i for i in range(len(LABELS)) if i != code), key=lambda i: float(margin[i]))
    evidence: dict[str, float] = {"texts": float(summary.texts), "rows": float(summary.rows)}
    statistic = STATISTIC.get(label)
    if statistic:
        evidence["share"] = float(summary.values[statistic][layer, head])
        if statistic in summary.baselines:
            evidence["base"] = float(summary.baselines[statistic])
    kind = _SINKS.get(label)
    sink = ""
    if kind:
        nu = float(summary.nu(kind)[layer, head]) if summary.has_values else float("nan")
        sink = "unverified" if np.isnan(nu) else "no-op" if nu <= rules.NO_OP else "unclear"
        sink = "read-out" if nu >= rules.READ_OUT else sink
        if not np.isnan(nu):
            evidence["nu"] = nu
    certainty, agreement, rival = _certainty(summary, code, layer, head)
    second = rival if rival is not None and certainty == "between" else second
    return HeadLabel(
        layer,
        head,
        label,
        float(margin[code]),
        LABELS[second],
        float(margin[second]),
        sink,
        _tags(summary, label, float(latent[layer, head]), int(offset[layer, head]), layer, head),
        certainty,
        agreement,
        evidence,
        summary.sinks.get(kind, "") if kind else "",
        summary.sinks.get(_SINKS.get(LABELS[second], ""), ""),
    )


def _certainty(summary: Summary, code: int, layer: int, head: int) -> tuple[str, float, int | None]:
    """How the label is worded, the share of replicates that agree, and the label that the others have most often."""
    if summary.replicates is None or not len(summary.replicates) or not summary.enough or summary.faults:
        return "describes", float("nan"), None
    votes = np.bincount(summary.replicates[:, layer, head], minlength=len(LABELS))
    agreement = float(votes[code] / votes.sum())
    votes[code] = -1
    wording = "is" if agreement >= 0.95 else "mostly" if agreement >= 0.8 else "between"
    return wording, agreement, int(votes.argmax())


def _tags(summary: Summary, label: str, latent: float, offset: int, layer: int, head: int) -> tuple[str, ...]:
    out = []

    def value(name: str) -> float:
        return float(summary.values[name][layer, head])

    if label in _POSITIONS and offset == _POSITIONS[label]:
        if latent >= rules.STRICT_ARGMAX and value("max") >= rules.STRICT_MAX:
            out.append("strict")
    elif latent >= rules.LATENT:
        out.append(f"latent:{offset}")
    for kind in ("cls", "sep", "punct", "first"):
        share = float(summary.kappa(kind)[layer, head])
        same_as_cls = kind == "first" and value("first") <= value("cls") + 1e-9
        if rules.LEANS <= share < rules.THRESHOLDS["cls_sink"] and not same_as_cls:
            out.append(f"leans_on:{summary.sinks.get(kind, kind)}")
    if value("cls_row_entropy") >= rules.GATHERS_ENTROPY and value("cls_row_content") >= rules.GATHERS_CONTENT:
        out.append("gathers")
    lift = value("cross_lift")
    if lift <= rules.OWN:
        out.append("own_sentence")
    if lift >= rules.CROSS:
        out.append("cross_sentence")
    return tuple(out)
