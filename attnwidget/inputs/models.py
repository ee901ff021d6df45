"""What was handed over as `model`: the module to run, its name, and where its tokenizer is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

# Reading a tokenizer takes longer than a small model's forward pass; it lives as long as its model.
_tokenizers: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


@dataclass(frozen=True)
class Subject:
    """A model to look into.

    Attributes
    ----------
    model : torch.nn.Module
    name : str
        For titles: the hub id or the folder's name, else the class name.
    tokenizer : Any or None
        The one given, the one that came with a pipeline, or the one found from the model; None where there is none.
    problem : str
        Why there is no tokenizer; "" otherwise.
    """

    model: Any
    name: str
    tokenizer: Any | None
    problem: str = ""

    def need_tokenizer(self) -> Any:
        if self.tokenizer is None:
            raise ValueError(
                f"no tokenizer was found for {type(self.model).__name__}: {self.problem}. Pass it: "
                "tokenizer=AutoTokenizer.from_pretrained('path-or-id')"
            )
        return self.tokenizer


def resolve(model: Any, tokenizer: Any = None) -> Subject:
    """A `Subject` of whatever holds a model.

    Parameters
    ----------
    model : model, str, path, pipeline or sentence-transformers object
        A transformers model or any module around one; a hub id or folder (loaded by transformers, without remote code);
        a transformers pipeline; a sentence-transformers object. Compiled and data-parallel wrappers are looked through.
    tokenizer : tokenizer, processor or str, optional
        Wins over whatever comes with the model.
    """
    origin = None
    if isinstance(model, (str, os.PathLike)):
        origin = os.fspath(model)
        model = _load(origin)
    model, companion = _unwrap(model)
    path = origin or path_of(model)
    given = tokenizer if tokenizer is not None else companion
    problem = ""
    if given is None:
        given, problem = _find_tokenizer(model, path)
    else:
        given = as_tokenizer(given)
    return Subject(model, _title(model, path), given, problem)


def _load(path: str) -> Any:
    import transformers

    # False, not the default None: that one asks at the keyboard whether to run the code of a repository.
    safe: dict[str, Any] = {"trust_remote_code": False}
    try:
        config = transformers.AutoConfig.from_pretrained(path, **safe)
        # The checkpoint's own architecture leaves no weights over and makes none up.
        names = getattr(config, "architectures", None) or []
        own = getattr(transformers, names[0], None) if names else None
        if own is not None and isinstance(own, type) and hasattr(own, "from_pretrained"):
            return own.from_pretrained(path)
        auto: Any = transformers.AutoModel
        if getattr(config, "is_encoder_decoder", False):
            mapping = getattr(transformers, "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING", {})
            auto = transformers.AutoModelForSeq2SeqLM if type(config) in mapping else auto
        return auto.from_pretrained(path, **safe)
    except (OSError, ValueError) as error:
        if "trust_remote_code" in str(error):
            raise ValueError(
                f"model={path!r} brings code of its own, which is never run from here. If you trust it, load it "
                "yourself and give the model: AutoModel.from_pretrained(..., trust_remote_code=True), with tokenizer="
            ) from error
        kind = "folder" if Path(path).is_dir() else "name (no such folder here, so it was looked for on the hub)"
        raise ValueError(f"model={path!r} could not be loaded from this {kind}: {error}") from error


def _unwrap(model: Any) -> tuple[Any, Any]:
    """The module to run, and the tokenizer of whatever it was wrapped in."""
    import torch

    companion = None
    if isinstance(model, type):
        raise TypeError(
            f"model is the class {model.__name__}, not a model: {model.__name__}.from_pretrained('path-or-id')"
        )
    if not isinstance(model, torch.nn.Module):
        inner = getattr(model, "model", None)
        if inner is None:
            inner = getattr(model, "model_body", None)  # SetFit
        if not isinstance(inner, torch.nn.Module):
            raise TypeError(
                "model must be a transformers model, a path or hub id, a pipeline or a sentence-transformers object, "
                "got "
                f"{type(model).__name__}"
            )
        companion = getattr(model, "tokenizer", None) or getattr(model, "processor", None)
        model = inner
    while True:
        if isinstance(getattr(model, "_orig_mod", None), torch.nn.Module):
            model = model._orig_mod
        elif isinstance(model, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
            model = model.module
        elif isinstance(model, torch.nn.Sequential) and len(model) and _transformer_of(model[0]) is not None:
            companion = companion if companion is not None else getattr(model, "tokenizer", None)
            model = _transformer_of(model[0])
        else:
            return model, companion


def _transformer_of(module: Any) -> Any:
    """The transformers model inside the first part of a sentence-transformers object."""
    for name in ("auto_model", "model"):
        inner = getattr(module, name, None)
        if inner is not None and hasattr(inner, "config"):
            return inner
    return None


def main_model(model: Any) -> Any:
    """The outermost transformers model in a module: itself, or the first one inside."""
    return next((m for m in model.modules() if hasattr(m, "config") and hasattr(m, "base_model_prefix")), model)


def dtype_of(model: Any) -> Any:
    """Precision in which the model computes: that of its first parameter of floats (also of one that is offloaded)."""
    import torch

    floats = (p.dtype for p in model.parameters() if p.is_floating_point() and p.element_size() > 1)
    return next(floats, torch.float32)


def path_of(model: Any) -> str:
    """Where the model was loaded from; "" where it does not say."""
    main = main_model(model)
    path = getattr(main, "name_or_path", None) or getattr(getattr(main, "config", None), "_name_or_path", None)
    return path if isinstance(path, str) else ""


def load_beside(model: Any, auto: str) -> tuple[Any, str]:
    """What transformers' class `auto` loads from where the model came from, or None and why not."""
    path = path_of(model)
    if not path:
        return None, "it does not say where it was loaded from"
    import transformers

    try:
        return getattr(transformers, auto).from_pretrained(path, trust_remote_code=False), ""
    except Exception as error:  # missing files or packages: all mean "none found here"
        return None, f"{path!r} gave none ({type(error).__name__}: {str(error).strip().splitlines()[0][:160]})"


def _title(model: Any, path: str) -> str:
    if not path:
        return type(main_model(model)).__name__
    parts = [part for part in path.replace(os.sep, "/").split("/") if part]
    cached = next((part for part in parts if part.startswith("models--")), None)
    if cached:  # a snapshot in the hub's cache
        return "/".join(cached.split("--")[1:])
    if not Path(path).exists():
        return path
    generic = ("model", "models", "checkpoint", "transformer", "0_Transformer")
    return parts[-1] if parts[-1] not in generic or len(parts) < 2 else parts[-2]


def _find_tokenizer(model: Any, path: str) -> tuple[Any | None, str]:
    if model in _tokenizers:
        return _tokenizers[model], ""
    if not path:
        return None, "it does not say where it was loaded from (its name_or_path is empty)"
    import transformers

    try:
        found = as_tokenizer(transformers.AutoTokenizer.from_pretrained(path, trust_remote_code=False))
    except Exception as error:  # many kinds, from missing files to missing packages: all mean "none found here"
        return None, f"{path!r} gave none ({type(error).__name__}: {str(error).strip().splitlines()[0][:160]})"
    _tokenizers[model] = found
    return found, ""


def as_tokenizer(given: Any) -> Any:
    """A transformers tokenizer of a tokenizer, a processor, a `tokenizers.Tokenizer`, or a path or hub id."""
    import transformers

    if isinstance(given, (str, os.PathLike)):
        return transformers.AutoTokenizer.from_pretrained(os.fspath(given), trust_remote_code=False)
    if not hasattr(given, "convert_ids_to_tokens") and hasattr(given, "tokenizer"):
        given = given.tokenizer
    if type(given).__module__.partition(".")[0] == "tokenizers":
        wrapper: Any = transformers.PreTrainedTokenizerFast
        return wrapper(tokenizer_object=given)
    if not callable(given) or not hasattr(given, "convert_ids_to_tokens"):
        raise TypeError(
            f"tokenizer must be a transformers tokenizer, a processor that has one, or its path or id, got "
            f"{type(given).__name__}"
        )
    return given


def is_encoder_decoder(model: Any) -> bool:
    """Whether the model reads one sequence and writes another."""
    return bool(getattr(getattr(main_model(model), "config", None), "is_encoder_decoder", False))


def length_limit(model: Any, tokenizer: Any) -> tuple[int, str] | None:
    """How many positions the model takes, and where that is written; None where nothing says."""
    config: Any = getattr(main_model(model), "config", None)
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    # Whisper and its kin: positions of what is written; those of what is heard are fixed.
    limit = getattr(text, "max_position_embeddings", None) or getattr(text, "max_target_positions", None)
    if isinstance(limit, int) and limit > 0:
        # RoBERTa counts positions from its padding id + 1 on, so that its last rows are fewer than the table has.
        offsets = [
            m.padding_idx + 1
            for name, m in model.named_modules()
            if name.endswith("embeddings.position_embeddings") and getattr(m, "padding_idx", None) is not None
        ]
        own = "max_position_embeddings" if hasattr(text, "max_position_embeddings") else "max_target_positions"
        return limit - max(offsets, default=0), f"config.{own}"
    if hasattr(text, "relative_attention_num_buckets"):
        return None
    limit = getattr(tokenizer, "model_max_length", None)
    if isinstance(limit, int) and 0 < limit < 10**6:
        return limit, "tokenizer.model_max_length"
    return None
