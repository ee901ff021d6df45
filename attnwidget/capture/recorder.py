"""Attention calls as they are heard → one `Record` for each call and text, padding cut away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attnwidget.capture import check, masks
from attnwidget.capture.arena import Arena
from attnwidget.capture.given import Given
from attnwidget.capture.interface import Heard
from attnwidget.capture.projection import Projection, find_projection
from attnwidget.capture.records import Record, Tensor
from attnwidget.capture.stacks import Places
from attnwidget.inputs.texts import Prepared, Side
from attnwidget.layers import Floats

# Sides of a stack: whose tokens ask, whose tokens are looked at. A model with one sequence has only "source".
SIDES = {
    "encoder": ("source", "source"),
    "decoder": ("target", "target"),
    "cross": ("target", "source"),
    "vision": ("image", "image"),
}


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
    """One attention call: a record for each text of the batch; none where its shape cannot be told apart by text.

    `residual` is what the self-check found (see `check`), `note` what a reader has to know of the layer.
    """

    module: Any
    records: list[Record | Given] = field(default_factory=list)
    axes: list[tuple[Axis, Axis]] = field(default_factory=list)
    note: str = ""
    source: str = "interface"
    residual: float | None = None


class Recorder:
    """Hears the calls of one forward pass.

    Attributes
    ----------
    calls : dict of str to list of Call
        By stack, in the order of the calls.
    """

    def __init__(self, places: Places, prepared: Prepared, arena: Arena | None = None) -> None:
        self.places, self.prepared, self.arena = places, prepared, arena or Arena()
        self._last: Call | None = None
        self.calls: dict[str, list[Call]] = {}
        self._masks, self._biases = masks.Shared(), masks.Shared()
        self._plain: dict[Any, masks.Seen | None] = {}
        self._watched: list[Any] = []
        self._virtual = virtual_count(places.model)

    def side(self, stack: str, axis: int) -> Side | None:
        name = SIDES.get(stack, ("", ""))[axis]
        sides = self.prepared.sides
        return sides.get(name) or (sides.get("source") if stack == "decoder" and "target" not in sides else None)

    def axis(self, stack: str, which: int, sample: int, length: int) -> Axis:
        side = self.side(stack, which)
        virtual = 0 if side is None else length - side.length
        # Other positions than the tokens' own and those of an adapter: images, audio, compressed keys. Where they lie
        # and which are padding is not known, so all are shown, by number.
        if side is None or virtual not in (0, self._virtual) or (virtual and side.exact):
            return Axis(list(range(length)), length, known=False)
        keep = [*range(virtual), *(virtual + i for i in side.keep[sample])]
        return Axis(keep, length, virtual)

    def hear(self, heard: Heard) -> None:
        """One call. Called within the model's forward pass, after the model's own attention function has run."""
        q, k, v = heard.q, heard.k, heard.v
        call = self.add(heard.module, heard.source)
        if not self._by_text(q) or k.dim() != 4 or k.shape[0] not in (1, self.prepared.size):
            call.note = not_by_text(q)
            return
        projection = find_projection(heard.module, self.places.parent(heard.module), q.shape[1] * v.shape[-1])
        stack = self.places.stack(heard.module)
        records: list[Record] = []
        for i in range(self.prepared.size):
            axes = self.axis(stack, 0, i, q.shape[2]), self.axis(stack, 1, i, k.shape[2])
            call.axes.append(axes)
            records.append(self._record(heard, i, axes, projection))
        call.records += records
        # The text with most padding: what a model that ignores its mask does shows nowhere else.
        worst = min(range(len(records)), key=lambda i: len(call.axes[i][1].keep))
        rows, columns = (axis.keep for axis in call.axes[worst])
        if check.sink_is_gate(heard, records[worst], worst, rows):
            for record in records:
                record.sink = None
        verdict = check.judge(heard, records[worst], worst, rows, columns)
        call.residual, call.note = verdict.residual, verdict.note
        if verdict.note == check.REPLACED:
            for i, axes in enumerate(call.axes):
                weights = check.all_own_weights(heard, i, axes[0].keep, axes[1].keep)
                if weights is not None:
                    call.records[i] = Given(weights, records[i])
        if projection is not None:
            self._watch(projection, heard, call)

    def add(self, module: Any, source: str) -> Call:
        """An empty call, in its place in the order of its stack."""
        self.settle()
        call = self._last = Call(module, source=source)
        self.calls.setdefault(self.places.stack(module), []).append(call)
        return call

    def withdraw_second(self, call: Call) -> None:
        """Take back the stack's last call where its module has one already that can be shown (ProphetNet's n-grams):
        it would count as a layer.
        """
        calls = self.calls[self.places.stack(call.module)]
        if any(c.module is call.module and c.records for c in calls[:-1]):
            calls.pop()

    def _watch(self, projection: Projection, heard: Heard, call: Call) -> None:
        """Whether W_O takes what attention gave."""
        output = heard.output
        if getattr(output, "dim", lambda: 0)() != 4 or not call.axes[0][0].keep:
            return

        def tell(same: bool) -> None:
            if not same and not call.note:
                call.note = check.CHANGED

        # The first text's, where whatever comes first in memory is its first row also after other ways to flatten.
        places = call.axes[0][0].keep[:2] if self.prepared.size == 1 else call.axes[0][0].keep[:1]
        self._watched.append(projection.watch(places, output[0, places].flatten(1), tell))

    def done(self) -> None:
        """The forward pass is over, or has failed."""
        for handle in self._watched:
            handle.remove()
        for calls in self.calls.values():
            for record in (record for call in calls for record in call.records):
                projection = record.projection
                if projection is not None:
                    projection.linear = None
        self.settle()

    def settle(self) -> None:
        """Store the last call in the precision wanted: only now that nothing is compared with it any more."""
        if self._last is not None and self.arena.store is not None:
            for one in self._last.records:
                record = one.record if isinstance(one, Given) else one
                if record is not None:
                    record.narrow(self.arena)
        self._last = None

    def _by_text(self, q: Any) -> bool:
        return bool(q.dim() == 4 and q.shape[0] == self.prepared.size)

    def _record(self, heard: Heard, i: int, axes: tuple[Axis, Axis], projection: Projection | None) -> Record:
        rows, columns = axes
        q, k, v, kwargs = heard.q, heard.k, heard.v, heard.kwargs
        family = _family(heard.implementation, heard.ran_own)
        at = min(i, k.shape[0] - 1)
        nq, nk = q.shape[2], k.shape[2]
        # Keys of a sample that share storage with another's (batch 1) are copied once for each: rare and small.
        terms: list[masks.Term] = []
        seen = self._seen(heard.module, heard.mask, kwargs, family, i, axes, nq, nk, terms)
        bias = kwargs.get("position_bias")
        if bias is not None:
            place = (i, rows.length, columns.length)
            term = self._biases.get(bias, place, lambda: masks.read_term(bias, i, rows.pick, columns.pick, nq, nk))
            terms += [term] if term is not None else []
        scale = kwargs.get("scaling")
        return Record(
            Tensor.of(rows.cut(q[i]), self.arena),
            Tensor.of(columns.cut(k[at]), self.arena),
            Tensor.of(columns.cut(v[min(i, v.shape[0] - 1)]), self.arena),
            q.shape[-1] ** -0.5 if scale is None else float(scale),
            softcap=kwargs.get("softcap"),
            seen=seen,
            terms=terms,
            sink=_sink(heard.module, kwargs, family, i, rows, q.shape[1]),
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
            mask = dense_block_mask(mask, nq, nk)
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
            kept = plain.cut(rows.pick, columns.pick, nk)
            self._plain[key] = masks.simplest(kept, len(columns.keep))
            if padding is not None and not padding[columns.pick].all():
                cells = kept.visible(slice(None), slice(None), len(columns.keep))
                self._plain[key] = masks.compress(cells & padding[columns.pick])
        return self._plain[key]


def virtual_count(model: Any) -> int:
    """Positions that an adapter puts before the text: prefix and prompt tuning (peft)."""
    for module in model.modules():
        config = getattr(module, "active_peft_config", None) if hasattr(module, "peft_config") else None
        if getattr(config, "is_prompt_learning", False):
            return int(getattr(config, "num_virtual_tokens", 0) or 0)
    return 0


def not_by_text(tensor: Any) -> str:
    """Why a call's queries, or its scores, cannot be shown."""
    shape = "×".join(map(str, tensor.shape))
    return f"its queries have shape {shape}, which is not one map for each text (windows, chunks)"


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


def dense_block_mask(mask: Any, nq: int, nk: int) -> Any:
    """Flex attention's lazy mask as a bool tensor."""
    from torch.nn.attention.flex_attention import create_mask

    return create_mask(mask.mask_mod, mask.shape[0], mask.shape[1], nq, nk, device=mask.kv_num_blocks.device)
