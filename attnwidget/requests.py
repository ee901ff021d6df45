"""Answers the page's requests: one worker thread, the newest request first.

Messages (JSON content, one binary buffer at most)::

    page → kernel   {"kind": "request", "id": str, "what": str, "stack": str, and the fields of `attnwidget.answers`}
                    {"kind": "cancel", "id": str}
    kernel → page   {"kind": "reply", "id": str, "ok": true}    buffers: [container]
                    {"kind": "reply", "id": str, "ok": false, "error": str}

A handler only notes what is asked and returns, so that a kernel never stalls on the page. Whoever moves fast
through the layers wants the last one, hence newest first; a cancelled request gets no reply. A long answer takes
breaks (`attnwidget.breaks`): it ends in the next one once it was cancelled, and newer requests are answered there, so
that the row under the pointer does not wait for the statistics of the whole text. What cannot be
understood is answered with an error where it has an id, and left alone where it has none: a message of the page
must never end up as a traceback in the reader's notebook.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from attnwidget.answers import Asked, read
from attnwidget.breaks import in_breaks
from attnwidget.description import clean

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())

#: Requests that may wait; a page asks for one layer at a time, so more means something has gone wrong.
MOST_WAITING = 256
#: Answers under way, each begun in a break of the one before.
MOST_AT_ONCE = 6
#: Longest id taken from a page.
LONGEST_ID = 200

Answer = Callable[[Asked], bytes]
Send = Callable[[dict[str, object], Sequence[bytes]], None]


@dataclass(frozen=True)
class _Request:
    id: str
    # The kernel's own notion of "which message am I answering" lives in context variables: replies go out under it.
    context: contextvars.Context
    loop: asyncio.AbstractEventLoop | None
    asked: Asked


_NOTHING = Asked("", "")


class _UnwantedError(Exception):
    """Nobody waits for this answer any longer."""


@dataclass
class _UnderWay:
    request: _Request
    generation: int
    cancelled: bool = False


class Requests:
    """The waiting requests of one view, and the replies already made.

    Parameters
    ----------
    answer
        ``answer(asked) -> bytes``, a container. Called on the worker thread; the text of what it raises goes to the
        page.
    send
        ``send(content, buffers)``, the widget's way to the page.
    sends_from_threads
        Whether `send` may be called on the worker thread. ipykernel may; other hosts find their page through the
        thread they run on, and get their replies from their event loop.
    cache_bytes
        Replies kept for a second view of the same widget or a second visit, least recently used first out.
    """

    def __init__(
        self,
        answer: Answer,
        send: Send,
        *,
        sends_from_threads: Callable[[], bool] = lambda: True,
        cache_bytes: int = 64 * 2**20,
    ) -> None:
        self._answer = answer
        self._send = send
        self._sends_from_threads = sends_from_threads
        self._cache_bytes = cache_bytes
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, _Request] = OrderedDict()
        self._cache: OrderedDict[Asked, bytes] = OrderedDict()
        self._generation = 0
        # Outermost first: all but the last are in a break.
        self._under_way: list[_UnderWay] = []
        self._thread: threading.Thread | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing waits and no thread runs."""
        with self._lock:
            return self._thread is None and not self._waiting

    def receive(self, content: object) -> None:
        """Take one message of the page. Returns at once and never raises on what a page may send."""
        if not isinstance(content, Mapping) or content.get("kind") not in ("request", "cancel"):
            _log.debug("ignored message %.200r", content)
            return
        ident = content.get("id")
        if not isinstance(ident, str) or not 0 < len(ident) <= LONGEST_ID:
            _log.debug("ignored message without a usable id: %.200r", content)
            return
        if content["kind"] == "cancel":
            self._cancel(ident)
            return
        context, loop = contextvars.copy_context(), _running_loop()
        try:
            asked = read(content)
        except ValueError as error:
            self._fail(_Request(ident, context, loop, _NOTHING), str(error))
        else:
            self._put(_Request(ident, context, loop, asked))

    def forget(self) -> None:
        """Drop kept replies, and let what is being computed end as an error: the weights are other ones now."""
        with self._lock:
            self._generation += 1
            self._cache.clear()

    def stop(self) -> None:
        """Drop everything that waits; the running one ends without a reply."""
        self.forget()
        with self._lock:
            self._waiting.clear()
            for one in self._under_way:
                one.cancelled = True

    def _cancel(self, ident: str) -> None:
        with self._lock:
            self._waiting.pop(ident, None)
            for one in self._under_way:
                one.cancelled |= one.request.id == ident

    def _put(self, request: _Request) -> None:
        dropped = None
        with self._lock:
            kept = self._kept(request)
            if kept is None:
                self._waiting.pop(request.id, None)
                self._waiting[request.id] = request
                if len(self._waiting) > MOST_WAITING:
                    dropped = self._waiting.popitem(last=False)[1]
                start = self._thread is None
                if start:
                    self._thread = threading.Thread(target=self._work, name="attnwidget", daemon=True)
        if kept is not None:
            self._reply(request, kept)
            return
        if dropped is not None:
            self._fail(dropped, f"more than {MOST_WAITING} requests wait: the oldest was dropped")
        if start and self._thread is not None:
            try:
                self._thread.start()
            except RuntimeError:  # no threads on this platform (WebAssembly): answer here and now
                self._work()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                _, request = self._waiting.popitem()
            self._work_on(request)

    def _work_on(self, request: _Request) -> None:
        with self._lock:
            data = self._kept(request)
            now = _UnderWay(request, self._generation)
            self._under_way.append(now)
        error = ""
        if data is None:
            try:
                with in_breaks(lambda: self._break(now)):
                    data = self._answer(request.asked)
            except _UnwantedError:
                _log.debug("request %s was given up", request)
            except Exception as failure:
                _log.debug("request %s failed", request, exc_info=True)
                error = str(failure) or type(failure).__name__
        with self._lock:
            self._under_way.remove(now)
            if now.generation != self._generation and not error:
                error = "the view has changed since: ask again"
            elif data is not None:
                self._keep(request, data)
        if now.cancelled:
            return
        if error or data is None:
            self._fail(request, error)
        else:
            self._reply(request, data)

    def _break(self, now: _UnderWay) -> None:
        while True:
            with self._lock:
                if now.cancelled or now.generation != self._generation:
                    raise _UnwantedError
                known = [one.request.asked for one in self._under_way]
                # What is being computed already is not begun once more: it will be there when its turn comes.
                urgent = next((r for r in reversed(self._waiting.values()) if r.asked not in known), None)
                if urgent is None or len(known) >= MOST_AT_ONCE:
                    return
                del self._waiting[urgent.id]
            self._work_on(urgent)

    def _kept(self, request: _Request) -> bytes | None:
        data = self._cache.get(request.asked)
        if data is not None:
            self._cache.move_to_end(request.asked)
        return data

    def _keep(self, request: _Request, data: bytes) -> None:
        self._cache[request.asked] = data
        while sum(map(len, self._cache.values())) > self._cache_bytes:
            self._cache.popitem(last=False)

    def _reply(self, request: _Request, data: bytes) -> None:
        self._post(request, {"kind": "reply", "id": request.id, "ok": True}, [data])

    def _fail(self, request: _Request, error: str) -> None:
        self._post(request, {"kind": "reply", "id": request.id, "ok": False, "error": clean(error)}, [])

    def _post(self, request: _Request, content: dict[str, object], buffers: Sequence[bytes]) -> None:
        def send() -> None:
            try:
                self._send(content, buffers)
            except Exception:
                _log.debug("reply %s was not sent", content, exc_info=True)

        if request.loop is None or _running_loop() is request.loop or self._sends_from_threads():
            request.context.run(send)
            return
        try:
            request.loop.call_soon_threadsafe(send, context=request.context)
        except RuntimeError:
            _log.debug("reply %s came after its event loop had closed", content)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
