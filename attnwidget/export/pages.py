"""Views written as pages: several in one, a piece for another page, no larger than wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attnwidget.export import page
from attnwidget.export.choice import Heads
from attnwidget.export.provenance import provenance
from attnwidget.export.refusal import too_large
from attnwidget.progress import progress_of

if TYPE_CHECKING:
    from attnwidget.written import WrittenView

#: Of a frame, in CSS pixels: what is around the tokens, each row of them, and how tall a frame may get by itself.
_AROUND, _ROW, _TALLEST = 570, 26, 1000

#: Seconds after which it is shown how far a page is.
_PATIENCE = 2.0


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
    progress: bool = True,
    date: object = None,
) -> str:
    """One page of several views, which share one copy of the code. Arguments as of `AttnView.to_html`.

    Raises
    ------
    ValueError
        Without any view, and as `AttnView.to_html`.
    """
    made = _pieces(
        views,
        layers=layers,
        heads=heads,
        max_bytes=max_bytes,
        title=title,
        fragment=fragment,
        height=height,
        steps=steps,
        progress=progress,
        date=date,
    )
    return "".join(made)


def save_page(path: str | os.PathLike[str], views: Sequence[WrittenView], **options: Any) -> None:
    """Write one page of several views; options as of `to_html`.

    The file appears whole or not at all, also where writing is interrupted. It is written as it is made, so that a
    large page takes little more memory than its attention.

    Examples
    --------
    >>> views = [AttnView(model, text) for text in ("The dog chased the cat", "The cat chased the dog")]
    >>> save_page("both.html", views, title="Who chased whom")
    """
    page.write(path, (text.encode() for text in _pieces(views, **options)))


def height_of(views: Sequence[WrittenView]) -> int:
    """Pixels that a frame needs to show the views without scrolling, unless their texts are long."""
    rows = (max(map(len, view.tokens.values()), default=0) for view in views)
    return sum(min(_TALLEST, _AROUND + _ROW * count) for count in rows)


def _pieces(
    views: Sequence[WrittenView],
    *,
    layers: Iterable[int] | None = None,
    heads: Heads | None = None,
    max_bytes: int | None = None,
    title: str | None = None,
    fragment: bool = False,
    height: int | None = None,
    steps: bool = False,
    progress: bool = True,
    date: object = None,
) -> Iterator[str]:
    """The page, piece by piece; the error of one that is too large comes behind the last."""
    if not views:
        raise ValueError("views: a page needs at least one")
    wanted, pairs = _listed("layers", layers), _listed("heads", heads)
    with _told(sum(view._layers_to_bring(wanted, pairs) for view in views), progress) as tell:
        parts = [view._part(wanted, pairs, steps, tell) for view in views]
    named = views[0].title if title is None else title
    models = dict.fromkeys(view._of_model for view in views if view._of_model)
    commits = dict.fromkeys(view._revision() for view in views if view._revision())
    # In an attribute, and in a notebook around that, `dense` text would be longer than base64.
    dense_from = page.DENSE_FROM if not fragment else max(len(d) for p in parts for d in p.binary.values()) + 1
    record = provenance(", ".join(models), ", ".join(commits), date)
    texts = page.pieces(parts, title=named, provenance=record, dense_from=dense_from)
    if fragment:
        texts = iter([page.frame("".join(texts), title=named, height=height_of(views) if height is None else height)])
    found = 0
    for text in texts:
        found += len(text.encode()) if max_bytes is not None else 0
        yield text
    if max_bytes is not None and found > max_bytes:
        raise ValueError(too_large(found, max_bytes, parts, dense_from))


def _listed(name: str, given: Iterable[Any] | None) -> list[Any] | None:
    if given is None:
        return None
    try:
        each = iter(given)
    except TypeError:
        raise TypeError(f"{name}: {given!r:.100} is not valid. Valid: a list, such as {name}=[3]") from None
    return list(each)


@contextmanager
def _told(layers: int, progress: bool) -> Iterator[Callable[[], None]]:
    """Shows how many of the layers are done, each time that what it gives is called."""
    shown = progress_of(layers, "layers", _PATIENCE) if progress and layers else None
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        if shown is not None:
            shown.show(done)

    try:
        yield tell
    finally:
        if shown is not None:
            shown.close()
