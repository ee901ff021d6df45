"""Listening to attention calls: `AttentionInterface.get_interface`, wrapped for the duration of one forward pass.

Why not `AttentionInterface.register` with an implementation of our own: mask creation looks the implementation's *name*
up, so that under a new name masks silently become None, and models branch on the name. Wrapping the lookup instead
changes nothing that a model can see: its own implementation runs, then the arguments of the call are read.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


@dataclass
class Heard:
    """One attention call: what it was given, and what it returned.

    Attributes
    ----------
    module : torch.nn.Module
        The module that called.
    q, k, v : torch.Tensor
        [B, H, q, d], [B or 1, G, k, d], [B or 1, G, k, d_v].
    mask : torch.Tensor, BlockMask or None
    kwargs : dict
        All other arguments: scaling, softcap, is_causal, …
    output : torch.Tensor
        [B, q, H, d_v]
    implementation : str or None
        Name of the function that ran.
    own : callable or None
        The architecture's own eager function, which returns (output, weights); None where it has none.
    ran_own : bool
        Whether that is the function that ran.
    source : str
        See :class:`attnwidget.layers.LayerInfo`.
    """

    module: Any
    q: Any
    k: Any
    v: Any
    mask: Any = None
    kwargs: dict[str, Any] = field(default_factory=dict)
    output: Any = None
    implementation: str | None = None
    own: Callable[..., Any] | None = None
    ran_own: bool = False
    source: str = "interface"


class Listener:
    """Hears the attention calls of one model: those of `modules` (ids), in the context that set it.

    `busy` is above zero while a call is under way or being recorded: whatever tensors do then is part of that call.
    """

    def __init__(self, modules: dict[int, Any], hear: Callable[[Heard], None]) -> None:
        self.modules, self.hear = modules, hear
        self.busy = 0

    @contextmanager
    def within(self) -> Iterator[None]:
        """Mark a call as under way."""
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1


_listener: ContextVar[Listener | None] = ContextVar("attnwidget_listener", default=None)
_lock = threading.Lock()
# How many captures are under way in the process, and the wrapper they share. The lookup is a class attribute, hence
# process-wide; who listens is decided by the context variable.
_wrapped: dict[str, Any] = {"count": 0, "original": None, "wrapper": None}


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """While this is open, `listener` hears what its modules ask of attention in this context (thread, task).

    Other models, threads and contexts run as if nothing were there; captures may nest. The lookup is restored when the
    last one closes.
    """
    _install()
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
        _uninstall()


def _interface_class() -> Any:
    import transformers

    interface: Any = getattr(import_module("transformers.modeling_utils"), "AttentionInterface", None)
    if not callable(getattr(interface, "get_interface", None)):
        raise RuntimeError(
            "attnwidget listens to attention through AttentionInterface.get_interface, which transformers "
            f"{transformers.__version__} does not have: pip install 'transformers>=5.5'"
        )
    return interface


def _install() -> None:
    interface = _interface_class()
    with _lock:
        if _wrapped["count"] == 0:
            original = interface.__dict__.get("get_interface") or interface.get_interface
            _wrapped["original"], _wrapped["wrapper"] = original, _wrap(original)
            interface.get_interface = _wrapped["wrapper"]
        _wrapped["count"] += 1


def _uninstall() -> None:
    interface = _interface_class()
    with _lock:
        _wrapped["count"] -= 1
        if _wrapped["count"] == 0:
            # Someone may have wrapped the wrapper meanwhile: then theirs stays, and ours passes everything through.
            if interface.__dict__.get("get_interface") is _wrapped["wrapper"]:
                interface.get_interface = _wrapped["original"]
            _wrapped["original"] = _wrapped["wrapper"] = None


def _wrap(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def get_interface(self: Any, attn_implementation: Any, default: Any = None, *args: Any, **kwargs: Any) -> Any:
        function = original(self, attn_implementation, default, *args, **kwargs)
        listener = _listener.get()
        return function if listener is None else _tap(function, attn_implementation, default, listener)

    return get_interface


def _tap(function: Any, implementation: Any, default: Any, listener: Listener) -> Any:
    @functools.wraps(function)
    def tapped(
        module: Any, query: Any, key: Any, value: Any, attention_mask: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        # Asked again at the time of the call: the function may be kept, or run in another context.
        if _listener.get() is not listener or id(module) not in listener.modules:
            return function(module, query, key, value, attention_mask, *args, **kwargs)
        with listener.within():
            result = function(module, query, key, value, attention_mask, *args, **kwargs)
            listener.hear(
                Heard(
                    module,
                    query,
                    key,
                    value,
                    attention_mask,
                    kwargs,
                    result[0] if isinstance(result, tuple) else result,
                    implementation,
                    default,
                    function is default,
                )
            )
        return result

    return tapped
