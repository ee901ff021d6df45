"""Attention calls as they are heard → one `Record` for each call and text, padding cut away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attnwidget.capture import masks
from attnwidget.capture.projection import Projection, find_projection
from attnwidget.capture.records import Record, Tensor
from attnwidget.capture.stacks import Places
from attnwidget.inputs.texts import Prepared, Side
from attnwidget.layers import Floats

# Sides of a stack: whose tokens ask, whose tokens are looked at. A model with one sequence has only "source".
SIDES = {"encoder": ("source", "source"), "decoder": ("target", "target"), "cross": ("target", "source")}


@dataclass(frozen=True)
class Axis:
    """Positions of one axis that one text keeps: `virtual` learned ones in front, then its own; `known`: has tokens."""

    keep: list[int]
    length: int
    virtual: int = 0
    known: bool = True

    @property
    def pick(self) -> masks.Pick:
        whole = len(self.keep) == self.length
        return slice(None) if whole else self.keep

    def cut(self, tensor: Any) -> Any:
        """[heads, length, d] → [heads, kept, d]"""
        return tensor if len(self.keep) == self.length else tensor[:, self.keep]


@dataclass
class Call:
    """One attention call: a record for each text of the batch; none where its shape cannot be told apart by text."""

    module: Any
    records: list[Record] = field(default_factory=list)
    axes: list[tuple[Axis, Axis]] = field(default_factory=list)
    note: str = ""


class Recorder:
    """Hears the calls of one forward pass.

    Attributes
    ----------
    calls : dict of str to list of Call
        By stack, in the order of the calls.
    residual : float or None
        See :class:`attnwidget.attention.Attention`.
    """

    def __init__(self, places: Places, prepared: Prepared) -> None:
        self.places, self.prepared = places, prepared
        self.calls: dict[str, list[Call]] = {}
        self.residual: float | None = None
        self.suspect: list[str] = []
        self._masks, self._biases = masks.Shared(), masks.Shared()
        self._plain: dict[Any, masks.Seen | None] = {}

    def side(self, stack: str, axis: int) -> Side | None:
        name = SIDES.get(stack, ("", ""))[axis]
        sides = self.prepared.sides
        return sides.get(name) or (sides.get("source") if stack == "decoder" and "target" not in sides else None)

    def axis(self, stack: str, which: int, sample: int, length: int) -> Axis:
        side = self.side(stack, which)
        if side is None or length < side.length:
            return Axis(list(range(length)), length, known=False)
        virtual = length - side.length
        keep = [*range(virtual), *(virtual + i for i in side.keep[sample])]
        return Axis(keep, length, virtual)

    def hear(
        self, module: Any, q: Any, k: Any, v: Any, mask: Any, kwargs: Any, result: Any, implementation: Any, own: bool
    ) -> None:
        """One call. Called within the model's forward pass, after the model's own attention function has run."""
        stack = self.places.stack(module)
        call = Call(module)
        self.calls.setdefault(stack, []).append(call)
        size = self.prepared.size
        if q.dim() != 4 or k.dim() != 4 or q.shape[0] != size or k.shape[0] not in (1, size):
            shape = "×".join(map(str, q.shape))
            call.note = f"its queries have shape {shape}, which is not one map for each text (windows, chunks)"
            return
        projection = find_projection(module, self.places.parent(module), q.shape[1] * v.shape[-1])
        for i in range(size):
            axes = self.axis(stack, 0, i, q.shape[2]), self.axis(stack, 1, i, k.shape[2])
            call.axes.append(axes)
            call.records.append(self._record(module, q, k, v, mask, kwargs, implementation, own, i, axes, projection))
        self._check(call, stack, result)

    def _record(
        self,
        module: Any,
        q: Any,
        k: Any,
        v: Any,
        mask: Any,
        kwargs: Any,
        implementation: Any,
        own: bool,
        i: int,
        axes: tuple[Axis, Axis],
        projection: Projection | None,
    ) -> Record:
        rows, columns = axes
        family = _family(implementation, own)
        at = min(i, k.shape[0] - 1)
        nq, nk = q.shape[2], k.shape[2]
        # Keys of a sample that share storage with another's (batch 1) are copied once for each: rare and small.
        terms: list[masks.Term] = []
        seen = self._seen(module, mask, kwargs, family, i, axes, nq, nk, terms)
        bias = kwargs.get("position_bias")
        if bias is not None:
            place = (i, rows.length, columns.length)
            term = self._biases.get(bias, place, lambda: masks.read_term(bias, i, rows.pick, columns.pick, nq, nk))
            terms += [term] if term is not None else []
        scale = kwargs.get("scaling")
        return Record(
            Tensor.of(rows.cut(q[i])),
            Tensor.of(columns.cut(k[at])),
            Tensor.of(columns.cut(v[min(i, v.shape[0] - 1)])),
            q.shape[-1] ** -0.5 if scale is None else float(scale),
            softcap=kwargs.get("softcap"),
            seen=seen,
            terms=terms,
            sink=_sink(module, kwargs, family, i, rows, q.shape[1]),
            projection=projection,
        )

    def _seen(
        self,
        module: Any,
        mask: Any,
        kwargs: Any,
        family: str,
        i: int,
        axes: tuple[Axis, Axis],
        nq: int,
        nk: int,
        terms: list[masks.Term],
    ) -> masks.Seen | None:
        """What the rows see; additive parts of the mask are put into `terms`."""
        rows, columns = axes
        if mask is not None and hasattr(mask, "mask_mod"):
            mask = _block_mask(mask, nq, nk)
        if family != "flash" and mask is not None:
            place = (i, nq, nk)
            seen, term = self._masks.get(mask, place, lambda: masks.read(mask, i, rows.pick, columns.pick, nq, nk))
            terms += [term] if term is not None else []
            found: masks.Seen | None = seen
            return found
        causal = kwargs.get("is_causal")
        causal = getattr(module, "is_causal", True) if causal is None else bool(causal)
        # No mask: eager code then attends to everything, the kernels decide by the flag.
        if (family == "eager" or not causal or nq == 1) and (family != "flash" or mask is None):
            return None
        window = kwargs.get("sliding_window") if family == "flash" else None
        padding = None if mask is None else mask[min(i, mask.shape[0] - 1)].bool().cpu().numpy()
        key = (i, nq, nk, causal, window, None if padding is None else padding.tobytes())
        if key not in self._plain:
            plain = masks.causal(nq, nk, lower_right=family == "flash")
            if not causal:
                plain = masks.Intervals(np.zeros((1, nq), np.int32), np.full((1, nq), nk, np.int32))
            if window:
                plain = masks.windowed(plain, int(window))
            cut = plain.visible(slice(None), rows.pick, nk)
            if padding is not None:
                cut = cut & padding
            self._plain[key] = masks.compress(cut[:, :, columns.pick])
        return self._plain[key]

    def _check(self, call: Call, stack: str, result: Any) -> None:
        """Recomputed output against what the model's own function returned, for three rows of the first text."""
        record, axes = call.records[0], call.axes[0]
        output = result[0] if isinstance(result, tuple) else result
        wanted = (record.heads, record.v.data.shape[-1])
        if getattr(output, "dim", lambda: 0)() != 4 or not record.queries or tuple(output.shape[2:]) != wanted:
            return
        rows = sorted({0, record.queries // 2, record.queries - 1})
        own = output[0, [axes[0].keep[r] for r in rows]].detach().float().cpu().numpy().transpose(1, 0, 2)
        difference = float(np.abs(record.output(range(record.heads), rows) - own).max())
        relative = difference / max(float(np.abs(own).max()), 1e-12)
        if np.isfinite(relative):
            self.residual = max(self.residual or 0.0, relative)
        # Half precision models round their weights and outputs; what lies beyond is another formula.
        if not relative <= (1e-3 if record.q.data.dtype == np.float32 else 5e-2):
            self.suspect.append(f"{stack} call {len(self.calls[stack]) - 1} ({relative:.1e})")


def _family(implementation: Any, own: bool) -> str:
    """How the function that ran reads its mask: "eager", "sdpa" (also any unknown one) or "flash"."""
    name = str(implementation or "")
    if own or name in ("", "eager"):
        return "eager"
    return "flash" if "flash" in name and "flex" not in name else "sdpa"


def _sink(module: Any, kwargs: Any, family: str, i: int, rows: Axis, heads: int) -> Floats | None:
    """Logits of a learned sink, [H], or [H, q] where they differ by query; sdpa has none."""
    given = kwargs.get("s_aux")
    given = kwargs.get("sinks") if given is None else given
    if given is None and family == "eager":
        given = getattr(module, "sinks", None)
    if given is None or family == "sdpa" or not hasattr(given, "detach"):
        return None
    sink = given.detach().float().cpu()
    if sink.numel() == heads:
        flat: Floats = sink.reshape(heads).numpy().copy()
        return flat
    if sink.dim() == 4:
        sink = sink[min(i, sink.shape[0] - 1), :, :, 0]
        cut: Floats = sink[:, rows.keep].numpy().copy() if sink.shape[1] > 1 else sink[:, 0].numpy().copy()
        return cut
    return None


def _block_mask(mask: Any, nq: int, nk: int) -> Any:
    """Flex attention's lazy mask as a bool tensor."""
    from torch.nn.attention.flex_attention import create_mask

    return create_mask(mask.mask_mod, mask.shape[0], mask.shape[1], nq, nk, device=mask.kv_num_blocks.device)
