"""Breaks of long computations: in one of them, whoever began the computation may end it, or first do what is urgent.

Code that goes through a whole layer takes one between two blocks, some tens of milliseconds apart. Nothing happens in
it unless somebody asked for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_in_break: ContextVar[Callable[[], None] | None] = ContextVar("in_break", default=None)


def take_break() -> None:
    """Let happen what has to; an exception of it ends the computation."""
    wanted = _in_break.get()
    if wanted is not None:
        wanted()


@contextmanager
def in_breaks(wanted: Callable[[], None]) -> Iterator[None]:
    """Call `wanted` in every break of what is computed within, on this thread."""
    token = _in_break.set(wanted)
    try:
        yield
    finally:
        _in_break.reset(token)
