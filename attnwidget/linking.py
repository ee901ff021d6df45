"""Two views that move together: what is chosen in one is chosen in the other, as far as both have it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from ipywidgets import HBox, Layout  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from attnwidget.view import AttnView

#: What a link carries, in the order in which a change is applied: a head is one of its layer.
LINKED = (
    "stack",
    "layer",
    "heads",
    "pinned",
    "selected_queries",
    "selected_keys",
    "mode",
    "highlight",
    "measure",
    "sinks",
    "scale",
    "aggregate",
    "unit",
    "pair",
)


class Link:
    """Two linked views; made by :func:`link`, ended by :meth:`unlink` or when one of the views is closed.

    Attributes
    ----------
    views : tuple of two AttnView
    """

    def __init__(self, first: AttnView, second: AttnView) -> None:
        self.views = (first, second)
        self._busy, self._linked = False, True
        for view in self.views:
            view.observe(self._moved, list(LINKED))
            view.observe(self._closed, "comm")
        self._carry(first, second, LINKED)

    @property
    def apart(self) -> dict[str, str]:
        """What is not linked now, and why: trait → reason. Follows the views: a `run` may change it."""
        first, second = self.views
        names = {view: [stack["name"] for stack in view.stacks] for view in self.views}
        if names[first] != names[second]:
            why = f"the stacks differ: {', '.join(names[first])} and {', '.join(names[second])}"
            return dict.fromkeys(("stack", "layer", "heads", "pinned", "selected_queries", "selected_keys"), why)
        reasons: dict[str, str] = {}
        layers = [[[layer["heads"] for layer in stack["layers"]] for stack in view.stacks] for view in self.views]
        counts = [[len(stack) for stack in heads] for heads in layers]
        if counts[0] != counts[1]:
            why = f"the numbers of layers differ: {_both(counts)}"
            reasons |= dict.fromkeys(("stack", "layer", "heads", "pinned"), why)
        elif layers[0] != layers[1]:
            reasons |= dict.fromkeys(("heads", "pinned"), "the numbers of heads differ")
        for trait, side in (("selected_queries", "queries"), ("selected_keys", "keys")):
            tokens = [[len(view.tokens[stack[side]]) for stack in view.stacks] for view in self.views]
            if tokens[0] != tokens[1]:
                reasons[trait] = f"the numbers of tokens differ: {_both(tokens)}"
        return reasons

    def unlink(self) -> None:
        """End the link; both views stay as they are."""
        if not self._linked:
            return
        self._linked = False
        for view in self.views:
            view.unobserve(self._moved, list(LINKED))
            view.unobserve(self._closed, "comm")

    def _closed(self, change: Any) -> None:
        if change["new"] is None:
            self.unlink()

    def _moved(self, change: Any) -> None:
        if self._busy:
            return
        first, second = self.views
        source, goal = (first, second) if change["owner"] is first else (second, first)
        self._carry(source, goal, (change["name"],))

    def _carry(self, source: AttnView, goal: AttnView, changed: tuple[str, ...]) -> None:
        """Bring `goal` to what `source` shows."""
        apart = self.apart
        # A change of stack or layer drops what does not exist there, in both views alike: all that hangs together goes.
        names = LINKED if {"stack", "layer"} & set(changed) else changed
        self._busy = True
        try:
            with goal.hold_sync():
                for name in LINKED:
                    if name in names and name not in apart and getattr(goal, name) != getattr(source, name):
                        setattr(goal, name, getattr(source, name))
        finally:
            self._busy = False

    def __repr__(self) -> str:
        apart = self.apart
        lines = [f"<Link of two AttnView: {', '.join(name for name in LINKED if name not in apart)}"]
        lines += [f"  not linked: {name} ({why})" for name, why in apart.items()]
        return "\n".join(lines) + ">"


def _both(values: list[Any]) -> str:
    return " and ".join(", ".join(map(str, value)) for value in values)


def link(first: AttnView, second: AttnView) -> Link:
    """Make two views move together: layer, heads, chosen tokens, mode and the ways of showing.

    What is chosen in either is chosen in the other at once; `second` starts at what `first` shows. What does not fit
    both (other numbers of layers, heads or tokens) is left alone, and a warning says so.

    Returns
    -------
    Link
        With ``unlink()`` and ``apart``; printed, it says what is linked.

    Raises
    ------
    TypeError
        If either is not an `AttnView`, or both are the same.

    Examples
    --------
    >>> before = AttnView(model, "The dog chased the cat")
    >>> after = AttnView(model, "The cat chased the dog")
    >>> both = link(before, after)
    >>> before.layer = 4
    >>> after.layer
    4
    >>> both.unlink()
    """
    from attnwidget.view import AttnView

    for name, view in (("first", first), ("second", second)):
        if not isinstance(view, AttnView):
            raise TypeError(f"{name}: {type(view).__name__} came, an AttnView is needed: link(view_a, view_b)")
    if first is second:
        raise TypeError("second: the same view came twice; it is linked with itself already")
    made = Link(first, second)
    if made.apart:
        why = "; ".join(f"{name} ({reason})" for name, reason in made.apart.items())
        warnings.warn(f"these views are linked except for {why}", UserWarning, stacklevel=2)
    return made


def beside(first: AttnView, second: AttnView) -> HBox:
    """Both views in one row (one below the other where there is no room), linked as by :func:`link`."""
    made = link(first, second)
    for view in made.views:
        view.layout.flex = "1 1 420px"
        view.layout.min_width = "0"
    return HBox([first, second], layout=Layout(flex_flow="row wrap", grid_gap="12px", width="100%"))
