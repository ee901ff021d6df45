"""What a figure shows, in numbers and words: the scene of the page, for matplotlib to draw."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from attnwidget import scene
from attnwidget.description import one_line
from attnwidget.pictured import Pictured, pictured
from attnwidget.selection import Floats, Selection
from attnwidget.shown import Look, Shown

if TYPE_CHECKING:
    from attnwidget.attention import Attention, Stack
    from attnwidget.inputs.tokens import Token

#: Characters of a label; the end of a longer token is cut.
LONGEST_LABEL = 20

_FATES = {"drawn": "{}\u00a0% drawn", "below": "{}\u00a0% below the stroke budget", "left_out": "{}\u00a0% left out"}
_KINDS = {"cls": "[CLS]", "sep": "[SEP]", "punct": "punctuation", "other": "other special", "word": "words"}
_SINKS = {
    "dim": "special keys dimmed",
    "leave_out": "special keys left out",
    "renormalise": "special keys left out, the rest scaled up to whole rows",
}
_PAIRS = {"aa": "A → A", "ab": "A → B", "ba": "B → A", "bb": "B → B"}
_MEASURES = {"written": "contributions ‖α·v·W_O‖ as shares of their row", "value": "‖α·v‖ as shares of their row"}


class Content:
    """A selection of an attention, as a figure shows it. Rows and columns are units: tokens, or words.

    Raises
    ------
    ValueError
        Where the selection has nothing to draw.
    """

    def __init__(self, attention: Attention, selection: Selection) -> None:
        self.attention, self.selection = attention, selection
        found = pictured(attention, selection)
        if found is None:
            raise ValueError(f"there is nothing to draw: {selection.label(self.stack)}")
        self.scene: Pictured = found

    @property
    def stack(self) -> Stack:
        return self.attention.stacks[self.selection.stack]

    @property
    def look(self) -> Look:
        return self.scene.look

    @property
    def series(self) -> Sequence[Shown]:
        return self.scene.series

    @property
    def rows(self) -> range:
        """Queries in the figure; of a long text a part."""
        return range(self.scene.rows[0], self.scene.rows[-1] + 1)

    @property
    def queries(self) -> Sequence[Token]:
        return self.look.queries.tokens[self.rows.start : self.rows.stop]

    @property
    def keys(self) -> Sequence[Token]:
        return self.look.keys.tokens

    @cached_property
    def chosen_queries(self) -> list[int]:
        return [row for row in self.look.queries.indices(self.selection.queries) if row in self.rows]

    @property
    def chosen_keys(self) -> Sequence[int]:
        return self.scene.keys

    @property
    def cells(self) -> Floats:
        """What the matrix shows, [rows, keys]."""
        return self.scene.joint.rows

    # ---- words

    def heads(self) -> list[str]:
        """What each series is called."""
        addresses = self.selection.series(self.stack)
        one_layer = len({layer for heads in addresses for layer, _ in heads}) == 1
        return [
            f"head {heads[0][1]}" if one_layer and len(heads) == 1 else ", ".join(f"L{la} H{he}" for la, he in heads)
            for heads in addresses
        ]

    def label(self, token: Token, position: int) -> str:
        """A token in a figure: on one line, and never nothing."""
        return one_line(token.text, LONGEST_LABEL) or f"#{position}"

    @property
    def value(self) -> str:
        """What a number of the figure is."""
        return {"written": "share of what is written", "value": "share of ‖α·v‖"}.get(self.scene.norms_of, "weight")

    @property
    def noun(self) -> str:
        return {"written": "contribution", "value": "‖α·v‖"}.get(self.scene.norms_of, "weight")

    def caption(self, *, lines: bool) -> str:
        """Model, layer and heads, what is drawn how, and where the mass of the rows in view went."""
        selection, stack = self.selection, self.stack
        pinned = ", ".join(f"L{layer} H{head}" for layer, head in selection.pinned)
        several = selection.aggregate != "rollout" and len(selection.addresses(stack)) > 1
        parts = [one_line(self.attention.model_name, 60), pinned if pinned and several else selection.label(stack)]
        if len(self.attention.stacks) > 1:
            parts.insert(1, selection.stack)
        what = _MEASURES.get(self.scene.norms_of, "weights")
        if several and not (lines and len(self.series) > 1) and (selection.aggregate == "max" or len(self.series) > 1):
            what = f"{'largest' if selection.aggregate == 'max' else 'mean'} {what} of the heads"
        if lines:
            of = " of the chosen queries" if self.chosen_queries else " to the chosen keys" if self.chosen_keys else ""
            share = f"{selection.budget * 100:.3g}\u00a0% of each row"
            most = what if what.startswith("largest") else f"largest {what}"
            parts.append(f"lines{of}: " + (f"all {what}" if self.chosen_keys else f"the {most}, to {share}"))
        else:
            parts.append(f"{what}, query → key")
        parts += [
            _SINKS.get(selection.sinks, "") if len(self.look.sink_keys) else "",
            _PAIRS.get(selection.pair, ""),
            "whole words" if selection.unit == "words" else "",
        ]
        if len(self.rows) < len(self.look.queries.tokens):
            parts.append(f"queries {self.rows[0]} to {self.rows[-1]} of {len(self.look.queries.tokens)}")
        return " · ".join(part for part in parts if part) + ". " + self._ledger(lines)

    def _ledger(self, lines: bool) -> str:
        ledger = self.scene.ledger
        kinds = zip(scene.KINDS, scene.percents([ledger.kinds[kind] for kind in scene.KINDS]), strict=True)
        said = [f"{_KINDS[kind]}\u00a0{share}\u00a0%" for kind, share in kinds if share]
        noun = self.noun.capitalize()
        if not said:
            return f"These rows have no {self.noun}."
        to = f"goes to {', '.join(said)}."
        if not lines:
            return f"{noun}{' of the chosen queries' if self.chosen_queries else ''} {to}"
        shares = scene.percents([ledger.fate[name] for name in _FATES])
        fates = [form.format(share) for form, share in zip(_FATES.values(), shares, strict=True) if share]
        return f"{noun} in these rows: {', '.join(fates)}. It {to}"
