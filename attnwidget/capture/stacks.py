"""Where an attention module belongs: its stack, and the number of its layer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

ORDER = ("encoder", "decoder", "cross", "vision")

_CROSS = re.compile(r"encoder_attn|encdecattention|cross_?att|multi_head_cross", re.IGNORECASE)
_VISION = re.compile(r"(^|\.)(vision|visual|image_encoder|vision_tower|vision_model)", re.IGNORECASE)
_NO_ATTENTION = "no attention weights in this layer"


class Places:
    """Paths and surroundings of every module of a model, looked up once."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.modules: dict[int, Any] = {}
        self.path: dict[int, str] = {}
        self._by_path: dict[str, Any] = {}
        for path, module in model.named_modules():
            self.modules[id(module)] = module
            self.path[id(module)] = path
            self._by_path[path] = module
        self._stack_of: dict[int, str] = {}

    def ancestors(self, module: Any) -> Iterator[tuple[str, Any]]:
        """The module and all around it, innermost first, with their paths."""
        path = self.path[id(module)]
        while True:
            yield path, self._by_path[path]
            if not path:
                return
            path = path.rpartition(".")[0]

    def parent(self, module: Any) -> Any:
        around = list(self.ancestors(module))
        return around[1][1] if len(around) > 1 else None

    def stack(self, module: Any) -> str:
        """The name of the module's stack: "encoder", "decoder", "cross" or "vision"."""
        known = self._stack_of.get(id(module))
        if known is None:
            known = self._stack_of[id(module)] = self._decide(module)
        return known

    def _decide(self, module: Any) -> str:
        path = self.path[id(module)]
        if self._is_cross(module):
            return "cross"
        around = list(self.ancestors(module))
        owner = next((m for _, m in around if _declares(m)), self.model)
        both = any(getattr(getattr(m, "config", None), "is_encoder_decoder", False) for _, m in around)
        # The outermost name decides: inside a composite, "decoder.bert.encoder.layer.0" is the decoder.
        side = next((part for part in path.split(".") if part in ("encoder", "decoder")), None) if both else None
        if side == "decoder":
            return side  # also of a model that writes what an image shows
        if _VISION.search(path) or getattr(owner, "main_input_name", "") == "pixel_values":
            return "vision"
        if side is not None:
            return side
        config = getattr(owner, "config", None)
        causal = getattr(module, "is_causal", None)
        if causal is None:
            causal = getattr(config, "is_decoder", False)
        return "decoder" if causal or getattr(config, "is_decoder", False) else "encoder"

    def _is_cross(self, module: Any) -> bool:
        """The model's own declaration first (which module's output it reports as cross attentions), then flags, then
        names. That queries and keys differ in number proves nothing: a cache does that as well.
        """
        kinds = set()
        for path, around in self.ancestors(module):
            declared = _declared(around)
            if not declared:
                continue
            prefix = f"{path}." if path else ""
            inner = [(p[len(prefix) :], m) for p, m in self.ancestors(module) if p != path and p.startswith(prefix)]
            for key, specs in declared.items():
                if "attentions" not in key:
                    continue
                if any(_matches(spec, m, p) for spec in specs for p, m in inner):
                    kinds.add("cross" if "cross" in key else "self")
            break
        if len(kinds) == 1:
            return kinds == {"cross"}
        flag = getattr(module, "is_cross_attention", None)
        if isinstance(flag, bool):
            return flag
        return bool(_CROSS.search(self.path[id(module)]))


def _declares(module: Any) -> bool:
    return hasattr(module, "config") and hasattr(module, "base_model_prefix")


def _declared(module: Any) -> dict[str, list[Any]]:
    if not _declares(module):
        return {}
    declared = getattr(module, "_can_record_outputs", None) or {}
    return {key: list(spec) if isinstance(spec, (list, tuple)) else [spec] for key, spec in declared.items()}


def _matches(spec: Any, module: Any, path: str) -> bool:
    """Whether a declaration (a class, a class name, or transformers' OutputRecorder) means this module."""
    if isinstance(spec, type):
        return isinstance(module, spec)
    if isinstance(spec, str):
        return path.endswith(spec)
    target, name = getattr(spec, "target_class", None), getattr(spec, "class_name", None)
    if not ((target is not None and isinstance(module, target)) or (name is not None and path.endswith(name))):
        return False
    layer = getattr(spec, "layer_name", None)
    return layer is None or f".{layer.strip('.')}." in f".{path}."


def layer_index(module: Any) -> int | None:
    """The number that a module itself says it has, if any."""
    index = getattr(module, "layer_idx", None)
    return index if isinstance(index, int) and not isinstance(index, bool) else None


def true_numbers(modules: list[Any], places: Places) -> tuple[list[int], list[str]]:
    """Layer numbers of one stack's calls, in call order, and a note for each layer of the stack.

    Call order counts, since a module may run several times (ALBERT) and some have no number. Only where layers of a
    hybrid model have no attention do the modules' own numbers tell which: then the others keep their places.

    Returns
    -------
    numbers : list of int, one for each call
    notes : list of str, one for each layer; "" where the layer has attention
    """
    count = len(modules)
    plain = list(range(count)), [""] * count
    indices = [layer_index(module) for module in modules]
    known = [i for i in indices if i is not None]
    if len(known) < count or sorted(set(known)) != known:
        return plain
    config = next((m.config for _, m in places.ancestors(modules[0]) if getattr(m, "config", None) is not None), None)
    total = getattr(config, "num_hidden_layers", None)
    if not isinstance(total, int) or total <= known[-1]:
        return plain
    types = getattr(config, "layer_types", None) or getattr(config, "layers_block_type", None) or []
    notes = []
    for i in range(total):
        kind = str(types[i]).replace("_", " ") if i < len(types) else ""
        linear = f"{kind} layer: {_NO_ATTENTION}" if kind and "full" not in kind else _NO_ATTENTION
        notes.append("" if i in known else linear)
    return known, notes
