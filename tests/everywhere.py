"""Views that carry a text in every place where a reader, a model's configuration or a loaded file can put one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
from made import softmax
from views import Rows

from attnwidget import Attention, AttnView, HeadProfile, rerun
from attnwidget.attention import LayerInfo, Stack
from attnwidget.description import clean
from attnwidget.inputs.tokens import Token
from attnwidget.statistics.accumulators import Moments
from attnwidget.statistics.heads import statistics

HEADS = (2, 0, 3)

#: Text for a place, by the name of the place.
Say = Callable[[str], str]


def alone(text: str) -> Say:
    """The same text in every place; names of stacks, which are told apart by them, end differently."""
    return lambda place: f"{clean(text)} {place}" if place.endswith("stack") else text


def attention(say: Say, side: str = "") -> Attention:
    """Two stacks, one layer of the first without heads, one word of two pieces."""
    tokens = (
        Token(say("special token"), "[CLS]", role="cls", kind="cls"),
        Token(say("first piece"), "first", word=0),
        Token(say("second piece"), "##second", word=0),
        Token(say("token"), "token", role=say("role"), word=1),
        Token("[SEP]", "[SEP]", role="sep", kind="sep"),
    )
    notes = [say("layer note") if not count else "" for count in HEADS]
    infos = tuple(LayerInfo(count, "interface", note) for count, note in zip(HEADS, notes, strict=True))
    names = (say("stack"), say("other stack"))
    n = len(tokens)
    layers = [Rows(softmax(count, n, n, seed=7 * len(side))) if count else None for count in HEADS]
    return Attention(
        [Stack(name, tokens, tokens, infos, False) for name in names],
        dict.fromkeys(names, layers),
        model_name=say("model") + side,
        text=say("text"),
        notes=[say("note")],
    )


def profile(say: Say, path: Path) -> HeadProfile:
    """Of a corpus, as somebody else's file holds it: the names of statistics are theirs too."""
    made = HeadProfile.of(statistics(attention(say), stack=say("stack")), replicates=3)
    more = Moments(*(np.concatenate([part, part[:1]]) for part in dataclasses.astuple(made.moments)))
    base = Moments(*(np.concatenate([part, part[:1]]) for part in dataclasses.astuple(made.baselines)))
    dataclasses.replace(
        made,
        names=(*made.names, say("statistic")),
        moments=more,
        baselines=base,
        model_name=say("model of the profile"),
        sinks={"cls": say("sink")},
        errors=((7, say("unread text"), say("why it was not read")),),
    ).save(path)
    return HeadProfile.load(path)


def views(say: Say, folder: Path) -> list[AttnView]:
    """One of a text with a profile, and a comparison."""
    of_text = AttnView(attention(say), profile=profile(say, folder / "profile.npz"), evidence="text")
    of_text.title, of_text.sort, of_text.only = say("title"), say("sort"), say("only")
    read = (say("text read"), say("second segment"), say("target"), None)
    rerun.tell(of_text, read, lambda: of_text)
    names = [say(place) or "x" for place in ("name of a", "name of b")]
    of_text.mode = "heads"
    return [of_text, AttnView.compare(attention(say), attention(say, "b"), names=names)]
