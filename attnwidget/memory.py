"""What a capture holds, and why: the account behind `Attention.nbytes` and `Attention.memory_report`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from attnwidget.layers import Held, Layer

_WHY = {
    "queries": "weights and scores are recomputed from them",
    "keys": "weights and scores are recomputed from them; as many heads as the model has for keys",
    "values": "contributions and value norms; as many heads as the model has for values",
    "masks": "which keys each query sees: intervals or bits, once for all layers that share it",
    "biases": "what is added to the scores: once for all layers that share it",
    "W_O": "contributions; the model's own tensor, which stays with the capture when the model is deleted",
    "weights": "no formula gives them again, so they are kept whole",
}


@dataclass(frozen=True)
class Line:
    """One kind of thing that a stack holds.

    Attributes
    ----------
    stack : str
    what : str
        "queries", "keys", "values", "masks", "biases", "weights" or "W_O".
    nbytes : int
    dtype : str
        Number type, or form of a mask.
    where : str
        "memory", "disk" (see `spill` of :func:`attnwidget.capture`), or "model": no copy, the model's own.
    layers : int
        Layers that hold some of it.
    why : str
    """

    stack: str
    what: str
    nbytes: int
    dtype: str
    where: str
    layers: int
    why: str


class MemoryReport(tuple[Line, ...]):
    """Lines of what is held; printed, a table."""

    @property
    def nbytes(self) -> int:
        """Bytes in memory that go when the capture is released."""
        return sum(line.nbytes for line in self if line.where == "memory")

    def __repr__(self) -> str:
        rows = [("stack", "what", "bytes", "as", "where", "layers", "why")]
        rows += [(x.stack, x.what, _size(x.nbytes), x.dtype, x.where, str(x.layers), x.why) for x in self]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([*lines, f"{_size(self.nbytes)} in memory"])


def report(layers: Mapping[str, Sequence[Layer | None]]) -> MemoryReport:
    """The account of all stacks. What several layers share counts once, for the first stack that holds it."""
    sums: dict[tuple[str, str, str, str], list[int]] = {}
    seen: set[tuple[str, int]] = set()
    for stack, records in layers.items():
        for record in records:
            here: set[tuple[str, str, str, str]] = set()
            for held in _held(record):
                key = (stack, held.what, held.dtype, held.where)
                line = sums.setdefault(key, [0, 0])
                if (held.what, held.identity) not in seen:
                    seen.add((held.what, held.identity))
                    line[0] += held.nbytes
                if key not in here:
                    here.add(key)
                    line[1] += 1
    lines = [
        Line(stack, what, size, dtype, where, count, _WHY.get(what, ""))
        for (stack, what, dtype, where), (size, count) in sums.items()
    ]
    return MemoryReport(lines)


def _held(record: Layer | None) -> Iterable[Held]:
    if record is None:
        return ()
    own = getattr(record, "held", None)
    if own is None:
        return [Held("weights", record.nbytes, "float32", "memory", id(record))]
    held: Iterable[Held] = own()
    return held


def _size(nbytes: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if nbytes >= size:
            return f"{nbytes / size:.3g} {unit}"
    return f"{nbytes} B"
