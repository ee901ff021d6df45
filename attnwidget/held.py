"""What a view holds: a capture, what follows from it for the page, and how both are let go."""

from __future__ import annotations

from attnwidget import description
from attnwidget.attention import Attention
from attnwidget.compared import ComparedView
from attnwidget.holdings import HOLDINGS
from attnwidget.packing import packed
from attnwidget.requests import Requests
from attnwidget.state import BINARY, CODE, LARGE

#: The code of a closed view.
_NOTHING = "export default { render() {} };"


class HeldView(ComparedView):
    """A view with its capture: the traits that follow from it are set here, and nowhere else."""

    _requests: Requests

    def held(self) -> tuple[Attention, ...]:
        """The captures this view keeps in memory, if any; for the budget of :mod:`attnwidget.holdings`."""
        both = (self._data, None if self._other is None else self._other.b)
        return tuple(one for one in both if one is not None)

    def release(self) -> None:
        """Let go of the capture: what the page has stays, further layers and `run` need the model."""
        self._data = self._other = None
        for requests in self._answering():
            requests.forget()
        self.set_trait("status", "released")

    def close(self) -> None:
        """Close the widget on every page and let go of its capture."""
        if hasattr(self, "_requests"):
            for requests in self._answering():
                requests.stop()
            HOLDINGS.drop(self)
            self._data = self._other = None
            self._drawn.clear()
            if self.comm is not None:
                self._empty()
        super().close()

    def _answering(self) -> list[Requests]:
        """What answers the page: for this view's capture, and for the one it is compared with."""
        return [self._requests, *([] if self._of_other is None else [self._of_other])]

    def _empty(self) -> None:
        """Let go of all that is large on every page too: hosts keep the model of a closed widget, as it was last."""
        self._complete = False
        with self.hold_sync():
            for name in (*BINARY, *CODE):
                self.set_trait(name, type(getattr(self, name))())
            # Half of what would be left: each model has a text of the code of its own.
            self.set_trait("_esm", _NOTHING)
        # Of these Python keeps its own: what is valid for other traits follows from them.
        small = {name: type(getattr(self, name))() for name in LARGE}
        self.comm.send({"method": "update", "state": small, "buffer_paths": []}, buffers=[])
        # Backbone's models keep what they had before the last change as well.
        self.send_state("status")

    def _show(self, data: Attention, wanted: object) -> None:
        """Set every trait that follows from the capture, and bring the others to what it has."""
        tokens, stacks = description.tokens_and_stacks(data)
        new_text = tokens != self.tokens
        # A title of the reader's own stays.
        title = description.title(data) if self.title == self._own_title else self.title
        self._data, self._of_model, self._own_title = data, data.model_name, description.title(data)
        self._requests.forget()
        self._drawn.clear()
        name = wanted if isinstance(wanted, str) and wanted in data.stacks else next(iter(data.stacks))
        layers = data.stacks[name].layers
        first = next((index for index, info in enumerate(layers) if info.heads), 0)
        layer = self.layer if self.layer < len(layers) and self.stacks else first
        for trait, value in (
            ("tokens", tokens),
            ("stacks", stacks),
            ("notes", [description.clean(note) for note in data.notes]),
            ("status", ""),
            ("title", title),
            ("stack", name),
            ("layer", layer),
        ):
            self.set_trait(trait, value)
        self._drop_missing()
        if new_text:
            self.selected_queries = []
            self.selected_keys = []

    def _pack(self, data: Attention) -> None:
        """Set the bytes: every layer if they are few, else the layer shown now."""
        container, self._complete = packed(data, self.stack, self.layer, self._at_once())
        self.set_trait("attention", container)

    def _tell_image(self) -> None:
        """Show the picture whose patches are the tokens, where there is one."""
        self.set_trait("image", b"" if self._data is None else self._data.image)
