"""Heads and Profile as figures: what the page shows of every head, and of every layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from attnwidget.export.canvas import Colour
from attnwidget.export.colours import FAINT, INK, KINDS, MUTED, QUERY, STROKE
from attnwidget.figures.levels import LESS, MORE, Levels, levels
from attnwidget.figures.painter import LETTERS, SMALL, rgb
from attnwidget.figures.sheet import LINE, Doubles, Sheet, diverging, readable, shaded
from attnwidget.shown import Side
from attnwidget.strings import page_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from attnwidget.attention import Attention, Stack
    from attnwidget.selection import Selection

#: The categories of a bar in the page's order, and their colours there.
PARTS: dict[str, Colour] = {
    "cls": (10, 127, 84),
    "sep": (120, 71, 230),
    "other": (128, 139, 159),
    "punct": (168, 124, 20),
    "first": (15, 127, 152),
    "prev": (47, 102, 196),
    "self": (126, 166, 230),
    "next": (188, 210, 246),
    "word": (51, 65, 95),
}
_CHIPS: dict[str, Colour] = {
    "cls_sink": (10, 122, 80),
    "sep_sink": (106, 53, 217),
    "punct_sink": (125, 90, 6),
    "first_sink": (11, 111, 134),
    **dict.fromkeys(("induction", "previous", "next", "self", "local"), (168, 71, 10)),
}
#: Heads side by side; a layer of more goes over several lines. Pixels of a head; the smallest picture that has a name.
_ACROSS, _PIXELS, _NAMED = 16, 64, 0.3
_EDGE = 0.1
#: Under each head: its bar, its number.
_BAR, _UNDER = 0.04, 0.16


@dataclass(frozen=True)
class Said:
    """What is said of every head, as the page has it.

    Attributes
    ----------
    statistics
        `attnwidget.answers.statistics.page_part` of the stack.
    sort, only
        Name of a statistic, and of a label; "" for none.
    """

    statistics: Mapping[str, Any]
    sort: str = ""
    only: str = ""

    def order(self, layer: int, heads: int) -> list[int]:
        """Heads of a layer as they are sorted: largest first, what is not defined last."""
        values = self.statistics["values"].get(self.sort)
        if values is None:
            return list(range(heads))
        keys = [-np.inf if values[layer][head] is None else values[layer][head] for head in range(heads)]
        return sorted(range(heads), key=lambda head: (-keys[head], head))

    def labels(self) -> dict[tuple[int, int], str]:
        """By layer and head."""
        return {(one["layer"], one["head"]): one["label"] for one in self.statistics["labels"]}


def draw_heads(attention: Attention, selection: Selection, said: Said, width: float, caption: bool) -> Axes:
    """Every head of every layer as a small picture, with its number, its label, and where its weight goes."""
    stack = attention.stacks[selection.stack]
    most = max((info.heads for info in stack.layers), default=0)
    sheet = Sheet(width, [attention.model_name, *(info.note for info in stack.layers)])
    across = max(1, min(most, _ACROSS))
    pitch = (width - 2 * _EDGE - 0.35) / across
    cell = min(pitch - 0.08, 0.7)
    pitch = min(pitch, cell + 0.1)
    named = cell >= _NAMED
    line = cell + _BAR + (_UNDER if cell >= 0.16 else 0.04) + (LINE if said.sort and named else 0)
    labels = said.labels()
    first = next((layer for layer, info in enumerate(stack.layers) if info.heads), None)
    if first is None:
        raise ValueError(f"there is nothing to draw: no layer of stack {selection.stack!r} has attention weights")
    rows, columns = attention.overview(first, stack=selection.stack).shape[1:]
    shades = _Shades(stack, selection, rows, columns)
    top = _EDGE
    for layer, info in enumerate(stack.layers):
        sheet.text(_EDGE, top + min(cell, 0.3) / 2, f"L{layer}", size=LETTERS, bold=True)
        if not info.heads:
            sheet.text(_EDGE + 0.35, top + 0.1, info.note or "no attention weights", colour=MUTED)
            top += 0.25
            continue
        pooled = np.clip(attention.overview(layer, stack=selection.stack), 0, 1).astype(np.float64)
        for place, head in enumerate(said.order(layer, info.heads)):
            x = _EDGE + 0.35 + place % across * pitch
            y = top + place // across * line
            label = labels.get((layer, head), "")
            faint = bool(said.only) and label != said.only
            if not faint:
                sheet.picture(x, y, cell, cell, shades.picture(pooled[head], label))
                _bar(sheet, said.statistics, layer, head, (x, y + cell + 0.02, cell))
            pinned = (layer, head) in selection.pinned
            sheet.frame(x, y, cell, cell, QUERY if pinned else FAINT, 1.4 if pinned else 0.4)
            if cell >= 0.16:
                under = y + cell + _BAR + 0.07
                number = FAINT if faint else INK
                sheet.text(x, under, str(head), size=SMALL if named else 5, colour=number)
                if named and not faint and label not in ("", "mixed"):
                    chip = _chip(said.statistics, label)
                    sheet.text(x + cell + 0.07, under, chip, size=5.5, colour=_CHIPS.get(label, MUTED), anchor="right")
                if named and not faint and said.sort:
                    value = said.statistics["values"].get(said.sort, {})[layer][head]
                    sheet.text(x, under + LINE, _statistic(value), colour=MUTED)
        top += -(-info.heads // across) * line + 0.04
    scale = shades.levels(np.zeros((rows, columns)))
    places = np.linspace(0, 1, 65)
    ramp = diverging(2 * places - 1, LESS, MORE) if scale.diverging else shaded(places)
    sheet.text(_EDGE, top + 0.1, f"weight, {scale.name}", colour=MUTED)
    sheet.scale(_EDGE + 1.5, top + 0.06, ramp, scale.ticks)
    top += 0.35
    if caption:
        how = f"sorted by {said.sort}" if said.sort else "by number"
        parts = [attention.model_name, f"all heads, {how}; rows queries, columns keys, largest weight of each cell"]
        text = " · ".join(part for part in parts if part)
        text += ". Bar: share of a head's weight on start (green), end (violet) and first (blue-green) tokens."
        top = sheet.paragraph(_EDGE, top, text)
    return sheet.done(top + _EDGE)


class _Shades:
    """How weights of small pictures become colours.

    Parameters
    ----------
    rows, columns
        Cells of a picture.
    """

    def __init__(self, stack: Stack, selection: Selection, rows: int, columns: int) -> None:
        queries, look = len(stack.queries), selection.look(stack)
        # Of a cell of several queries, the even share of the first, which sees the fewest keys.
        plain = replace(
            look, sinks="show", queries=Side.of(stack.queries, "pieces"), keys=Side.of(stack.keys, "pieces")
        )
        self.even = np.array([plain.baseline(row * queries // rows) for row in range(rows)])
        self.scale = selection.scale
        self.columns = np.tile(np.array(rgb(STROKE)), (columns, 1))
        for key, token in enumerate(stack.keys):
            if token.kind in KINDS:
                self.columns[key * columns // len(stack.keys)] = rgb(KINDS[token.kind])

    def levels(self, cells: Doubles) -> Levels:
        """On one scale for all heads, up to a weight of 1."""
        largest = np.ones((1, cells.shape[1]))
        even = np.append(self.even, self.even.min())
        return levels(np.vstack([cells, largest]).astype(np.float32), self.scale, even)

    def picture(self, cells: Doubles, label: str) -> Doubles:
        found = self.levels(cells)
        places = found.places[:-1]
        if found.diverging:
            return diverging(2 * places - 1, LESS, MORE)
        colours = self.columns.copy()
        if label == "first_sink":
            colours[0] = rgb(PARTS["first"])
        return np.asarray(1 + (colours[None] - 1) * places[..., None])


def _bar(sheet: Sheet, statistics: Mapping[str, Any], layer: int, head: int, place: tuple[float, float, float]) -> None:
    x, y, width = place
    sheet.box(x, y, width, 0.03, facecolor=(0.9, 0.91, 0.93))
    start = x
    for name in ("cls", "sep", "first"):
        share = statistics["partition"]["weight_per_head"][name][layer][head] or 0.0
        sheet.box(start, y, share * width, 0.03, facecolor=rgb(PARTS[name]))
        start += share * width


def _statistic(value: float | None) -> str:
    """Two digits below 1, three above, as on the page."""
    if not value:
        return "–" if value is None else "0"
    digits = (1 if abs(value) < 1 else 2) - int(np.floor(np.log10(abs(value))))
    return f"{value:.{max(0, min(4, digits))}f}"


def _chip(statistics: Mapping[str, Any], label: str) -> str:
    own = {"cls_sink": "cls", "sep_sink": "sep", "other_sink": "other"}.get(label, "")
    if own and statistics["sinks"].get(own):
        return str(statistics["sinks"][own])
    words = page_words("en")
    return words["heads.chip.delimiters.short" if label == "delimiters" else f"heads.chip.{label}"]


def draw_profile(attention: Attention, selection: Selection, said: Said, width: float, caption: bool) -> Axes:
    """Where the attention of each layer goes, as weight and beside it as contribution."""
    stack, words = attention.stacks[selection.stack], page_words("en")
    found, partition = said.statistics, said.statistics["partition"]
    both = ("weight", "contribution")
    there = [
        part
        for part in PARTS
        if any((share or 0) >= 0.0005 for of in both for share in partition[f"{of}_per_layer"].get(part, []))
    ]
    names = {part: found["sinks"].get(part) or words[f"profile.part.{part}"] for part in there}
    sheet = Sheet(width, [attention.model_name, *names.values()])
    left, gap, row = 0.45, 0.15, 0.17
    wide = (width - left - gap - _EDGE) / 2
    x, y = left, _EDGE + 0.06
    for part in there:
        room = 0.16 + 0.06 * len(names[part]) + 0.14
        if x + room > width:
            x, y = left, y + LINE
        sheet.box(x, y - 0.045, 0.09, 0.09, facecolor=rgb(PARTS[part]))
        sheet.text(x + 0.13, y, names[part])
        x += room
    y += 0.2
    starts = dict(zip(both, (left, left + wide + gap), strict=True))
    for of, x in starts.items():
        sheet.text(x, y, words[f"profile.{of}"], bold=True)
    y += 0.1
    uniform = [partition["uniform"].get(part) for part in PARTS]
    rows: list[tuple[str, dict[str, list[float | None]]]] = [
        (str(layer), {of: [_at(partition[f"{of}_per_layer"].get(part), layer) for part in PARTS] for of in both})
        for layer in range(stack.n_layers)
    ]
    rows.append((words["profile.uniform"], {"weight": uniform}))
    for name, shares in rows:
        if name == words["profile.uniform"]:
            y += 0.05
        sheet.text(left - 0.06, y + row / 2, name, anchor="right")
        for of, x in starts.items():
            _shares(sheet, shares.get(of), (x, y + 0.01, wide, row - 0.03))
        y += row
    for x in starts.values():
        for at, tick in ((0, "0"), (0.5, "50"), (1, "100 %")):
            sheet.text(x + at * wide, y + 0.07, tick, colour=MUTED, anchor=("left", "center", "right")[int(at * 2)])
    y += 0.2
    if caption:
        of_texts = "profile.of.text" if found["texts"] == 1 else "profile.of.corpus"
        what = words[of_texts].format(texts=found["texts"], tokens=found["tokens"])
        title = f"{words['profile.title']}: {what}."
        y = sheet.paragraph(_EDGE, y, " · ".join(part for part in (attention.model_name, title) if part))
    return sheet.done(y + _EDGE)


def _at(values: Any, layer: int) -> float | None:
    return None if values is None else values[layer]


def _shares(sheet: Sheet, shares: list[float | None] | None, place: tuple[float, float, float, float]) -> None:
    x, y, width, height = place
    if shares is None or all(share is None for share in shares):
        return
    for part, share in zip(PARTS, shares, strict=True):
        wide = (share or 0) * width
        if wide <= 0:
            continue
        colour = np.array(rgb(PARTS[part]))
        sheet.box(x, y, wide, height, facecolor=colour, edgecolor="white", linewidth=0.4)
        if wide >= 0.17:
            ink = readable(colour)
            sheet.text(x + wide / 2, y + height / 2, f"{100 * (share or 0):.0f}", colour=ink, anchor="center", size=6)
        x += wide
