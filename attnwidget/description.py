"""What a view says about its capture in plain JSON: token sequences, stacks, title, notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attnwidget.attention import Attention, Stack
    from attnwidget.inputs.tokens import Token

#: What tokenizers write for a space that is part of a token.
_SPACES = ("Ġ", "▁", " ")

#: Characters of the text that a title carries.
LONGEST_TEXT = 80


def clean(text: str) -> str:
    """`text` with lone surrogates replaced: they cannot be written as UTF-8, so no message or file could carry them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def one_line(text: str, longest: int) -> str:
    """`text` on one line without control characters, cut to `longest` characters with an ellipsis."""
    plain = "".join(character if character.isprintable() else " " for character in clean(text))
    plain = " ".join(plain.split())
    return plain if len(plain) <= longest else plain[: longest - 1].rstrip() + "…"


def title(attention: Attention) -> str:
    """The name of the model and the beginning of the text."""
    parts = (one_line(attention.model_name, LONGEST_TEXT), one_line(attention.text, LONGEST_TEXT))
    return " · ".join(part for part in parts if part)


def tokens_and_stacks(attention: Attention) -> tuple[dict[str, list[dict[str, Any]]], list[dict[str, Any]]]:
    """The traits `tokens` and `stacks`.

    Sequences are named for what they are: "text" where there is one, "source" and "target" of an encoder-decoder,
    "image". Keys that are not the queries (a cache, a learned sink) get a name of their own.
    """
    alone = len(attention.stacks) == 1
    names = {"vision": ("image", "image"), "cross": ("target", "source")}
    if not alone:
        names |= {"encoder": ("source", "source"), "decoder": ("target", "target")}
    sequences: dict[str, tuple[Token, ...]] = {}

    def name_of(tokens: tuple[Token, ...], wanted: str, other: str) -> str:
        name, count = wanted, 1
        while name in sequences and sequences[name] != tokens:
            name, count = (other if count == 1 else f"{other} {count}"), count + 1
        sequences[name] = tokens
        return name

    stacks = []
    for stack in attention.stacks.values():
        queries, keys = names.get(stack.name, ("text", "text"))
        stacks.append(
            {
                "name": stack.name,
                "queries": name_of(stack.queries, queries, f"{stack.name} queries"),
                "keys": name_of(stack.keys, keys, f"{stack.name} keys"),
                "layers": [
                    {"heads": layer.heads, "source": layer.source, "note": clean(layer.note)} for layer in stack.layers
                ],
            }
        )
    return {name: _tokens(tokens) for name, tokens in sequences.items()}, stacks


def _tokens(tokens: Sequence[Token]) -> list[dict[str, Any]]:
    return [
        {
            "text": clean(token.text),
            "role": token.role,
            "kind": token.kind,
            "segment": token.segment,
            "word": token.word,
            # Only where the space belongs to the token: a mark before every word of BERT would be noise.
            "space": token.space_before and token.raw.startswith(_SPACES),
        }
        for token in tokens
    ]


def shape(stack: Stack) -> str:
    """Layers × heads · tokens, in words."""
    counts = [layer.heads for layer in stack.layers if layer.heads]
    heads = "no" if not counts else str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)}-{max(counts)}"
    q, k = len(stack.queries), len(stack.keys)
    tokens = (
        _count(q, "token") if stack.queries == stack.keys else f"{_count(q, 'query token')} × {_count(k, 'key token')}"
    )
    return f"{_count(len(stack.layers), 'layer')} × {heads} head{'' if heads == '1' else 's'} · {tokens}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
