"""What a view says about its capture in plain JSON: token sequences, stacks, title, notes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from attnwidget.spans import kv_heads, window
from attnwidget.words import word_starts, word_tokens

if TYPE_CHECKING:
    from attnwidget.attention import Attention, Stack
    from attnwidget.inputs.tokens import Token
    from attnwidget.layers import LayerInfo

#: What tokenizers write for a space that is part of a token.
_SPACES = ("Ġ", "▁", " ")

#: Kinds of key that are no part of the text.
SPECIAL = ("cls", "sep", "other")

#: Characters of the text that a title carries.
LONGEST_TEXT = 80


def clean(text: str) -> str:
    """`text` with lone surrogates replaced: they cannot be written as UTF-8, so no message or file could carry them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def printable(text: str) -> str:
    """`text` with a blank for each character that is not to be seen: controls, marks of direction, non-characters."""
    return "".join(c if c.isprintable() or c == "\u00a0" else " " for c in clean(text))


def one_line(text: str, longest: int) -> str:
    """`text` on one line without control characters, cut to `longest` characters with an ellipsis."""
    plain = " ".join(printable(text).split())
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
    records = attention._layers or {}
    for stack in attention.stacks.values():
        queries, keys = names.get(stack.name, ("text", "text"))
        stacks.append(
            {
                "name": stack.name,
                "queries": name_of(stack.queries, queries, f"{stack.name} queries"),
                "keys": name_of(stack.keys, keys, f"{stack.name} keys"),
                "causal": stack.causal is True,
                "sinks": sinks(stack),
                "layers": [
                    _layer(info, record)
                    for info, record in zip(stack.layers, records.get(stack.name, [None] * stack.n_layers), strict=True)
                ],
            }
        )
    return {name: _tokens(tokens) for name, tokens in sequences.items()}, stacks


def sinks(stack: Stack) -> list[int]:
    """Positions of the keys that the sinks switch is about: special tokens, and the first key of a causal stack.

    A causal model rests the weight that it has no use for on the first key, whatever token that is: its first row can
    look nowhere else.
    """
    return [i for i, key in enumerate(stack.keys) if key.kind in SPECIAL or (i == 0 and stack.causal is True)]


def _layer(info: LayerInfo, record: Any) -> dict[str, Any]:
    """One layer; what it does not have (shared keys, a window) is left out."""
    out: dict[str, Any] = {"heads": info.heads, "source": info.source, "note": clean(info.note)}
    if record is None:
        return out
    if (shared := kv_heads(record)) is not None:
        out["kv_heads"] = shared
    keys, chunked = window(record)
    if keys is not None:
        out["chunk" if chunked else "window"] = keys
    return out


def _tokens(tokens: Sequence[Token]) -> list[dict[str, Any]]:
    """Tokens as JSON. The first piece of a word of several carries what the whole word is called, as `whole`."""
    said = _pieces(tokens)
    edges = [*word_starts(tokens).tolist(), len(tokens)]
    for (start, stop), word in zip(pairwise(edges), word_tokens(tokens), strict=True):
        if stop - start > 1:
            said[start]["whole"] = {"text": clean(word.text), "role": clean(word.role), "kind": word.kind}
    return said


def _pieces(tokens: Sequence[Token]) -> list[dict[str, Any]]:
    return [
        {
            "text": clean(token.text),
            "role": clean(token.role),
            "kind": token.kind,
            "segment": token.segment,
            "word": token.word,
            # Only where the space belongs to the token: a mark before every word of BERT would be noise.
            "space": token.space_before and token.raw.startswith(_SPACES),
            # Row and column of a patch, of images only.
            **({"place": list(token.place)} if token.place is not None else {}),
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
