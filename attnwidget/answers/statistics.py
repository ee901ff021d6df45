"""Statistics, labels and verdict of every head: what the page's Heads and Profile modes show, as one JSON block.

The same block comes in the answer to a request (of the text in view), in the trait `profile` (of a corpus) and in
exported pages. It brings the words of its definitions along, in every language, so that pages without statistics need
not carry them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from attnwidget.attention import Attention
from attnwidget.description import clean
from attnwidget.statistics.texts import LANGUAGES, table
from attnwidget.wire.container import Container, Packer, json_block

if TYPE_CHECKING:
    from attnwidget.statistics.corpus import HeadProfile

#: Exported pages of texts with no more cells (queries · keys · heads of all layers) bring their statistics in any mode.
MOST_CELLS = 20_000_000

#: Cells that are read for them, in about half a minute; of longer texts so many rows, evenly spaced, as have no more.
MOST_READ = 1 << 28
#: But so many rows at least: what judges needs 200.
FEWEST_ROWS = 256
#: Beyond so many cells of those, a page is told where to find statistics instead: they would take many minutes.
MOST_ASKED = 1 << 31

_KEPT = (
    "schema",
    "model",
    "stack",
    "heads",
    "texts",
    "rows",
    "text_rows",
    "tokens",
    "lengths",
    "faults",
    "causal",
    "has_values",
    "enough",
    "sinks",
    "values",
    "errors",
    "baselines",
    "nu",
    "verdict",
    "failed",
    "definitions",
)
_OF_LABEL = (
    "layer",
    "head",
    "label",
    "rule",
    "title",
    "text",
    "runner_up_title",
    "sink",
    "certainty",
    "agreement",
    "statistic",
    "evidence",
)
#: Printed beside percentages that Python printed: rounded twice, the two would differ.
_EXACT = ("verdict", "weight_per_layer", "contribution_per_layer")
#: Of each head only the categories of which its bar is made; of each layer all nine.
_OF_HEAD = ("cls", "sep", "punct", "other", "first")
_WORDS = ("rule.", "caveat.", "statistic.part_", "name.")
_FAILED_SHOWN = 20

_made: WeakKeyDictionary[Attention, dict[str, dict[str, Any]]] = WeakKeyDictionary()


def statistics(data: Attention, stack: str) -> bytes:
    """The container that answers a request for the statistics of a stack.

    Raises
    ------
    ValueError
        In words for the page's reader, where the text is so long that they would take many minutes.
    """
    cells = _row_cells(data, stack) * min(len(data.stacks[stack].queries), rows_read(data, stack))
    if cells > MOST_ASKED and stack not in _made.get(data, {}):
        raise ValueError(
            f"statistics of {cells:.1e} weights would take many minutes: "
            "profile(model, shorter texts) and AttnView(…, profile=…) show them of a corpus"
        )
    return packed({stack: of_text(data, stack)})


def of_text(data: Attention, stack: str) -> dict[str, Any]:
    """Statistics of a stack as the page takes them; made once for each capture. Of a long text some rows are read."""
    known = _made.setdefault(data, {})
    if stack not in known:
        known[stack] = page_part(data.statistics(stack=stack, rows=rows_read(data, stack)).to_dict())
    return known[stack]


def rows_read(data: Attention, stack: str) -> int:
    """Rows of a text that a page's statistics are of, at most."""
    return max(FEWEST_ROWS, MOST_READ // max(1, _row_cells(data, stack)))


def _row_cells(data: Attention, stack: str) -> int:
    """Weights of one query in all heads of all layers."""
    chosen = data.stacks[stack]
    return len(chosen.keys) * sum(layer.heads for layer in chosen.layers)


def for_export(data: Attention, shown: str, mode: str) -> dict[str, dict[str, Any]]:
    """Statistics by stack that an exported page brings: all where they are quickly made, else those in use."""
    out = {}
    for name, stack in data.stacks.items():
        cells = len(stack.queries) * len(stack.keys) * sum(layer.heads for layer in stack.layers)
        in_use = name == shown and mode in ("heads", "profile")
        if cells and (in_use or cells <= MOST_CELLS or name in _made.get(data, {})):
            out[name] = of_text(data, name)
    return out


def of_corpus(profile: HeadProfile, data: Attention) -> bytes:
    """The container of a corpus profile, for a view of `data`.

    Raises
    ------
    TypeError
        `profile` is none.
    ValueError
        It is of a model of another shape.
    """
    if not callable(getattr(profile, "to_dict", None)) or not hasattr(profile, "heads"):
        raise TypeError(
            f"profile must be a HeadProfile, got {type(profile).__name__}: attnwidget.profile(model, texts) makes one"
        )
    stack = data.stacks.get(profile.stack)
    if stack is None:
        raise ValueError(
            f"profile is of the stack {profile.stack!r}, but this view has {', '.join(map(repr, data.stacks))}: "
            "make the profile of the same model, with stack= one of these"
        )
    heads = tuple(layer.heads for layer in stack.layers)
    if heads != profile.heads:
        raise ValueError(
            f"profile is of {_shape(profile.heads)} ({profile.model_name}), but this view shows {_shape(heads)} "
            f"({data.model_name}): make the profile of the same model"
        )
    return packed({profile.stack: page_part(profile.to_dict())})


def packed(stacks: Mapping[str, Mapping[str, Any]], onto: bytes | None = None) -> bytes:
    """A container of statistics by stack, with all blocks of the container `onto`."""
    packer = Packer()
    if onto is not None:
        packer.take(Container(onto))
    for stack, content in stacks.items():
        packer.add(f"statistics/{stack}", json_block(content))
    return packer.pack()


def page_part(whole: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of `HeadStatistics.to_dict()` or `HeadProfile.to_dict()`, numbers to four digits."""
    out = {name: whole[name] for name in _KEPT}
    out["failed"] = [len(whole["failed"]), whole["failed"][:_FAILED_SHOWN]]
    out["labels"] = [{name: label[name] for name in _OF_LABEL} for label in whole["labels"]]
    partition = dict(whole["partition"])
    partition["weight_per_head"] = {name: partition["weight_per_head"][name] for name in _OF_HEAD}
    partition["contribution_per_head"] = {name: partition["contribution_per_head"][name] for name in _OF_HEAD}
    out["partition"] = partition
    keys = {key for entry in whole["definitions"].values() for key in (entry["title"], entry["text"])}
    out["words"] = {
        lang: {key: text for key, text in table(lang).items() if key in keys or key.startswith(_WORDS)}
        for lang in LANGUAGES
    }
    short: dict[str, Any] = _short(out)
    return short


def _short(value: Any, exact: bool = False) -> Any:
    if isinstance(value, float):
        return value if exact else float(f"{value:.4g}")
    if isinstance(value, dict):
        return {clean(name): _short(part, exact or name in _EXACT) for name, part in value.items()}
    if isinstance(value, list):
        return [_short(part, exact) for part in value]
    # Names of special tokens and starts of texts may hold what no file can.
    return clean(value) if isinstance(value, str) else value


def _shape(heads: tuple[int, ...]) -> str:
    counts = sorted({count for count in heads if count}) or [0]
    each = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    missing = heads.count(0)
    return f"{len(heads)} layers × {each} heads" + (f" ({missing} layers without)" if missing else "")
