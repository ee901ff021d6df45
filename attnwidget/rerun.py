"""Running the model again for the page: the text comes from its input box, the error goes back to its message line."""

from __future__ import annotations

import asyncio
import logging
import os
import weakref
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from attnwidget.description import clean

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())

#: What the page may write, in the order in which it is asked for.
FIELDS = ("text", "text_pair", "target")


class Runs(Protocol):
    """A view, as far as running again is concerned."""

    def run(self, text: Any = None, text_pair: Any = None, *, target: Any = None) -> Any: ...
    def send(self, content: Any, buffers: Any = None) -> None: ...
    def set_trait(self, name: str, value: Any) -> None: ...


def answer(view: Runs, content: Mapping[Any, Any]) -> None:
    """Take ``{"kind": "run", "id", "text", "text_pair", "target"}`` of the page, run, and reply.

    Called in the host's own message handler, that is on the kernel's main thread: a model belongs to whoever made it,
    and the worker that answers questions about weights must never touch it. Nothing is raised on what a page may send,
    nor on what a model may: a traceback in the notebook would not be seen by the one who pressed the button.
    """
    ident = content.get("id")
    if not isinstance(ident, str) or not 0 < len(ident) <= 200:
        _log.debug("ignored a run without a usable id: %.200r", content)
        return
    try:
        texts = _texts(content)
        view.run(texts["text"], texts["text_pair"], target=texts["target"])
    except KeyboardInterrupt:
        error = "interrupted"
    except Exception as failure:
        _log.debug("run %.200r failed", content, exc_info=True)
        error = str(failure) or type(failure).__name__
    else:
        error = ""
    reply: dict[str, object] = {"kind": "reply", "id": ident, "ok": not error}
    view.send(reply | ({"error": clean(error)} if error else {}))


def _texts(content: Mapping[Any, Any]) -> dict[str, str | None]:
    """The fields of a run; ValueError, in words for the page's reader, where one is none."""
    texts: dict[str, str | None] = {}
    for name in FIELDS:
        value = content.get(name)
        if not (isinstance(value, str) or (value is None and name != "text")):
            raise ValueError(f"{name}: {value!r:.100} is not valid. Valid: text")
        texts[name] = value
    return texts


def written(inputs: tuple[Any, Any, Any, Any]) -> dict[str, str | None]:
    """The trait `inputs`: what can be shown in text fields, or nothing where the model read something else."""
    texts = dict(zip(FIELDS, inputs[:3], strict=True))
    text, *others = texts.values()
    return texts if isinstance(text, str) and all(x is None or isinstance(x, str) for x in others) else {}


def weak(model: Any, gone: Callable[[], None]) -> Callable[[], Any]:
    """A way to the model that does not keep it alive; a path or Hub id is loaded anew.

    `gone` is called once the model is no more, from the event loop that runs now where there is one: the model may die
    in the middle of anything, even of a message being sent, where none may be sent.
    """
    if isinstance(model, (str, os.PathLike)):
        return lambda: model
    try:
        loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
    except RuntimeError:
        loop = None

    def tell(_: object) -> None:
        try:
            gone() if loop is None else loop.call_soon_threadsafe(gone)
        except RuntimeError:
            _log.debug("the model went after its event loop had closed")

    try:
        return weakref.ref(model, tell)
    except TypeError:  # an object without room for weak references: it cannot be found again
        return lambda: None


def watch(view: Runs, model: Any) -> Callable[[], Any]:
    """A way to the model of a view; its trait `can_run` says when the model is gone."""
    here = weakref.ref(view)

    def gone() -> None:
        if (left := here()) is not None:
            left.set_trait("can_run", False)

    return weak(model, gone)


def tell(view: Runs, inputs: tuple[Any, Any, Any, Any], source: Callable[[], Any] | None) -> None:
    """Say what was read, and whether the page may ask for more: the traits `inputs` and `can_run`."""
    texts = written(inputs) if source is not None else {}
    view.set_trait("inputs", {name: text and clean(text) for name, text in texts.items()})
    view.set_trait("can_run", bool(texts) and source is not None and source() is not None)
