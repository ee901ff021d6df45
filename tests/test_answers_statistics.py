"""Statistics on their way to the page: the block, the answer, the profile of a corpus, exported pages, layer badges."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made import softmax

import attnwidget
from attnwidget import Attention, AttnView, answers
from attnwidget.answers import statistics as page_statistics
from attnwidget.attention import LayerInfo, Stack
from attnwidget.inputs.tokens import Token
from attnwidget.statistics.corpus import HeadProfile
from attnwidget.statistics.partition import CATEGORIES
from attnwidget.wire import Container, WireError
from attnwidget.wire.container import Block, Packer, json_block

TOKENS = ["[CLS]", "the", "dog", "chased", "the", "cat", "[SEP]"]


def given(layers: int = 2, heads: int = 3, seed: int = 0) -> Attention:
    return Attention.from_arrays(softmax(layers, heads, 7, 7, seed=seed), TOKENS)


def content(container: bytes, stack: str = "encoder") -> dict[str, Any]:
    found: dict[str, Any] = Container(container).json(f"statistics/{stack}")
    return found


# ---- the block


@pytest.mark.parametrize("value", [{"é": ["犬", None, 1.5, True]}, [], "x" * 9000])
def test_json_comes_back_as_it_was(value: Any) -> None:
    packer = Packer()
    packer.add("some", json_block(value))
    container = Container(packer.pack())
    assert container.json("some") == value
    assert container.block("some")["dtype"] == "u1"


@pytest.mark.parametrize("damaged", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_an_error_with_its_name(damaged: bytes) -> None:
    packer = Packer()
    packer.add("some", Block([damaged], "u1", (len(damaged),), {}))
    with pytest.raises(WireError, match="'some'"):
        Container(packer.pack()).json("some")


def test_not_a_number_never_reaches_the_page() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_block([float("nan")])


# ---- the answer to a request


def test_of_a_long_text_some_rows_are_read_and_the_answer_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_statistics, "MOST_READ", 4 * 7 * 6)
    monkeypatch.setattr(page_statistics, "FEWEST_ROWS", 3)
    asked = answers.read({"what": "statistics", "stack": "encoder"})
    data = given()
    found = content(answers.answer(data, asked))
    assert (found["rows"], found["text_rows"]) == (4, 7)
    expected = data.statistics(rows=4)
    np.testing.assert_allclose(np.array(found["values"]["cls"], float), expected["cls"], rtol=1e-3)
    monkeypatch.setattr(page_statistics, "MOST_READ", 7 * 7 * 6)
    assert content(answers.answer(given(), asked))["text_rows"] is None
    # The fewest rows are more than may be asked for.
    monkeypatch.setattr(page_statistics, "MOST_READ", 0)
    monkeypatch.setattr(page_statistics, "MOST_ASKED", 2 * 7 * 6)
    with pytest.raises(ValueError, match="would take many minutes"):
        answers.answer(given(), asked)


def test_the_answer_holds_what_attention_statistics_says() -> None:
    data = given()
    found = content(answers.answer(data, answers.read({"what": "statistics", "stack": "encoder"})))
    statistics = data.statistics()
    assert found["heads"] == [3, 3]
    assert {"cls", "entropy", "prev", "mi"} <= set(found["values"])
    for name, grid in found["values"].items():
        numbers = np.array(grid, dtype=np.float64)
        assert np.allclose(numbers, statistics[name], rtol=5.1e-4, atol=0, equal_nan=True), name
    by_hand = data.weights(1, 2)[:, 0].astype(np.float64).mean()
    assert found["values"]["cls"][1][2] == pytest.approx(by_hand, rel=5.1e-4)
    for label, wanted in zip(found["labels"], statistics.labels(), strict=True):
        assert (label["layer"], label["head"], label["label"]) == (wanted.layer, wanted.head, wanted.label)
        assert label["text"] == {"en": wanted.text("en"), "ja": wanted.text("ja")}
    assert found["verdict"]["text"]["ja"] == statistics.verdict("ja")
    assert not found["enough"]
    assert found["failed"] == [0, []]


def test_every_layer_is_shared_out_and_every_word_is_there() -> None:
    found = content(page_statistics.statistics(given(), "encoder"))
    shares = np.array([found["partition"]["weight_per_layer"][name] for name in CATEGORIES])
    assert np.allclose(shares.sum(0), 1, atol=1e-5)
    assert all(share is None for layers in found["partition"]["contribution_per_layer"].values() for share in layers)
    for lang in ("en", "ja"):
        words = found["words"][lang]
        for entry in found["definitions"].values():
            assert words[entry["title"]].strip()
            assert words[entry["text"]].strip()
        assert all(words[label["rule"]].strip() for label in found["labels"])
        assert words["caveat.no_values"].strip()


def test_numbers_are_short_but_the_verdict_is_not_rounded_twice() -> None:
    found = content(page_statistics.statistics(given(), "encoder"))
    digits = [
        len(re.sub(r"e.*|\D", "", f"{number!r}").strip("0"))
        for grid in found["values"].values()
        for layer in grid
        for number in layer
        if number is not None
    ]
    assert max(digits) <= 4
    share = found["verdict"]["evidence"]["share"]
    assert share == given().statistics().to_dict()["verdict"]["evidence"]["share"]
    assert f"{share:.4g}" != repr(share)


def test_statistics_are_made_once_for_a_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    data = given()
    first = page_statistics.statistics(data, "encoder")
    monkeypatch.setattr(Attention, "statistics", lambda *_, **__: pytest.fail("asked again"))
    assert page_statistics.statistics(data, "encoder") == first


def test_rows_that_are_no_distribution_are_said_so() -> None:
    class Broken:
        heads, queries, keys, nbytes = 2, 7, 7, 0

        def weights(self, heads: Any, rows: Any) -> np.ndarray[Any, Any]:
            cells = softmax(2, 7, 7)
            cells[1, 3] = np.nan
            return cells[list(heads)][:, rows]

        def value_norms(self) -> None:
            return None

        def value_products(self, heads: Any) -> None:
            return None

    tokens = given().tokens
    broken: Any = Broken()
    data = Attention([Stack("encoder", tokens, tokens, (LayerInfo(2, "arrays"),))], {"encoder": [broken]})
    found = content(page_statistics.statistics(data, "encoder"))
    assert found["faults"] == 1
    assert found["verdict"]["kind"] == "invalid"
    json.dumps(found, allow_nan=False)


def test_a_token_that_no_file_can_hold_is_replaced() -> None:
    data = Attention.from_arrays(softmax(1, 2, 3, 3), [Token("\ud800", "\ud800", None, "cls", "cls"), "a", "b"])
    assert content(page_statistics.statistics(data, "encoder"))["sinks"] == {"cls": "\ufffd"}


def test_unknown_stack_is_an_error_in_words() -> None:
    with pytest.raises(ValueError, match="'decoder' is not valid"):
        answers.answer(given(), answers.read({"what": "statistics", "stack": "decoder"}))


# ---- pictures of a layer


def test_pictures_of_a_layer_are_its_overviews() -> None:
    data = given()
    reply = Container(answers.answer(data, answers.read({"what": "pictures", "stack": "encoder", "layer": 1})))
    assert list(reply.blocks) == ["overview/encoder/1"]
    levels = reply.numbers("overview/encoder/1", (3, 7, 7))
    assert np.abs((levels / 255) ** 2 - data.overview(1)).max() < 0.04
    with pytest.raises(ValueError, match="layer: 2 is not valid"):
        answers.answer(data, answers.read({"what": "pictures", "stack": "encoder", "layer": 2}))


# ---- the profile of a corpus


@pytest.fixture(scope="module")
def corpus() -> HeadProfile:
    return HeadProfile.from_statistics(given(seed=seed).statistics() for seed in range(24))


def test_a_profile_travels_in_its_trait_and_is_shown_first(corpus: HeadProfile) -> None:
    view = AttnView(given(), profile=corpus)
    assert view.evidence == "corpus"
    found = content(view.profile)
    assert found["texts"] == 24
    assert found["lengths"] == [7, 7]
    means = np.array(found["values"]["entropy"], dtype=np.float64)
    assert np.allclose(means, corpus["entropy"], rtol=5.1e-4)
    errors = np.array(found["errors"]["entropy"], dtype=np.float64)
    assert np.allclose(errors, corpus.standard_errors()["entropy"], rtol=5.1e-4)
    view.close()


def test_evidence_chosen_with_a_profile_stays(corpus: HeadProfile) -> None:
    view = AttnView.from_arrays(softmax(2, 3, 7, 7), TOKENS, profile=corpus, evidence="text")
    assert view.evidence == "text"
    assert view.profile
    view.close()


def test_a_profile_of_another_shape_is_refused_naming_both(corpus: HeadProfile) -> None:
    with pytest.raises(ValueError, match=r"profile is of 2 layers × 3 heads.*shows 2 layers × 4 heads"):
        AttnView(given(heads=4), profile=corpus)


def test_a_profile_of_another_stack_is_refused(corpus: HeadProfile) -> None:
    data = Attention.from_arrays(softmax(2, 3, 7, 7), TOKENS, stack="vision")
    with pytest.raises(ValueError, match="profile is of the stack 'encoder', but this view has 'vision'"):
        AttnView(data, profile=corpus)


def test_what_is_no_profile_is_refused() -> None:
    wrong: Any = {"texts": 3}
    with pytest.raises(TypeError, match="profile must be a HeadProfile, got dict"):
        AttnView(given(), profile=wrong)


# ---- exported pages


def saved(view: AttnView) -> list[str]:
    """Statistics that the exported page holds."""
    attention = view._part(None, None, False, lambda: None).binary["attention"]
    return [name for name in Container(attention).blocks if name.startswith("statistics/")]


def test_a_page_of_a_short_text_brings_its_statistics_and_all_else() -> None:
    view = AttnView(given())
    assert saved(view) == ["statistics/encoder"]
    attention = view._part(None, None, False, lambda: None).binary["attention"]
    assert attnwidget.wire.decode(attention).keys() == attnwidget.wire.decode(view.attention).keys()
    assert set(Container(view.attention).blocks) < set(Container(attention).blocks)
    view.close()


def test_a_page_of_a_long_text_brings_them_when_they_are_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_statistics, "MOST_CELLS", 10)
    view = AttnView(given())
    assert saved(view) == []
    view.mode = "profile"
    assert saved(view) == ["statistics/encoder"]
    view.mode = "lines"
    assert saved(view) == ["statistics/encoder"], "what was made once is no more work"
    view.close()


FIXTURES = Path(__file__).parent / "fixtures"


def test_the_page_is_tested_on_what_python_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FIXTURES))
    import make_statistics

    make_statistics.make(tmp_path)
    for name in ("statistics_text", "statistics_corpus"):
        stored, made = ((folder / f"{name}.attn").read_bytes() for folder in (FIXTURES, tmp_path))
        assert content(stored) == content(made), "run tests/fixtures/make_statistics.py"
    assert json.loads((FIXTURES / "statistics.json").read_text("utf-8")) == json.loads(
        (tmp_path / "statistics.json").read_text("utf-8")
    )


# ---- what a layer is called on the page

IDS = torch.arange(2, 13)[None]


def layers_of(model: Any) -> list[dict[str, Any]]:
    view = AttnView(model, {"input_ids": IDS})
    found: list[dict[str, Any]] = view.stacks[0]["layers"]
    view.close()
    return found


def test_heads_that_share_keys_are_told(tiny_llama: Any, tiny_bert: Any) -> None:
    assert [layer.get("kv_heads") for layer in layers_of(tiny_llama)] == [2, 2, 2]
    for layer in layers_of(tiny_bert):
        assert set(layer) == {"heads", "source", "note"}


@pytest.mark.parametrize(
    ("family", "architecture", "settings", "wanted"),
    [
        ("Mistral", "MistralForCausalLM", {"num_key_value_heads": 1, "sliding_window": 3, "head_dim": 8}, [3, 3, 3]),
        ("Mistral", "MistralForCausalLM", {"num_key_value_heads": 1, "sliding_window": 60, "head_dim": 8}, [None] * 3),
        ("Gemma2", "Gemma2ForCausalLM", {"num_key_value_heads": 2, "head_dim": 8, "sliding_window": 4}, [4, None, 4]),
        (
            "ModernBert",
            "ModernBertModel",
            {"local_attention": 4, "global_attn_every_n_layers": 3, "pad_token_id": 0, "bos_token_id": 1}
            | {"eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2},
            [None, 5, 5],
        ),
    ],
)
def test_layers_with_a_window_are_told(
    make_model: Callable[..., Any], family: str, architecture: str, settings: dict[str, Any], wanted: list[int | None]
) -> None:
    assert [layer.get("window") for layer in layers_of(make_model(family, architecture, **settings))] == wanted


def test_layers_with_chunks_are_told() -> None:
    from tiny import peaky
    from transformers import Llama4ForCausalLM, Llama4TextConfig

    config = Llama4TextConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        intermediate_size_mlp=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        attention_chunk_size=4,
        num_local_experts=2,
        pad_token_id=0,
    )
    found = layers_of(peaky(Llama4ForCausalLM(config)))
    assert [layer.get("chunk") for layer in found] == [4, 4]
    assert [layer.get("window") for layer in found] == [None, None]
