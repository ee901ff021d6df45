"""The forward pass: what a model is given, and what it answers when its main model is asked for more."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from attnwidget.inputs.models import main_model


def arguments(model: Any, inputs: Mapping[str, Any], **wishes: Any) -> dict[str, Any]:
    """Arguments of the forward pass: the inputs on the model's device, without what it does not take.

    `wishes` are added where `model` takes them and the inputs do not say otherwise.
    """
    device = next((p.device for p in model.parameters() if p.device.type != "meta"), None)
    moved = {name: value.to(device) if device is not None else value for name, value in inputs.items()}
    names = set(inspect.signature(model.forward).parameters)
    if "input_ids" in names:
        for name in ("token_type_ids", "decoder_attention_mask"):
            if name not in names:
                moved.pop(name, None)
    for name, value in wishes.items():
        if name in names and name not in moved:
            moved[name] = value
    return moved


def asked(model: Any, given: Mapping[str, Any], **wanted: Any) -> tuple[Any, Any]:
    """What `model` returns, and what its main model does when it is called with `wanted` as well.

    A module around a model need not hand such arguments on, nor return what they bring. Within
    :func:`attnwidget.capture.guest.as_guest`, which takes the hooks off.
    """
    main = main_model(model)
    found: list[Any] = []
    main.register_forward_pre_hook(
        lambda _, args, kwargs: (args, {**kwargs, **wanted, "return_dict": True}), with_kwargs=True
    )
    main.register_forward_hook(lambda _, __, output: found.append(output))
    outer = model(**given)
    if not found:
        raise ValueError(
            f"{type(model).__name__} does not call its {type(main).__name__} but parts of it: pass that model itself"
        )
    return outer, found[-1]
