"""What a view gives besides the live page: its selection as a table, a text, a picture, a page of its own."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from attnwidget import __version__
from attnwidget.attention import Attention
from attnwidget.export import page, picture
from attnwidget.selection import Selection, frame, heading, links
from attnwidget.state import BINARY, GIVEN, SHARED, ViewState
from attnwidget.wire import encode

if TYPE_CHECKING:
    import pandas

T = TypeVar("T")

#: Pictures and texts kept of the states shown last.
_MOST_DRAWN = 8


class ViewOutput(ViewState):
    """The outputs of `AttnView`, all of the state it shows now."""

    _data: Attention | None = None
    #: Whether the trait `attention` has every layer.
    _complete = False
    _of_model = ""
    _own_title = ""
    _drawn: dict[Any, Any]

    @property
    def attention_data(self) -> Attention:
        """The `Attention` behind the picture: `weights`, `scores`, `contributions` and the rest.

        Raises
        ------
        RuntimeError
            If this view has released it.
        """
        if self._data is None:
            raise RuntimeError(
                "this view has released its capture to make room for newer ones: view.run() brings it back, "
                "attnwidget.holdings.set_limit(nbytes) gives all views more room"
            )
        return self._data

    @property
    def selection(self) -> Selection:
        """What the view shows now."""
        return Selection(
            stack=self.stack,
            layer=self.layer,
            heads=tuple(self.heads),
            pinned=tuple(self.pinned),
            mode=self.mode,
            highlight=self.highlight,
            queries=tuple(self.selected_queries),
            keys=tuple(self.selected_keys),
            budget=self.budget,
            max_strokes=self.max_strokes,
        )

    def selection_frame(self) -> pandas.DataFrame:
        """The weights now selected, as a pandas table.

        Returns
        -------
        pandas.DataFrame
            One row for each head in view (the pinned ones where there are any; else `heads` of `layer`, all where none
            is chosen) × selected query (all where none is selected) × selected key (likewise). Columns `layer`, `head`,
            `query`, `query_token`, `key`, `key_token`, `weight` (float32).

        Raises
        ------
        ImportError
            Without pandas (the extra ``frame``).
        RuntimeError
            If this view has released its capture.
        """
        return frame(self.attention_data, self.selection)

    def __repr__(self) -> str:
        if not getattr(self, "stacks", None) or self.comm is None:
            return f"<{type(self).__name__}, closed>"
        return self._cached("text", self._text)

    def _text(self) -> str:
        if self._data is None:
            lines = [
                f"AttnView: {self.title}",
                "  released its capture to make room for newer ones; view.run() brings it back",
            ]
        else:
            lines = heading(self._data, self.selection) + links(self._data, self.selection)
        return "\n".join([*lines, '  view.save("attn.html") writes a page that needs no kernel'])

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The widget, and what stays of it where no widget can be drawn: a picture and a text."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        data["text/plain"] = repr(self)
        if (picture := self._picture()) is not None:
            data["image/png"] = base64.b64encode(picture).decode("ascii")
        return data, metadata

    def _picture(self) -> bytes | None:
        """The PNG of what the view shows; None once the capture is gone and the picture was never drawn."""
        data = self._data
        if data is None:
            return self._drawn.get(self._key("png"))
        return self._cached("png", lambda: picture.picture(data, self.selection, title=self.title))

    def _key(self, what: str) -> tuple[object, ...]:
        # A picture outlives the release of its capture; the text says that it was released.
        return (what, self.selection, self.title, self.status if what == "text" else "")

    def _cached(self, what: str, make: Callable[[], T]) -> T:
        """Pictures and texts of the states shown last: a notebook asks for both at every display."""
        key = self._key(what)
        if key not in self._drawn:
            while len(self._drawn) >= 8:
                self._drawn.pop(next(iter(self._drawn)))
            self._drawn[key] = make()
        value: T = self._drawn[key]
        return value

    # ---- writing it out

    def to_html(self, *, title: str | None = None) -> str:
        """One self-contained page of this view: all stacks, layers and heads, opening in the state shown now.

        It needs no kernel and no network, and forbids itself both by its content security policy.

        Parameters
        ----------
        title : str, optional
            Of the page; the view's own where not given.

        Raises
        ------
        RuntimeError
            If the page was never built, or this view has released a capture that its traits do not hold whole.
        """
        part = page.Part(self._state(), self._bytes(), self._picture(), repr(self))
        return page.html([part], title=title or self.title, model=self._of_model, version=__version__)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the view to a file: ``.html`` for the live page, ``.png`` for a picture of what is shown.

        The file appears whole or not at all.

        Raises
        ------
        ValueError
            For other suffixes.
        RuntimeError
            As `to_html`.
        """
        suffix = Path(path).suffix.lower()
        if suffix in (".html", ".htm"):
            page.write(path, self.to_html().encode())
        elif suffix == ".png":
            page.write(path, self._picture() or picture.picture(self.attention_data, self.selection, title=self.title))
        else:
            raise ValueError(f"path: {str(path)!r} ends in {suffix!r}. Valid: '.html', '.png'")

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = {name: getattr(self, name) for name in (*GIVEN, *SHARED) if name not in BINARY}
        # The page holds everything, so nothing of it is released; nobody is there to run the model.
        return state | {"status": "", "can_run": False}

    def _bytes(self) -> dict[str, bytes]:
        """What travels as bytes, by trait."""
        kept = {name: bytes(getattr(self, name)) for name in BINARY if name != "attention"}
        return {"attention": self._whole()} | {name: data for name, data in kept.items() if data}

    def _whole(self) -> bytes:
        """A container of every layer: the one in the trait where that has them all."""
        return self.attention if self._complete else encode(self.attention_data)
