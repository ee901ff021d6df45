"""Statistics of one text: against loops over single cells, closed forms, and properties."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import attnwidget
from attnwidget import Attention, capture
from attnwidget.inputs.tokens import Token
from attnwidget.statistics import onepass
from attnwidget.statistics.definitions import definition
from attnwidget.statistics.definitions import names as defined
from attnwidget.statistics.heads import HeadStatistics
from attnwidget.statistics.partition import CATEGORIES
from attnwidget.statistics.texts import LANGUAGES, table

ENGLISH = ["[CLS]", "the", "dog", "saw", "the", "dog", ",", "##s", "[SEP]"]
PLAIN = ["the", "dog", "saw", ",", "the", "dog", "run", "."]
PAIR = [
    Token("[CLS]", "[CLS]", 1, "cls", "cls", 0),
    Token("a", "a", 10, segment=0),
    Token("b", "b", 11, segment=0),
    Token(".", ".", 12, kind="punct", segment=0),
    Token("[SEP]", "[SEP]", 2, "sep", "sep", 0),
    Token("a", "a", 10, segment=1),
    Token("c", "c", 13, segment=1),
    Token("[SEP]", "[SEP]", 2, "sep", "sep", 1),
]


def rows_of(n: int, heads: int, causal: bool, seed: int = 0) -> NDArray[np.float32]:
    logits = np.random.default_rng(seed).normal(0, 2.5, (heads, n, n))
    if causal:
        logits[:, np.triu(np.ones((n, n), bool), 1)] = -np.inf
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)).astype(np.float32)


def attention_of(layers: list[Any], tokens: Any) -> Attention:
    return Attention.from_arrays(layers, tokens)


def category(tokens: tuple[Token, ...], i: int, j: int) -> str:
    """What a cell counts to: what its key is comes before where it lies."""
    if tokens[j].kind != "word":
        return tokens[j].kind
    return "first" if j == 0 else {0: "self", -1: "prev", 1: "next"}.get(j - i, "word")


def reference(a: NDArray[np.float64], tokens: tuple[Token, ...], causal: bool) -> dict[str, float]:
    """Every weight statistic of one head, cell by cell, from the definitions."""
    n = len(tokens)
    out: dict[str, float] = {}

    def mean(values: list[float]) -> float:
        return sum(values) / len(values) if values else math.nan

    def to(rows: Any, keys: Any) -> float:
        return mean([sum(a[i][j] for j in range(n) if keys(j)) for i in range(n) if rows(i)])

    def kind(*wanted: str) -> Any:
        return lambda j: tokens[j].kind in wanted

    def segment(s: int) -> Any:
        return lambda j: tokens[j].kind in ("word", "punct") and tokens[j].segment == s

    def anything(j: int) -> bool:
        return True

    def logs(row: Any) -> float:
        return -sum(w * math.log(w) for w in row if w > 0)

    for name in ("cls", "sep", "punct", "other", "word"):
        out[name] = to(anything, kind(name))
    out["first"] = to(anything, lambda j: j == 0)
    for name in ("first", "self", "prev", "next", "word"):
        cells = [a[i][j] for i in range(n) for j in range(n) if category(tokens, i, j) == name]
        out[f"part_{name}"] = sum(cells) / n
    out["delimiters"] = to(anything, kind("cls", "sep", "punct"))
    out["sep_to_sep"] = to(kind("sep"), kind("sep"))
    out["rest_to_sep"] = to(lambda i: tokens[i].kind != "sep", kind("sep"))
    out["cls_from_others"] = to(lambda i: tokens[i].kind != "cls", kind("cls"))
    out["cls_row_self"] = math.nan if causal else to(kind("cls"), kind("cls"))
    out["cls_row_content"] = math.nan if causal else to(kind("cls"), kind("word", "punct"))
    entropies = [logs(a[i]) for i in range(n)]
    gathering = [entropies[i] / math.log(n) for i in range(n) if tokens[i].kind == "cls"]
    out["cls_row_entropy"] = math.nan if causal else mean(gathering)
    for name, k in (("self", 0), ("prev", -1), ("next", 1)):
        out[name] = mean([a[i][i + k] for i in range(n) if 0 <= i + k < n])
    if causal:
        out["next"] = math.nan
    cells = [(i, j) for i in range(n) for j in range(n)]
    out["window"] = sum(a[i][j] for i, j in cells if abs(i - j) <= 2) / n
    out["distance"] = sum(a[i][j] * abs(i - j) for i, j in cells) / n
    out["signed_distance"] = sum(a[i][j] * (j - i) for i, j in cells) / n
    out["entropy"] = mean(entropies)
    seen = [i + 1 if causal else n for i in range(n)]
    out["entropy_norm"] = mean([entropies[i] / math.log(seen[i]) for i in range(n) if seen[i] > 1])
    out["effective_keys"] = mean([math.exp(h) for h in entropies])
    needed = []
    for row in a:
        total, count = 0.0, 0
        for weight in sorted(row, reverse=True):
            if total >= 0.9 * sum(row) - 1e-9:
                break
            total, count = total + weight, count + 1
        needed.append(float(count))
    out["k90"] = mean(needed)
    out["max"] = mean([max(row) for row in a])
    column = [sum(a[i][j] for i in range(n)) / n for j in range(n)]
    out["coverage"] = math.exp(logs(column)) / n
    out["mi"] = logs(column) - out["entropy"]
    out["mi_norm"] = out["mi"] / math.log(n)
    repeats = []
    for i in range(n):
        successors = {j + 1 for j in range(i) if tokens[j].raw == tokens[i].raw and tokens[i].kind in ("word", "punct")}
        if successors:
            repeats.append(sum(a[i][j] for j in successors))
    out["prefix"] = mean(repeats)
    uniform = [[1 / seen[i] if j < seen[i] else 0.0 for j in range(n)] for i in range(n)]
    groups: dict[str, dict[Any, list[float]]] = {"r2_offset": {}, "r2_kind": {}, "r2_joint": {}}
    for i, j in cells:
        if j >= seen[i]:
            continue
        offset = max(-8, min(8, j - i))
        names = {"r2_offset": offset, "r2_kind": tokens[j].kind, "r2_joint": (offset, tokens[j].kind)}
        for name, group in names.items():
            groups[name].setdefault(group, []).append(a[i][j] - uniform[i][j])
    squares = sum((a[i][j] - uniform[i][j]) ** 2 for i, j in cells)
    for name, found in groups.items():
        out[name] = sum(sum(g) ** 2 / len(g) for g in found.values()) / squares if squares > 0 else math.nan
    out["content"] = 1 - out["r2_joint"]
    two = any(map(segment(1), range(n)))
    names_of = {"a": segment(0), "b": segment(1)}
    for x in "ab":
        for y in "ab":
            out[f"{x}_to_{y}"] = to(names_of[x], names_of[y]) if two else math.nan
    words = kind("word", "punct")
    separators = [i for i in range(n) if tokens[i].kind == "sep"]
    out["to_sep1"] = to(words, lambda j: j == separators[0]) if two else math.nan
    out["to_sep2"] = to(words, lambda j: j == separators[-1]) if two else math.nan
    out["to_cls"] = to(words, kind("cls")) if two else math.nan

    def crossing(of: Any) -> float:
        between = [(i, j) for i, j in cells if words(i) and words(j)]
        across = sum(of[i][j] for i, j in between if tokens[i].segment != tokens[j].segment)
        return across / sum(of[i][j] for i, j in between)

    out["cross_share"] = crossing(a) if two else math.nan
    out["cross_lift"] = crossing(a) / crossing(uniform) if two else math.nan
    received = []
    for j in range(n):
        by = n - j if causal else n
        received.append(sum(a[i][j] for i in range(n)) / by if by >= n / 4 else 0.0)
    out["sink"] = max(received)
    out["sink_first"] = sum(a[i][0] for i in range(n)) / n
    out["sink_rate"] = float(out["sink_first"] > 0.3)
    return out


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("tokens", [ENGLISH, PLAIN, PAIR], ids=["one", "plain", "pair"])
@pytest.mark.parametrize("cells", [1, 64, 1 << 18])
def test_every_statistic_is_that_of_a_loop_over_cells(
    tokens: Any, causal: bool, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onepass, "_CELLS", cells)
    monkeypatch.setattr(onepass, "_DENSE_CELLS", 4096 if cells > 64 else 0)
    layers = [rows_of(len(tokens), 3, causal, seed) for seed in range(2)]
    attention = attention_of(layers, tokens)
    found = attention.statistics()
    checked = 0
    for layer in range(2):
        for head in range(3):
            exact = layers[layer][head].astype(np.float64)
            for name, value in reference(exact, attention.tokens, causal).items():
                # What is measured around uniform attention has its digits: the baseline is float32, as weights are.
                near = 1e-7 if name.startswith(("r2_", "content", "cross_lift")) else 1e-9
                assert found[name][layer, head] == pytest.approx(value, abs=near, nan_ok=True), name
                checked += 1
    uniform = np.array([[1 / (i + 1 if causal else len(tokens))] * len(tokens) for i in range(len(tokens))])
    uniform = np.tril(uniform) if causal else uniform
    for name, value in reference(uniform.astype(np.float32).astype(np.float64), attention.tokens, causal).items():
        if not name.startswith(("r2_", "content", "sink_rate")):
            assert found.baselines[name] == pytest.approx(value, abs=1e-6, nan_ok=True), name
    weights_only = {name for name in found if not name.startswith(("norm_", "value_", "written"))}
    assert checked == 6 * len(weights_only)


def one_head(weights: Any, tokens: Any = None) -> HeadStatistics:
    array = np.asarray(weights, np.float32)
    words = tokens or ["[CLS]", *(f"w{i}" for i in range(len(array) - 2)), "[SEP]"]
    return attention_of([array[None]], words).statistics()


@pytest.mark.parametrize("causal", [False, True])
def test_some_rows_of_a_long_text_are_read_as_if_there_were_no_others(causal: bool) -> None:
    n, heads = 40, 3
    names = ["[CLS]", *(f"w{i % 7}" for i in range(n - 3)), ".", "[SEP]"]
    weights = rows_of(n, heads, causal)
    attention = attention_of([weights], names)
    found = attention.statistics(rows=9)
    read = np.array([0, 5, 10, 15, 20, 24, 29, 34, 39])
    assert (found.rows, found.text_rows, found.tokens) == (9, n, n)
    some = weights[:, read].astype(np.float64)
    mean = some.mean(1)
    entropy = -(some * np.log(np.maximum(some, 1e-300))).sum(-1)
    before, after = read[read > 0], read[read < n - 1]
    expected = {
        "cls": mean[:, 0],
        "punct": mean[:, n - 2],
        "word": mean[:, 1 : n - 2].sum(-1),
        "self": weights[:, read, read].mean(1),
        "prev": weights[:, before, before - 1].mean(1),
        "next": np.full(heads, np.nan) if causal else weights[:, after, after + 1].mean(1),
        "entropy": entropy.mean(1),
        "max": some.max(-1).mean(1),
        "distance": (some * np.abs(np.arange(n) - read[:, None])).sum(-1).mean(1),
        "sep_to_sep": some[:, -1, -1],
        "cls_row_self": np.full(heads, np.nan) if causal else some[:, 0, 0],
        "mi": -(mean * np.log(mean)).sum(-1) - entropy.mean(1),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(found[name][0], value, rtol=1e-6, err_msg=name)
    # The most looked-at key, among those that a quarter of these rows may see.
    seen_by = (read[:, None] >= np.arange(n)).sum(0) if causal else np.full(n, len(read))
    received = np.where(seen_by >= len(read) / 4, some.sum(1) / np.maximum(seen_by, 1), 0)
    np.testing.assert_allclose(found["sink"][0], received.max(-1), rtol=1e-6)
    evenly = np.array([[1 / (i + 1) if j <= i or not causal else 0 for j in range(n)] for i in read])
    evenly = evenly if causal else np.full((len(read), n), 1 / n)
    assert abs(found.baselines["word"] - evenly[:, 1 : n - 2].sum(1).mean()) < 1e-6
    shares = found.shares()
    assert abs(sum(share[0] for share in shares.values()) - 1) < 1e-6


def test_as_many_rows_as_there_are_are_all(tiny_bert: Any) -> None:
    attention = capture(tiny_bert, {"input_ids": [[2, 5, 6, 7, 8, 9, 3]]})
    whole, same, some = attention.statistics(), attention.statistics(rows=7), attention.statistics(rows=3)
    assert same.to_dict() == whole.to_dict()
    assert whole.to_dict()["text_rows"] is None
    assert some.to_dict()["text_rows"] == 7
    contributions = attention.contributions(1)[:, [0, 3, 6]].astype(np.float64).sum(1)
    np.testing.assert_allclose(some["norm_first"][1], contributions[:, 0] / contributions.sum(-1), rtol=1e-4)
    for wrong in (1, 2.5, "all"):
        with pytest.raises(ValueError, match="rows must be a whole number from 2 on"):
            attention.statistics(rows=wrong)  # type: ignore[arg-type]


def test_closed_forms() -> None:
    n = 20
    uniform = one_head(np.full((n, n), 1 / n))
    for name in ("cls", "sep", "word", "self", "prev", "window"):
        assert uniform.kappa(name)[0, 0] == pytest.approx(0, abs=1e-6)
    assert uniform["distance"][0, 0] == pytest.approx((n * n - 1) / (3 * n), abs=1e-5)
    assert uniform["entropy_norm"][0, 0] == pytest.approx(1)
    assert uniform["effective_keys"][0, 0] == pytest.approx(n, rel=1e-5)
    assert (uniform["k90"][0, 0], uniform["coverage"][0, 0]) == pytest.approx((18, 1), rel=1e-5)
    assert uniform["mi"][0, 0] == pytest.approx(0, abs=1e-5)
    identity = one_head(np.eye(n))
    assert identity["self"][0, 0] == identity["max"][0, 0] == 1
    assert identity["prev"][0, 0] == identity["entropy"][0, 0] == identity["distance"][0, 0] == 0
    assert identity["mi_norm"][0, 0] == pytest.approx(1)
    assert identity["k90"][0, 0] == 1
    before = np.eye(n, k=-1)
    before[0, 0] = 1
    shifted = one_head(before)
    assert shifted["prev"][0, 0] == 1
    assert np.isnan(shifted["next"][0, 0])  # such rows are those of a causal text
    assert shifted["signed_distance"][0, 0] == pytest.approx(-(n - 1) / n)
    after = np.eye(n, k=1)
    after[-1, -1] = 1
    assert one_head(after)["next"][0, 0] == 1
    stripe = np.zeros((n, n))
    stripe[:, -1] = 1
    sink = one_head(stripe)
    assert sink["sep"][0, 0] == sink["sep_to_sep"][0, 0] == sink["sink"][0, 0] == 1
    assert sink["cls"][0, 0] == sink["mi"][0, 0] == 0
    assert sink["coverage"][0, 0] == pytest.approx(1 / n)
    assert sink["r2_kind"][0, 0] == pytest.approx(1, abs=1e-3)  # [SEP] is the only key of its kind
    block = np.zeros((8, 8))
    block[:5, :5], block[5:, 5:] = 1 / 5, 1 / 3
    own = one_head(block, PAIR)
    assert own["a_to_b"][0, 0] == own["b_to_a"][0, 0] == own["cross_lift"][0, 0] == 0
    assert own["to_sep1"][0, 0] == pytest.approx(3 / 5 * 1 / 5, abs=1e-6)


def test_direction_of_reading_and_gathering() -> None:
    """What reads [CLS] is its column; what [CLS] gathers is its row."""
    reads = np.zeros((5, 5))
    reads[:, 0] = 1
    reads[0] = [0, 1 / 3, 1 / 3, 1 / 3, 0]
    found = one_head(reads)
    assert found["cls_from_others"][0, 0] == 1
    assert found["cls_row_content"][0, 0] == pytest.approx(1)
    assert found["cls_row_self"][0, 0] == 0


@settings(max_examples=25, deadline=None)
@given(n=st.integers(2, 30), heads=st.integers(1, 4), seed=st.integers(0, 1000), causal=st.booleans())
def test_properties(n: int, heads: int, seed: int, causal: bool) -> None:
    tokens = ["[CLS]", *(["x", "y", ".", "z"] * 8)][: n - 1]
    tokens.append("[SEP]")
    weights = rows_of(n, heads, causal, seed)
    found = attention_of([weights], tokens).statistics()
    total = sum(found[kind] for kind in ("cls", "sep", "punct", "other", "word"))
    np.testing.assert_allclose(total, 1, atol=1e-5)
    assert tuple(found.shares(per="head")) == CATEGORIES
    for per in ("head", "layer"):
        shared = list(found.shares(per=per).values())
        np.testing.assert_allclose(sum(shared), 1, atol=1e-6)
        assert min(part.min() for part in shared) >= 0
    assert (found["mi"] >= 0).all()
    assert (found["entropy"] <= math.log(n) + 1e-6).all()
    assert ((found["k90"] >= 1) & (found["k90"] <= n)).all()
    assert (found["effective_keys"] <= n + 1e-4).all()
    explained = found["r2_joint"][np.isfinite(found["r2_joint"])]
    assert ((explained >= -1e-6) & (explained <= 1 + 1e-4)).all()
    assert (np.nan_to_num(found["r2_offset"]) <= np.nan_to_num(found["r2_joint"]) + 1e-6).all()
    order = np.random.default_rng(seed).permutation(heads)
    mixed = attention_of([weights[order]], tokens).statistics()
    for name in found:
        np.testing.assert_allclose(mixed[name][0], found[name][0, order], atol=1e-9, err_msg=name)


def test_value_statistics_are_those_of_the_vectors(tiny_bert: Any) -> None:
    import torch

    attention = capture(tiny_bert, torch.tensor([[5, 9, 14, 9, 3, 20]]))
    assert isinstance(attention, Attention)
    found = attention.statistics()
    for layer in range(3):
        matrix = tiny_bert.encoder.layer[layer].attention.output.dense.weight.detach().numpy().T.astype(np.float64)
        values = attention.value(layer).astype(np.float64)
        weights = attention.weights(layer).astype(np.float64)
        written = np.stack([values[h] @ matrix[h * 8 : (h + 1) * 8] for h in range(4)])
        norms = np.linalg.norm(written, axis=-1)
        moved = weights * norms[:, None]
        first = moved[:, :, 0].sum(1) / moved.sum((1, 2))
        np.testing.assert_allclose(found["norm_first"][layer], first, rtol=1e-5)
        np.testing.assert_allclose(found["value_first"][layer], norms[:, 0], rtol=1e-5)
        np.testing.assert_allclose(found["written"][layer], moved.sum((1, 2)) / 6, rtol=1e-5)
        np.testing.assert_allclose(found.nu("first")[layer], first / weights[:, :, 0].mean(1), rtol=1e-5)
        together = np.linalg.norm(np.einsum("hqk,hkd->qkd", weights, written), axis=-1)
        share = together[:, 0].sum() / together.sum()
        assert found.layers["layer_norm_first"][layer] == pytest.approx(share, rel=1e-5)


@pytest.mark.parametrize("cells", [1, 1 << 18])
def test_contributions_are_shared_out_as_a_loop_over_cells_does(
    cells: int, minilm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnwidget.statistics.values._CELLS", cells)
    attention = capture(minilm, "Dogs, cats and dogs.")
    assert isinstance(attention, Attention)
    found, n = attention.statistics(), len(attention.tokens)
    for layer in (0, 5):
        for per, moved in (
            ("head", attention.contributions(layer)),
            ("layer", attention.contributions(layer, summed=True)[None]),
        ):
            shares = found.shares("contribution", per)
            assert tuple(shares) == CATEGORIES
            for unit, norms in enumerate(moved.astype(np.float64)):
                expected = dict.fromkeys(CATEGORIES, 0.0)
                for i in range(n):
                    for j in range(n):
                        expected[category(attention.tokens, i, j)] += norms[i, j] / norms.sum()
                measured = {name: np.atleast_1d(array[layer])[unit] for name, array in shares.items()}
                assert measured == pytest.approx(expected, rel=1e-4, abs=1e-7)
    with pytest.raises(ValueError, match="by must be 'weight' or 'contribution', got 'norm'"):
        found.shares("norm")
    with pytest.raises(ValueError, match="per must be 'head' or 'layer', got 'text'"):
        found.shares(per="text")


def test_padded_equals_unpadded(minilm: Any, minilm_tokenizer: Any) -> None:
    texts = ["Short.", "The dog chased the cat, and the cat climbed a tall old tree near the river."]
    both = capture(minilm, texts, tokenizer=minilm_tokenizer)
    assert isinstance(both, list)
    for text, padded in zip(texts, both, strict=True):
        alone = capture(minilm, text, tokenizer=minilm_tokenizer)
        assert isinstance(alone, Attention)
        one, other = alone.statistics(), padded.statistics()
        assert one.tokens == other.tokens
        for name in one:
            np.testing.assert_allclose(other[name], one[name], atol=2e-4, err_msg=name)


def test_layers_without_heads_and_of_other_widths_are_nan() -> None:
    attention = attention_of([rows_of(9, 3, False), None, rows_of(9, 1, False)], ENGLISH)
    found = attention.statistics()
    assert found["cls"].shape == (3, 3)
    assert np.isfinite(found["cls"]).sum() == 4
    assert np.isnan(found["cls"][1]).all()
    assert len(attention.labels()) == 4
    assert not found.has_values
    assert len(found.to_frame()) == 4


def test_rows_of_no_distribution_are_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    attention = attention_of([rows_of(9, 2, False)], ENGLISH)
    whole = attention.weights

    def broken(*args: Any, **kwargs: Any) -> Any:
        weights = whole(*args, **kwargs)
        weights[1, 3] = np.nan
        return weights

    monkeypatch.setattr(attention, "weights", broken)
    found = attention.statistics()
    assert found.faults == 1
    assert "not attention" in found.verdict().lower()


def test_cross_attention_has_no_positions(make_model: Any) -> None:
    weights = np.random.default_rng(0).random((1, 2, 3, 5))
    weights /= weights.sum(-1, keepdims=True)
    attention = Attention.from_arrays(weights, ["a", "b", "c"], list("abcde"), stack="cross")
    found = attention.statistics()
    for name in ("self", "prev", "next", "window", "prefix"):
        assert np.isnan(found[name]).all()
    assert np.isfinite(found["entropy"]).all()
    shares = found.shares()
    np.testing.assert_allclose(sum(shares.values()), 1, atol=1e-6)
    assert all((shares[name] == 0).all() for name in ("self", "prev", "next"))
    assert all(np.isnan(array).all() for array in found.shares("contribution").values())


def test_every_statistic_has_a_definition_in_every_language() -> None:
    found = attention_of([rows_of(8, 1, False)], PAIR).statistics()
    for name in {*found, *defined()}:
        for lang in LANGUAGES:
            entry = definition(name, lang)
            assert entry.title
            assert entry.text
            assert entry.unit
            assert entry.source
    with pytest.raises(KeyError, match="is not one of"):
        definition("beauty")
    assert attnwidget.__all__.count("profile") == 1


def test_plain_numbers_for_the_page() -> None:
    found = attention_of([rows_of(9, 2, False)], ENGLISH).statistics()
    plain = found.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["values"]["cls"][0] == pytest.approx(found["cls"][0], rel=1e-6)
    assert plain["values"]["a_to_b"] == [[None, None]]
    assert not [name for name in plain["values"] if "part_" in name]
    # Without values nothing is said of contributions.
    assert set(map(str, plain["partition"]["contribution_per_head"].values())) == {"[[None, None]]"}
    assert plain["has_values"] is False
    total = sum(np.array(array) for array in plain["partition"]["weight_per_layer"].values())
    assert total == pytest.approx([1], abs=1e-6)
    assert sum(plain["partition"]["uniform"].values()) == pytest.approx(1, abs=1e-6)
    assert [label["title"]["en"] for label in plain["labels"]] == [label.title() for label in found.labels()]
    assert [label["text"]["ja"] for label in plain["labels"]] == [label.text("ja") for label in found.labels()]
    assert plain["verdict"]["text"] == {"en": found.verdict(), "ja": found.verdict("ja")}
    assert plain["verdict"]["kind"] == "describes"
    for name, ids in plain["definitions"].items():
        entry = definition(name, "ja")
        assert (table("ja")[ids["title"]], table("ja")[ids["text"]]) == (entry.title, entry.text)
    assert set(plain["values"]) <= set(plain["definitions"])


def test_only_blocks_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """No array of all heads, nor of n × n, is ever made."""
    n, heads = 700, 3
    tokens = ["[CLS]", *(f"w{i % 50}" for i in range(n - 2)), "[SEP]"]
    attention = attention_of([rows_of(n, heads, True)], tokens)
    whole, asked = attention.weights, []

    def counted(*args: Any, **kwargs: Any) -> Any:
        weights = whole(*args, **kwargs)
        asked.append(weights.size)
        return weights

    monkeypatch.setattr(attention, "weights", counted)
    found = attention.statistics()
    assert max(asked) <= onepass._CELLS < n * n
    monkeypatch.setattr(onepass, "_CELLS", 10**9)
    at_once = attention.statistics()
    for name in found:
        np.testing.assert_allclose(at_once[name], found[name], rtol=1e-10, atol=1e-12, err_msg=name)
