"""Trait types of the view: they take what Python users have (tuples, ranges, numpy numbers), and name what is valid.

traitlets checks in two steps. The type (here) looks at one value by itself and brings it into its plain form; what
depends on other traits (a head on its layer) is checked by `AttnView` when all values of one change are in.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any, TypeVar

import traitlets

from attnwidget.description import clean

T = TypeVar("T")


def refuse(name: str, got: object, valid: str) -> traitlets.TraitError:
    """The error of every refused value, worded as on the page."""
    return traitlets.TraitError(f"{name}: {got!r:.200} is not valid. Valid: {valid}")


def whole(value: Any) -> int:
    """A whole number as an int; TypeError for anything else, True and False included."""
    if isinstance(value, bool):
        raise TypeError("a truth value is not a number")
    return operator.index(value)


class _Plain(traitlets.TraitType[Any, Any]):
    """A trait whose value is brought into plain form by `convert`, and refused with `valid`."""

    def __init__(self, default: Any, valid: str | Callable[[Any], str], **kwargs: Any) -> None:
        self._valid = valid
        super().__init__(default, **kwargs)

    def convert(self, value: Any) -> Any:
        raise NotImplementedError

    def validate(self, obj: Any, value: Any) -> Any:
        try:
            return self.convert(value)
        except (TypeError, ValueError, OverflowError):
            raise refuse(
                self.name or "", value, self._valid if isinstance(self._valid, str) else self._valid(obj)
            ) from None


class Choice(_Plain):
    """One of a few words."""

    def __init__(self, default: str, options: tuple[str, ...], **kwargs: Any) -> None:
        self.options = options
        super().__init__(default, ", ".join(map(repr, options)), **kwargs)

    def convert(self, value: Any) -> Any:
        if not isinstance(value, str) or value not in self.options:
            raise ValueError
        return value


class Text(_Plain):
    """Any text that a message can carry."""

    def convert(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError
        return clean(value)


class Whole(_Plain):
    """A whole number; numpy's are taken too."""

    def convert(self, value: Any) -> int:
        return whole(value)


class Share(_Plain):
    """A number above 0, up to 1."""

    def convert(self, value: Any) -> float:
        if isinstance(value, bool) or not (isinstance(value, Real) or type(value).__module__ == "numpy"):
            raise TypeError
        share = float(value)
        if math.isnan(share) or not 0 < share <= 1:
            raise ValueError
        return share


class _PlainList(_Plain):
    """A list, each item once, in the order given.

    Every reading gives a fresh list: one changed in place would differ from the page's without anybody noticing.
    """

    def get(self, obj: Any, cls: Any = None) -> list[Any]:
        return list(super().get(obj, cls) or ())

    def convert(self, value: Any) -> list[Any]:
        if isinstance(value, (str, bytes, dict)) or not isinstance(value, Iterable):
            raise TypeError
        return list(dict.fromkeys(self.item(item) for item in value))

    def item(self, value: Any) -> Any:
        raise NotImplementedError


class Numbers(_PlainList):
    """A list of whole numbers from any list, tuple, range, set or array."""

    def item(self, value: Any) -> int:
        return whole(value)


class Addresses(_PlainList):
    """A list of (layer, head); pairs may come as tuples or lists."""

    def item(self, value: Any) -> tuple[int, int]:
        if isinstance(value, (str, bytes)):
            raise TypeError
        layer, head = value
        return whole(layer), whole(head)
