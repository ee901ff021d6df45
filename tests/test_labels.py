"""Labels and verdicts: every rule, what is said of it, and what must never be said."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from attnwidget import Attention, HeadProfile
from attnwidget.statistics import rules
from attnwidget.statistics.accumulators import poisson_weights
from attnwidget.statistics.definitions import caveats, label_definition
from attnwidget.statistics.heads import HeadStatistics, statistics
from attnwidget.statistics.labels import HeadLabel, labels
from attnwidget.statistics.rules import LABELS, Summary
from attnwidget.statistics.texts import LANGUAGES, table
from attnwidget.statistics.verdict import diagnose, verdict

N = 14
TOKENS = ["[CLS]", *(f"w{i}" for i in range(N - 4)), ",", ".", "[SEP]"]


def mixture(*parts: tuple[float, Any]) -> Any:
    """Weights of one head: parts by share, the rest evenly."""
    rest = 1 - sum(share for share, _ in parts)
    return sum((share * weights for share, weights in parts), rest * np.full((N, N), 1 / N))


def column(*keys: int) -> Any:
    weights = np.zeros((N, N))
    weights[:, keys] = 1 / len(keys)
    return weights


def diagonal(offset: int) -> Any:
    weights = np.eye(N, k=offset)
    weights[weights.sum(1) == 0] = 1 / N
    return weights


HEADS = {
    "previous": mixture((0.9, diagonal(-1))),
    "next": mixture((0.8, diagonal(1))),
    "self": mixture((0.7, np.eye(N))),
    "cls_sink": mixture((0.8, column(0))),
    "sep_sink": mixture((0.8, column(N - 1))),
    "punct_sink": mixture((0.8, column(N - 3, N - 2))),
    "delimiters": mixture((0.4, column(0)), (0.4, column(N - 1))),
    "local": mixture((0.3, diagonal(-1)), (0.3, diagonal(1)), (0.3, np.eye(N))),
    "broad": mixture(),
    "mixed": mixture((0.35, column(0)), (0.2, diagonal(-1)), (0.2, column(3))),
}


def texts(number: int, heads: dict[str, Any] | None = None) -> list[HeadStatistics]:
    draw = np.random.default_rng(0)
    out = []
    for i in range(number):
        noise = draw.dirichlet(np.full(N, 0.5), (len(heads or HEADS), N))
        weights = 0.97 * np.stack(list((heads or HEADS).values())) + 0.03 * noise
        out.append(statistics(Attention.from_arrays(weights[None], TOKENS, text=str(i))))
    return out


def by_head(found: list[HeadLabel]) -> dict[str, HeadLabel]:
    return dict(zip(HEADS, found, strict=True))


def test_every_rule_names_its_head() -> None:
    found = by_head(HeadProfile.from_statistics(texts(25)).labels())
    assert {name: label.label for name, label in found.items()} == {name: name for name in HEADS}
    assert {label.certainty for label in found.values()} == {"is"}
    assert "strict" in found["previous"].tags
    assert found["mixed"].tags == ("leans_on:[CLS]", "gathers")
    assert found["cls_sink"].text() == (
        "[CLS] sink (values not recorded: no-op or read-out cannot be told): 0.79 of weight against 0.07 by chance, "
        "on these 25 texts"
    )
    for label in found.values():
        assert label.margin >= 0
        assert label.runner_up != label.label
        for lang in LANGUAGES:
            assert "{" not in label.text(lang)


def test_one_text_describes_and_does_not_judge() -> None:
    for number in (1, 19):
        found = HeadProfile.from_statistics(texts(number))
        assert {label.certainty for label in found.labels()} == {"describes"}
        assert found.diagnosis == "describes"
        assert "not judged" in found.verdict()
        assert "判定ではありません" in found.verdict("ja")
    assert "one text: described, not judged" in texts(1)[0].labels()[0].text()


def summary_of(values: dict[str, Any], **settings: Any) -> Summary:
    """A summary of 1 × n heads with given means, everything else 0."""
    width = len(next(iter(values.values())))
    one = texts(1)[0]
    full = {name: np.zeros((1, width)) for name in one.values}
    full |= {name: np.array([value], np.float64) for name, value in values.items()}
    given = {
        "heads": (width,),
        "baselines": dict.fromkeys(full, 0.1),
        "layers": {},
        "hits": np.zeros((1, width, 17)),
        "eligible": np.zeros(17),
        "sinks": {"cls": "[CLS]"},
        "texts": 50,
        "rows": 500,
        "tokens": 500,
        "faults": 0,
        "causal": False,
        "has_values": True,
    }
    return Summary(values=full, **{**given, **settings})


def test_no_op_is_said_from_values_only() -> None:
    values = {"cls": [0.8, 0.8, 0.8], "norm_cls": [0.1, 0.5, 0.79], "delimiters": [0.8] * 3}
    found = labels(summary_of(values))
    assert [label.sink for label in found] == ["no-op", "unclear", "read-out"]
    blind = labels(summary_of(values, has_values=False))
    assert [label.sink for label in blind] == ["unverified"] * 3
    assert all("no-op by" not in label.text() for label in blind)


def test_what_is_said_of_values_is_said_of_heads_that_have_them() -> None:
    """As after a layer's W_O was changed in place: its heads have weights, and no values."""
    nan = float("nan")
    sure = {"cls": [0.9, 0.9, 0.7, 0.9], "delimiters": [0.9] * 4, "entropy_norm": [0.3] * 4, "mi_norm": [0.1] * 4}
    some = summary_of({**sure, **{f"norm_{kind}": [0.8, 0.4, nan, nan] for kind in ("cls", "sep", "punct")}})
    found = diagnose(some).evidence
    assert (found["leaning"], found["valued"], found["no_op"]) == (4, 2, 1)
    assert (found["leaning_share"], found["leaning_norm"]) == pytest.approx((0.9, 0.6))
    assert found["nu"] == pytest.approx(0.6 / 0.9)
    assert found["delimiter_nu"] == pytest.approx(3 * 1.2 / 1.8)
    assert diagnose(some).signs == ("a",)
    assert "said of 2 of the 4 heads" in verdict(some)
    assert "1 of 2 such heads" in verdict(some)
    none = summary_of({**sure, **dict.fromkeys(("norm_cls", "norm_sep", "norm_punct"), [nan] * 4)})
    assert diagnose(none).signs == ("a_unknown",)
    assert "cannot be told" in verdict(none)
    assert not [lang for lang in LANGUAGES for text in (verdict(some, lang), verdict(none, lang)) if "nan" in text]


def test_the_sink_is_found() -> None:
    for kind in ("cls", "sep", "punct", "first"):
        found = summary_of({kind: [0.7, 0.5], f"norm_{kind}": [0.01, 0.01]}, sinks={})
        assert diagnose(found).sink == kind
        assert labels(found)[0].label == f"{kind}_sink"
    causal = summary_of({"first": [0.7], "norm_first": [0.01]}, causal=True, sinks={})
    assert "first token takes 70 %" in verdict(causal)
    assert "BERT-like" not in verdict(causal)


def test_a_kind_that_no_text_has_takes_nothing_and_is_not_named() -> None:
    """Weights of an untrained causal model without a start token are even: no kind takes more than chance."""
    baselines = {**dict.fromkeys(texts(1)[0].values, 0.1), "cls": 0.0, "sep": 0.0, "other": 0.0}
    even = summary_of({"first": [0.09], "punct": [0.05]}, causal=True, sinks={}, baselines=baselines)
    assert diagnose(even).sink == "first"
    assert "the first token takes 9.0 % of all attention" in verdict(even)
    assert "\u5148\u982d\u30c8\u30fc\u30af\u30f3\u304c" in verdict(even, "ja")


def test_signs_are_those_of_the_rules() -> None:
    sure = {"cls": [0.9] * 4, "delimiters": [0.9] * 4, "entropy_norm": [0.3] * 4, "mi_norm": [0.1] * 4}
    assert diagnose(summary_of({**sure, "norm_cls": [0.8] * 4})).signs == ("a",)
    assert diagnose(summary_of({**sure, "norm_cls": [0.1] * 4})).signs == ()
    assert diagnose(summary_of(sure, has_values=False)).signs == ("a_unknown",)
    assert diagnose(summary_of({"entropy_norm": [0.99] * 4, "mi_norm": [0.0] * 4})).kind == "untrained"
    assert diagnose(summary_of({"entropy_norm": [0.01] * 4, "mi_norm": [0.0] * 4})).kind == "collapsed"
    plain = {"entropy_norm": [0.5] * 4, "mi_norm": [0.2] * 4}
    assert diagnose(summary_of(plain)).kind == "ordinary"
    assert diagnose(summary_of(plain, tokens=150)).signs == ("e_short",)
    assert diagnose(summary_of(plain), unknown=0.6).signs == ("e_unknown",)
    assert diagnose(summary_of(plain, faults=3)).kind == "invalid"
    assert diagnose(summary_of(plain, texts=5)).kind == "describes"
    # In a causal text even uniform rows differ.
    causal = summary_of({"entropy_norm": [0.99] * 4, "mi_norm": [0.1] * 4}, causal=True)
    assert diagnose(causal).kind == "untrained"


def test_induction_comes_first() -> None:
    values = {"prev": [0.9], "induction": [0.6]}
    assert labels(summary_of(values))[0].label == "induction"
    assert "repeated random tokens" in labels(summary_of(values))[0].text()
    assert labels(summary_of({"prev": [0.9], "induction": [0.2]}))[0].label == "previous"


def test_what_replicates_disagree_on_is_said() -> None:
    values = {"cls": [0.65], "norm_cls": [0.1], "delimiters": [0.65]}
    votes = np.full((100, 1, 1), LABELS.index("cls_sink"), np.int8)
    votes[:40] = LABELS.index("mixed")
    label = labels(summary_of(values, replicates=votes))[0]
    assert (label.certainty, label.runner_up, label.agreement) == ("between", "mixed", 0.6)
    assert label.text().startswith("between [CLS] sink (no-op by its values) and mixed")
    votes[10:] = LABELS.index("cls_sink")
    assert labels(summary_of(values, replicates=votes))[0].text("ja").startswith("おおむね")


def test_replicates_that_drew_no_text_have_no_vote() -> None:
    """Copies of a text are drawn together: of one distinct text, every third replicate holds none."""
    one, other = (HeadProfile.from_statistics([text] * 25) for text in texts(2))
    assert {(label.certainty, label.agreement) for label in one.labels()} == {("is", 1.0)}
    again = HeadProfile.from_statistics([*texts(1, dict(reversed(HEADS.items()))) * 25])
    for changed in one.compare(again).heads:
        assert changed.low == pytest.approx(changed.difference) == changed.high
        assert changed.changed == (changed.before != changed.after)
    # Replicates that hold one text and not the other are left out as well.
    assert all(np.isfinite([change.low, change.high]).all() for change in one.compare(other).heads)
    undrawn = next(text for text in texts(9) if not poisson_weights(text.text, 1, 0).any())
    empty = HeadProfile.from_statistics([undrawn] * 25, replicates=1)
    assert {label.certainty for label in empty.labels()} == {"describes"}
    with pytest.raises(ValueError, match="none of their 1 replicates holds texts of both"):
        empty.compare(empty)


def test_gathering_and_sentences_are_tags() -> None:
    values = {"cls_row_entropy": [0.8, 0.8], "cls_row_content": [0.6, 0.3], "cross_lift": [0.4, 1.6]}
    assert [label.tags for label in labels(summary_of(values))] == [("gathers", "own_sentence"), ("cross_sentence",)]


def test_texts_are_complete_and_claim_nothing_they_cannot() -> None:
    english, japanese = table("en"), table("ja")
    assert list(english) == list(japanese)
    for key, text in english.items():
        assert text.strip()
        assert japanese[key].strip()
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", japanese[key])), key
        assert "syntactic" not in text.lower()
    assert set(rules.THRESHOLDS) == set(LABELS) - {"mixed"}
    for label in LABELS:
        for lang in LANGUAGES:
            assert label_definition(label, lang)
    assert {"weights", "one_text", "no_values", "rollout", "masking"} <= set(caveats())
    with pytest.raises(ValueError, match="lang must be one of"):
        table("de")
