"""Two hundred short English sentences, all different, in a few shapes; always the same."""

from __future__ import annotations

import random

_WHO = (
    "The old teacher",
    "A young dog",
    "My neighbour",
    "The captain of the ship",
    "Nobody",
    "Our cousin Anna",
    "The cat",
)
_DID = ("chased", "painted", "found", "sold", "forgot", "carried", "watched", "repaired")
_WHAT = ("the red bicycle", "a letter from Rome", "three small boats", "the broken clock", "his brother", "warm bread")
_WHERE = ("in the garden", "near the river", "after the storm", "on Monday", "behind the school", "at noon")
_WHY = ("because it was late", "although nobody had asked", "while the rain fell", "since the door was open")
_SHAPES = (
    "{who} {did} {what}.",
    "{who} {did} {what} {where}.",
    "{where}, {who} {did} {what}.",
    "Did {who} see {what}?",
    "{who} {did} {what}, {why}.",
    "What a day: {who} {did} {what} {where}!",
    "{who}, who {did} {what}, stayed {where}.",
    "There was {what} {where}, and {who} knew it.",
)


def sentences(number: int = 200, seed: int = 1) -> list[str]:
    draw = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < number:
        parts = {"who": _WHO, "did": _DID, "what": _WHAT, "where": _WHERE, "why": _WHY}
        text = draw.choice(_SHAPES).format(**{name: draw.choice(choices) for name, choices in parts.items()})
        found[text[0].upper() + text[1:]] = None
    return list(found)
