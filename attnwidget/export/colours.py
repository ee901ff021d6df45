"""Colours of pictures made without a page."""

from __future__ import annotations

from attnwidget.export.canvas import Colour

# The colours of the page's light theme (js/src/styles/theme.css).
INK: Colour = (27, 34, 48)
MUTED: Colour = (86, 96, 115)
STROKE: Colour = (36, 54, 92)
FAINT: Colour = (190, 196, 206)
QUERY: Colour = (226, 112, 13)
KINDS: dict[str, Colour] = {"cls": (12, 154, 102), "sep": (122, 69, 238)}
HEADS: tuple[Colour, ...] = (
    (37, 99, 201),
    (194, 46, 92),
    (14, 133, 150),
    (138, 90, 28),
    (176, 79, 192),
    (90, 107, 30),
)
