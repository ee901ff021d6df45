"""What lines and matrices have in common: letters, columns of tokens, legends, captions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from attnwidget.description import printable
from attnwidget.export.canvas import Colour
from attnwidget.export.colours import INK, KINDS, MUTED, QUERY
from attnwidget.figures.content import Content
from attnwidget.figures.fonts import families

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from attnwidget.inputs.tokens import Token

#: In points: rows of the figure's own choosing; letters of tokens; of everything else; the smallest.
PITCH, LETTERS, SMALL, LEAST = 14.0, 9.0, 7.0, 4.5
#: Between the tokens and the picture, in points.
PAD = 6.0
#: Of a letter, in widths of its size; of a digit, which is the same in all.
_LETTER, _DIGIT = 0.55, 0.64


def rgb(colour: Colour) -> tuple[float, float, float]:
    """0 to 1, as matplotlib takes it."""
    red, green, blue = colour
    return red / 255, green / 255, blue / 255


def letters_of(pitch: float) -> float:
    """Points of letters in rows of `pitch` points."""
    return max(LEAST, min(LETTERS, 0.75 * pitch))


class Painter:
    """Draws a content into an axes of a size in inches.

    Attributes
    ----------
    sides
        Texts left and right of the axes.
    """

    def __init__(self, content: Content, ax: Axes, size: tuple[float, float]) -> None:
        self.content, self.ax, self.size = content, ax, size
        self.sides: tuple[list[Text], list[Text]] = ([], [])
        tokens = (*content.queries, *content.keys)
        self.family = families([*(content.label(token, 0) for token in tokens), content.attention.model_name])
        for spine in ax.spines.values():
            spine.set_visible(False)

    @property
    def special(self) -> bool:
        return self.content.selection.highlight == "special"

    def column(
        self, axis: Any, tokens: Sequence[Token], first: int, span: int, marked: Sequence[int], values: Any = None
    ) -> None:
        """Tokens down one side of the axes; where rows are closer than letters are high, every so many.

        Parameters
        ----------
        axis
            The axes, for the left side; a secondary axis for the right one.
        tokens, first
            And the position of the first.
        span
            Height of the column, in the units of the axes.
        marked
            Positions of chosen tokens.
        values : float32 [tokens], optional
            Numbers to stand between the tokens and the picture.
        """
        left = axis is self.ax
        pitch = self.size[1] * 72 / len(tokens)
        every = max(1, int(np.ceil(1.25 * LEAST / pitch)))
        shown = range(0, len(tokens), every)
        places = [(at + 0.5) * span / len(tokens) for at in shown]
        size = letters_of(pitch * every)
        axis.set_yticks(places, [self.content.label(tokens[at], first + at) for at in shown])
        room = 0.0 if values is None else 5 * _DIGIT * min(size, SMALL + 1) + 4
        axis.tick_params(axis="y", length=0, pad=PAD + room)
        texts = axis.get_yticklabels()
        self._dress(texts, [tokens[at] for at in shown], shown, size, [at - first for at in marked])
        self.sides[0 if left else 1].extend(texts)
        if values is None:
            return
        numbers = [
            self.ax.annotate(
                f"{values[at]:.3f}",
                (0 if left else 1, place),
                (-PAD if left else PAD, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right" if left else "left",
                va="center",
                annotation_clip=False,
            )
            for at, place in zip(shown, places, strict=True)
        ]
        self.plain(numbers, MUTED, min(size, SMALL + 1))

    def row(self, tokens: Sequence[Token], pitch: float, marked: Sequence[int]) -> None:
        """Tokens above the axes, upright."""
        every = max(1, int(np.ceil(1.25 * LEAST / pitch)))
        shown = range(0, len(tokens), every)
        self.ax.xaxis.tick_top()
        self.ax.xaxis.set_label_position("top")
        labels = [self.content.label(tokens[at], at) for at in shown]
        self.ax.set_xticks([at + 0.5 for at in shown], labels, rotation=90)
        self.ax.tick_params(axis="x", length=0, pad=3)
        self._dress(self.ax.get_xticklabels(), [tokens[at] for at in shown], shown, letters_of(pitch * every), marked)

    def _dress(
        self, texts: Iterable[Text], tokens: Sequence[Token], places: Iterable[int], size: float, marked: Sequence[int]
    ) -> None:
        texts = list(texts)
        self.plain(texts, INK, size)
        for text, token, place in zip(texts, tokens, places, strict=True):
            if self.special and token.kind in KINDS:
                text.set(color=rgb(KINDS[token.kind]), fontweight="bold")
            if place in marked:
                text.set(color=rgb(QUERY), fontweight="bold")

    def plain(self, texts: Iterable[Text], colour: Colour, size: float = SMALL) -> None:
        """A token is text: neither mathematics nor TeX, whatever it contains."""
        for text in texts:
            text.set(color=rgb(colour), fontfamily=self.family, fontsize=size)
            text.set_parse_math(False)
            text.set_usetex(False)

    def legend(self, handles: Sequence[Any], place: Any, anchor: tuple[float, float]) -> None:
        """Which colour is which."""
        if not handles:
            return
        legend = self.ax.legend(
            handles=handles,
            loc=place,
            bbox_to_anchor=anchor,
            ncols=min(len(handles), 3),
            frameon=False,
            fontsize=SMALL,
            handlelength=1.2,
            columnspacing=1.2,
            borderaxespad=0.4,
        )
        self.plain(legend.get_texts(), INK)

    def caption(self, line: str, left: float, width: float) -> None:
        """Under everything; `left` and `width` in inches, from the left edge of the axes."""
        below = self.ax.get_legend() is not None and self.content.selection.mode == "matrix"
        text = self.ax.annotate(
            fill(printable(line), max(24, int(width * 72 / (_LETTER * SMALL)))),
            (0, 0),
            (left * 72, -26 if below else -10),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="left",
            va="top",
            annotation_clip=False,
        )
        self.plain([text], MUTED)
