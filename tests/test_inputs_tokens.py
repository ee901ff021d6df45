"""Tokens as people read them: words, segments and roles, however little the tokenizer tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from test_inputs import byte_level, one
from tiny import eager_twin

from attnwidget import capture
from attnwidget.inputs.display import joined, visible
from attnwidget.inputs.offsets import words_of
from attnwidget.inputs.tokens import ROLES, roles_of, segments_by_separators, words_by_marks
from attnwidget.inputs.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def roberta_tokenizer() -> Any:
    inner = tokenizers.Tokenizer(tokenizers.models.BPE())
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
    inner.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(["the dog chased the cat"] * 3, trainer)
    inner.post_processor = tokenizers.processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    names = {"bos": "<s>", "cls": "<s>", "eos": "</s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{name}_token": text for name, text in names.items()},
    )


@pytest.fixture(scope="module")
def roberta(make_model: Callable[..., Any]) -> Any:
    return make_model("Roberta", "RobertaModel", vocab_size=320, pad_token_id=1, max_position_embeddings=66)


# Segments


def test_segments_by_separators() -> None:
    def segments(roles: str) -> list[int]:
        names = {"c": "cls", "s": "sep", "t": "text", "m": "mask", "p": "pad", "e": "eos"}
        return segments_by_separators([names[r] for r in roles])

    assert segments("cttstts") == [0, 0, 0, 0, 1, 1, 1]
    assert segments("cttsstts") == [0, 0, 0, 0, 0, 1, 1, 1]
    assert segments("ctts") == [0, 0, 0, 0]
    assert segments("cttsmspp") == [0, 0, 0, 0, 1, 1, 1, 1]
    assert segments("ttett") == [0] * 5  # ends of documents are no separators
    assert segments("") == []


def test_pairs_without_token_types(roberta: Any, roberta_tokenizer: Any) -> None:
    pair = one(capture(roberta, "the dog", "the cat", tokenizer=roberta_tokenizer))
    assert [(t.role, t.segment) for t in pair.tokens] == [
        *(("cls", 0), ("text", 0), ("text", 0), ("sep", 0), ("sep", 0), ("text", 1), ("text", 1), ("sep", 1))
    ]
    encoding = roberta_tokenizer("the dog", "the cat", return_tensors="pt")
    for ready in (encoding, dict(encoding), encoding["input_ids"]):
        found = one(capture(roberta, ready, tokenizer=roberta_tokenizer))
        assert [t.segment for t in found.tokens] == [t.segment for t in pair.tokens]
        assert [t.word for t in found.tokens] == [t.word for t in pair.tokens]


def test_a_separator_in_one_text_opens_no_segment(minilm: Any) -> None:
    assert {t.segment for t in one(capture(minilm, "the dog [SEP] ran")).tokens} == {0}


# Words


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=24))
def test_ids_alone_give_the_words_that_the_encoding_gives(text: str) -> None:
    tokenizer = byte_level()
    encoding = tokenizer(text)
    found = Vocabulary(tokenizer).tokens(encoding["input_ids"])
    told = words_of(encoding, 0)
    assert told is not None
    special = {i for i, t in enumerate(found) if t.role not in ("text", "unk")}
    pairs = [(a, b.word) for i, (a, b) in enumerate(zip(told, found, strict=True)) if i not in special]
    # Numbers may differ, what goes together may not.
    assert len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(set(pairs))


def test_words_of_slow_tokenizers(tmp_path: Path, make_model: Callable[..., Any]) -> None:
    vocabulary = ["the", "un", "@@", "do@@", "gs", "un@@", "real", "<unk>"]
    (tmp_path / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(vocabulary)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\nt h\nth e</w>\nd o\ng s</w>\nu n\nr e\nre a\nrea l</w>\n")
    slow = transformers.CTRLTokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    assert not slow.is_fast
    model = make_model("CTRL", "CTRLModel", vocab_size=8, n_embd=32, dff=32, n_layer=1, n_head=4)
    found = one(capture(model, "the dogs unreal", tokenizer=slow)).tokens
    assert [t.raw for t in found] == ["the", "do@@", "gs", "un@@", "real"]
    assert [t.text for t in found] == ["the", "do", "gs", "un", "real"]
    assert [t.word for t in found] == [0, 1, 1, 2, 2]
    assert words_by_marks(["do@@", "[SEP]", "gs"], ["text", "sep", "text"], suffix=True) == [0, None, 1]


@settings(max_examples=80, deadline=None)
@given(st.text(min_size=1, max_size=12))
def test_joined_pieces_are_the_text(text: str) -> None:
    tokenizer = byte_level()
    raws = tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"])
    whole = joined(raws, visible(raws, None, "bytes"))
    assert whole.strip()
    assert "\ufffd" not in whole.replace("\ufffd", "", text.count("\ufffd"))
    if text.isprintable() and not text[0].isspace():
        assert whole.replace("◌", "", 1) == text or any(c in whole for c in "⟨␣")


def test_space_before(minilm: Any, roberta: Any, roberta_tokenizer: Any) -> None:
    found = one(capture(minilm, "don't stop, 犬が")).tokens
    assert [t.text for t in found if t.space_before] == ["stop", "犬"]
    by_marks = one(capture(roberta, roberta_tokenizer("the dog", return_tensors="pt")["input_ids"]))
    assert not any(t.space_before for t in by_marks.tokens)  # no tokenizer, nobody to tell
    told = one(capture(roberta, "the dog", tokenizer=roberta_tokenizer)).tokens
    assert [(t.text, t.space_before) for t in told][1:3] == [("the", True), ("dog", True)]


def test_ids_that_were_changed_after_they_were_encoded(minilm: Any, minilm_tokenizer: Any) -> None:
    """The tokenizer's account of words and spaces is that of other ids then; a masked word changes nothing else."""

    def encoded() -> Any:
        return minilm_tokenizer(["don't stop", "unbelievable"], padding=True, return_tensors="pt")

    longer, swapped, masked = encoded(), encoded(), encoded()
    for name, value in encoded().items():
        longer[name] = torch.cat([value, value], 1)
        swapped[name] = value.flip(0)
    for changed in (longer, swapped):
        found, told = capture(minilm, changed), capture(minilm, dict(changed))
        assert [a.tokens for a in found] == [a.tokens for a in told]
    masked["input_ids"][0, 1] = minilm_tokenizer.mask_token_id
    first = capture(minilm, masked)[0]
    assert [(t.text, t.word) for t in first.tokens if t.space_before] == [("stop", 3)]


# Roles


def test_a_beginning_amid_the_text_opens_a_turn() -> None:
    named: dict[str, int | None] = {"bos": 1, "eos": 2}
    assert roles_of([1, 5, 2, 1, 5], named, {1, 2}) == ["bos", "text", "eos", "special", "text"]
    assert roles_of([9, 1, 5], {"bos": 1, "pad": 9}, (), [0, 1, 1]) == ["pad", "bos", "text"]


def test_added_names_are_special_and_added_words_are_not(make_model: Callable[..., Any]) -> None:
    tokenizer = byte_level()
    for text in ("<tool_call>", "[INST]", "Tokyo", "<"):
        tokenizer.add_tokens([transformers.AddedToken(text, special=False, normalized=False)])
    model = make_model("GPT2", "GPT2LMHeadModel", vocab_size=400, n_embd=32, n_layer=1, n_head=4, n_positions=64)
    found = one(capture(model, "a<tool_call>b[INST]Tokyo<", tokenizer=tokenizer)).tokens
    assert [(t.text, t.role) for t in found] == [
        *(("a", "text"), ("<tool_call>", "special"), ("b", "text"), ("[INST]", "special")),
        *(("Tokyo", "text"), ("<", "text")),
    ]
    assert all(t.role in ROLES for t in found)


# Embeddings


def test_embeddings_given_directly(tiny_llama: Any) -> None:
    embeddings = torch.randn(2, 5, 32, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]])
    both = capture(tiny_llama, {"inputs_embeds": embeddings, "attention_mask": mask})
    assert isinstance(both, list)
    assert [[t.text for t in a.tokens] for a in both] == [["0", "1", "2", "3", "4"], ["0", "1", "2"]]
    assert "positions are shown by their number" in both[0].notes[0]
    twin = eager_twin(tiny_llama)
    wanted = twin(inputs_embeds=embeddings, attention_mask=mask, output_attentions=True).attentions
    for layer in range(3):
        exact = [wanted[layer][i].detach().numpy() for i in range(2)]
        np.testing.assert_allclose(both[0].weights(layer), exact[0], atol=1e-5)
        np.testing.assert_allclose(both[1].weights(layer), exact[1][:, 2:, 2:], atol=1e-5)
    alone = one(capture(tiny_llama, {"inputs_embeds": embeddings[0]}))
    np.testing.assert_allclose(alone.weights(0), both[0].weights(0), atol=1e-5)
    with pytest.raises(ValueError, match=r"attention_mask has shape \(1, 2\) and inputs_embeds \(1, 5\)"):
        capture(tiny_llama, {"inputs_embeds": embeddings[:1], "attention_mask": torch.ones(1, 2)})
