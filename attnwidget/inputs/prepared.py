"""What is handed to the forward pass, and what is known of its positions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from attnwidget.inputs.tokens import Token


@dataclass(frozen=True)
class Side:
    """One sequence of a batch: `length` positions, of which each sample keeps some (the rest is padding).

    `exact`: a map with more positions is no map of this sequence; else those in front are learned ones (prefixes).
    """

    length: int
    keep: list[list[int]]
    tokens: list[tuple[Token, ...]]
    exact: bool = False


@dataclass
class Prepared:
    """One batch: keyword arguments of the forward pass, and the tokens of its sides ("source", "target", "image")."""

    inputs: dict[str, Any]
    sides: dict[str, Side]
    texts: list[str]
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class Options:
    """What `capture` takes beside a text; see there."""

    image: Any = None
    audio: Any = None
    sampling_rate: int | None = None
    processor: Any = None
    generate: int = 0
    truncation: bool = False


@dataclass(frozen=True)
class Encoded:
    """One text as ids, before padding."""

    ids: list[int]
    tokens: tuple[Token, ...]
    types: list[int] | None = None
    notes: tuple[str, ...] = ()
