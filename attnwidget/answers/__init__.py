"""What a view answers its page: a question is read, checked, and answered with one container.

A question is a function ``answer(data, stack, **fields) -> bytes``; `QUESTIONS` says which fields each one has and how
they are read. What cannot be answered raises ValueError, in words for the reader of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from attnwidget.answers import layers, pictures, rollout, statistics, steps, tiles, trace
from attnwidget.answers.fields import Field, distinct, whole
from attnwidget.attention import Attention

#: Rows of one request: a page asks for those of the token under the pointer.
MOST_ROWS = 64


@dataclass(frozen=True)
class Question:
    """How one kind of request is read and answered."""

    answer: Callable[..., bytes]
    fields: Mapping[str, Field]


QUESTIONS: dict[str, Question] = {
    "layer": Question(layers.layer, {"layer": whole}),
    "rows": Question(layers.rows, {"layer": whole, "queries": distinct(MOST_ROWS)}),
    "tile": Question(
        tiles.tile, {"layer": whole, "heads": tiles.heads, "queries": tiles.span, "keys": tiles.span, "step": whole}
    ),
    "pictures": Question(pictures.pictures, {"layer": whole}),
    "rollout": Question(rollout.rollout, {"layer": whole}),
    "statistics": Question(statistics.statistics, {}),
    "steps": Question(steps.steps, {"layer": whole, "head": whole, "query": whole}),
    "trace": Question(trace.trace, {"query": whole, "key": whole}),
}


@dataclass(frozen=True)
class Asked:
    """A request as it was read; equal ones have the same answer."""

    what: str
    stack: str
    fields: tuple[tuple[str, Hashable], ...] = ()


def read(content: Mapping[Any, Any]) -> Asked:
    """A request of the page; ValueError, in words for its reader, where it is none."""
    what, stack = content.get("what"), content.get("stack")
    question = QUESTIONS.get(what) if isinstance(what, str) else None
    if question is None:
        raise ValueError(f"what: {what!r:.100} is not valid. Valid: {', '.join(map(repr, QUESTIONS))}")
    if not isinstance(stack, str):
        raise ValueError(f"a request for {what} needs 'stack' (text)")
    fields = tuple(
        (name, field.of(content.get(name), f"{what} needs {name!r}")) for name, field in question.fields.items()
    )
    return Asked(str(what), stack, fields)


def answer(data: Attention, asked: Asked) -> bytes:
    """The container that answers a request."""
    layers.check_stack(data, asked.stack)
    return QUESTIONS[asked.what].answer(data, asked.stack, **dict(asked.fields))
