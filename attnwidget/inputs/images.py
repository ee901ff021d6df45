"""Images → what a vision model takes, and what each of its positions is called."""

from __future__ import annotations

from typing import Any

from attnwidget.inputs.models import load_beside, main_model
from attnwidget.inputs.tokens import Token, make_token

# Parameters by which models hold the positions in front of the patches, in the order in which they stand there.
_FRONT = (
    (("cls_token", "class_embedding", "class_token"), "[CLS]", "cls"),
    (("distillation_token",), "[DIST]", "special"),
    (("register_tokens", "register_token", "storage_tokens"), "⟨register {}⟩", "special"),
)


def is_image(given: Any) -> bool:
    """Whether `given` is a picture of Pillow's or an array of 2 or 3 axes."""
    if hasattr(given, "convert") and hasattr(given, "size"):
        return True
    return hasattr(given, "shape") and len(given.shape) in (2, 3)


def image_inputs(model: Any, image: Any, processor: Any = None) -> tuple[dict[str, Any], list[str]]:
    """``pixel_values`` of one image, and notes.

    Parameters
    ----------
    image : Pillow image, or array [height, width], [height, width, channels] or [channels, height, width]
    processor : image processor or processor, optional
        Found from the model when left out. A float array of the model's own size needs none: it is taken as it is.
    """
    if not is_image(image):
        shape = f" of shape {tuple(image.shape)}" if hasattr(image, "shape") else ""
        raise TypeError(
            f"image must be a Pillow image or an array [height, width, channels], got {type(image).__name__}{shape}"
        )
    problem = "it does not say where it was loaded from"
    if processor is None:
        ready = _ready(model, image)
        if ready is not None:
            return {"pixel_values": ready}, ["The image was given as the model's own numbers: no processor changed it."]
        processor, problem = load_beside(model, "AutoImageProcessor")
    if processor is None:
        raise ValueError(
            f"no image processor was found for {type(main_model(model)).__name__}: {problem}. Pass it: "
            "processor=AutoImageProcessor.from_pretrained('path-or-id'), or pass a float array "
            "[channels, height, width] of the model's own size, scaled as in training"
        )
    found = getattr(processor, "image_processor", processor)(images=image, return_tensors="pt")
    return {name: found[name] for name in found if hasattr(found[name], "dim")}, []


def _ready(model: Any, image: Any) -> Any:
    """`image` as a batch of one if it is a float array of the shape that the model's config names."""
    import torch

    config = vision_config(model)
    size = _pair(getattr(config, "image_size", None))
    wanted = (getattr(config, "num_channels", 3), *(size or ()))
    if not hasattr(image, "shape") or tuple(image.shape) != wanted:
        return None
    tensor = torch.as_tensor(image)
    return tensor[None].float() if tensor.is_floating_point() else None


def vision_config(model: Any) -> Any:
    """The config of the part that sees."""
    config = getattr(main_model(model), "config", None)
    for name in ("vision_config", "encoder"):
        inner = getattr(config, name, None)
        if hasattr(inner, "patch_size"):
            return inner
    return config


def image_tokens(model: Any, height: int, width: int) -> tuple[Token, ...] | None:
    """Tokens of a picture's positions: what stands in front ([CLS], registers), then patches row by row.

    None where the model does not cut pictures into patches of one size.
    """
    patch = _pair(getattr(vision_config(model), "patch_size", None))
    if patch is None or not all(patch) or height < patch[0] or width < patch[1]:
        return None
    front = [
        make_token(name.format(i), name.format(i), role=role)
        for names, name, role in _FRONT
        for i in range(_rows(model, names))
    ]
    # An even patch size may leave a rest at the border, which convolutions without padding drop.
    patches = [_patch(r, c, i) for i, (r, c) in enumerate(_cells(height // patch[0], width // patch[1]))]
    return (*front, *patches)


def _cells(rows: int, columns: int) -> list[tuple[int, int]]:
    return [(r, c) for r in range(rows) for c in range(columns)]


def _patch(row: int, column: int, number: int) -> Token:
    name = f"r{row} c{column}"
    return Token(name, name, word=number, place=(row, column))


def _rows(model: Any, names: tuple[str, ...]) -> int:
    """How many positions the first parameter of one of these names holds."""
    for path, parameter in model.named_parameters():
        if path.rpartition(".")[2] in names:
            shape = parameter.shape
            return int(shape[-2]) if len(shape) > 1 else 1
    return 0


def _pair(size: Any) -> tuple[int, int] | None:
    if isinstance(size, int):
        return size, size
    if isinstance(size, (list, tuple)) and len(size) == 2:
        return int(size[0]), int(size[1])
    return None
