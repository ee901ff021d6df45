"""What a view has to do with another one: their difference, and both side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attnwidget import answers
from attnwidget.compare import Pair, pair
from attnwidget.export.choice import Choice, encoded
from attnwidget.holdings import HOLDINGS
from attnwidget.packing import packed
from attnwidget.requests import Requests
from attnwidget.written import WrittenView

if TYPE_CHECKING:
    from ipywidgets import HBox  # type: ignore[import-untyped]
    from typing_extensions import Self

    from attnwidget.view import AttnView


class ComparedView(WrittenView):
    """The other side of `AttnView.compare`: it travels with the view, and its layers can be asked for."""

    _other: Pair | None = None
    _of_other: Requests | None = None

    def _at_once(self) -> int:
        """Bytes of weights that travel with the widget's own state."""
        raise NotImplementedError

    def _sends_from_threads(self) -> bool:
        raise NotImplementedError

    @classmethod
    def compare(cls, a: Any, b: Any, *, names: Sequence[str] | None = None, **traits: Any) -> Self:
        """A view of what differs between `a` and `b`: two checkpoints, or two layers, that read the same tokens.

        Parameters
        ----------
        a, b : Attention, AttnView, or (either of them, layer)
            Everything is shown as b − a. With layers on both sides, ``compare((att, 1), (att, 4))``, the view begins
            at that layer of `a`, and every layer of `a` is set against that one of `b`.
        names : (str, str), optional
            What the page calls them; the names of the models, where those differ, else "A" and "B".
        **traits
            As for `AttnView`.

        Raises
        ------
        TypeError, IndexError
            For what cannot be compared at all, or layers that are not there.
        ValueError
            If they read other tokens (the first differing one is named), or have other layers or heads.
        """
        found = pair(a, b, stack=traits.get("stack"), names=names)
        traits.setdefault("stack", found.stack)
        if found.layers is not None:
            traits.setdefault("layer", found.layers[0])
        view = cls(found.a, **traits)
        view._set_against(found)
        return view

    def beside(self, other: AttnView) -> HBox:
        """Put this view and another into one row, linked: see :func:`attnwidget.linking.link`."""
        from attnwidget.linking import beside

        return beside(self, other)

    def _set_against(self, found: Pair) -> None:
        self._other = found
        HOLDINGS.add(self)
        self._of_other = Requests(self._answer_other, self.send, sends_from_threads=self._sends_from_threads)
        self.set_trait("comparison", found.measured())
        if found.layers is None:
            compared, _ = packed(found.b, self.stack, self.layer, self._at_once(), overviews=False)
        else:
            compared = found.encoded()
        self.set_trait("compared", compared)

    def _bytes(self, choice: Choice | None = None) -> dict[str, bytes]:
        found = super()._bytes(choice)
        other = self._other
        if other is None:
            return found
        # A page that nobody answers needs of the other side what it has of this one.
        return found | {"compared": other.encoded() if choice is None else encoded(other.b, _of_b(other, choice))}

    def _answer_other(self, asked: answers.Asked) -> bytes:
        """The same, of the other side."""
        other = self._other
        if other is None:
            raise RuntimeError("this view has released its captures: make it again with AttnView.compare(a, b)")
        HOLDINGS.touch(self)
        return answers.answer(other.b, asked)


def _of_b(both: Pair, choice: Choice) -> Choice:
    """What a choice of `a` is compared with."""
    if both.layers is None:
        return choice
    name, layer = both.stack, both.layers[1]
    chosen, some = choice.layers[name], choice.heads.get(name, {})
    layers = {name: [layer] if chosen else []}
    if any(one not in some for one in chosen):
        return Choice(layers)
    # Every layer of `a` is set against this one: it needs the heads of them all.
    wanted = {head for heads in some.values() for head in heads if head < both.b.stacks[name].layers[layer].heads}
    return Choice(layers, {name: {layer: sorted(wanted)}})
