"""What a view gives besides the live page: its selection as a table, a text, a picture."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from attnwidget.attention import Attention
from attnwidget.export import picture
from attnwidget.selection import Selection, frame, heading, links
from attnwidget.state import ViewState

if TYPE_CHECKING:
    import pandas

T = TypeVar("T")

#: Pictures and texts kept of the states shown last.
_MOST_DRAWN = 8

#: Last line of the text that stands for a view where it cannot be drawn.
SAVING = '  view.save("attn.html") writes a page that needs no kernel'


class ViewOutput(ViewState):
    """The outputs of `AttnView`, all of the state it shows now."""

    _data: Attention | None = None
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
            measure=self.measure,
            sinks=self.sinks,
            scale=self.scale,
            aggregate=self.aggregate,
            unit=self.unit,
            pair=self.pair,
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
        return "\n".join([*lines, SAVING])

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
            while len(self._drawn) >= _MOST_DRAWN:
                self._drawn.pop(next(iter(self._drawn)))
            self._drawn[key] = make()
        value: T = self._drawn[key]
        return value
