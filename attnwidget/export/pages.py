"""Views written as pages: several in one, a piece for another page, no larger than wanted."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from attnwidget.export import page
from attnwidget.export.choice import Heads, sizes
from attnwidget.export.provenance import provenance

if TYPE_CHECKING:
    from attnwidget.written import WrittenView

#: Of a frame, in CSS pixels: what is around the tokens, each row of them, and how tall a frame may get by itself.
_AROUND, _ROW, _TALLEST = 570, 26, 1000


def to_html(
    views: Sequence[WrittenView],
    *,
    layers: Iterable[int] | None = None,
    heads: Heads | None = None,
    max_bytes: int | None = None,
    title: str | None = None,
    fragment: bool = False,
    height: int | None = None,
    steps: bool = False,
) -> str:
    """One page of several views, which share one copy of the code. Arguments as of `AttnView.to_html`.

    Raises
    ------
    ValueError
        Without any view, and as `AttnView.to_html`.
    """
    if not views:
        raise ValueError("views: a page needs at least one")
    wanted = None if layers is None else list(layers)
    pairs = None if heads is None else list(heads)
    parts = [view._part(wanted, pairs, steps) for view in views]
    named = views[0].title if title is None else title
    models = dict.fromkeys(view._of_model for view in views if view._of_model)
    commits = dict.fromkeys(view._revision() for view in views if view._revision())
    # In an attribute, and in a notebook around that, `dense` text would be longer than base64.
    dense_from = page.DENSE_FROM if not fragment else max(len(d) for p in parts for d in p.binary.values()) + 1
    text = page.html(
        parts, title=named, provenance=provenance(", ".join(models), ", ".join(commits)), dense_from=dense_from
    )
    if fragment:
        text = page.frame(text, title=named, height=height_of(views) if height is None else height)
    if max_bytes is not None:
        _check_size(len(text.encode()), max_bytes, parts)
    return text


def save_page(path: str | os.PathLike[str], views: Sequence[WrittenView], **options: object) -> None:
    """Write one page of several views; options as of `to_html`. The file appears whole or not at all.

    Examples
    --------
    >>> views = [AttnView(model, text) for text in ("The dog chased the cat", "The cat chased the dog")]
    >>> save_page("both.html", views, title="Who chased whom")
    """
    page.write(path, to_html(views, **options).encode())  # type: ignore[arg-type]


def height_of(views: Sequence[WrittenView]) -> int:
    """Pixels that a frame needs to show the views without scrolling, unless their texts are long."""
    rows = (max(map(len, view.tokens.values()), default=0) for view in views)
    return sum(min(_TALLEST, _AROUND + _ROW * count) for count in rows)


def _check_size(found: int, most: int, parts: Sequence[page.Part]) -> None:
    if found <= most:
        return
    lines = []
    for part in parts:
        packed = part.binary["attention"]
        # Text is longer than bytes, by its coding.
        each = {
            f"{name} {layer}" if len(part.state["stacks"]) > 1 else str(layer): size
            for name, layers in sizes(packed).items()
            for layer, size in layers.items()
        }
        listed = ", ".join(f"{name}: {size:,}" for name, size in each.items())
        lines.append(f"Bytes by layer, before they become text: {listed}.")
    raise ValueError(
        f"max_bytes: the page has {found:,} bytes, {found - most:,} more than {most:,}. {' '.join(lines)} "
        "Leave some out with layers=[...] or heads=[...] (numbers, or (layer, head) pairs)"
    )
