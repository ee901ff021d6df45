"""The state of a view: its traits, what they may hold, and how a page's changes come in.

Checks that need several traits run when all values of one change are in, so that a page may set stack, layer and
heads in one message. What Python sets wrongly is refused with the valid values; what a page sets wrongly is put back
on the page, without a traceback in the reader's notebook.
"""

from __future__ import annotations

import logging
from typing import Any

import anywidget
import traitlets

from attnwidget import description
from attnwidget.modes import MODES, MODES_OF_MORE
from attnwidget.strings import more_code, page_words
from attnwidget.traits import Addresses, Choice, Numbers, Share, Text, Whole, refuse

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())

MOST_STROKES = 999_999
LONGEST_TITLE = 1000

#: Set by Python alone, through the capture.
GIVEN = (
    "tokens",
    "stacks",
    "attention",
    "compared",
    "comparison",
    "profile",
    "image",
    "notes",
    "status",
    "words",
    "can_run",
    "inputs",
    "more",
)
#: Of these, the second part of the page's code: of the widget, not of what it shows.
CODE = ("more",)
#: Likewise, those that travel as bytes.
BINARY = ("attention", "compared", "profile", "image")
#: Of the others, those that may be large: words of a language, and whatever grows with text and model.
LARGE = ("words", "tokens", "stacks", "inputs", "comparison", "notes")
#: Set by Python and by the page. The order is that of checking: a layer is one of its stack, a head one of its layer.
SHARED = (
    "stack",
    "layer",
    "heads",
    "pinned",
    "mode",
    "highlight",
    "selected_queries",
    "selected_keys",
    "budget",
    "max_strokes",
    "measure",
    "sinks",
    "scale",
    "aggregate",
    "unit",
    "pair",
    "sort",
    "only",
    "evidence",
    "lang",
    "theme",
    "title",
)
#: What ipywidgets itself lets a page set.
_HOST = ("_view_count", "_dom_classes", "tabbable", "tooltip", "layout")
_TOKENS = (("selected_queries", "queries"), ("selected_keys", "keys"))


class ViewState(anywidget.AnyWidget):
    """The synced traits of `AttnView`, documented there."""

    tokens = traitlets.Dict(read_only=True).tag(sync=True)
    stacks: traitlets.List[Any] = traitlets.List(read_only=True).tag(sync=True)
    attention = traitlets.Bytes(read_only=True).tag(sync=True)
    compared = traitlets.Bytes(read_only=True).tag(sync=True)
    profile = traitlets.Bytes(read_only=True).tag(sync=True)
    image = traitlets.Bytes(read_only=True).tag(sync=True)
    notes = traitlets.List(traitlets.Unicode(), read_only=True).tag(sync=True)
    status = traitlets.Unicode(read_only=True).tag(sync=True)
    words = traitlets.Dict(read_only=True).tag(sync=True)
    can_run = traitlets.Bool(False, read_only=True).tag(sync=True)
    inputs = traitlets.Dict(read_only=True).tag(sync=True)
    comparison = traitlets.Dict(read_only=True).tag(sync=True)

    more = traitlets.Unicode(read_only=True).tag(sync=True)

    stack = Text("", lambda view: view._range("stack")).tag(sync=True)
    layer = Whole(0, lambda view: view._range("layer")).tag(sync=True)
    heads = Numbers([], lambda view: view._range("heads")).tag(sync=True)
    pinned = Addresses([], lambda view: view._range("pinned")).tag(sync=True)
    mode = Choice("lines", MODES).tag(sync=True)
    highlight = Choice("none", ("none", "special", "query")).tag(sync=True)
    selected_queries = Numbers([], lambda view: view._range("selected_queries")).tag(sync=True)
    selected_keys = Numbers([], lambda view: view._range("selected_keys")).tag(sync=True)
    budget = Share(0.7, "a number above 0, up to 1").tag(sync=True)
    max_strokes = Whole(2000, f"0 to {MOST_STROKES}").tag(sync=True)
    measure = Choice("weight", ("weight", "contribution")).tag(sync=True)
    sinks = Choice("show", ("show", "dim", "leave_out", "renormalise")).tag(sync=True)
    scale = Choice("sqrt", ("linear", "sqrt", "log", "relative")).tag(sync=True)
    aggregate = Choice("mean", ("mean", "max", "rollout")).tag(sync=True)
    unit = Choice("pieces", ("pieces", "words")).tag(sync=True)
    pair = Choice("all", ("all", "aa", "ab", "ba", "bb")).tag(sync=True)
    sort = Text("", "the name of a statistic, or nothing").tag(sync=True)
    only = Text("", "a label, or nothing").tag(sync=True)
    evidence = Choice("text", ("text", "corpus")).tag(sync=True)
    lang = Choice("en", ("en", "ja")).tag(sync=True)
    theme = Choice("auto", ("auto", "light", "dark")).tag(sync=True)
    title = Text("", "text").tag(sync=True)

    # Tokens chosen last, and in which sequence: the same positions in another sequence are other tokens.
    _settled: tuple[tuple[list[int], str], ...] = (([], ""), ([], ""))

    @traitlets.default("words")
    def _words(self) -> dict[str, str]:
        return page_words(self.lang)

    @traitlets.observe("lang")
    def _speak(self, change: Any = None) -> None:
        self.set_trait("words", page_words(self.lang))

    @traitlets.observe("mode", "comparison", "image")
    def _bring_what_mode_needs(self, change: Any = None) -> None:
        # A notebook saved in this state is drawn from its file, where nobody is there to send for the rest.
        if self.mode in MODES_OF_MORE or self.comparison or self.image:
            self.bring_more()

    def bring_more(self) -> None:
        """Send the second part of the page's code, once."""
        if not self.more:
            self.set_trait("more", more_code())

    # ---- what is valid

    def _here(self) -> dict[str, Any]:
        """The stack shown, as in `stacks`."""
        found = (stack for stack in self.stacks if stack["name"] == self.stack)
        return next(found, None) or (self.stacks[0] if self.stacks else {"queries": "", "keys": "", "layers": []})

    def _head_count(self, layer: int) -> int:
        layers = self._here()["layers"]
        return int(layers[layer]["heads"]) if 0 <= layer < len(layers) else 0

    def _count(self, name: str) -> int:
        """How many layers, heads of the layer shown, or tokens there are."""
        if name == "layer":
            return len(self._here()["layers"])
        if name == "heads":
            return self._head_count(self.layer)
        return len(self.tokens.get(self._here()["queries" if name == "selected_queries" else "keys"], ()))

    def _range(self, name: str) -> str:
        """The valid values of a trait, in words."""
        if name == "stack":
            return ", ".join(repr(stack["name"]) for stack in self.stacks)
        if name == "pinned":
            layers = len(self._here()["layers"])
            return f"a list of (layer, head), layers 0 to {layers - 1}, heads from 0 up to those of the layer"
        count = self._count(name)
        numbers = f"0 to {count - 1}" if count else "none"
        if name == "layer":
            return numbers
        of = f" (layer {self.layer} has {count} heads)" if name == "heads" else ""
        return f"a list of {numbers}{of}" if count else f"an empty list{of}"

    @traitlets.validate("stack")
    def _valid_stack(self, proposal: Any) -> str:
        if proposal["value"] not in [stack["name"] for stack in self.stacks]:
            raise refuse("stack", proposal["value"], self._range("stack"))
        return str(proposal["value"])

    @traitlets.validate("layer", "heads", "selected_queries", "selected_keys")
    def _valid_numbers(self, proposal: Any) -> Any:
        name, value = proposal["trait"].name, proposal["value"]
        count = self._count(name)
        if not all(0 <= number < count for number in ([value] if name == "layer" else value)):
            raise refuse(name, value, self._range(name))
        return value

    @traitlets.validate("pinned")
    def _valid_pinned(self, proposal: Any) -> Any:
        for layer, head in proposal["value"]:
            count = self._head_count(layer)
            if not 0 <= head < count:
                of = f"; layer {layer} has {count} heads" if 0 <= layer < self._count("layer") else ""
                raise refuse("pinned", (layer, head), self._range("pinned") + of)
        return proposal["value"]

    @traitlets.validate("max_strokes")
    def _valid_strokes(self, proposal: Any) -> Any:
        if not 0 <= proposal["value"] <= MOST_STROKES:
            raise refuse("max_strokes", proposal["value"], f"0 to {MOST_STROKES}")
        return proposal["value"]

    @traitlets.validate("title")
    def _valid_title(self, proposal: Any) -> str:
        return description.clean(proposal["value"])[:LONGEST_TITLE]

    @traitlets.observe("stack", "layer")
    def _drop_missing(self, change: Any = None) -> None:
        """Bring layer, heads and chosen tokens to ones that exist in the stack and layer now shown."""
        if self.layer >= self._count("layer"):
            self.layer = 0
        # Where none of them is left, the list is empty, and all heads are shown.
        self.heads = [head for head in self.heads if head < self._head_count(self.layer)]
        self.pinned = [(layer, head) for layer, head in self.pinned if head < self._head_count(layer)]
        for (name, side), (old, sequence) in zip(_TOKENS, self._settled, strict=True):
            chosen = getattr(self, name)
            # Positions that came in together with the stack differ from the settled ones, and are meant.
            moved = chosen == old and self._here()[side] != sequence
            setattr(self, name, [] if moved else [at for at in chosen if at < self._count(name)])
        self._settle()

    @traitlets.observe("selected_queries", "selected_keys")
    def _settle(self, change: Any = None) -> None:
        self._settled = tuple((getattr(self, name), self._here()[side]) for name, side in _TOKENS)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Every synced value (called by ipywidgets); see there."""
        state = super().get_state(key, drop_defaults)
        if key is None:
            # anywidget makes the page's own code the default of its trait: a page embedded without defaults had none.
            state |= {name: getattr(self, name) for name in ("_esm", "_anywidget_id") if self.has_trait(name)}
        return state

    # ---- what a page sends

    def _handle_msg(self, msg: Any) -> None:
        """Take one message (called by ipywidgets, which writes a traceback about what is none); that is left alone."""
        data = msg["content"].get("data")
        method = data.get("method") if isinstance(data, dict) else None
        # No trait that a page may set travels as bytes.
        update = method == "update" and isinstance(data.get("state", {}), dict) and not data.get("buffer_paths")
        if update or method in ("request_state", "custom"):
            super()._handle_msg(msg)
        else:
            _log.debug("ignored message %.200r", data)

    def set_state(self, sync_data: Any) -> None:
        """Take a page's changes (called by ipywidgets); values that are not valid are put back on the page."""
        if not isinstance(sync_data, dict):
            _log.debug("ignored state %.200r", sync_data)
            return
        ours = {name: sync_data[name] for name in SHARED if name in sync_data}
        rest = {name: value for name, value in sync_data.items() if name in _HOST and name not in ours}
        if len(ours) + len(rest) < len(sync_data):
            _log.debug("ignored traits a page may not set: %.200r", sorted(set(sync_data) - {*ours, *rest}))
        try:
            super().set_state({**ours, **rest})
        except traitlets.TraitError as error:
            _log.debug("a page's change was refused: %s", error)
            refused = [name for name, value in ours.items() if not self._taken(name, value)]
            self.send_state(refused or list(ours))

    def _taken(self, name: str, value: object) -> bool:
        try:
            super().set_state({name: value})
        except traitlets.TraitError:
            return False
        return True
