"""What a page is answered in modes Trace and Steps: held to the models' own outputs, and to `flow.trace`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captures import ODD
from numpy.typing import NDArray

from attnwidget import Attention, AttnView, answers, capture
from attnwidget.answers.steps import with_steps
from attnwidget.answers.trace import STATES
from attnwidget.capture.interface import Heard
from attnwidget.capture.recorder import Recorder
from attnwidget.statistics.flow import trace
from attnwidget.wire import Container, encode
from attnwidget.wire.codec import VALUES, encode_weights

FIXTURES = Path(__file__).parent / "fixtures"
sys.path.insert(0, str(FIXTURES))
import make_answers  # noqa: E402  (a script beside the fixtures, not a module of the tests)

F8 = NDArray[np.float64]
IDS = torch.tensor([[9, 21, 33, 7, 15, 40, 8, 22, 50, 11]])


def ask(data: Attention, what: str, stack: str, **fields: int) -> Container:
    return Container(answers.answer(data, answers.read({"what": what, "stack": stack, **fields})))


# ---- steps


def rows_of(c: Container, stack: str, layer: int, head: int) -> tuple[F8, F8]:
    """Weights [m, keys (+ sink)] and outputs [m, d_v], by the steps as a student would take them, in float64."""
    path = f"steps/{stack}/{layer}/{head}"
    scale, softcap, group, _groups, _width, _residual = c.numbers(f"{path}/numbers", (6,)).astype(float)
    q = c.numbers(f"{path}/q").astype(float)
    k = c.numbers(f"steps/{stack}/{layer}/k/{int(group)}").astype(float)
    v = c.numbers(f"steps/{stack}/{layer}/v/{int(group)}").astype(float)
    score = np.array([[sum(a * b for a, b in zip(x, y, strict=True)) for y in k] for x in q]) * scale
    if softcap:
        score = np.tanh(score / softcap) * softcap
    if f"{path}/bias" in c.blocks:
        score = score + c.numbers(f"{path}/bias")
    if f"{path}/seen" in c.blocks:
        seen = c.numbers(f"{path}/seen")
        if c.block(f"{path}/seen")["dtype"] == "u4":
            at = np.arange(len(k))
            seen = (at >= seen[:, :1]) & (at < seen[:, 1:])
        score[seen == 0] = -np.inf
    if f"{path}/sink" in c.blocks:
        score = np.concatenate([score, c.numbers(f"{path}/sink")[:, None]], axis=1)
    weight = np.full(score.shape, 1 / score.shape[1])
    some = np.isfinite(score).any(axis=1)
    weight[some] = np.exp(score[some] - score[some].max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    return weight, weight[:, : len(k)] @ v


Kernel = dict[tuple[str, int], NDArray[np.float32]]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """What the model's own attention returned, float32 [q, H, d_v], by stack and place among the stack's calls."""
    out: Kernel = {}
    own = Recorder.hear

    def hear(self: Recorder, heard: Heard) -> None:
        own(self, heard)
        stack = self.places.stack(heard.module)
        out[stack, sum(name == stack for name, _ in out)] = heard.output[0].detach().float().numpy()

    monkeypatch.setattr(Recorder, "hear", hear)
    return out


MODELS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "plain": ("Bert", "BertModel", {}),
    "shared keys, rotary": ("Llama", "LlamaForCausalLM", {"num_key_value_heads": 2}),
    **{name: ODD[name] for name in ("softcap", "sink", "window", "latent keys")},
}


def check_all(found: Attention, kernel: Kernel) -> None:
    seen = 0
    for name, stack in found.stacks.items():
        for layer, info in enumerate(stack.layers):
            truth = kernel[name, layer]
            for head in range(info.heads):
                places = [(name, layer, head)]
                whole = Container(with_steps(encode(found, stack_layers={}), found, places))
                weights, outputs = rows_of(whole, name, layer, head)
                np.testing.assert_allclose(outputs, truth[:, head], atol=1e-5, rtol=1e-5)
                expected = found.weights(layer, head, stack=name)
                np.testing.assert_allclose(weights, expected[:, : weights.shape[1]], atol=1e-6)
                assert not expected[:, weights.shape[1] :].any(), "only the column of another layer's sink is missing"
                query = len(stack.queries) - 2
                one = ask(found, "steps", name, layer=layer, head=head, query=query)
                np.testing.assert_array_equal(one.numbers(f"steps/{name}/{layer}/{head}/queries"), [query])
                np.testing.assert_allclose(rows_of(one, name, layer, head)[1][0], outputs[query], atol=1e-12)
                seen += 1
    assert seen == sum(info.heads for stack in found.stacks.values() for info in stack.layers) > 0


@pytest.mark.parametrize("name", MODELS)
def test_steps_end_in_the_models_own_output(name: str, make_model: Callable[..., Any], kernel: Kernel) -> None:
    family, architecture, settings = MODELS[name]
    found = capture(make_model(family, architecture, **settings), IDS)
    assert isinstance(found, Attention)
    check_all(found, kernel)


def test_steps_of_t5_have_a_bias_in_every_self_attention(make_model: Callable[..., Any], kernel: Kernel) -> None:
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0}
    model = make_model("T5", "T5ForConditionalGeneration", relative_attention_num_buckets=8, **sizes)
    found = capture(model, {"input_ids": IDS, "decoder_input_ids": IDS[:, :6]})
    assert isinstance(found, Attention)
    check_all(found, kernel)
    for stack in ("encoder", "decoder", "cross"):
        c = ask(found, "steps", stack, layer=1, head=2, query=3)
        assert (f"steps/{stack}/1/2/bias" in c.blocks) == (stack != "cross")


def test_each_architecture_has_its_own_columns(make_model: Callable[..., Any]) -> None:
    def blocks(name: str, layer: int) -> tuple[set[str], NDArray[np.float32]]:
        family, architecture, settings = MODELS[name]
        found = capture(make_model(family, architecture, **settings), IDS)
        assert isinstance(found, Attention)
        stack = next(iter(found.stacks))
        c = ask(found, "steps", stack, layer=layer, head=3, query=8)
        return {block.rsplit("/", 1)[1] for block in c.blocks}, c.numbers(f"steps/{stack}/{layer}/3/numbers")

    plain = {"numbers", "queries", "q"}
    names, numbers = blocks("plain", 0)
    assert names == {*plain, "3"}  # keys and values of group 3
    np.testing.assert_allclose(numbers[:5], [8**-0.5, 0, 3, 4, 32], rtol=1e-6)
    assert 0 <= numbers[5] < 1e-5
    names, numbers = blocks("shared keys, rotary", 0)
    assert names == {*plain, "1", "seen"}
    assert list(numbers[2:4]) == [1, 2]
    names, numbers = blocks("softcap", 0)
    assert names == {*plain, "1", "seen"}
    assert numbers[1] == 2.0
    names, _ = blocks("sink", 0)
    assert names == {*plain, "1", "seen", "sink"}


def test_a_mask_with_gaps_and_a_row_that_sees_nothing(tiny_bert: Any) -> None:
    seen = torch.rand(1, 1, 10, 10, generator=torch.Generator().manual_seed(1)) < 0.6
    seen[0, 0, 3] = False
    additive = torch.zeros(1, 1, 10, 10).masked_fill(~seen, torch.finfo(torch.float32).min)
    found = capture(tiny_bert, {"input_ids": IDS, "attention_mask": additive})
    assert isinstance(found, Attention)
    c = Container(with_steps(encode(found, stack_layers={}), found, [("encoder", 1, 2)]))
    assert c.block("steps/encoder/1/2/seen")["dtype"] == "u1"
    np.testing.assert_allclose(rows_of(c, "encoder", 1, 2)[0], found.weights(1, 2), atol=1e-6)


def test_weights_that_a_models_own_code_made_cannot_be_taken_apart(make_model: Callable[..., Any]) -> None:
    found = capture(make_model("Bloom", "BloomModel", n_head=4, n_layer=2), IDS)
    assert isinstance(found, Attention)
    assert found.query(0, 0).shape == (10, 8)
    with pytest.raises(ValueError, match="follow more than queries and keys"):
        ask(found, "steps", "decoder", layer=0, head=0, query=0)


def test_where_there_are_no_steps_it_says_why(minilm_path: str) -> None:
    finished = Attention.from_arrays(np.full((2, 3, 4, 4), 0.25, np.float32), list("abcd"))
    with pytest.raises(ValueError, match="only finished weights are known"):
        ask(finished, "steps", "encoder", layer=0, head=0, query=0)
    for fields, what in (({"head": 12}, "head: 12"), ({"query": 7}, "query: 7"), ({"layer": 6}, "layer: 6")):
        data = capture(minilm_path, "The dog chased the cat")
        assert isinstance(data, Attention)
        with pytest.raises(ValueError, match=re.escape(f"{what} is not valid. Valid: 0 to")):
            ask(data, "steps", "encoder", **{"layer": 0, "head": 0, "query": 0, **fields})
    c = Container(with_steps(encode(finished), finished, [("encoder", 0, 0)]))
    assert list(c.numbers("steps/encoder")) == [0, 0]
    assert not [name for name in c.blocks if name.startswith("steps/encoder/")]


def container_of(view: AttnView, *, steps: bool = False) -> Container:
    """The weights of an exported page."""
    return Container(view._part(None, None, steps, lambda: None).binary["attention"])


def heads_with_steps(c: Container) -> set[str]:
    return {name.removeprefix("steps/").removesuffix("/q") for name in c.blocks if name.endswith("/q")}


def test_an_exported_page_holds_the_chosen_heads_or_all(minilm_path: str) -> None:
    view = AttnView(minilm_path, "The dog chased the cat", layer=2)
    assert heads_with_steps(container_of(view)) == set()
    view.mode = "steps"
    assert heads_with_steps(container_of(view)) == {"encoder/2/0"}
    view.heads = [4, 7]
    view.pinned = [(1, 8), (2, 4)]
    page = container_of(view)
    assert heads_with_steps(page) == {"encoder/2/4", "encoder/2/7", "encoder/1/8"}
    assert list(page.numbers("steps/encoder")) == [1] * 6
    whole = container_of(view, steps=True)
    assert heads_with_steps(whole) == {f"encoder/{layer}/{head}" for layer in range(6) for head in range(12)}
    weights, outputs = rows_of(whole, "encoder", 5, 11)
    np.testing.assert_allclose(weights, view.attention_data.weights(5, 11), atol=1e-6)
    assert outputs.shape == (7, 32)
    # Everything that was there before is there still, byte for byte.
    bare = Container(view.attention)
    assert all(bare.bytes(name) == whole.bytes(name) for name in bare.blocks)


def test_steps_of_a_released_view_need_its_capture(minilm_path: str) -> None:
    view = AttnView(minilm_path, "The dog", heads=[1])
    view.release()
    assert not heads_with_steps(container_of(view))
    with pytest.raises(RuntimeError, match="released its capture"):
        container_of(view, steps=True)


# ---- trace


def read_trace(data: Attention, stack: str, query: int, key: int) -> dict[str, Any]:
    c = ask(data, "trace", stack, query=query, key=key)
    names = ("pair", "ways", "weight", "rank", "ratio", "drawn")
    return {name: c.numbers(f"trace/{stack}/{name}") for name in names}


def one_head(seed: int, n: int = 9, causal: bool = False) -> Attention:
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 2, (3, 1, n, n))
    if causal:
        scores[..., np.triu(np.ones((n, n), bool), 1)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    tokens = [f"t{i}" for i in range(n)]
    return Attention.from_arrays((weights / weights.sum(-1, keepdims=True)).astype(np.float32), tokens)


@pytest.mark.parametrize(("a", "b"), [(2, 6), (6, 2), (4, 3), (0, 8), (5, 5)])
def test_a_trace_is_that_of_the_statistics_head_by_head(a: int, b: int) -> None:
    data = one_head(a * 10 + b)
    got = read_trace(data, "encoder", a, b)
    truth = trace(data, a, b)
    for way, steps in enumerate((truth.forward, truth.backward)):
        assert STATES[int(got["ways"][way, 0])] == "shown"
        for layer, step in enumerate(steps):
            # With one head its mean is that head, so that the definitions are the same; the rest is printed digits.
            assert got["weight"][way, layer] == VALUES[encode_weights(np.array([step.mean]))[0]]
            assert got["rank"][way, layer] == step.rank
            others = step.mean - step.excess
            if np.isnan(others):
                assert np.isnan(got["ratio"][way, layer])
            else:
                assert got["ratio"][way, layer] == pytest.approx(step.mean / others, rel=0.06)


@pytest.mark.parametrize("causal", [False, True])
def test_a_weight_is_compared_with_what_other_queries_give_to_its_key(causal: bool) -> None:
    data = one_head(4, causal=causal)
    got = read_trace(data, "encoder", 6, 2)
    for layer in range(3):
        printed = VALUES[encode_weights(data.weights(layer, head=0))]
        for way, (row, key) in enumerate([(6, 2)] if causal else [(6, 2), (2, 6)]):
            others = [i for i in range(key if causal else 0, 9) if i != row]
            mean = sum(float(printed[i, key]) for i in others) / len(others)
            assert got["drawn"][way, layer] == pytest.approx(printed[row, key] / mean, rel=1e-5)


def test_a_causal_stack_has_one_way_only() -> None:
    data = one_head(1, causal=True)
    got = read_trace(data, "encoder", 6, 2)
    assert [STATES[int(state)] for state in got["ways"][:, 0]] == ["shown", "causal"]
    assert got["ways"][0, 1] == 7, "as many keys as the row sees"
    assert got["weight"][0].all()
    assert not got["weight"][1].any()
    back = read_trace(data, "encoder", 2, 6)
    assert [STATES[int(state)] for state in back["ways"][:, 0]] == ["causal", "shown"]
    np.testing.assert_array_equal(back["weight"][1], got["weight"][0])


def test_two_texts_have_no_distance_and_no_way_back() -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(5), (2, 3, 4)).astype(np.float32)
    data = Attention.from_arrays(weights, list("abcd"), list("vwxyz"), stack="cross")
    got = read_trace(data, "cross", 1, 4)
    assert [STATES[int(state)] for state in got["ways"][:, 0]] == ["shown", "cross"]
    assert np.isnan(got["ratio"]).all()
    others = VALUES[encode_weights(weights[:, :, [0, 2, 3], 4])].mean(-1).ravel()
    np.testing.assert_allclose(got["drawn"][0], got["weight"][0] / others, rtol=1e-5)
    assert list(got["weight"][0]) == list(VALUES[encode_weights(weights[:, :, 1, 4].ravel())])


def test_a_learned_sink_is_a_key_without_a_query(make_model: Callable[..., Any]) -> None:
    family, architecture, settings = ODD["sink"]
    found = capture(make_model(family, architecture, **settings), IDS)
    assert isinstance(found, Attention)
    got = read_trace(found, "decoder", 4, 10)
    assert [STATES[int(state)] for state in got["ways"][:, 0]] == ["shown", "absent"]
    assert got["ways"][0, 1] == 6, "five tokens and the sink"
    assert np.isnan(got["ratio"]).all()


def test_a_long_text_is_compared_with_some_of_its_pairs() -> None:
    n = 1500
    weights = np.full((1, 1, n, n), 1 / n, np.float32)
    data = Attention.from_arrays(weights, [f"t{i}" for i in range(n)])
    got = read_trace(data, "encoder", 900, 400)
    assert list(got["ways"][0]) == [0, n, 2**18 // n, n - 501]
    np.testing.assert_allclose(got["ratio"], 1, rtol=1e-6)
    np.testing.assert_allclose(got["drawn"], 1, rtol=1e-6)


@pytest.mark.parametrize(("query", "key"), [(0, 99), (-1, 0)])
def test_a_pair_that_is_not_there_is_named(query: int, key: int) -> None:
    with pytest.raises(ValueError, match=r"is not valid\. Valid: 0 to 8"):
        ask(one_head(0), "trace", "encoder", query=query, key=key)


# ---- what TypeScript is held to


def test_fixtures_are_what_their_script_writes(tmp_path: Path) -> None:
    make_answers.write(tmp_path)
    for path in sorted((FIXTURES / "answers").iterdir()):
        fresh, kept = (tmp_path / path.name).read_bytes(), path.read_bytes()
        if path.suffix == ".json":
            assert fresh == kept
            continue
        # Compression is zlib's; what it holds is ours.
        a, b = Container(fresh), Container(kept)
        assert list(a.blocks) == list(b.blocks)
        assert all(a.bytes(name) == b.bytes(name) for name in a.blocks)
