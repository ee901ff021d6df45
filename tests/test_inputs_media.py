"""Images and sounds: what their positions are called, however they are given."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from test_inputs import byte_level, one
from tiny import eager_twin, peaky, tiny_whisper

from attnwidget import AttnView, capture
from attnwidget.inputs.audio import frame_tokens, resample

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
VIT = {**SMALL, "image_size": 12, "patch_size": 4}


def image(height: int = 12, width: int = 12, channels: int = 3, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((channels, height, width)).astype(np.float32)


class Processor:
    """What an image processor is to us: called with images, it gives pixel values."""

    def __call__(self, images: Any, return_tensors: str) -> dict[str, Any]:
        array = np.asarray(images, np.float32)[:12, :12]
        assert return_tensors == "pt"
        return {"pixel_values": torch.tensor(array.transpose(2, 0, 1)[None] / 255), "sizes": [array.shape]}


class Picture:
    """What a picture of Pillow's is to us."""

    size = (12, 12)

    def __init__(self, colours: Any) -> None:
        self.colours = colours

    def convert(self, mode: str) -> Picture:
        return self

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.asarray(self.colours, dtype)


@pytest.fixture(scope="module")
def vit() -> Any:
    return peaky(transformers.ViTModel(transformers.ViTConfig(**VIT)))


def test_an_image(vit: Any) -> None:
    found = one(capture(vit, image()))
    assert [t.text for t in found.tokens] == ["[CLS]", *(f"r{r} c{c}" for r in range(3) for c in range(3))]
    assert [t.place for t in found.tokens][1:5] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert found.grid == (3, 3)
    assert found.tokens[0].kind == "cls"
    wanted = eager_twin(vit)(pixel_values=torch.tensor(image())[None], output_attentions=True).attentions
    for layer in range(2):
        np.testing.assert_allclose(found.weights(layer), wanted[layer][0].detach().numpy(), atol=1e-5)
    for same in (torch.tensor(image()), torch.tensor(image())[None], {"pixel_values": torch.tensor(image())}):
        np.testing.assert_array_equal(one(capture(vit, same)).weights(1), found.weights(1))
    np.testing.assert_array_equal(one(capture(vit, image=image())).weights(1), found.weights(1))
    assert found.by_word().grid == (3, 3)


def test_images_through_a_processor(vit: Any) -> None:
    colours = np.random.default_rng(1).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    found = one(capture(vit, colours, processor=Processor()))
    assert found.grid == (3, 3)
    assert not found.notes
    for way in ({"text": Picture(colours)}, {"image": Picture(colours)}):  # as one of Pillow's
        np.testing.assert_array_equal(one(capture(vit, processor=Processor(), **way)).weights(0), found.weights(0))
    many = capture(vit, [colours, colours[::-1]], processor=Processor())
    assert isinstance(many, list)
    np.testing.assert_array_equal(many[0].weights(0), found.weights(0))
    with pytest.raises(
        ValueError, match=r"no image processor was found for ViTModel: it does not say where.*processor="
    ):
        capture(vit, colours)
    with pytest.raises(TypeError, match=r"image must be a Pillow image or an array.*got str"):
        capture(vit, image="cat.png")
    with pytest.raises(ValueError, match="empty list"):
        capture(vit, image=[])
    with pytest.raises(ValueError, match="both, pass one"):
        capture(vit, image=colours, audio=np.zeros(9))


def test_positions_in_front_of_the_patches() -> None:
    registers = transformers.Dinov2WithRegistersConfig(**SMALL, image_size=8, patch_size=4, num_register_tokens=2)
    found = one(capture(peaky(transformers.Dinov2WithRegistersModel(registers)), image(8, 8)))
    assert [t.text for t in found.tokens] == [
        *("[CLS]", "⟨register 0⟩", "⟨register 1⟩", "r0 c0", "r0 c1", "r1 c0", "r1 c1")
    ]
    assert [t.role for t in found.tokens[:4]] == ["cls", "special", "special", "text"]
    distilled = peaky(transformers.DeiTModel(transformers.DeiTConfig(**{**VIT, "image_size": 8})))
    assert [t.text for t in one(capture(distilled, image(8, 8))).tokens][:3] == ["[CLS]", "[DIST]", "r0 c0"]
    plain = peaky(transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**{**VIT, "image_size": 8})))
    assert one(capture(plain, image(8, 8))).tokens[0].text == "r0 c0"


def test_a_picture_that_is_no_square() -> None:
    config = transformers.Dinov2Config(**SMALL, image_size=8, patch_size=4)
    found = one(capture(peaky(transformers.Dinov2Model(config)), {"pixel_values": torch.tensor(image(8, 12))[None]}))
    assert found.grid == (2, 3)
    assert found.tokens[-1].text == "r1 c2"


def test_masked_patches_are_only_numbered() -> None:
    """A masked autoencoder leaves patches out: which ones, nobody outside can tell."""
    config = transformers.ViTMAEConfig(**VIT, mask_ratio=0.5, decoder_num_hidden_layers=1)
    found = one(capture(peaky(transformers.ViTMAEModel(config)), image()))
    assert [t.text for t in found.tokens][:2] == ["0", "1"]
    assert found.grid is None


@pytest.fixture(scope="module")
def clip() -> Any:
    config = transformers.CLIPConfig(
        text_config={
            **SMALL,
            "vocab_size": 400,
            "max_position_embeddings": 20,
            "projection_dim": 16,
            "eos_token_id": 0,
        },
        vision_config={**VIT, "projection_dim": 16},
        projection_dim=16,
    )
    return peaky(transformers.CLIPModel(config))


def test_both_towers(clip: Any) -> None:
    tokenizer = byte_level(eos_token="<|endoftext|>")
    found = one(capture(clip, "the dog", image=image(), tokenizer=tokenizer))
    assert set(found.stacks) == {"encoder", "vision"}
    assert [t.text for t in found.query_tokens("encoder")] == ["the", "dog"]
    assert found.query_tokens("vision")[0].text == "[CLS]"
    assert found.grid == (3, 3)
    inputs = {**tokenizer("the dog", return_tensors="pt"), "pixel_values": torch.tensor(image())[None]}
    outputs = eager_twin(clip)(**inputs, output_attentions=True)
    for stack, part in (("encoder", outputs.text_model_output), ("vision", outputs.vision_model_output)):
        wanted = part.attentions[1][0].detach().numpy()
        np.testing.assert_allclose(found.weights(1, stack=stack), wanted, atol=1e-5)
    ready = one(capture(clip, inputs, tokenizer=tokenizer))
    np.testing.assert_array_equal(ready.weights(0, stack="vision"), found.weights(0, stack="vision"))
    texts = capture(clip, ["the dog", "a"], image=image(), tokenizer=tokenizer)
    assert isinstance(texts, list)
    assert [len(a.query_tokens("encoder")) for a in texts] == [2, 1]
    with pytest.raises(ValueError, match="text must go with image one to one: text is one str, image is a list of 2"):
        capture(clip, "a", image=[image(), image()], tokenizer=tokenizer)
    with pytest.raises(ValueError, match="3 texts, 2 of image"):
        capture(clip, ["a", "b", "c"], image=[image(), image()], tokenizer=tokenizer)
    view = AttnView(clip, "the dog", image=image(), tokenizer=tokenizer)
    assert set(view.tokens) == {"source", "image"}
    view.close()


# Sound


@pytest.fixture(scope="module")
def whisper() -> Any:
    return tiny_whisper(max_source_positions=50, suppress_tokens=None, begin_suppress_tokens=None)


def tone(rate: int, seconds: float) -> Any:
    return np.sin(2 * np.pi * 440 * np.arange(int(rate * seconds)) / rate)


def test_a_sound(whisper: Any) -> None:
    extractor = transformers.WhisperFeatureExtractor(feature_size=8, chunk_length=1)
    ids = {"decoder_input_ids": torch.tensor([[3, 7, 9]])}
    features = extractor(tone(16000, 0.6), sampling_rate=16000, return_tensors="pt")
    reference = eager_twin(whisper)(**features, **ids, output_attentions=True)
    ready = one(capture(whisper, {**features, **ids}))
    np.testing.assert_allclose(
        ready.weights(0, stack="cross"), reference.cross_attentions[0][0].detach().numpy(), atol=1e-5
    )
    assert {t.role for t in ready.key_tokens("cross")} == {"text"}  # how long it lasts, features do not say
    heard = one(capture(whisper, tone(16000, 0.6), sampling_rate=16000, processor=extractor, generate=4))
    frames = heard.key_tokens("cross")
    assert [t.text for t in frames][:3] == ["0.00 s", "0.02 s", "0.04 s"]
    assert [t.role for t in frames].count("text") == 30
    assert {t.role for t in frames[30:]} == {"pad"}
    assert heard.query_tokens("decoder")[0].role == "bos"
    assert 2 <= len(heard.query_tokens("decoder")) <= 5
    np.testing.assert_allclose(
        heard.weights(0, stack="encoder"), reference.encoder_attentions[0][0].detach().numpy(), atol=1e-5
    )
    stereo = np.stack([tone(48000, 0.6)] * 2)
    again = one(capture(whisper, audio=stereo, sampling_rate=48000, processor=extractor, generate=4))
    np.testing.assert_allclose(again.weights(0, stack="encoder"), heard.weights(0, stack="encoder"), atol=1e-2)
    assert "resampled from 48000" in again.notes[0]


def test_a_model_in_half_precision_hears(whisper: Any) -> None:
    """Features are float32 whatever the model, and a convolution takes nothing but its own precision."""
    extractor = transformers.WhisperFeatureExtractor(feature_size=8, chunk_length=1)
    half = copy.deepcopy(whisper).to(torch.bfloat16)
    found = one(capture(half, audio=tone(16000, 0.6), sampling_rate=16000, processor=extractor, generate=4))
    features = extractor(tone(16000, 0.6), sampling_rate=16000, return_tensors="pt").to(torch.bfloat16)
    ids = torch.tensor([[t.id for t in found.query_tokens("decoder")]])
    twin = eager_twin(half).to(torch.bfloat16)
    wanted = twin(**features, decoder_input_ids=ids, output_attentions=True)
    for stack, given in (("encoder", wanted.encoder_attentions), ("cross", wanted.cross_attentions)):
        np.testing.assert_allclose(found.weights(0, stack=stack), given[0][0].detach().float().numpy(), atol=3e-2)


def test_what_is_no_sound(whisper: Any) -> None:
    extractor = transformers.WhisperFeatureExtractor(feature_size=8, chunk_length=1)
    with pytest.raises(ValueError, match=r"no feature extractor was found for WhisperFor.*processor="):
        capture(whisper, tone(16000, 0.5), sampling_rate=16000)
    with pytest.raises(ValueError, match=r"audio needs sampling_rate=.*reads 16000"):
        capture(whisper, tone(16000, 0.5), processor=extractor)
    with pytest.raises(ValueError, match="sampling_rate must be a whole number"):
        capture(whisper, tone(16000, 0.5), sampling_rate=0, processor=extractor)
    with pytest.raises(ValueError, match=r"audio lasts 2.0 s and WhisperForConditionalGeneration takes 1 s"):
        capture(whisper, tone(16000, 2), sampling_rate=16000, processor=extractor)
    with pytest.raises(ValueError, match="audio is an empty list"):
        capture(whisper, audio=[])
    with pytest.raises(TypeError, match=r"audio must be numbers of shape \[samples\]"):
        capture(whisper, audio=np.zeros((1, 2, 3)), sampling_rate=16000, processor=extractor)


def test_frames_of_a_waveform() -> None:
    config = transformers.Wav2Vec2Config(
        **{**SMALL, "num_hidden_layers": 1},
        conv_dim=(16, 16),
        conv_kernel=(10, 8),
        conv_stride=(10, 8),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        vocab_size=12,
    )
    model = transformers.Wav2Vec2Model(config).eval()
    extractor = transformers.Wav2Vec2FeatureExtractor()
    found = one(capture(model, tone(16000, 0.1), sampling_rate=16000, processor=extractor))
    assert list(found.stacks) == ["encoder"]
    assert [t.text for t in found.tokens][:3] == ["0.000 s", "0.005 s", "0.010 s"]
    assert len(found.tokens) == 20
    half = one(capture(model.to(torch.bfloat16), tone(16000, 0.1), sampling_rate=16000, processor=extractor))
    np.testing.assert_allclose(half.weights(0), found.weights(0), atol=1e-2)


def test_resampling_keeps_the_sound() -> None:
    for rate in (8000, 22050, 44100, 48000):
        made = resample(tone(rate, 0.5).astype(np.float32), rate, 16000)
        wanted = tone(16000, 0.5)
        assert len(made) == len(wanted)
        assert np.abs(made - wanted)[200:-200].max() < 0.02
    # What is too high for the lower rate is left out, and does not come back as a lower note.
    high = np.sin(2 * np.pi * 12000 * np.arange(24000) / 48000).astype(np.float32)
    assert np.abs(resample(high, 48000, 16000)[200:-200]).max() < 0.02
    assert [t.text for t in frame_tokens(2, 0.02, 0.01)] == ["0.00 s", "0.02 s"]
    assert [t.role for t in frame_tokens(2, 0.02, 0.01)] == ["text", "pad"]
