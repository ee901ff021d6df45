"""Level 2: models with attention code of their own, read from the tensor functions that they call.

For the one forward pass every torch function is seen (`TorchFunctionMode`), and three things are attention:
`scaled_dot_product_attention`; `multi_head_attention_forward`; and a softmax over what descends from a product of two
matrices and is itself multiplied with a third: the operands of the products are the queries, keys and values.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from attnwidget.capture.interface import Heard, Listener
from attnwidget.capture.products import Product, product_of, values_of

_PRODUCTS = {
    torch.matmul: "matmul",
    torch.Tensor.matmul: "matmul",
    torch.Tensor.__matmul__: "matmul",
    torch.bmm: "matmul",
    torch.Tensor.bmm: "matmul",
    torch.baddbmm: "baddbmm",
    torch.Tensor.baddbmm: "baddbmm",
    torch.einsum: "einsum",
    torch.functional.einsum: "einsum",
}
_SOFTMAX = {functional.softmax, torch.softmax, torch.Tensor.softmax, torch.special.softmax}
# Names of operands, in their order, for those who pass them by name.
_OPERANDS = ("input", "tensor", "batch1", "batch2", "other", "mat2")
_MULTI_HEAD = inspect.signature(functional.multi_head_attention_forward)


@dataclass(frozen=True)
class Softmax:
    """A softmax that may be attention: what it took and gave, and the product it came from."""

    module: Any
    logits: Any
    weights: Any
    product: Product


class Tap(TorchFunctionMode):
    """Reports the attention of one model's own code.

    Parameters
    ----------
    listener : Listener
        Whose modules count, and whose `hear` takes calls of the kernel. While it is busy nothing is reported: that
        call goes through the interface.
    weigh : callable
        Takes a `Softmax` and the values its weights were multiplied with.
    take : callable
        Takes a module and finished weights [B, H, q, k].
    """

    def __init__(
        self, listener: Listener, weigh: Callable[[Softmax, Any], None], take: Callable[[Any, Any], None]
    ) -> None:
        super().__init__()
        self.listener, self.weigh, self.take = listener, weigh, take
        # Where a tensor comes from: a product of two, or a softmax over one. By identity, as long as the tensor lives.
        self._origin: dict[int, tuple[Any, Product | Softmax]] = {}
        self._last: Softmax | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run any torch function as it is, then look at it."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not self.listener.busy:
            # By hand, not `within`: this is on the way of every torch function.
            self.listener.busy += 1
            try:
                self._see(func, args, kwargs, result)
            finally:
                self.listener.busy -= 1
        return result

    def _see(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        if func in _PRODUCTS:
            self._multiplied(_PRODUCTS[func], args, kwargs, result)
        elif func in _SOFTMAX:
            self._normalised(args, kwargs, result)
        elif func is functional.scaled_dot_product_attention:
            self._kernel(args, kwargs, result)
        elif func is functional.multi_head_attention_forward:
            self._multi_head(args, kwargs)
        elif self._origin and isinstance(result, torch.Tensor):
            # Scaling, masks, casts, views: whatever keeps the number of cells passes the origin on.
            origin = next((o for a in args if (o := self._of(a)) is not None), None)
            if origin is not None and result.numel() == _cells(origin):
                self._remember(result, origin)

    def _of(self, tensor: Any) -> Product | Softmax | None:
        known = self._origin.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def _remember(self, tensor: Any, origin: Product | Softmax) -> None:
        key = id(tensor)
        table = self._origin

        def gone(reference: Any) -> None:
            if key in table and table[key][0] is reference:
                del table[key]

        table[key] = (weakref.ref(tensor, gone), origin)

    def _multiplied(self, form: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        args = (*args, *(kwargs[name] for name in _OPERANDS if name in kwargs))
        flat = [t for a in args for t in (a if isinstance(a, (list, tuple)) else [a]) if isinstance(t, torch.Tensor)]
        softmax = next((o for t in flat if isinstance(o := self._of(t), Softmax)), None)
        if softmax is not None:
            values = values_of(form, args, softmax.weights)
            if values is not None:
                self._forget(softmax)
                self.weigh(softmax, values)
            return
        product = product_of(form, args, result)
        if product is not None:
            self._remember(result, product)

    def _forget(self, softmax: Softmax) -> None:
        for key in [key for key, (_, origin) in self._origin.items() if origin is softmax]:
            del self._origin[key]

    def _normalised(self, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        logits = args[0] if args else kwargs.get("input")
        product = self._of(logits)
        dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if not isinstance(product, Product) or not isinstance(dim, int) or result.dim() not in (3, 4, 5):
            return
        module = self._module()
        if dim % result.dim() == result.dim() - 1 and module is not None:
            # One that was never multiplied with values is no attention, and would be kept alive here.
            if self._last is not None:
                self._forget(self._last)
            self._last = Softmax(module, logits, result, product)
            self._remember(result, self._last)

    def _kernel(self, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        q, k, v = (given[name] for name in names[:3])
        module = self._module()
        mask = given.get("attn_mask")
        if module is None or q.dim() != k.dim() or q.dim() < 3:
            return
        if mask is not None:
            # Missing axes are in front, unlike in masks that models pass on: [q, k], not [batch, k].
            mask = mask.reshape((1,) * (q.dim() - mask.dim()) + tuple(mask.shape))
            mask = mask.expand(*mask.shape[:-1], k.shape[-2])
        if q.dim() == 3:  # one head
            q, k, v, result = (t[:, None] for t in (q, k, v, result))
            mask = None if mask is None else mask[:, None]
        heard_kwargs = {"scaling": given.get("scale"), "is_causal": bool(given.get("is_causal"))}
        self.listener.hear(Heard(module, q, k, v, mask, heard_kwargs, result.transpose(1, 2), "sdpa", source="tap"))

    def _multi_head(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        module = self._module()
        if module is None:
            return
        given = _MULTI_HEAD.bind(*args, **kwargs).arguments
        # Asked a second time, as the model itself mostly does not want the weights.
        given |= {"need_weights": True, "average_attn_weights": False, "training": False}
        weights = functional.multi_head_attention_forward(**given)[1]
        if weights is not None:
            self.take(module, weights if weights.dim() == 4 else weights[None])

    def _module(self) -> Any:
        """The model's module that is running: the innermost `self` on the stack that is a module of its own code."""
        frame = sys._getframe(2)
        while frame is not None:
            code = frame.f_code
            if code.co_varnames[:1] == ("self",) and code.co_argcount:
                owner = frame.f_locals.get("self")
                if isinstance(owner, torch.nn.Module) and not _is_part(owner):
                    return owner if id(owner) in self.listener.modules else None
            frame = frame.f_back  # type: ignore[assignment]
        return None


def _is_part(module: Any) -> bool:
    """Softmax, Dropout and the like: torch's own, but for its attention."""
    return type(module).__module__.startswith("torch.") and not isinstance(module, torch.nn.MultiheadAttention)


def _cells(origin: Product | Softmax) -> int:
    cells: int = origin.cells if isinstance(origin, Product) else origin.weights.numel()
    return cells
