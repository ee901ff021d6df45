"""What the decoder of an encoder-decoder reads when it writes a text."""

from __future__ import annotations

from typing import Any

from attnwidget.inputs.models import main_model


def start_id(model: Any) -> int:
    """The id a decoder starts with."""
    main = main_model(model)
    config = main.config
    for place in (config, getattr(main, "generation_config", None), getattr(config, "decoder", None)):
        for name in ("decoder_start_token_id", "bos_token_id"):
            found = getattr(place, name, None)
            if isinstance(found, int):
                return found
    pad = getattr(config, "pad_token_id", None)
    if isinstance(pad, int):
        return pad
    raise ValueError(
        f"{type(main).__name__} does not say what its decoder starts with: set model.config.decoder_start_token_id, "
        "or pass "
        "an encoding with decoder_input_ids"
    )


def shift_right(model: Any, ids: list[int], start: int, eos: int | None) -> list[int]:
    """What a decoder reads when it writes `ids`, by the model's own rule where it has one."""
    import torch

    if ids and ids[0] == start and len(ids) > 1 and ids[-1] == eos != start:
        return ids[:-1]  # the tokenizer writes the start token itself (Whisper)
    own = getattr(main_model(model), "prepare_decoder_input_ids_from_labels", None)
    if own is not None and ids:
        return [int(i) for i in own(labels=torch.tensor([ids]))[0]]
    return [start, *(ids[:-1] if ids and ids[-1] == eos else ids)]
