"""Trained models and real inputs: what they read, how it is called, and that their weights are eager attention's."""

from __future__ import annotations

import unicodedata
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from models import folder, speech

from attnwidget import Attention, AttnView, capture


def one(found: Any) -> Attention:
    assert isinstance(found, Attention)
    return found


def load(auto: Any, name: str, **settings: Any) -> tuple[Any, Any]:
    """A model as a user loads it, and its eager twin."""
    place = str(folder(name))
    model = auto.from_pretrained(place, dtype=torch.float32, **settings).eval()
    twin = auto.from_pretrained(place, dtype=torch.float32, attn_implementation="eager", **settings).eval()
    return model, twin


def same(found: Attention, reference: Any, stack: str | None = None, heads: Any = None) -> None:
    """Weights of every layer within 1e-5 of eager attention, rows summing to 1."""
    for layer, wanted in enumerate(reference):
        exact = wanted[0].detach().numpy()
        weights = found.weights(layer, heads, stack=stack)
        np.testing.assert_allclose(weights, exact if heads is None else exact[heads], atol=1e-5)
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)


def plain(tokens: Any) -> bool:
    """Whether everything shown can be read: no replacement characters, no controls, nothing empty."""
    return all(
        t.text.strip() and "\ufffd" not in t.text and not any(unicodedata.category(c) == "Cc" for c in t.text)
        for t in tokens
    )


def test_an_english_bert(minilm: Any, minilm_path: str, minilm_tokenizer: Any) -> None:
    text = "The dog unbelievably chased the cat."
    found = one(capture(minilm, text))
    assert [t.text for t in found.tokens] == [
        *("[CLS]", "the", "dog", "un", "bel", "ie", "va", "bly", "chased", "the", "cat", ".", "[SEP]")
    ]
    assert [t.space_before for t in found.tokens] == [False, False, True, True, *[False] * 4, *[True] * 3, False, False]
    twin = transformers.AutoModel.from_pretrained(minilm_path, attn_implementation="eager").eval()
    same(found, twin(**minilm_tokenizer(text, return_tensors="pt"), output_attentions=True).attentions)
    # A head that looks at the token before: what this model learned, and random weights never do.
    assert np.diagonal(found.weights(0, 2), -1)[1:-1].mean() > 0.9
    assert [t.text for t in found.by_word().tokens][3] == "unbelievably"


def test_a_japanese_albert_whose_layers_share_their_weights() -> None:
    model, twin = load(transformers.AutoModel, "ja-albert", add_pooling_layer=False)
    found = one(capture(model, "犬が猫を追う"))
    assert [t.text for t in found.tokens] == list("犬が猫を追う")
    assert (found.n_layers, found.n_heads(0)) == (4, 4)
    assert {t.role for t in found.tokens} == {"text"}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder("ja-albert"))
    same(found, twin(**tokenizer("犬が猫を追う", return_tensors="pt"), output_attentions=True).attentions)
    assert not np.allclose(found.weights(0), found.weights(3), atol=1e-2)


def test_a_head_that_maps_atoms() -> None:
    """Layer 2, head 5 finds for each atom of a product the reactant's atom that it was, as its authors published."""
    model, twin = load(transformers.AutoModelForMaskedLM, "rxnmapper")
    text = "CC(C)S.Fc1cccnc1F>>CC(C)Sc1ncccc1F"
    found = one(capture(model, text))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder("rxnmapper"))
    same(found, twin(**tokenizer(text, return_tensors="pt"), output_attentions=True).attentions)
    border = [t.text for t in found.tokens].index(">>")
    atoms = [i for i, t in enumerate(found.tokens) if t.role == "text" and t.text.isalpha()]
    reactants, products = [i for i in atoms if i < border], [i for i in atoms if i > border]
    # Isopropyl and sulphur in order, then the ring from the carbon that lost its fluorine on, backwards.
    truth = [{0, 2}, {1}, {0, 2}, {3}, {10}, {9}, {8}, {7}, {6}, {5}, {4}]
    chosen = found.weights(2, 5, queries=products)[:, reactants].argmax(-1)
    assert sum(int(c) in t for c, t in zip(chosen, truth, strict=True)) >= 10


@pytest.mark.slow
def test_multilingual_e5() -> None:
    model, twin = load(transformers.AutoModel, "e5", add_pooling_layer=False)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder("e5"))
    found = one(capture(model, "犬が猫を追う"))
    assert [t.text for t in found.tokens] == ["<s>", "␣", "犬", "が", "猫", "を", "追", "う", "</s>"]
    assert [t.raw for t in found.tokens][1:3] == ["▁", "犬"]
    assert [t.role for t in found.tokens] == ["cls", *["text"] * 7, "sep"]
    assert [t.word for t in found.tokens] == [None, *[0] * 7, None]
    assert [t.text for t in found.by_word().tokens] == ["<s>", "犬が猫を追う", "</s>"]
    same(found, twin(**tokenizer("犬が猫を追う", return_tensors="pt"), output_attentions=True).attentions)
    # Pairs have no token types here: separators and the tokenizer's own account say where the second begins.
    pair = one(capture(model, "The dog chased", "the cat"))
    assert [t.segment for t in pair.tokens] == [*[0] * 7, 1, 1, 1]
    assert [t.text for t in pair.by_word().tokens] == [
        *("<s>", "The", "dog", "chased", "</s>", "</s>", "the", "cat", "</s>")
    ]
    bare = one(capture(model, tokenizer("The dog chased", "the cat", return_tensors="pt")["input_ids"]))
    assert [t.segment for t in bare.tokens] == [t.segment for t in pair.tokens]
    assert [t.word for t in bare.tokens] == [t.word for t in pair.tokens]


@pytest.mark.slow
def test_smollm2() -> None:
    model, twin = load(transformers.AutoModelForCausalLM, "smollm2")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder("smollm2"))
    assert (model.config.num_attention_heads, model.config.num_key_value_heads) == (9, 3)
    # Prompt and generated tokens: one square picture, that of one forward pass over the whole.
    found = one(capture(model, "The capital of France is", generate=6))
    texts = [t.text for t in found.tokens]
    assert texts[:6] == ["The", "capital", "of", "France", "is", "Paris"]
    assert [t.segment for t in found.tokens] == [0] * 5 + [1] * 6
    assert "last segment was written by the model" in found.notes[-1]
    assert found.stacks["decoder"].causal
    assert len(found.key_tokens()) == 11
    ids = torch.tensor([[t.id for t in found.tokens]])
    same(found, twin(ids, output_attentions=True).attentions)
    sampled = twin.generate(
        **tokenizer("The capital of France is", return_tensors="pt"), max_new_tokens=6, do_sample=False
    )
    assert sampled.tolist() == ids.tolist()
    # Characters cut into bytes are shown as parts of themselves.
    japanese = one(capture(model, "犬が猫を追う"))
    assert [t.text for t in japanese.tokens][:5] == ["犬 1/3", "犬 2/3", "犬 3/3", "が 1/2", "が 2/2"]
    assert plain(japanese.tokens)
    assert [t.text for t in japanese.by_word().tokens] == ["犬が猫を追う"]
    same(japanese, twin(**tokenizer("犬が猫を追う", return_tensors="pt"), output_attentions=True).attentions)
    chat = one(capture(model, [{"role": "user", "content": "Say hello."}], generate=5))
    roles = [(t.text, t.role) for t in chat.tokens if t.role != "text"]
    assert roles[:3] == [("<|im_start|>", "bos"), ("<|im_end|>", "eos"), ("<|im_start|>", "special")]
    assert chat.text == "user: Say hello."
    assert {t.segment for t in chat.tokens} == {0, 1}


@pytest.mark.slow
def test_whisper_on_real_speech(tmp_path: Path) -> None:
    model, twin = load(transformers.WhisperForConditionalGeneration, "whisper")
    with wave.open(str(speech(tmp_path))) as file:
        rate = file.getframerate()
        sound = np.frombuffer(file.readframes(6 * rate), "<i2")
    found = one(capture(model, sound, sampling_rate=rate))
    said = [t.text for t in found.query_tokens("cross")]
    assert said[:9] == ["<|startoftranscript|>", "<|notimestamps|>", "It", "was", "the", "best", "of", "times", ","]
    frames = found.key_tokens("cross")
    assert [t.text for t in frames[:3]] == ["0.00 s", "0.02 s", "0.04 s"]
    assert [t.role for t in frames].count("text") == 300  # six seconds; the rest is silence that fills thirty
    assert found.weights(0, 0, stack="cross").shape == (len(said), 1500)
    assert "resampled from 48000 to 16000" in found.notes[0]
    assert "No target was given" in found.notes[1]
    features = transformers.AutoFeatureExtractor.from_pretrained(folder("whisper"))
    heard = one(capture(model, sound, sampling_rate=rate, target="It was the best of times"))
    assert [t.text for t in heard.query_tokens("decoder")][:4] == [*said[:2], "It", "was"]
    inputs = features(_at_16k(sound, rate), sampling_rate=16000, return_tensors="pt")
    ids = torch.tensor([[t.id for t in found.query_tokens("decoder")]])
    reference = twin(**inputs, decoder_input_ids=ids, output_attentions=True)
    same(found, reference.cross_attentions, "cross")
    same(found, reference.decoder_attentions, "decoder")
    same(found, reference.encoder_attentions[:1], "encoder", [0, 3])
    # Heads that OpenAI published as aligned with time: later words look at later frames.
    heads = model.generation_config.alignment_heads
    aligned = np.mean([found.weights(layer, head, stack="cross") for layer, head in heads], axis=0)
    peaks = aligned[2:, :300].argmax(-1)
    later = np.subtract.outer(peaks, peaks)[np.tril_indices(len(peaks), -1)] > 0
    assert later.mean() > 0.75  # by chance a half


def _at_16k(sound: Any, rate: int) -> Any:
    """By another way than the one tested: Fourier coefficients through scipy."""
    from scipy.signal import resample

    return resample(sound / 32767, len(sound) * 16000 // rate).astype(np.float32)


@pytest.fixture(scope="module")
def digits() -> tuple[Any, float, Any]:
    """A vision transformer trained here on the 8×8 handwritten digits of scikit-learn, its accuracy, and a test image.

    No package carries trained weights of one; these take some seconds.
    """
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = torch.tensor(images.reshape(-1, 1, 8, 8) / 8 - 1, dtype=torch.float32)
    wanted = torch.tensor(labels)
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        image_size=8,
        patch_size=2,
        num_channels=1,
        hidden_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=96,
        num_labels=10,
        hidden_dropout_prob=0.0,
    )
    model = transformers.ViTForImageClassification(config)
    train, test = torch.arange(0, 1400), torch.arange(1400, 1797)
    steps = 12 * 22
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for _ in range(steps // 22):
        for batch in train[torch.randperm(len(train))].split(64):
            optimizer.zero_grad()
            model(pixel_values=pixels[batch], labels=wanted[batch]).loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        right = model(pixel_values=pixels[test]).logits.argmax(-1) == wanted[test]
    return model, float(right.float().mean()), pixels[1400]


def test_a_vision_transformer_trained_on_digits(digits: tuple[Any, float, Any]) -> None:
    model, accuracy, image = digits
    assert accuracy > 0.85
    found = one(capture(model, image.numpy()))
    assert list(found.stacks) == ["vision"]
    assert found.grid == (4, 4)
    assert [t.text for t in found.tokens[:3]] == ["[CLS]", "r0 c0", "r0 c1"]
    assert (found.tokens[0].role, found.tokens[0].kind, found.tokens[0].place) == ("cls", "cls", None)
    assert found.tokens[7].place == (1, 2)
    assert "no processor" in found.notes[0]
    model.set_attn_implementation("eager")
    try:
        same(found, model(pixel_values=image[None], output_attentions=True).attentions)
    finally:
        model.set_attn_implementation("sdpa")
    view = AttnView(model, image.numpy())
    assert view.tokens["image"][16]["text"] == "r3 c3"
    view.close()
