"""Tokens: what one position is called on the page, what part it plays, and which word it belongs to."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from attnwidget.inputs.display import PIECE_MARKS, visible

ROLES = ("cls", "sep", "bos", "eos", "pad", "mask", "unk", "special", "sink", "text")
KINDS = ("cls", "sep", "punct", "other", "word")

_KIND_OF_ROLE = {
    "cls": "cls",
    "bos": "cls",
    "sep": "sep",
    "eos": "sep",
    "pad": "other",
    "mask": "other",
    "special": "other",
    "sink": "other",
}

# Strings by which :func:`tokens_from_strings` guesses a role. Used for bare strings only; ids decide everywhere else.
_ROLE_OF_STRING = {
    "[CLS]": "cls",
    "<cls>": "cls",
    "<s>": "bos",
    "<bos>": "bos",
    "[BOS]": "bos",
    "<|begin_of_text|>": "bos",
    "<|startoftext|>": "bos",
    "<|startoftranscript|>": "bos",
    "[SEP]": "sep",
    "<sep>": "sep",
    "</s>": "eos",
    "<eos>": "eos",
    "[EOS]": "eos",
    "<|end_of_text|>": "eos",
    "<|endoftext|>": "eos",
    "<|eot_id|>": "eos",
    "[PAD]": "pad",
    "<pad>": "pad",
    "<|pad|>": "pad",
    "[MASK]": "mask",
    "<mask>": "mask",
    "[UNK]": "unk",
    "<unk>": "unk",
    "<|im_start|>": "special",
    "<|im_end|>": "special",
}


@dataclass(frozen=True)
class Token:
    """One position of a sequence.

    Attributes
    ----------
    text : str
        What the page shows: no piece markers, no invisible characters, never empty.
    raw : str
        The tokenizer's own string (``"##ing"``, ``"Ġdog"``).
    id : int or None
        The id in the vocabulary; None for positions that have none (pseudo-keys, arrays given with bare strings).
    role : str
        One of :data:`ROLES`; decided by id and attention mask, not by the string.
    kind : str
        One of :data:`KINDS`: the line of the mass ledger that this key counts to.
    segment : int
        0-based; 0 where there are no segments.
    word : int or None
        Word index within the sequence; None for special tokens.
    space_before : bool
        Whether blank space comes before it in the text, where the tokenizer tells (`text` leaves the space out).
    place : (int, int) or None
        Row and column of an image patch, from the top left.
    """

    text: str
    raw: str
    id: int | None = None
    role: str = "text"
    kind: str = "word"
    segment: int = 0
    word: int | None = None
    space_before: bool = False
    place: tuple[int, int] | None = None


def kind_of(role: str, raw: str) -> str:
    """The kind of key of the mass ledger for a token of this `role` and string `raw`.

    Examples
    --------
    >>> kind_of("bos", "<s>"), kind_of("text", "##."), kind_of("text", "Ġdog")
    ('cls', 'punct', 'word')
    """
    kind = _KIND_OF_ROLE.get(role)
    if kind is not None:
        return kind
    letters = [c for c in PIECE_MARKS.sub("", raw) if not c.isspace()]
    return "punct" if letters and all(unicodedata.category(c).startswith("P") for c in letters) else "word"


def make_token(
    raw: str,
    text: str,
    token_id: int | None = None,
    role: str = "text",
    segment: int = 0,
    word: int | None = None,
    space_before: bool = False,
) -> Token:
    """A token whose kind follows from its role, or from its text: decoded bytes, so that ``。`` is punctuation."""
    kind = kind_of(role, raw if role != "text" or not text else text)
    known = role in ("text", "unk")
    return Token(text, raw, token_id, role, kind, segment, word if known else None, known and space_before)


def sink_token() -> Token:
    """The pseudo-key of a learned sink: takes weight, has no position and no value."""
    return make_token("<learned sink>", "⟨sink⟩", role="sink")


def virtual_tokens(count: int) -> list[Token]:
    """Learned positions that no text stands for (prefix and prompt tuning)."""
    return [make_token(f"<virtual {i}>", f"⟨p{i}⟩", role="special") for i in range(count)]


def numbered_tokens(count: int) -> list[Token]:
    """Positions of which nothing is known but their number (audio frames, embeddings given directly)."""
    return [Token(str(i), str(i), word=i) for i in range(count)]


def roles_of(
    ids: Sequence[int],
    named: Mapping[str, int | None],
    special_ids: Collection[int] = (),
    mask: Sequence[int] | None = None,
    start_id: int | None = None,
) -> list[str]:
    """Roles by id and attention mask.

    Parameters
    ----------
    ids : sequence of int, length n
    named : mapping
        Ids of the tokenizer's named tokens: keys among "cls", "sep", "bos", "eos", "pad", "mask", "unk"; None: no such.
    special_ids : collection of int
        All other ids that the tokenizer calls special.
    mask : sequence of 0 and 1, length n, optional
        Attention mask: 0 is padding whatever the id (padding may share its id with the end token).
    start_id : int, optional
        What a decoder starts with: at the first position that id is the "bos", also where it is the padding or end id.
    """
    first = next((i for i in range(len(ids)) if mask is None or mask[i]), 0)
    roles = []
    for i, token_id in enumerate(ids):
        if mask is not None and not mask[i]:
            role = "pad"
        elif i == first and token_id in (start_id, named.get("bos")) and token_id != named.get("cls"):
            role = "bos"
        else:
            # bos and eos may be one id: the first position was settled above, so that any later one is an end. A bos
            # amid the text opens a turn of a chat (<|im_start|>) or another document: special, not the beginning.
            # unk comes last, because GPT-2 calls its end token unknown as well.
            order = ("cls", "sep", "mask", "eos", "bos", "pad", "unk")
            role = next((r for r in order if named.get(r) is not None and named[r] == token_id), "")
            role = "special" if role == "bos" and i > first else role
            role = role or ("special" if token_id in special_ids else "text")
        roles.append(role)
    return roles


def tokens_from_strings(strings: Sequence[str | Token]) -> tuple[Token, ...]:
    """Tokens of bare strings: roles are guessed from well-known special strings ([CLS], <s>, …), words from markers.

    `Token` objects pass through as they are.
    """
    raws = [s.raw if isinstance(s, Token) else s for s in strings]
    roles = [_ROLE_OF_STRING.get(raw, "text") for raw in raws]
    if raws and raws[0] == "<|endoftext|>":
        roles[0] = "bos"
    texts = visible(raws, [role not in ("text", "unk") for role in roles])
    words = words_by_marks(raws, roles)
    return tuple(
        s if isinstance(s, Token) else make_token(raw, text, None, role, 0, word)
        for s, raw, text, role, word in zip(strings, raws, texts, roles, words, strict=True)
    )


def segments_by_separators(roles: Sequence[str]) -> list[int]:
    """Segments where nothing but separators tells: each run of them ends one (``</s></s>`` of RoBERTa is one run).

    Separators count to the segment on their left, as do special tokens; a last separator opens no segment.
    """
    segments: list[int] = []
    current, ended = 0, False
    for role in roles:
        if ended and role in ("text", "unk", "mask"):
            current, ended = current + 1, False
        ended = ended or (role == "sep" and bool(segments))
        segments.append(current)
    return segments


def words_by_marks(
    raws: Sequence[str], roles: Sequence[str], begins: bool = False, suffix: bool = False
) -> list[int | None]:
    """Word numbers by piece markers, for tokenizers that do not tell: ``##`` continues, ``▁``, ``Ġ`` begin a word.

    `begins`: the vocabulary marks where words begin, even if none of these does. `suffix`: it marks with ``@@`` that a
    word goes on.
    """
    begins = begins or any(raw.startswith(("▁", "Ġ")) for raw in raws)
    ends = any(raw.endswith("</w>") for raw in raws)
    words: list[int | None] = []
    number, opened = -1, False
    for raw, role in zip(raws, roles, strict=True):
        if role not in ("text", "unk"):
            words.append(None)
            opened = False
            continue
        if ends:
            new = not opened
            opened = not raw.endswith("</w>")
        elif suffix:
            new = not opened
            opened = raw.endswith("@@")
        elif begins:
            new = raw.startswith(("▁", "Ġ")) or not opened
            opened = True
        else:
            new = not raw.startswith("##") or not opened
            opened = True
        number += new
        words.append(number)
    return words
