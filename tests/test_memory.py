"""What a capture holds: how much, where, and that it goes; masks as they are kept; what a long text brings its page."""

from __future__ import annotations

import copy
import gc
import sys
import tracemalloc
import weakref
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made import softmax

from attnwidget import Attention, AttnView, capture
from attnwidget.addressing import bin_edges
from attnwidget.answers import layers as answers
from attnwidget.capture import masks
from attnwidget.capture.arena import Arena
from attnwidget.export import choice
from attnwidget.overviews import blocks, overview
from attnwidget.statistics.rows import KINDS, entropies, kind_sums
from attnwidget.wire import Container, decode, decode_rows, encode, large, top

# ---- how much is held


@pytest.fixture(scope="module")
def llama() -> Any:
    import transformers

    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        attn_implementation="sdpa",
    )
    return transformers.LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def ids() -> Any:
    return tokens(200)


def tokens(n: int) -> Any:
    return torch.arange(n)[None] * 7 % 50 + 5


def held(attention: Any) -> dict[str, int]:
    return {line.what: line.nbytes for line in attention.memory_report() if line.where == "memory"}


def test_no_more_is_held_than_queries_keys_and_values(llama: Any, ids: Any) -> None:
    attention: Any = capture(llama, ids)
    vectors = 3 * (4 + 2 + 2) * 200 * 8 * 4  # two of four heads for keys and values: never expanded
    assert held(attention) == {
        "queries": vectors // 2,
        "keys": vectors // 4,
        "values": vectors // 4,
        "masks": 2 * 200 * 4,
    }
    assert attention.nbytes == vectors + 1600 <= 1.15 * vectors
    report = attention.memory_report()
    assert [line.layers for line in report if line.what == "masks"] == [3]
    assert [line.where for line in report if line.what == "W_O"] == ["model"]
    assert "queries" in repr(report)
    assert repr(report).endswith("in memory")


@pytest.mark.parametrize(("store", "tolerance"), [("float16", 0.02), ("bfloat16", 0.2)])
def test_halves_take_half(llama: Any, ids: Any, store: Any, tolerance: float) -> None:
    peaky = copy.deepcopy(llama)
    for layer in peaky.model.layers:
        layer.self_attn.q_proj.weight.data *= 60
        layer.self_attn.k_proj.weight.data *= 60
    whole: Any = capture(peaky, ids)
    assert whole.weights(1)[:, 100:].max(-1).mean() > 0.3
    attention: Any = capture(peaky, ids, store=store)
    assert attention.nbytes - 1600 == (whole.nbytes - 1600) / 2
    assert {line.dtype for line in attention.memory_report() if line.what == "keys"} == {store}
    # What is checked against the model is what was computed, not what is stored: the rounding is no other formula.
    assert attention.residuals() == whole.residuals()
    assert attention.notes == whole.notes
    assert 0 < np.abs(attention.weights(1) - whole.weights(1)).max() < tolerance
    np.testing.assert_allclose(attention.weights(1).sum(-1), 1, atol=1e-6)


def test_what_float16_cannot_hold_stays_as_it_came() -> None:
    for store, numbers, dtype in (
        ("float16", torch.tensor([1e5, 1.0]), np.float32),
        ("float16", torch.tensor([1e4, 1.0]), np.float16),
        ("bfloat16", torch.tensor([1e5, 1.0]), np.uint16),
        ("float16", torch.tensor([1e5], dtype=torch.bfloat16), np.uint16),
    ):
        arena = Arena(store)  # type: ignore[arg-type]
        assert arena.narrow(*arena.keep(numbers))[0].dtype == dtype


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("shape", [(2, 3), (3, 200, 300)])  # of the usual allocator, and of pages of their own
def test_tensors_are_copied_exactly_and_apart(dtype: Any, shape: tuple[int, ...], tmp_path: Path) -> None:
    from attnwidget.capture.records import Tensor

    source = torch.randn(shape).to(dtype).transpose(0, 1)
    for spill in (None, tmp_path):
        kept = Tensor.of(source, Arena(spill=spill))
        np.testing.assert_array_equal(kept.float(), source.float().numpy())
        assert kept.on_disk == (spill is not None and len(shape) > 2)
        before = kept.float().copy()
        source += 1
        np.testing.assert_array_equal(kept.float(), before)
        source -= 1
        source = source.detach().clone()
    assert list(tmp_path.iterdir()) == []  # unnamed: nothing is left behind, whatever happens


def test_spilled_captures_answer_alike_and_hold_no_memory(llama: Any, tmp_path: Path) -> None:
    ids = tokens(1200)
    attention: Any = capture(llama, ids, spill=tmp_path)
    where = {line.what: line.where for line in attention.memory_report()}
    assert where["queries"] == "disk"
    assert attention.nbytes < 0.6 * capture(llama, ids).nbytes  # type: ignore[union-attr]
    np.testing.assert_array_equal(attention.weights(0, queries=7), capture(llama, ids).weights(0, queries=7))  # type: ignore[union-attr]


def test_where_and_how_to_keep_is_checked(llama: Any, ids: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="store='int8' is not one of None, 'float16', 'bfloat16'"):
        capture(llama, ids, store="int8")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match=r"spill=.*nowhere' is not a folder"):
        capture(llama, ids, spill=tmp_path / "nowhere")


def test_what_is_released_goes(llama: Any) -> None:
    attention: Any = capture(llama, tokens(1200))
    pages = [weakref.ref(layer.q.data.base.base) for layer in attention._layers["decoder"]]
    assert all(page() is not None for page in pages)
    attention.release()
    gc.collect()
    assert all(page() is None for page in pages)
    assert list(attention.memory_report()) == []


# ---- masks


def pattern(kind: str, n: int = 512) -> Any:
    """A bool mask [1, n, n] as models make them."""
    i, j = torch.arange(n)[:, None], torch.arange(n)[None]
    seen = j <= i
    if kind == "window":
        seen = seen & (j >= 40) & (i - j < 100)
    elif kind == "chunks":
        seen = seen & (i // 128 == j // 128)
    elif kind == "sparse":
        seen = seen & ((i - j < 16) | (j % 64 == 0))
    return seen[None, None]


@pytest.mark.parametrize("kind", ["causal", "window", "chunks", "sparse"])
@pytest.mark.parametrize("additive", [False, True])
def test_masks_shrink_and_come_back(kind: str, additive: bool) -> None:
    tensor = pattern(kind)
    wanted = tensor[0].numpy()
    if additive:
        tensor = torch.zeros(tensor.shape).masked_fill(~tensor, torch.finfo(torch.float32).min)
    every = slice(None)
    seen, term = masks.read(tensor, 0, every, every, 512, 512)
    assert seen is not None
    assert term is None
    assert seen.nbytes == (512 * 64 if kind == "sparse" else 2 * 512 * 4)
    np.testing.assert_array_equal(seen.visible(every, every, 512), wanted)
    np.testing.assert_array_equal(seen.visible(every, slice(100, 130), 300, 64), wanted[:, 100:130, 64:300])
    # Padding on the left: its rows and columns are cut away.
    kept = list(range(40, 512))
    seen, _ = masks.read(tensor, 0, kept, kept, 512, 512)
    assert seen is not None
    np.testing.assert_array_equal(seen.visible(every, every, 472), wanted[:, 40:, 40:])
    assert not seen.looks_ahead(472, 0)
    assert seen.looks_ahead(472, -1)


def test_a_mask_is_read_in_blocks() -> None:
    tensor = torch.zeros(1, 1, 2048, 2048).masked_fill(~pattern("window", 2048), -torch.inf)
    tracemalloc.start()
    seen, _ = masks.read(tensor, 0, slice(None), slice(None), 2048, 2048)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(seen, masks.Intervals)
    assert seen.nbytes == 16384
    assert peak < 2048 * 2048 * 4  # of numpy's own; one more array like the mask would be that


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31))
@settings(max_examples=80, deadline=None)
def test_intervals_know_their_span_and_their_cuts(q: int, k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    first, last = np.sort(random.integers(0, k + 1, (2, 1, q, 1)), axis=0)
    seen = (np.arange(k) >= first) & (np.arange(k) < last)
    kept = masks.Intervals(first[..., 0].astype(np.int32), last[..., 0].astype(np.int32))
    a, b = np.sort(random.integers(0, q + 1, 2))
    for form in (kept, masks.Bits(np.packbits(seen, axis=-1))):
        low, high, all_low, all_high = form.span(slice(None), slice(a, b), k)
        rows = seen[0, a:b]
        assert not rows[:, :low].any()
        assert not rows[:, high:].any()
        assert rows[:, all_low:all_high].all()
        if len(rows) and not rows.any(1).all():
            assert (low, high) == (0, k)  # a row that sees nothing attends to all keys alike
        assert form.looks_ahead(k, 0) == bool(np.triu(seen[0], 1).any())
    rows, columns = np.flatnonzero(random.random(q) < 0.7).tolist(), np.flatnonzero(random.random(k) < 0.7).tolist()
    cut = kept.cut(rows, columns, k).visible(slice(None), slice(None), len(columns))
    np.testing.assert_array_equal(cut, seen[:, rows][:, :, columns])


def test_biases_under_a_mask_are_kept_by_distance_or_by_key() -> None:
    every, n = slice(None), 64
    seen = pattern("causal", n)[0].numpy()
    slopes = np.array([0.5, 0.25], np.float32)[:, None, None]
    distance, key = np.arange(n) - np.arange(n)[:, None], np.broadcast_to(np.arange(n), (n, n))
    for along, kind, size in ((distance, masks.Diagonals, 2 * (2 * n - 1)), (key, masks.Dense, 2 * n)):
        bias = np.where(seen, slopes * along, np.finfo(np.float32).min).astype(np.float32)
        found, term = masks.read(torch.from_numpy(bias)[None], 0, every, every, n, n)
        assert isinstance(found, masks.Intervals)
        assert isinstance(term, kind)
        assert term.nbytes == size * 4
        whole = np.broadcast_to(term.term(every, every, n), bias.shape)
        np.testing.assert_array_equal(whole[np.broadcast_to(seen, bias.shape)], bias[np.broadcast_to(seen, bias.shape)])
        part = np.broadcast_to(term.term([1], [50, 3], 40, 2), (1, 2, 38))
        np.testing.assert_array_equal(part, whole[1:][:, [50, 3], 2:40])


# ---- blocks and overviews


@pytest.mark.parametrize("name", ["llama", "tiny_bert", "sinks", "arrays"])
def test_blocks_are_the_weights(name: str, request: pytest.FixtureRequest, ids: Any) -> None:
    model = request.getfixturevalue("tiny_bert" if name == "tiny_bert" else "llama")
    attention: Any = capture(model, ids[:, :60])
    (stack,) = attention.stacks
    layer = attention._layers[stack][1]
    if name == "sinks":
        layer.sink = np.linspace(-1, 1, layer.heads).astype(np.float32)
    elif name == "arrays":
        given_ = Attention.from_arrays([attention.weights(1)], [str(i) for i in range(60)])
        layer = given_._layers["encoder"][0]  # type: ignore[index]
    wanted = layer.weights(range(layer.heads), slice(None))
    found = np.zeros_like(wanted)
    for cells in (60, 7 * 61, 1 << 20):
        for block in blocks(layer, cells=cells):
            found[block.head, block.queries, block.start : block.start + block.weights.shape[1]] = block.weights
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    edges, columns = bin_edges(60, 9), bin_edges(wanted.shape[2], 9)
    rows = np.maximum.reduceat(wanted, edges[:-1], axis=1)
    np.testing.assert_allclose(overview(layer, 9), np.maximum.reduceat(rows, columns[:-1], axis=2), atol=1e-6)
    if name == "sinks":
        layer.sink = None


def test_masked_ends_are_never_computed(llama: Any, ids: Any) -> None:
    attention: Any = capture(llama, ids)
    sizes = [block.weights.size for block in blocks(attention._layers["decoder"][0], cells=2000)]
    assert sum(sizes) < 0.6 * 4 * 200 * 200


# ---- large layers


@given(st.integers(1, 5), st.integers(1, 300), st.integers(1, 20), st.integers(0, 2**31), st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_largest_are_found_whatever_ties(rows: int, keys: int, count: int, seed: int, ties: bool) -> None:
    count = min(count, keys)
    random = np.random.default_rng(seed)
    weights = random.random((2, rows, keys)).astype(np.float32)
    if ties:
        weights = np.round(weights * random.integers(1, 30)) / 30
    weights[random.random(weights.shape) < random.random()] = 0
    index, _ = top.largest(weights.astype(np.float32), count)
    wanted = np.sort(np.argsort(-weights, axis=-1, kind="stable")[..., :count], axis=-1)
    np.testing.assert_array_equal(index, wanted)


def test_a_large_layer_is_summed_exactly(llama: Any, ids: Any) -> None:
    attention: Any = capture(llama, ids)
    weights = attention.weights(2)
    kinds = [KINDS[i % 7 % 5] for i in range(200)]
    for cells in (999, 1 << 20):
        some = blocks(attention._layers["decoder"][2], cells=cells)
        found = large.read(some, weights.shape, kinds, 16, 32)
        np.testing.assert_allclose(found.sums, kind_sums(weights, kinds), atol=2e-6)
        np.testing.assert_allclose(found.entropy, entropies(weights), atol=1e-5)
        np.testing.assert_allclose(found.overview, attention.overview(2), atol=1e-6)
        order = np.argsort(-weights[:, 40:], axis=-1, kind="stable")[..., :16]
        np.testing.assert_array_equal(found.index[:, 40:], np.sort(order, axis=-1))
    assert (np.diff(found.index.astype(int), axis=-1) > 0).all()  # also where a row sees fewer keys than are listed


def test_nan_is_not_shown() -> None:
    with pytest.raises(ValueError, match="NaN"):
        top.largest(np.full((1, 2, 400), np.nan, np.float32), 16)


# ---- what a long text brings its page


@pytest.fixture
def long(llama: Any, ids: Any, monkeypatch: pytest.MonkeyPatch) -> Attention:
    """A capture that counts as long, whose layers count as too large to bring whole."""
    module = sys.modules["attnwidget.wire.encode"]
    monkeypatch.setattr(module, "MOST_PICTURED_CELLS", 1000)
    attention = capture(llama, ids)
    assert isinstance(attention, Attention)
    return attention


@pytest.mark.parametrize("dense_cells", [0, 10**9])
def test_layers_of_a_long_text_bring_their_own_pictures(long: Attention, dense_cells: int) -> None:
    container = Container(encode(long, stack_layers={"decoder": [1]}, dense_cells=dense_cells))
    assert [name for name in container.blocks if name.startswith("overview")] == ["overview/decoder/1"]
    assert container.block("overview/decoder/1")["shape"] == [4, 32, 32]
    levels = container.numbers("overview/decoder/1")
    np.testing.assert_allclose(levels, np.sqrt(long.overview(1)) * 255, atol=4.7)  # 31 steps of 255
    layer = decode(encode(long, stack_layers={"decoder": [1]}, dense_cells=dense_cells))["decoder", 1]
    assert layer.form == ("dense" if dense_cells else "top")
    kinds = [token.kind for token in long.stacks["decoder"].keys]
    np.testing.assert_allclose(layer.sums, kind_sums(long.weights(1), kinds), atol=2**-15)


@pytest.mark.parametrize("dense_cells", [0, 10**9])
def test_some_heads_of_a_long_text_bring_pictures_of_all(
    long: Attention, monkeypatch: pytest.MonkeyPatch, dense_cells: int
) -> None:
    monkeypatch.setattr(choice, "encode", partial(encode, dense_cells=dense_cells))
    # One head at a time.
    monkeypatch.setattr(sys.modules["attnwidget.wire.encode"], "_CELLS_AT_ONCE", 200 * 200)
    some = choice.container(long, choice.Choice({"decoder": [1]}, {"decoder": {1: [2]}}))
    whole = encode(long, stack_layers={"decoder": [1]}, dense_cells=dense_cells)
    assert Container(some).bytes("overview/decoder/1") == Container(whole).bytes("overview/decoder/1")
    shares = [Container(one).numbers("shares/decoder/1") for one in (some, whole)]
    np.testing.assert_allclose(*shares, atol=1e-6)
    found, expected = (decode(one)["decoder", 1].weights for one in (some, whole))
    np.testing.assert_array_equal(found[2], expected[2])
    assert not found[[0, 1, 3]].any()


def test_some_heads_of_a_long_text_are_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "encode", partial(encode, dense_cells=0))
    monkeypatch.setattr("attnwidget.overviews.CELLS_AT_ONCE", 1 << 14)
    attention = Attention.from_arrays(softmax(1, 2, 600, 600), [f"t{n}" for n in range(600)])
    wanted = choice.Choice({"encoder": [0]}, {"encoder": {0: [1]}})
    choice.container(attention, wanted)
    tracemalloc.start()
    choice.container(attention, wanted)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 600 * 600 * 8  # one head's map, as float64


def test_whole_rows_are_answered(long: Attention) -> None:
    queries, rows = decode_rows(answers.rows(long, "decoder", 2, [150, 3]))
    assert queries.tolist() == [150, 3]
    np.testing.assert_allclose(rows, long.weights(2, queries=[150, 3]), atol=0.0006)
    for stack, layer, asked, said in (
        ("encoder", 0, [1], "stack: 'encoder' is not valid. Valid: 'decoder'"),
        ("decoder", 3, [1], "layer: 3 is not valid. Valid: 0 to 2"),
        ("decoder", 0, [200], r"queries: \[200\] is not valid. Valid: 0 to 199"),
        ("decoder", 0, [-1], r"queries: \[-1\] is not valid"),
    ):
        with pytest.raises(ValueError, match=said):
            answers.rows(long, stack, layer, asked)


def test_a_page_gets_the_rows_it_asks_for(long: Attention, monkeypatch: pytest.MonkeyPatch) -> None:
    view = AttnView(long)
    sent: list[tuple[Any, Any]] = []
    monkeypatch.setattr(view, "send", lambda content, buffers=None: sent.append((content, buffers)))
    view._requests._send = view.send
    request = {"kind": "request", "id": "r", "what": "rows", "stack": "decoder", "layer": 1}

    def ask(**more: Any) -> Any:
        view._handle_custom_msg({**request, **more}, [])
        while not view._requests.idle:
            pass
        return sent.pop()

    content, (data,) = ask(queries=[7])
    assert content == {"kind": "reply", "id": "r", "ok": True}
    assert decode_rows(data)[1].shape == (4, 1, 200)
    for wrong in (None, [], [1, 1], [1.0], [True], list(range(65)), "7"):
        content, buffers = ask(queries=wrong)
        assert (content["ok"], buffers) == (False, [])
        assert "1 to 64 different whole numbers" in content["error"]
    assert "Valid: 0 to 199" in ask(queries=[300])[0]["error"]
    view.close()
