"""How heads become rows, against what `Attention` itself says; js/test/picture.test.ts holds its twin to fixtures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attnwidget
from attnwidget import Attention, AttnView, description, scene
from attnwidget.answers import answer, read
from attnwidget.answers.rollout import MOST_CELLS, with_rollout
from attnwidget.export.choice import Choice, container
from attnwidget.pictured import pictured
from attnwidget.selection import Selection
from attnwidget.statistics.flow import rollout
from attnwidget.wire import Container, codec, encode
from attnwidget.wire.encode import plain_norms

SPECIAL = ("cls", "sep", "other")


@pytest.fixture(scope="module")
def pair(minilm_path: str) -> Attention:
    """Two sentences with a word of several pieces."""
    found = attnwidget.capture(minilm_path, "A strawberry thief ran.", "It was unbelievably quick.")
    assert isinstance(found, Attention)
    assert len(found.by_word().tokens) < len(found.tokens)
    return found


@pytest.fixture(scope="module")
def causal() -> Attention:
    """Finished weights of a causal text without special tokens."""
    rng = np.random.default_rng(3)
    weights = np.tril(rng.random((2, 3, 6, 6)) ** 4)
    weights /= weights.sum(-1, keepdims=True)
    return Attention.from_arrays(weights.astype(np.float32), ["the", "cat", "sat", "on", "the", "mat"], stack="decoder")


def scene_of(attention: Attention, **state: Any) -> Any:
    found = pictured(attention, Selection(stack=next(iter(attention.stacks)), **state))
    assert found is not None
    return found


def columns(attention: Attention, kinds: tuple[str, ...]) -> list[int]:
    return [i for i, token in enumerate(attention.key_tokens()) if token.kind in kinds]


def test_words_are_those_of_by_word(pair: Attention) -> None:
    words = pair.by_word()
    found = scene_of(pair, layer=2, unit="words")
    assert [token.text for token in found.look.keys.tokens] == [token.text for token in words.tokens]
    assert found.joint.rows == pytest.approx(words.weights(2).mean(axis=0), abs=1e-6)
    assert found.joint.rows.sum(axis=1) == pytest.approx(np.ones(len(words.tokens)), abs=1e-5)
    largest = scene_of(pair, layer=2, unit="words", aggregate="max")
    assert largest.joint.rows == pytest.approx(words.weights(2).max(axis=0), abs=1e-6)


def test_contributions_are_shares_of_what_is_written(pair: Attention) -> None:
    written = pair.contributions(3).astype(np.float64)
    found = scene_of(pair, layer=3, measure="contribution")
    assert found.norms_of == "written"
    assert found.joint.rows == pytest.approx(written.sum(0) / written.sum((0, 2))[:, None], abs=1e-6)
    one = scene_of(pair, layer=3, heads=(4,), measure="contribution")
    assert one.joint.rows == pytest.approx(written[4] / written[4].sum(-1, keepdims=True), abs=1e-6)
    assert one.joint.row(1).sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("measure", ["weight", "contribution"])
def test_what_is_left_out_is_the_mass_on_special_tokens(pair: Attention, measure: str) -> None:
    cells = pair.weights(3) if measure == "weight" else pair.contributions(3)
    special = cells[:, :, columns(pair, SPECIAL)].sum(dtype=np.float64) / cells.sum(dtype=np.float64)
    if measure == "contribution":
        rows = cells.sum(0, dtype=np.float64)
        special = (rows[:, columns(pair, SPECIAL)].sum(1) / rows.sum(1)).mean()
    shown, left = (scene_of(pair, layer=3, measure=measure, sinks=sinks) for sinks in ("show", "leave_out"))
    assert shown.ledger.fate["left_out"] == 0
    assert left.ledger.fate["left_out"] == pytest.approx(special, abs=1e-6)
    assert left.ledger.kinds == shown.ledger.kinds
    # The numbers that stay are the same; nothing goes to a key that was left out.
    kept = ~left.look.hidden
    assert left.joint.rows[:, kept] == pytest.approx(shown.joint.rows[:, kept], abs=1e-7)
    assert not set(left.strokes.key.tolist()) & set(columns(pair, SPECIAL))


def test_renormalised_rows_sum_to_one_and_say_over_what(pair: Attention) -> None:
    left = scene_of(pair, layer=3, sinks="leave_out")
    found = scene_of(pair, layer=3, sinks="renormalise")
    assert found.joint.rows.sum(axis=1) == pytest.approx(np.ones(len(pair.tokens)), abs=1e-5)
    assert found.remaining == pytest.approx(1 - left.ledger.fate["left_out"], abs=1e-6)
    assert found.ledger.fate["left_out"] == pytest.approx(left.ledger.fate["left_out"], abs=1e-6)
    ratio = left.joint.rows / np.maximum(left.joint.rows.sum(axis=1, keepdims=True), 1e-9)
    assert found.joint.rows == pytest.approx(ratio, abs=1e-5)


def test_dimmed_keys_are_drawn_and_counted(pair: Attention) -> None:
    shown, dim = (scene_of(pair, layer=3, sinks=sinks) for sinks in ("show", "dim"))
    assert np.flatnonzero(dim.look.dimmed).tolist() == columns(pair, SPECIAL)
    assert dim.ledger == shown.ledger
    assert dim.strokes.key.tolist() == shown.strokes.key.tolist()


@pytest.mark.parametrize(("name", "query", "key"), [("aa", 0, 0), ("ab", 0, 1), ("ba", 1, 0), ("bb", 1, 1)])
def test_a_pair_filter_keeps_one_block(pair: Attention, name: str, query: int, key: int) -> None:
    found = scene_of(pair, layer=1, pair=name)
    text = [(token.segment, token.kind in ("word", "punct")) for token in pair.tokens]
    rows, keys = ([i for i, said in enumerate(text) if said == (segment, True)] for segment in (query, key))
    assert list(found.chosen) == rows
    assert set(found.strokes.query.tolist()) <= set(rows)
    assert set(found.strokes.key.tolist()) <= set(keys)
    weights = pair.weights(1).mean(axis=0, dtype=np.float64)[rows]
    assert found.ledger.fate["left_out"] == pytest.approx(1 - weights[:, keys].sum() / len(rows), abs=1e-6)
    alone = scene_of(pair, layer=1, pair=name, sinks="renormalise")
    assert alone.ledger.fate["left_out"] == pytest.approx(found.ledger.fate["left_out"], abs=1e-6)


def test_one_text_has_no_pair(causal: Attention) -> None:
    assert scene_of(causal, pair="ab").ledger == scene_of(causal).ledger


def test_the_first_key_of_a_causal_text_is_a_sink(causal: Attention) -> None:
    assert description.sinks(causal.stacks["decoder"]) == [0]
    found = scene_of(causal, sinks="leave_out")
    assert found.ledger.fate["left_out"] == pytest.approx(causal.weights(0)[:, :, 0].mean(), abs=1e-6)
    _, stacks = description.tokens_and_stacks(causal)
    assert (stacks[0]["causal"], stacks[0]["sinks"]) == (True, [0])


def test_special_tokens_are_the_sinks_of_an_encoder(pair: Attention) -> None:
    tokens, stacks = description.tokens_and_stacks(pair)
    assert (stacks[0]["causal"], stacks[0]["sinks"]) == (False, columns(pair, SPECIAL))
    whole = [token["whole"]["text"] for token in tokens["text"] if "whole" in token]
    several = [word.text for word in pair.by_word().tokens if word.id is None]
    assert whole == several


def test_even_shares_count_the_keys_a_row_may_see(pair: Attention, causal: Attention) -> None:
    both, one = scene_of(pair), scene_of(causal)
    assert both.look.baseline(3) == 1 / len(pair.tokens)
    assert [one.look.baseline(row) for row in range(6)] == pytest.approx([1 / (row + 1) for row in range(6)])
    left = scene_of(causal, sinks="renormalise")
    assert [left.look.baseline(row) for row in range(6)] == pytest.approx([0, *(1 / row for row in range(1, 6))])


@given(
    st.sampled_from(["weight", "contribution"]),
    st.sampled_from(["show", "dim", "leave_out", "renormalise"]),
    st.sampled_from(["mean", "max", "rollout"]),
    st.sampled_from(["pieces", "words"]),
    st.sampled_from(["all", "aa", "ab", "ba", "bb"]),
    st.sampled_from([(), (3,), (2, 8)]),
    st.sampled_from([(), (0,), (5, 6)]),
)
@settings(max_examples=60, deadline=None)
def test_both_lines_of_every_ledger_are_whole(
    pair: Attention,
    measure: str,
    sinks: str,
    aggregate: str,
    unit: str,
    only: str,
    queries: tuple[int, ...],
    keys: tuple[int, ...],
) -> None:
    state = {"measure": measure, "sinks": sinks, "aggregate": aggregate, "unit": unit, "pair": only}
    ledger = scene_of(pair, layer=4, queries=queries, keys=keys, **state).ledger
    total = sum(ledger.kinds.values())
    for line in (ledger.fate, ledger.kinds):
        assert sum(line.values()) == pytest.approx(total, abs=1e-9)
        assert all(-1e-9 <= share <= 1 + 1e-9 for share in line.values())
        assert sum(scene.percents(list(line.values()))) == (100 if total else 0)


# ---- rollout


def rolled_of(container: bytes, stack: str, layer: int) -> np.ndarray:
    found = Container(container)
    info = found.block(f"rollout/{stack}/{layer}", (1, -1, -1))
    heads, queries, keys = info["shape"]
    raw = found.bytes(f"rollout/{stack}/{layer}")
    codes = codec.unpack_dense(raw, (heads, queries, keys), info.get("large", 0), info.get("classes", []))
    return codec.VALUES[codes][0]


def test_rollout_is_answered_as_a_page_reads_weights(pair: Attention) -> None:
    want = rollout(pair)
    data = answer(pair, read({"what": "rollout", "stack": "encoder", "layer": 3}))
    assert rolled_of(data, "encoder", 3) == pytest.approx(want[3], abs=0.000501)
    planes = Container(data).numbers("rollout_sums/encoder/3", (5, 1, len(pair.tokens)))
    assert planes[-1, 0] == pytest.approx(np.full(len(pair.tokens), 2**16), abs=1)
    found = scene_of(pair, layer=3, aggregate="rollout", heads=(1, 2))
    assert found.joint.rows == pytest.approx(want[3], abs=1e-6)
    assert len(found.series) == 1


def test_an_exported_page_brings_the_rollouts_of_a_short_text(pair: Attention) -> None:
    data = with_rollout(encode(pair), pair, "encoder", 2)
    for layer, want in enumerate(rollout(pair)):
        assert rolled_of(data, "encoder", layer) == pytest.approx(want, abs=0.000501)
    assert set(Container(encode(pair)).blocks) < set(Container(data).blocks)


def test_rollout_needs_queries_that_are_its_keys() -> None:
    weights = np.full((1, 2, 2, 3), 1 / 3, np.float32)
    crossed = Attention.from_arrays(weights, ["a", "b"], ["x", "y", "z"], stack="cross")
    with pytest.raises(ValueError, match="2 queries and 3 keys"):
        answer(crossed, read({"what": "rollout", "stack": "cross", "layer": 0}))
    whole = encode(crossed)
    assert with_rollout(whole, crossed, "cross", 0) == whole
    view = AttnView(crossed, aggregate="rollout")
    assert view._picture() is not None


def test_rollout_of_a_long_text_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, pair: Attention) -> None:
    monkeypatch.setattr("attnwidget.answers.rollout.MOST_CELLS", 100)
    with pytest.raises(ValueError, match="up to 4 tokens"):
        answer(pair, read({"what": "rollout", "stack": "encoder", "layer": 0}))
    assert MOST_CELLS > 100


# ---- norms


def test_without_norms_weights_are_shown(causal: Attention) -> None:
    found = scene_of(causal, measure="contribution")
    assert (found.norms_of, found.look.measure) == ("", "weight")
    assert found.joint.rows == pytest.approx(causal.weights(0).mean(axis=0), abs=1e-7)


def test_where_the_projection_is_not_known_values_alone_are_measured(
    monkeypatch: pytest.MonkeyPatch, pair: Attention
) -> None:
    monkeypatch.setattr(Attention, "value_norms", lambda *args, **kwargs: None)
    norms = np.linalg.norm(pair.value(2), axis=-1)
    assert plain_norms(pair, "encoder", 2) == pytest.approx(norms, rel=1e-6)
    blocks = Container(encode(pair, stack_layers={"encoder": [2]}))
    assert "value_norms/encoder/2" not in blocks.blocks
    assert blocks.numbers("plain_value_norms/encoder/2") == pytest.approx(norms, rel=2**-12)
    for heads in ({}, {"encoder": {2: [1]}}):
        some = Container(container(pair, Choice({"encoder": [2]}, heads)))
        assert some.bytes("plain_value_norms/encoder/2") == blocks.bytes("plain_value_norms/encoder/2")
    found = scene_of(pair, layer=2, heads=(1,), measure="contribution")
    assert found.norms_of == "value"
    moved = pair.weights(2, 1) * norms[1]
    assert found.joint.rows == pytest.approx(moved / moved.sum(-1, keepdims=True), abs=1e-6)


# ---- the plain picture


@pytest.mark.parametrize("mode", ["lines", "matrix"])
@pytest.mark.parametrize(
    "state",
    [
        {"sinks": "renormalise"},
        {"sinks": "dim", "scale": "log"},
        {"measure": "contribution", "scale": "relative"},
        {"unit": "words", "pair": "ab", "scale": "linear"},
        {"aggregate": "rollout", "selected_queries": [2]},
        {"aggregate": "max", "heads": [1, 2], "selected_keys": [3]},
    ],
)
def test_every_state_has_a_plain_picture_of_its_own(pair: Attention, mode: str, state: dict[str, Any]) -> None:
    plain, found = AttnView(pair, layer=3, mode=mode), AttnView(pair, layer=3, mode=mode, **state)
    assert found._picture() != plain._picture()


def test_selection_holds_every_switch(pair: Attention) -> None:
    view = AttnView(pair, sinks="dim", measure="contribution", unit="words", pair="ab", aggregate="max", scale="log")
    got = view.selection
    assert (got.sinks, got.measure, got.unit, got.pair, got.aggregate, got.scale) == (
        "dim",
        "contribution",
        "words",
        "ab",
        "max",
        "log",
    )
    assert replace(got, sinks="show") != got
