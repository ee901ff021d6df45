"""What a view is called with: which arguments there are, and the capture they ask for."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from attnwidget.attention import Attention
from attnwidget.state import GIVEN, SHARED

#: Arguments that go to `capture` as they are, and again with every `run`.
OF_CAPTURE = ("image", "audio", "sampling_rate", "processor", "generate", "truncation", "store", "spill")


def captured(model: Any, text: Any, text_pair: Any, target: Any, tokenizer: Any, options: dict[str, Any]) -> Attention:
    """The capture of one text, by :func:`attnwidget.capture`; TypeError for none or several."""
    if text is None and options.get("image") is None and options.get("audio") is None:
        raise TypeError("text: AttnView(model, text) needs what the model reads; an Attention alone needs none")
    from attnwidget.capture import capture

    data = capture(model, text, text_pair, target=target, tokenizer=tokenizer, **options)
    if not isinstance(data, Attention):
        raise TypeError(
            f"text: a view shows one text, got {type(text).__name__} of {len(data)}: make one view for each"
        )
    return data


def check_names(traits: dict[str, Any], call: str = "AttnView", also: Sequence[str] = ()) -> None:
    """TypeError for arguments that are not there, with the nearest that is."""
    known = (*SHARED, "layout", *(OF_CAPTURE if call == "AttnView" else ()), *also)
    for name in traits:
        if name in known:
            continue
        if name in GIVEN:
            raise TypeError(f"{call}() does not take {name!r}: it follows from the model and the text")
        near = difflib.get_close_matches(name, (*known, "text_pair", "target", "tokenizer", "profile"), 1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise TypeError(f"{call}() got an unexpected argument {name!r}{hint} It takes {', '.join(known)}.")
