"""Token ids → tokens, with or without a tokenizer."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, groupby
from typing import Any

from attnwidget.inputs.display import byte_alphabet, visible
from attnwidget.inputs.tokens import Token, make_token, roles_of, segments_by_separators, words_by_marks

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
            self.special_ids |= {number for number, token in added.items() if _is_markup(token)}
            self.style = _style(tokenizer)

    def tokens(
        self,
        ids: Sequence[int],
        mask: Sequence[int] | None = None,
        words: Sequence[int | None] | None = None,
        segments: Sequence[int] | None = None,
        start_id: int | None = None,
        gaps: Sequence[bool] | None = None,
    ) -> tuple[Token, ...]:
        """One token for each id; `words`, `segments` and `gaps` (blank space before it) as the tokenizer gave them.

        Left out: by piece markers, by separators, by leading blanks. `words` may be shorter than `ids`: positions
        that were generated continue it by piece markers.
        """
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
        if words is None or len(words) < len(ids) or _says_nothing(words, raws, roles):
            marked = self._words(raws, roles)
            words = marked if words is None or len(words) == len(ids) else _continue(words, marked)
        parts = segments if segments is not None else segments_by_separators(roles)
        known = gaps if gaps is not None else [False] * len(ids)
        spaces = [gap or raw.startswith(("Ġ", "▁")) for gap, raw in zip(known, raws, strict=True)]
        return tuple(map(make_token, raws, texts, ids, roles, parts, words, spaces))

    def _words(self, raws: Sequence[str], roles: Sequence[str]) -> list[int | None]:
        """Word numbers of strings alone: by the tokenizer's own pre-tokenizer where their bytes are a text again."""
        if self.tokenizer is None:
            return list(range(len(raws)))
        splitter = getattr(getattr(self.tokenizer, "backend_tokenizer", None), "pre_tokenizer", None)
        if self.style != "bytes" or splitter is None:
            return words_by_marks(raws, roles, self.style == "bytes", self.style == "suffix")
        words: list[int | None] = []
        count = 0
        for is_text, run in groupby(zip(raws, roles, strict=True), lambda pair: pair[1] in ("text", "unk")):
            pieces = [raw for raw, _ in run]
            if not is_text:
                words += [None] * len(pieces)
                continue
            begins = _word_begins(splitter, pieces)
            if begins is None:
                return words_by_marks(raws, roles, True)
            at = 0
            for piece in pieces:
                words.append(count + bisect_right(begins, at) - 1)
                at += len(piece)
            count += len(begins)
        return words


def _word_begins(splitter: Any, pieces: Sequence[str]) -> list[int] | None:
    """Where words begin in joined byte-level strings; None where these are no text, or the pre-tokenizer adds some."""
    alphabet = byte_alphabet()
    joined = "".join(pieces)
    try:
        text = bytes(alphabet[c] for c in joined).decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        return None
    split = [word for word, _ in splitter.pre_tokenize_str(text)]
    if "".join(split) != joined:
        return None
    return [0, *accumulate(len(word) for word in split[:-1])]


def _is_markup(token: Any) -> bool:
    """Whether an added token is a name, not text: flagged so, or written like one (``<think>``, ``[INST]``)."""
    content = str(getattr(token, "content", token))
    return bool(getattr(token, "special", False)) or (
        len(content) > 2 and (content[0], content[-1]) in (("<", ">"), ("[", "]"))
    )


def _continue(words: Sequence[int | None], marked: Sequence[int | None]) -> list[int | None]:
    """Known word numbers of the first positions, counted on for the rest as piece markers say."""
    known = len(words)
    highest = max((w for w in words if w is not None), default=-1)
    before = max((w for w in marked[:known] if w is not None), default=-1)
    return [*words, *(w if w is None else max(0, w - before + highest) for w in marked[known:])]


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
