"""A view as a file: a page of its own that needs no kernel, or a figure."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnwidget import figures
from attnwidget.answers.rollout import with_rollout
from attnwidget.answers.statistics import for_export, of_text, packed
from attnwidget.answers.steps import Place, with_steps
from attnwidget.export import page, pages, picture
from attnwidget.export.choice import Choice, Heads, choose, container
from attnwidget.export.provenance import revision
from attnwidget.export.snapshot import Snapshot
from attnwidget.output import SAVING, ViewOutput
from attnwidget.state import BINARY, CODE, GIVEN, SHARED
from attnwidget.wire import encode
from attnwidget.wire.container import Container

if TYPE_CHECKING:
    from attnwidget.compare import Pair
    from attnwidget.figures.heads import Said


class WrittenView(ViewOutput):
    """The files of `AttnView`, all of the state it shows now."""

    #: Whether the trait `attention` has every layer.
    _complete = False
    _commit = ""
    #: Of `AttnView.compare`.
    _other: Pair | None = None

    def to_html(
        self,
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
        """One self-contained page of this view, opening in the state shown now; to be written as UTF-8.

        It needs no kernel and no network, and forbids itself both by its content security policy. The same view gives
        the same page. :func:`attnwidget.export.pages.to_html` puts several views into one.

        Parameters
        ----------
        layers : iterable of int, optional
            Only these, of every stack that has them; of others the page says that it does not hold them.
        heads : iterable of int or of (int, int), optional
            Only these heads of every layer, or only these (layer, head). They keep their numbers.
        max_bytes : int, optional
            The largest page wanted.
        title : str, optional
            Of the page; the view's own where not given.
        fragment : bool
            Give a piece of HTML for another page instead, such as a blog: a frame that holds the whole page. It may
            run its own scripts and touches nothing around it.
        height : int, optional
            Of that frame, in CSS pixels; by the number of tokens where not given.
        steps : bool
            Whether mode "steps" works for every head: their queries, keys and values go into the page as float32, an
            eighth to a third more as text. 12 layers × 12 heads of width 64 take 6 MB at 40 tokens, 80 MB at 512. Else
            the page holds those of the chosen heads only: `heads` and `pinned`, or the one that mode "steps" shows.
        progress : bool
            Whether to show on standard error how far a page is that takes more than two seconds.
        date : str or datetime.date, optional
            Goes into the record in the page's head, beside model, revision and versions. None where not given: the same
            view gives the same page.

        Raises
        ------
        ValueError
            For layers and heads that are not there, and for a page of more than `max_bytes`: then it says what takes
            how much, and what would fit.
        RuntimeError
            If the page was never built, or this view has released a capture that its traits do not hold whole.
        """
        return pages.to_html(
            [self],
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

    def snapshot(self, *, height: int | None = None, **options: Any) -> Snapshot:
        """A display of the view as it is now that survives every save, trust and kernel state.

        As the last line of a cell it stays in the notebook as a page in a frame: it needs no kernel, no widget state
        and no network, and works in what nbconvert writes; where frames are not shown, its picture is. It takes the
        place of an exported page in the notebook: `layers` and `heads` make it smaller.

        Parameters
        ----------
        height : int, optional
            Of the frame, in CSS pixels.
        **options
            `layers`, `heads`, `max_bytes`, `title`, `steps`, `progress` and `date`, as for `to_html`.
        """
        tall = pages.height_of([self]) if height is None else height
        frame = self.to_html(fragment=True, height=tall, **options)
        return Snapshot(frame, self._picture(), repr(self), height=tall)

    def save(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write the view to a file: ``.html`` for the live page; ``.svg``, ``.pdf`` or ``.png`` for a figure.

        The figure shows what the page shows, in every mode, and comparisons; it needs matplotlib (the extra ``plot``).
        Text in it stays text. Without matplotlib a ``.png`` is the plain picture that notebooks keep, with a warning.
        The file appears whole or not at all, also where writing is interrupted, and the same view gives the same bytes.

        Parameters
        ----------
        path
            The suffix says what is written.
        **options
            For ``.html`` as for `to_html`. For figures `width` (inches), `caption` (False for none) and, for ``.png``,
            `dpi` (192, twice what screens show).

        Raises
        ------
        ValueError
            For other suffixes, and where there is nothing to draw.
        ImportError
            For ``.svg`` and ``.pdf`` without matplotlib.
        RuntimeError
            As `to_html`.
        """
        suffix = Path(path).suffix.lower()
        if suffix in (".html", ".htm"):
            pages.save_page(path, [self], **options)
        elif suffix in (".svg", ".pdf", ".png"):
            page.write(path, [self._figure(suffix[1:], options)])
        else:
            raise ValueError(f"path: {str(path)!r} ends in {suffix!r}. Valid: '.html', '.svg', '.pdf', '.png'")

    def _figure(self, form: str, options: dict[str, Any]) -> bytes:
        """The figure as a file; the plain picture where a PNG is wanted that matplotlib cannot draw."""
        # A plain picture shows lines, a matrix or heads, of one side.
        plain = not self.comparison and self.mode in ("lines", "matrix", "heads")
        if form == "png" and plain and not figures.available():
            warnings.warn(f"a plain picture was written: {figures.MISSING}", stacklevel=3)
            return self._picture() or picture.picture(self.attention_data, self.selection, title=self.title)
        both: dict[str, Any] = {"pair": self._other, "comparison": self.comparison} if self._other is not None else {}
        return figures.file(self.attention_data, self.selection, form, said=self._said, **both, **options)

    def _said(self) -> Said:
        """Statistics of every head as the page has them now: of this text, or of the corpus."""
        from attnwidget.figures.heads import Said

        name = f"statistics/{self.stack}"
        found = None
        if self.evidence == "corpus" and self.profile:
            corpus = Container(self.profile)
            found = corpus.json(name) if name in corpus.blocks else None
        return Said(found or of_text(self.attention_data, self.stack), self.sort, self.only)

    def _choice(self, layers: list[int] | None, heads: list[Any] | None) -> Choice | None:
        if layers is None and heads is None:
            return None
        return choose(self.attention_data.stacks, layers, heads)

    def _layers_to_bring(self, layers: list[int] | None, heads: list[Any] | None) -> int:
        """How many layers a page has to be made of, beyond what is in the trait."""
        choice = self._choice(layers, heads)
        if choice is not None:
            return sum(map(len, choice.layers.values()))
        return (
            0 if self._complete else sum(bool(x.heads) for s in self.attention_data.stacks.values() for x in s.layers)
        )

    def _part(
        self,
        layers: list[int] | None,
        heads: list[Any] | None,
        steps: bool,
        tell: Callable[[], object] = lambda: None,
    ) -> page.Part:
        """What a page holds of this view; `tell` is called after each layer that had to be made."""
        choice = self._choice(layers, heads)
        binary = {"attention": self._with_statistics(self._whole(choice, tell)), **self._bytes(choice)}
        if self.aggregate == "rollout":
            binary["attention"] = with_rollout(binary["attention"], self.attention_data, self.stack, self.layer)
        places = self._places_of_steps(steps)
        if choice is not None:
            places = [place for place in places if choice.has(*place)]
        if places:
            binary["attention"] = with_steps(binary["attention"], self.attention_data, places)
        return page.Part(self._state(choice), binary, self._picture(), repr(self).removesuffix(f"\n{SAVING}"))

    def _revision(self) -> str:
        """The commit of the model on the Hub, where it says so."""
        source = getattr(self, "_source", None)
        if not self._commit and source is not None:
            self._commit = revision(source())
        return self._commit

    def _state(self, choice: Choice | None = None) -> dict[str, Any]:
        names = (name for name in (*GIVEN, *SHARED) if name not in (*BINARY, *CODE))
        state: dict[str, Any] = {name: getattr(self, name) for name in names}
        # The page holds everything, so nothing of it is released; nobody is there to run the model.
        state |= {"status": "", "can_run": False}
        return state if choice is None else state | choice.opening(self.stack, self.layer)

    def _bytes(self, choice: Choice | None = None) -> dict[str, bytes]:
        """What travels as bytes besides the attention, by trait."""
        kept = {name: bytes(getattr(self, name)) for name in BINARY if name != "attention"}
        return {name: data for name, data in kept.items() if data}

    def _places_of_steps(self, every: bool) -> list[Place]:
        """Heads that mode "steps" has in an exported page, each once."""
        data = self.attention_data if every else self._data
        if data is None:
            return []
        if every:
            return [
                (name, layer, head)
                for name, stack in data.stacks.items()
                for layer, info in enumerate(stack.layers)
                for head in range(info.heads)
            ]
        shown = [0] if self.mode == "steps" and data.stacks[self.stack].layers[self.layer].heads else []
        chosen = [(self.layer, head) for head in self.heads or shown]
        return [(self.stack, layer, head) for layer, head in dict.fromkeys([*chosen, *self.pinned])]

    def _whole(self, choice: Choice | None, tell: Callable[[], object]) -> bytes:
        """A container of the chosen layers, or of every layer: the one in the trait where that has them all."""
        if choice is not None:
            return container(self.attention_data, choice, tell)
        return self.attention if self._complete else encode(self.attention_data, tell=tell)

    def _with_statistics(self, container: bytes) -> bytes:
        """With what modes "heads" and "profile" say of every head, where that is quickly made or in use."""
        if self._data is None:
            return container
        content = for_export(self._data, self.stack, self.mode)
        return packed(content, container) if content else container
