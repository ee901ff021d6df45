"""What is said of a page that is larger than wanted: what takes how much, and what to leave out."""

from __future__ import annotations

from collections.abc import Sequence

from attnwidget.export.choice import sizes
from attnwidget.export.page import Part
from attnwidget.wire import Container

#: Bytes of text that a byte takes: 8 bits at 7.1 a byte, and a third more.
_DENSE, _BASE64 = 8 / 7.1, 4 / 3
#: Of the small picture of a head, at most.
_PICTURE = 1024


def too_large(found: int, most: int, parts: Sequence[Part], dense_from: int) -> str:
    """The message.

    Parameters
    ----------
    found, most
        Bytes of the page, and how many were wanted at most.
    parts
        The views of the page.
    dense_from
        Bytes from which on they were written as `dense` text.
    """
    lines = [f"max_bytes: the page has {found:,} bytes, {found - most:,} more than {most:,}."]
    for part in parts:
        each = {
            f"{name} {layer}" if len(part.state["stacks"]) > 1 else str(layer): size
            for name, layers in sizes(part.binary["attention"]).items()
            for layer, size in layers.items()
        }
        listed = ", ".join(f"{name}: {size:,}" for name, size in each.items())
        lines.append(f"Bytes by layer, before they become text: {listed}.")
    hint = _hint(found, most, parts[0], dense_from) if len(parts) == 1 else ""
    lines.append(f"Leave some out with layers=[...] or heads=[...] (numbers, or (layer, head) pairs){hint}")
    return " ".join(lines)


def _hint(found: int, most: int, part: Part, dense_from: int) -> str:
    """The layers around the one shown that would fit; where not even that one does, how many of its heads."""
    packed, name, shown = part.binary["attention"], part.state["stack"], part.state["layer"]
    of_stacks = sizes(packed)
    layers = of_stacks.get(name, {})
    if len(of_stacks) > 1 or not layers:
        return ""
    heads = [layer["heads"] for stack in part.state["stacks"] if stack["name"] == name for layer in stack["layers"]]
    # A page of some layers has small pictures of every head; a page of all may do without.
    drawn = any(block.startswith("overview/") for block in Container(packed).blocks)
    rest = len(packed) - sum(layers.values()) + (0 if drawn else _PICTURE * sum(heads))

    def page(size: float) -> float:
        text = (rest + size) * (_DENSE if rest + size >= dense_from else _BASE64)
        return found - len(packed) * (_DENSE if len(packed) >= dense_from else _BASE64) + text

    fitting: list[int] = []
    for layer in sorted(layers, key=lambda layer: (abs(layer - shown), layer)):
        if page(sum(layers[one] for one in (*fitting, layer))) > most:
            break
        fitting.append(layer)
    if fitting:
        return f": layers={sorted(fitting)} would fit"
    nearest = min(layers, key=lambda layer: (abs(layer - shown), layer))
    count = heads[nearest]
    while count and page(layers[nearest] * count / heads[nearest]) > most:
        count -= 1
    if count:
        return f": layers=[{nearest}] with {count} of its {heads[nearest]} heads would fit"
    return f": with no layer at all it would have some {page(0):,.0f}"
