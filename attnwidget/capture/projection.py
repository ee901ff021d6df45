"""The output projection W_O of an attention module: where the heads' values go into the residual stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attnwidget.capture.masks import version
from attnwidget.layers import Floats, Held

# Entries of W_O that are compared; an odd number, not far from their golden section, spreads them evenly.
_ENTRIES, _TURN = 512, 317
_NAMES = ("o_proj", "out_proj", "c_proj", "dense", "o", "wo", "Wo", "proj", "projection", "out_lin", "o_projection")


class Projection:
    """W_O as the model's own tensor: no copy, so that a capture holds Q, K and V only.

    It keeps that tensor alive when the model is gone, and knows when it was written to in place (`unchanged`).
    """

    def __init__(self, linear: Any, transposed: bool) -> None:
        self._weight, self._transposed = linear.weight.detach(), transposed
        self._version, self._entries = version(linear.weight), self._sample()
        # Only while the model runs: it would keep the model alive.
        self.linear: Any = linear

    def watch(self, places: list[int], expected: Any, tell: Callable[[bool], None]) -> Any:
        """Tell once whether the next thing that W_O is given is `expected`, float [len(places), H · d_v].

        These rows are at `places` of the first text. A gate or norm between attention and W_O is seen by nothing else.

        Returns
        -------
        a handle; the hook removes itself
        """
        import torch

        def given(_: Any, args: Any) -> None:
            handle.remove()
            taken = args[0] if args and isinstance(args[0], torch.Tensor) else None
            if taken is None or taken.shape[-1] != expected.shape[-1]:
                return
            rows = taken.flatten(0, -2)[places].detach().float().cpu()
            wanted = expected.detach().float().cpu()
            scale = float(wanted.abs().max())
            tell(bool((rows - wanted).abs().max() <= 1e-2 * scale))

        handle = self.linear.register_forward_pre_hook(given)
        return handle

    @property
    def unchanged(self) -> bool:
        """Whether W_O is that of the capture: False once anything, such as an optimizer, wrote to it in place.

        Torch keeps no count of what is written through ``weight.data``. That shows where it changes one of 512 entries,
        which lie all over the matrix: every head and every few rows and columns have some.
        """
        return version(self._weight) == self._version and self._sample() == self._entries

    def _sample(self) -> tuple[int, bytes] | None:
        """Where the tensor lies, and entries all over it; None for subclasses, which may not be indexed like this."""
        import torch

        weight = self._weight
        if type(weight) is not torch.Tensor:
            return None
        address = weight.data_ptr()
        if not address:  # its memory was given back
            return address, b""
        at = torch.arange(_ENTRIES, device=weight.device)
        rows = at * weight.shape[0] // _ENTRIES
        columns = at * _TURN % _ENTRIES * weight.shape[1] // _ENTRIES
        return address, weight[rows, columns].cpu().double().numpy().tobytes()

    def held(self) -> Held:
        """For a reader: nothing of its own, the model's tensor."""
        weight = self._weight
        dtype = str(weight.dtype).removeprefix("torch.")
        return Held("W_O", weight.numel() * weight.element_size(), dtype, "model", weight.data_ptr())

    def head(self, head: int, heads: int) -> Floats:
        """Rows of W_O that a head's values go through: float32 [d_v, hidden]."""
        weight = self._weight.T if self._transposed else self._weight
        width = weight.shape[0] // heads
        part: Floats = weight[head * width : (head + 1) * width].float().cpu().numpy()
        return part


def find_projection(module: Any, parent: Any, width: int) -> Projection | None:
    """W_O of an attention module, by name and shape; None where there is none or it is more than a matrix.

    Parameters
    ----------
    module : torch.nn.Module
        The module that calls attention.
    parent : torch.nn.Module or None
        The module around it: BERT's projection is ``parent.output.dense``.
    width : int
        H · d_v, what goes into the projection.
    """
    places = [module]
    if parent is not None:
        places += [getattr(parent, "output", None), parent]
    for place in places:
        for name in _NAMES:
            found = getattr(place, name, None)
            inner = [found] if not isinstance(found, _module_list()) else list(found)
            for linear in inner[:1]:
                if linear is not None and (projection := _matrix(linear, width)) is not None:
                    return projection
    return None


def _module_list() -> Any:
    from torch.nn import ModuleList, Sequential

    return (ModuleList, Sequential)


def _matrix(linear: Any, width: int) -> Projection | None:
    from torch.nn import Linear

    weight = getattr(linear, "weight", None)
    if weight is None or getattr(weight, "ndim", 0) != 2 or not weight.dtype.is_floating_point or weight.is_meta:
        return None
    # Exactly these classes: an adapter or a quantised layer has a `weight` too, but is not only that matrix.
    if type(linear) is Linear:
        return Projection(linear, True) if weight.shape[1] == width else None
    if type(linear).__name__ == "Conv1D":
        return Projection(linear, False) if weight.shape[0] == width else None
    return None
