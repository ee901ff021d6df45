"""How much captured attention all views together may hold.

ipywidgets keeps every widget that was ever shown alive until it is closed or the kernel ends, so a notebook that
shows one view per experiment would fill the memory with queries, keys and values nobody looks at any more. One
budget for the whole process bounds that: when a new capture comes in, the views that were used longest ago let
go of theirs, set their `status` to ``"released"`` and answer later requests with a message that says so. A view
lets go only of its own reference: an `Attention` the caller keeps stays whole.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from typing import Protocol

from attnwidget.addressing import as_int

#: Bytes of captures held by views, all together, unless `set_limit` says otherwise.
DEFAULT_LIMIT = 2 * 10**9


class Captured(Protocol):
    """What a view holds."""

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""


class Holder(Protocol):
    """A view, as far as the budget is concerned."""

    def held(self) -> Sequence[Captured]:
        """All it holds now."""

    def release(self) -> None:
        """Let go of all of it."""


class Holdings:
    """Views that hold captures, the one used longest ago first.

    Parameters
    ----------
    limit
        Bytes that all together may hold. The newest capture is never released, however large it is.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._lock = threading.RLock()
        self._holders: list[weakref.ref[Holder]] = []
        self._limit = limit

    @property
    def limit(self) -> int:
        """Bytes that all views together may hold."""
        return self._limit

    @limit.setter
    def limit(self, nbytes: int) -> None:
        try:
            limit = as_int(nbytes, "limit")
        except TypeError:
            limit = -1
        if limit < 0:
            raise ValueError(f"limit: {nbytes!r} is not valid. Valid: a whole number of bytes, 0 or more")
        self._limit = limit
        self._settle()

    @property
    def nbytes(self) -> int:
        """Bytes held now; a capture shared by several views counts once."""
        captures = {id(capture): capture for holder in self._living() for capture in holder.held()}
        return sum(capture.nbytes for capture in captures.values())

    def add(self, holder: Holder) -> None:
        """A view has a new capture: it becomes the newest, and older ones may have to go."""
        self.touch(holder)
        self._settle()

    def touch(self, holder: Holder) -> None:
        """A view is in use: it becomes the newest."""
        with self._lock:
            self._drop(holder)
            self._holders.append(weakref.ref(holder))

    def drop(self, holder: Holder) -> None:
        """A view is gone."""
        with self._lock:
            self._drop(holder)

    def _drop(self, holder: Holder) -> None:
        self._holders = [known for known in self._holders if known() is not None and known() is not holder]

    def _living(self) -> list[Holder]:
        with self._lock:
            return [holder for known in self._holders if (holder := known()) is not None]

    def _settle(self) -> None:
        living = self._living()
        newest = {id(capture) for holder in living[-1:] for capture in holder.held()}
        for holder in living[:-1]:
            if self.nbytes <= self._limit:
                return
            # What the newest view shows too stays in memory anyway: taking it from the older one would free nothing.
            if any(id(capture) not in newest for capture in holder.held()):
                holder.release()
                self.drop(holder)


#: The one budget of this process.
HOLDINGS = Holdings()


def set_limit(nbytes: int) -> None:
    """Set how many bytes of captures all views together may hold (2 GB unless set); applies at once.

    Raises
    ------
    ValueError
        If `nbytes` is not a whole number of bytes, 0 or more.
    """
    HOLDINGS.limit = nbytes
