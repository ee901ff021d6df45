"""The wire format: fixtures shared with TypeScript, round trips, and bytes that went wrong on their way."""

from __future__ import annotations

import contextlib
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

import attnwidget
from attnwidget.statistics import KINDS, entropies, kind_sums
from attnwidget.wire import Container, WireError, codec, decode, encode
from attnwidget.wire.container import Block, Packer, number_block

FIXTURES = Path(__file__).parent / "fixtures"
sys.path.insert(0, str(FIXTURES))

import make  # noqa: E402  (a script beside the fixtures, not a module of the tests)

WIRE = FIXTURES / "wire"
CONTAINERS = sorted(path.name for path in WIRE.glob("*.attn"))


# ---- fixtures


def contents(path: Path) -> Any:
    """What a container says, whatever zlib made of it: releases of zlib differ in their compressed bytes."""
    container = Container(path.read_bytes())
    stored = ("offset", "length", "codec")
    return {
        name: ({key: x for key, x in info.items() if key not in stored}, container.bytes(name))
        for name, info in container.blocks.items()
    }


def test_fixtures_are_what_their_script_writes(tmp_path: Path) -> None:
    make.make(tmp_path)
    paths = [path.relative_to(FIXTURES) for path in FIXTURES.glob("*/*.*") if path.suffix in (".attn", ".json")]
    assert sorted(paths) == sorted(path.relative_to(tmp_path) for path in tmp_path.glob("*/*.*"))
    for path in paths:
        if path.suffix == ".attn":
            assert contents(tmp_path / path) == contents(FIXTURES / path), path
        else:
            assert (tmp_path / path).read_bytes() == (FIXTURES / path).read_bytes(), path


@pytest.mark.parametrize("name", CONTAINERS)
def test_fixtures_say_what_the_weights_are(name: str) -> None:
    source = make.odd() if name == "odd.attn" else make.wide()
    layers = decode((WIRE / name).read_bytes())
    assert layers
    for (stack, number), layer in layers.items():
        weights = source.weights(number, stack=stack)
        kinds = source.kinds[stack]
        check_layer(layer, weights, kinds)
        norms = source.value_norms(number, stack=stack)
        assert (norms is None) == (layer.value_norms is None)
        if norms is not None:
            assert layer.value_norms == pytest.approx(norms, rel=2**-12)


def check_layer(layer: Any, weights: NDArray[np.float32], kinds: list[str]) -> None:
    listed = layer.weights > 0 if layer.form == "top" else np.full(weights.shape, True)
    assert layer.weights[listed] == pytest.approx(weights[listed], abs=0.000501)
    small = listed & (weights >= 1e-4) & (weights < 0.0099)
    assert layer.weights[small] == pytest.approx(weights[small], rel=0.0501)
    assert layer.sums == pytest.approx(kind_sums(weights, kinds), abs=2**-15)
    assert layer.entropy == pytest.approx(entropies(weights), abs=2**-12)


# ---- the container

numbers = hnp.arrays(
    st.sampled_from([np.uint8, np.uint16, np.uint32]), hnp.array_shapes(max_dims=3, max_side=9)
) | hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=9), elements=st.floats(-1e6, 1e6, width=32))


@given(st.dictionaries(st.text(min_size=1, max_size=12), numbers, max_size=5))
def test_blocks_come_back(arrays: dict[str, NDArray[Any]]) -> None:
    packer = Packer()
    for name, values in arrays.items():
        packer.add(name, number_block(values, dtype=values.dtype.str[1:].replace("b", "u")))
    data = packer.pack()
    container = Container(data)
    assert list(container.blocks) == list(arrays)
    for name, values in arrays.items():
        assert container.blocks[name]["offset"] % 8 == 0
        assert (container.numbers(name) == values.astype(np.float32)).all()


def test_blocks_that_do_not_shrink_and_tiny_ones_are_stored_raw() -> None:
    packer = Packer()
    packer.add("noise", Block([np.random.default_rng(0).bytes(1000)], "u1", (1000,), {}))
    packer.add("zeros", Block([bytes(1000)], "u1", (1000,), {}))
    packer.add("few", Block([bytes(64)], "u1", (64,), {}))
    container = Container(packer.pack())
    assert [info["codec"] for info in container.blocks.values()] == ["raw", "deflate", "raw"]


def test_offsets_hold_however_long_the_header_is() -> None:
    for count in range(1, 60):
        packer = Packer()
        for number in range(count):
            packer.add("x" * number, number_block(np.full(number * 7, number, np.uint8), dtype="u1"))
        container = Container(packer.pack())
        assert [len(container.bytes("x" * number)) for number in range(count)] == [7 * n for n in range(count)]


# ---- encode


@st.composite
def attentions(draw: st.DrawFn) -> Any:
    queries, keys = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    layers: list[NDArray[np.float32] | None] = []
    for heads in draw(st.lists(st.integers(0, 3), min_size=1, max_size=3).filter(any)):
        raw = draw(hnp.arrays(np.float64, (heads, queries, keys), elements=st.floats(0, 1)))
        total = raw.sum(axis=-1, keepdims=True)
        layers.append((raw / np.where(total > 0, total, 1)).astype(np.float32) if heads else None)
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=keys, max_size=keys))
    return make.Arrays({"encoder": layers}, {"encoder": kinds})


@given(attentions(), st.sampled_from([0, 10**9]))
@settings(deadline=None)
def test_an_attention_comes_back(attention: Any, dense_cells: int) -> None:
    layers = decode(encode(attention, dense_cells=dense_cells))
    with_heads = [i for i, w in enumerate(attention.layers["encoder"]) if w is not None]
    assert [number for _, number in layers] == with_heads
    for (stack, number), layer in layers.items():
        assert layer.form == ("dense" if dense_cells else "top")
        check_layer(layer, attention.weights(number, stack=stack), attention.kinds[stack])


def test_only_what_is_asked_for_is_brought() -> None:
    data = encode(make.odd(), stack_layers={"decoder": [2]}, overviews=False)
    of_layer = [f"{block}/decoder/2" for block in ("weights", "sums", "shares", "entropy")]
    assert list(Container(data).blocks) == ["kinds/decoder", *of_layer]
    part = Container(encode(make.odd(), stack_layers={"decoder": [2]})).blocks
    assert {name for name in part if name.startswith("overview")} == {"overview/decoder", "overview/cross"}
    assert part["overview/decoder"]["shape"] == [5, 5, 7]
    whole = Container(encode(make.odd())).blocks
    assert not any(name.startswith("overview") for name in whole)
    # A layer without heads has nothing to bring, and asking for it is no mistake.
    assert list(Container(encode(make.odd(), stack_layers={"decoder": [1]}, overviews=False)).blocks) == []


def test_unknown_stacks_and_layers_are_named() -> None:
    with pytest.raises(ValueError, match="no stack 'encoder'; valid: 'decoder', 'cross'"):
        encode(make.odd(), stack_layers={"encoder": [0]})
    with pytest.raises(ValueError, match="'cross' has no layer 1; valid: 0 to 0"):
        encode(make.odd(), stack_layers={"cross": [1]})


def test_large_layers_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {dense: encode(make.wide(), dense_cells=dense) for dense in (0, 10**9)}
    for at_once in (1, 50, 33 * 35):
        monkeypatch.setattr(sys.modules["attnwidget.wire.encode"], "_CELLS_AT_ONCE", at_once)
        for dense, data in whole.items():
            assert encode(make.wide(), dense_cells=dense) == data


def test_a_real_model_comes_back(minilm: Any, minilm_tokenizer: Any) -> None:
    attention = attnwidget.capture(minilm, "The dog chased the cat, and then it slept.", tokenizer=minilm_tokenizer)
    layers = decode(encode(attention))
    assert len(layers) == attention.n_layers == 6
    kinds = [token.kind for token in attention.stacks["encoder"].keys]
    for (_, number), layer in layers.items():
        check_layer(layer, attention.weights(number), kinds)
        assert layer.value_norms == pytest.approx(attention.value_norms(number), rel=2**-12)


# ---- malformed bytes


def read_all(data: bytes) -> None:
    container = Container(data)
    for name in container.blocks:
        container.numbers(name) if not name.startswith("weights") else container.bytes(name)
    decode(data)


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_cut_off_anywhere_is_refused(name: str) -> None:
    data = (WIRE / name).read_bytes()
    for length in range(len(data) - 1):
        if length < 100 or length % 17 == 0:
            with pytest.raises(WireError):
                read_all(data[:length])


@given(st.sampled_from(CONTAINERS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_changed_bytes_are_read_or_refused_cleanly(name: str, changes: list[tuple[float, int]]) -> None:
    data = bytearray((WIRE / name).read_bytes())
    for where, value in changes:
        data[int(where * (len(data) - 1))] = value
    with contextlib.suppress(WireError):
        read_all(bytes(data))


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    for start in (b"", b"ATTN\1\0\0\0", b"ATTN\1\0\0\0\x02\0\0\0{}"):
        with pytest.raises(WireError):
            Container(start + data)


def with_header(blocks: Any, tail: bytes = bytes(64)) -> bytes:
    header = json.dumps({"blocks": blocks}).encode()
    return b"ATTN\1\0\0\0" + len(header).to_bytes(4, "little") + header + tail


GOOD = {"offset": 0, "length": 8, "size": 8, "codec": "raw", "dtype": "u1", "shape": [8]}


@pytest.mark.parametrize(
    "change",
    [
        {"offset": 4},
        {"offset": -8},
        {"offset": True},
        {"length": 10**30},
        {"size": 9},
        {"size": "8"},
        {"codec": "brotli"},
        {"codec": "deflate", "size": 10**9},
        {"dtype": "f8"},
        {"dtype": ["u1"]},
        {"shape": 8},
        {"shape": [-8]},
        {"shape": [0, 10**30]},
        {"shuffle": 1},
        {"bits": -1},
        {"large": None},
        {"classes": ["a"]},
        {"keys": 0.5},
    ],
    ids=str,
)
def test_headers_that_do_not_fit_are_refused(change: dict[str, Any]) -> None:
    assert Container(with_header({"x": GOOD})).numbers("x").tolist() == [65, 84, 84, 78, 1, 0, 0, 0]
    with pytest.raises(WireError, match="block 'x' of the attention data"):
        Container(with_header({"x": {**GOOD, **change}}))


def test_what_is_wrong_is_said() -> None:
    data = (WIRE / "odd.attn").read_bytes()
    with pytest.raises(WireError, match="has version 9; this release reads version 1"):
        Container(data[:4] + b"\x09" + data[5:])
    with pytest.raises(WireError, match="no ATTN at its start"):
        Container(b"GIF89a" + data)
    with pytest.raises(WireError, match="lists no blocks"):
        Container(with_header([]))
    with pytest.raises(WireError, match="holds no block 'weights/x/0'"):
        Container(data).bytes("weights/x/0")


def test_a_block_that_goes_on_beyond_its_size_is_not_followed() -> None:
    bomb = zlib.compress(bytes(1 << 22), 9)
    entry = {**GOOD, "offset": 256, "length": len(bomb), "codec": "deflate"}
    start = with_header({"x": entry}, b"")
    with pytest.raises(WireError, match="does not inflate to the 8 bytes announced"):
        Container(start.ljust(256, b"\0") + bomb).bytes("x")


def test_an_axis_of_zero_beside_a_long_one_takes_no_time() -> None:
    empty = {"offset": 0, "length": 0, "size": 0, "codec": "raw", "dtype": "u1"}
    blocks = {
        "weights/e/0": {**empty, "shape": [0, 4 * 10**9, 0], "classes": [0] * codec.CLASS_COUNT},
        "kinds/e": {**empty, "shape": [0]},
        "sums/e/0": {**empty, "shape": [5, 0, 4 * 10**9]},
        "shares/e/0": {**empty, "dtype": "f4", "shape": [0, 5]},
        "entropy/e/0": {**empty, "shape": [0, 4 * 10**9]},
    }
    assert decode(with_header(blocks))["e", 0].weights.size == 0
