"""Fields of a request: how what a page sends becomes a plain value that can be compared."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """`read` takes what the page sent and raises TypeError or ValueError; `valid` says what it takes."""

    read: Callable[[object], Hashable]
    valid: str

    def of(self, value: object, asked: str) -> Hashable:
        """What the page sent, as a plain value; ValueError, naming what was asked, for anything else."""
        try:
            return self.read(value)
        except (TypeError, ValueError):
            raise ValueError(f"a request for {asked}: {self.valid}") from None


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


whole = Field(_whole, "a whole number")


def choice(*options: str) -> Field:
    """One of a few words."""

    def read(value: object) -> str:
        if value not in options:
            raise ValueError
        return str(value)

    return Field(read, " or ".join(map(repr, options)))


def distinct(most: int) -> Field:
    """A few different whole numbers."""

    def read(value: object) -> tuple[int, ...]:
        if not isinstance(value, (list, tuple)) or not 0 < len(value) <= most:
            raise ValueError
        numbers = tuple(map(_whole, value))
        if len(set(numbers)) < len(numbers):
            raise ValueError
        return numbers

    return Field(read, f"1 to {most} different whole numbers")
