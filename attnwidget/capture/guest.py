"""The model is a guest: whatever a capture needs changed is as it was afterwards, also after an exception."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from attnwidget.capture.notes import is_compiled

_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
)
# transformers installs hooks on the first request for attentions, never takes them off, and remembers it here.
_HOOKED = "_output_capturing_hooks_installed"
_ABSENT = object()

# One capture of a model at a time: two threads would each take the other's changes for the model's own state.
_locks: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_lock = threading.Lock()


@contextmanager
def as_guest(model: Any) -> Iterator[None]:
    """Run `model` in evaluation mode without gradients, and leave it as it was.

    Restored: the training flag of every module (each its own: parts of a model may be frozen), hooks, attention
    implementation of every (sub-)config, and the random numbers of Python, numpy and torch.
    """
    import torch

    with _lock:
        own_lock = _locks.setdefault(model, threading.RLock())
    with ExitStack() as undo:
        undo.enter_context(own_lock)
        undo.callback(_random_state())
        undo.callback(_hooks(model))
        undo.callback(_implementations(model))
        flags = [(module, module.training) for module in model.modules()]
        undo.callback(_set_flags, flags)
        # Flags directly, not eval(): some models override train() and do more.
        _set_flags([(module, False) for module, _ in flags])
        if any(is_compiled(module) for module in model.modules()):
            # A compiled model calls neither Python functions nor hooks; this stance runs its source instead.
            undo.enter_context(torch.compiler.set_stance("force_eager"))
        undo.enter_context(torch.no_grad())
        yield


def configs(model: Any) -> list[Any]:
    """Every config of the model, its sub-models and their sub-configs, each once."""
    found: dict[int, Any] = {}

    def add(config: Any) -> None:
        if config is None or isinstance(config, dict) or id(config) in found:
            return
        found[id(config)] = config
        for name in getattr(config, "sub_configs", None) or ():
            add(getattr(config, name, None))

    for module in model.modules():
        add(getattr(module, "config", None))
    return list(found.values())


def _set_flags(flags: list[tuple[Any, bool]]) -> None:
    for module, training in flags:
        module.training = training


def _random_state() -> Callable[[], None]:
    import torch

    # numpy's old global generator is the one that a model could draw from without being given one.
    python, numbers, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    started: Any = torch.cuda.is_initialized  # asking for the state would start CUDA
    cuda = torch.cuda.get_rng_state_all() if started() else []
    mps = torch.mps.get_rng_state() if torch.backends.mps.is_available() else None

    def restore() -> None:
        random.setstate(python)
        np.random.set_state(numbers)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        if mps is not None:
            torch.mps.set_rng_state(mps)

    return restore


def _hooks(model: Any) -> Callable[[], None]:
    before = [
        (module, {name: dict(getattr(module, name)) for name in _HOOKS}, module.__dict__.get(_HOOKED, _ABSENT))
        for module in model.modules()
    ]

    def restore() -> None:
        for module, hooks, hooked in before:
            for name, saved in hooks.items():
                current = getattr(module, name)
                if list(current.items()) != list(saved.items()):
                    current.clear()
                    current.update(saved)
            if hooked is not _ABSENT:
                module.__dict__[_HOOKED] = hooked
            else:
                module.__dict__.pop(_HOOKED, None)

    return restore


def _implementations(model: Any) -> Callable[[], None]:
    name = "_attn_implementation_internal"
    before = [(config, config.__dict__.get(name, _ABSENT)) for config in configs(model)]

    def restore() -> None:
        for config, saved in before:
            if saved is not _ABSENT:
                config.__dict__[name] = saved
            else:
                config.__dict__.pop(name, None)

    return restore
