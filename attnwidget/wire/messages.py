"""What crosses the wire as JSON, twin of js/src/wire/messages.ts and of BlockInfo in js/src/wire/container.ts.

The page sends `Request` and `Cancel`; the kernel answers a request with one `Reply`, of success with one
buffer: a container that holds just the blocks of what was asked.
"""

from __future__ import annotations

from typing import Literal, TypedDict


class _BlockInfo(TypedDict):
    offset: int
    length: int
    size: int
    codec: Literal["raw", "deflate"]
    dtype: Literal["u1", "u2", "u4", "f4"]
    shape: list[int]


class BlockInfo(_BlockInfo, total=False):
    """Header entry of a block; the fields are explained in `attnwidget.wire`."""

    shuffle: bool
    bits: int
    form: Literal["dense", "top"]
    large: int
    classes: list[int]
    keys: int


class Request(TypedDict):
    """The page asks for something of one stack; what, and with which further fields, is in `attnwidget.answers`."""

    kind: Literal["request"]
    id: str
    what: str
    stack: str


class Cancel(TypedDict):
    """The page no longer wants the answer to a request."""

    kind: Literal["cancel"]
    id: str


class Reply(TypedDict):
    """The answer; its one buffer is a container."""

    kind: Literal["reply"]
    id: str
    ok: Literal[True]


class Failure(TypedDict):
    """The answer where there is none, in words for the reader of the page."""

    kind: Literal["reply"]
    id: str
    ok: Literal[False]
    error: str
