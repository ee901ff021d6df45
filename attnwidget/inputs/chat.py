"""Chat messages → one text, through the tokenizer's own template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attnwidget.inputs.models import Subject


def is_chat(given: Any) -> bool:
    """Whether `given` is a list of messages: mappings with a role."""
    return (
        isinstance(given, (list, tuple))
        and bool(given)
        and all(isinstance(message, Mapping) and "role" in message for message in given)
    )


def render(subject: Subject, messages: Sequence[Mapping[str, Any]], reply: bool) -> str:
    """The text of a conversation, special tokens included.

    Parameters
    ----------
    messages : sequence of {"role": str, "content": str}
    reply : bool
        Whether the model is about to write: then the opening of its turn is put at the end, or, where the last message
        is the assistant's own, that message is left open.
    """
    tokenizer = subject.need_tokenizer()
    if not getattr(tokenizer, "chat_template", None):
        raise ValueError(
            f"text is a list of chat messages, and {type(tokenizer).__name__} has no chat template: set "
            "tokenizer.chat_template, or pass the conversation as one str"
        )
    for i, message in enumerate(messages):
        if "content" not in message:
            raise ValueError(f"text[{i}] is a chat message without 'content': it has {sorted(message)}")
    own = reply and messages[-1]["role"] == "assistant"
    text = tokenizer.apply_chat_template(
        [dict(message) for message in messages],
        tokenize=False,
        add_generation_prompt=reply and not own,
        continue_final_message=own,
    )
    return str(text)


def title_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """A conversation on one line, for a title."""
    parts = []
    for message in messages:
        content = message["content"]
        if not isinstance(content, str):  # a list of parts, of which some are text
            content = " ".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping)).strip()
        parts.append(f"{message['role']}: {content}")
    return " ⏐ ".join(parts)
