"""What a token looks like: piece markers off, bytes back to characters, nothing invisible, nothing empty."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

PIECE_MARKS = re.compile(r"^##(?=.)|[▁Ġ]|</w>$|@@$")
EMPTY = "∅"
BLANK = "␣"

_NAMED = {"\n": "⏎", "\t": "⇥", "\r": "␍", "\x7f": "␡"}
_JOINERS = "\u200c\u200d"
_BYTE_PIECE = re.compile(r"^<0x([0-9A-Fa-f]{2})>$")


@cache
def byte_alphabet() -> dict[str, int]:
    """The byte that each character of a byte-level BPE vocabulary stands for (256 entries)."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    alphabet = {chr(b): b for b in plain}
    alphabet.update({chr(0x100 + i): b for i, b in enumerate(b for b in range(256) if b not in plain)})
    return alphabet


def visible(raws: Sequence[str], special: Sequence[bool] | None = None, style: str | None = None) -> list[str]:
    """Display texts of tokenizer strings.

    Parameters
    ----------
    raws : sequence of str
        Strings as ``convert_ids_to_tokens`` gives them.
    special : sequence of bool, optional
        True where the string is a name, not text (``[CLS]``): shown as it is.
    style : {"bytes", "pieces", "suffix"}, optional
        "bytes": byte-level BPE, each character is a byte; "pieces": ``##``, ``▁``, ``<0xE3>``; "suffix": a trailing
        ``@@`` as well. Left out: "bytes" when some string starts with ``Ġ`` or ``Ċ``, else "pieces".

    Returns
    -------
    list of str
        As many as `raws`; none is empty. Bytes that are part of one character show which: ``"犬 1/3"``.
    """
    marked = list(special) if special is not None else [False] * len(raws)
    if style is None:
        style = (
            "bytes" if any(r.startswith(("Ġ", "Ċ")) for r, s in zip(raws, marked, strict=True) if not s) else "pieces"
        )
    chunks = [None if s else _to_bytes(raw, style) for raw, s in zip(raws, marked, strict=True)]
    texts: list[str] = []
    start = 0
    while start < len(raws):
        chunk = chunks[start]
        if chunk is None:
            texts.append(_show(raws[start]) if marked[start] else _show(_strip(raws[start], style)))
            start += 1
            continue
        # A character's bytes may lie in several tokens, so a run of byte tokens is decoded as one.
        stop = start
        run: list[bytes] = []
        while stop < len(raws) and (part := chunks[stop]) is not None:
            run.append(part)
            stop += 1
        texts.extend(_decode_run(run))
        start = stop
    return texts


def joined(raws: Sequence[str], texts: Sequence[str]) -> str:
    """Display text of consecutive tokenizer strings as one, given the display text of each (see `visible`).

    Characters that were cut into several tokens are whole again; only where a character is cut by the word's own
    border do its parts stay as they are.
    """
    style = next((s for s in ("bytes", "pieces", "suffix") if visible(raws, None, s) == list(texts)), None)
    if style is None:
        return "".join(texts)
    # Pieces that are no bytes count as their text, so that all of it is decoded as one run.
    data = b""
    for raw in raws:
        part = _to_bytes(raw, style)
        data += _strip(raw, style).encode("utf-8", "surrogatepass") if part is None else part
    return _decode_run([data])[0]


def _to_bytes(raw: str, style: str) -> bytes | None:
    if style == "bytes":
        alphabet = byte_alphabet()
        try:
            return bytes(alphabet[c] for c in raw)
        except KeyError:  # an added token, kept outside the alphabet: its characters are themselves
            return raw.encode("utf-8", "surrogatepass")
    found = _BYTE_PIECE.match(raw)
    return bytes([int(found.group(1), 16)]) if found else None


def _strip(raw: str, style: str) -> str:
    if raw.startswith("##") and len(raw) > 2:
        return raw[2:]
    if raw.endswith("</w>"):
        raw = raw[:-4]
    elif style == "suffix" and raw.endswith("@@") and len(raw) > 2:
        raw = raw[:-2]
    return raw.replace("▁", " ")


def _decode_run(run: Sequence[bytes]) -> list[str]:
    """Texts of consecutive byte tokens; a character cut by token borders appears in each as ``c i/m``."""
    owner = [t for t, part in enumerate(run) for _ in part]  # the token of each byte
    texts = [""] * len(run)
    at = 0
    for char, length in _characters(b"".join(run)):
        holders = sorted(set(owner[at : at + length]))
        for i, t in enumerate(holders):
            texts[t] += char if len(holders) == 1 else f"{char} {i + 1}/{len(holders)}"
        at += length
    return [_show(text) for text in texts]


def _characters(data: bytes) -> list[tuple[str, int]]:
    """Characters with their length in bytes; a byte that is no part of any character reads ``⟨E2⟩``."""
    found: list[tuple[str, int]] = []
    at = 0
    while at < len(data):
        first = data[at]
        length = (
            1 if first < 0x80 else 2 if first >> 5 == 6 else 3 if first >> 4 == 14 else 4 if first >> 3 == 30 else 1
        )
        try:
            found.append((data[at : at + length].decode("utf-8"), length))
        except UnicodeDecodeError:
            length = 1
            found.append((f"⟨{first:02X}⟩", 1))
        at += length
    return found


def _show(text: str) -> str:
    """`text` without its leading blank and with every invisible character replaced by a visible mark."""
    body = text[1:] if text.startswith(" ") and text.strip(" ") else text
    if all(unicodedata.category(c) == "Zs" for c in body):
        return BLANK * len(body) or EMPTY
    if all(c in _JOINERS for c in body):
        return "".join(f"⟨{ord(c):04X}⟩" for c in body)
    # A combining mark at the start would sit on whatever is drawn before it.
    carrier = "◌" if unicodedata.category(body[0]) in ("Mn", "Me") else ""
    return carrier + "".join(_mark(c) for c in body)


def _mark(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    if ord(char) < 0x20:
        return chr(0x2400 + ord(char))
    # Format characters (bidirectional overrides, zero-width blanks) and lone surrogates would change or break their
    # neighbours; the joiners that build emoji and Indic or Persian letters stay.
    category = unicodedata.category(char)
    if category in ("Cc", "Cs", "Zl", "Zp") or (category == "Cf" and char not in _JOINERS):
        return f"⟨{ord(char):04X}⟩"
    return char
