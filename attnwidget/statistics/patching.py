"""Changing one attention call of a forward pass, in `transformers`' attention interface; nothing of it stays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from attnwidget.capture.stacks import Places

#: What a change does with a call: (heard function, unheard function, arguments) → result.
Change = Callable[[Callable[..., Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


@dataclass
class Patch:
    """Counts the attention calls of one stack in a forward pass, and changes the one that is number `call`.

    Attributes
    ----------
    places : Places
    stack : str
    call : int
        −1: none is changed.
    change : callable or None
    modules : list
        The calling modules, in order.
    """

    places: Places
    stack: str
    call: int = -1
    change: Change | None = None
    modules: list[Any] = field(default_factory=list)

    def run(
        self, function: Callable[..., Any], plain: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        module = args[0] if args else kwargs.get("module")
        if id(module) not in self.places.modules or self.places.stack(module) != self.stack:
            return function(*args, **kwargs)
        self.modules.append(module)
        if self.change is None or len(self.modules) - 1 != self.call:
            return function(*args, **kwargs)
        return self.change(function, plain, args, kwargs)


_active: ContextVar[Patch | None] = ContextVar("attnwidget_patch", default=None)
_lock = threading.Lock()
_installed = {"count": 0}


@contextmanager
def patched(patch: Patch) -> Iterator[Patch]:
    """While this is open, `patch` is on the way of the attention calls of this context (thread, task).

    The lookup is replaced on the table of implementations itself, outside of what :func:`attnwidget.capture` wraps: a
    capture hears the changed call.
    """
    table = import_module("transformers.modeling_utils").ALL_ATTENTION_FUNCTIONS
    with _lock:
        _installed["count"] += 1
        if _installed["count"] == 1:
            table.get_interface = _lookup(table)
    token = _active.set(patch)
    try:
        yield patch
    finally:
        _active.reset(token)
        with _lock:
            _installed["count"] -= 1
            if _installed["count"] == 0:
                del table.get_interface


def _lookup(table: Any) -> Callable[..., Any]:
    def get_interface(*args: Any, **kwargs: Any) -> Any:
        function = type(table).get_interface(table, *args, **kwargs)
        patch = _active.get()
        if patch is None:
            return function
        # In an empty context nobody listens: the function itself.
        plain = Context().run(type(table).get_interface, table, *args, **kwargs)

        def changed(*inner: Any, **more: Any) -> Any:
            return patch.run(function, _unheard(plain), inner, more)

        return changed

    return get_interface


def _unheard(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        import torch

        with torch._C.DisableTorchFunction():
            return function(*args, **kwargs)

    return call
