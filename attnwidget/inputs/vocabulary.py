"""Token ids → tokens, with or without a tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attnwidget.inputs.display import visible
from attnwidget.inputs.tokens import Token, make_token, roles_of, words_by_marks

_NAMED = ("cls", "sep", "bos", "eos", "pad", "mask", "unk")
# Vocabularies whose pieces end in "@@" when the word goes on; elsewhere "@@" is text.
_SUFFIXED = ("FSMT", "Bertweet", "CTRL", "Phobert")


class Vocabulary:
    """Names, roles and display texts of ids.

    Parameters
    ----------
    tokenizer : transformers tokenizer or None
        None: ids are shown as numbers, and roles come from the config.
    config : transformers config or None
    """

    def __init__(self, tokenizer: Any | None, config: Any | None = None) -> None:
        self.tokenizer = tokenizer
        source = tokenizer if tokenizer is not None else config
        self.named = {name: _one(getattr(source, f"{name}_token_id", None)) for name in _NAMED}
        self.special_ids: set[int] = set()
        self.style: str | None = None
        if tokenizer is not None:
            self.special_ids = set(getattr(tokenizer, "all_special_ids", ()))
            added = getattr(tokenizer, "added_tokens_decoder", None) or {}
            self.special_ids |= {number for number, token in added.items() if getattr(token, "special", False)}
            self.style = _style(tokenizer)

    def tokens(
        self,
        ids: Sequence[int],
        mask: Sequence[int] | None = None,
        words: Sequence[int | None] | None = None,
        segments: Sequence[int] | None = None,
        start_id: int | None = None,
    ) -> tuple[Token, ...]:
        """One token for each id; `words` and `segments` as the tokenizer gave them, else by piece markers and 0."""
        roles = roles_of(ids, self.named, self.special_ids, mask, start_id)
        if self.tokenizer is None:
            raws = [str(number) for number in ids]
            texts = raws
        else:
            # A vocabulary may have holes (None), e.g. where a model's table was rounded up.
            found = self.tokenizer.convert_ids_to_tokens(list(ids))
            raws = [f"<{number}>" if raw is None else _text(raw) for number, raw in zip(ids, found, strict=True)]
            named = [
                role not in ("text", "unk") or number in self.special_ids
                for role, number in zip(roles, ids, strict=True)
            ]
            texts = visible(raws, named, self.style)
        if words is None or _says_nothing(words, raws, roles):
            words = (
                words_by_marks(raws, roles, self.style == "bytes")
                if self.tokenizer is not None
                else list(range(len(ids)))
            )
        parts = segments if segments is not None else [0] * len(ids)
        return tuple(map(make_token, raws, texts, ids, roles, parts, words))


def _one(given: Any) -> int | None:
    """Some configs give several end tokens: the first is the one that is written."""
    if isinstance(given, (list, tuple)):
        given = given[0] if given else None
    return given if isinstance(given, int) else None


def _text(raw: Any) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _style(tokenizer: Any) -> str | None:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        return "bytes" if "ByteLevel" in f"{backend.decoder!r}" else "pieces"
    if hasattr(tokenizer, "byte_decoder"):
        return "bytes"
    return "suffix" if type(tokenizer).__name__.startswith(_SUFFIXED) else None


def _says_nothing(words: Sequence[int | None], raws: Sequence[str], roles: Sequence[str]) -> bool:
    """Tokenizers without a pre-tokenizer call the whole text word 0, though their pieces are marked."""
    known = [(word, raw) for word, raw, role in zip(words, raws, roles, strict=True) if role in ("text", "unk")]
    numbers = {word for word, _ in known}
    return bool(known) and (
        numbers == {None} or (len(numbers) == 1 and any(raw.startswith(("▁", "Ġ")) for _, raw in known[1:]))
    )
