"""Products of matrices that may be attention's: which operand holds the queries, which the keys, which the values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Product:
    """q·kᵀ: operands [..., q, d] and [..., k, d], and the number of cells of the result."""

    q: Any
    k: Any
    cells: int


def product_of(form: str, args: tuple[Any, ...], result: Any) -> Product | None:
    """The operands of a product, as queries and keys; None where it is none of two tensors with 3 or more axes.

    Parameters
    ----------
    form : "matmul", "baddbmm" or "einsum"
    args : tuple
        Positional arguments of the call.
    result : torch.Tensor
    """
    if form == "einsum":
        parsed = _einsum(args)
        if parsed is None or len(parsed[2]) < 3:
            return None
        (first, left), (second, right), out = parsed
        row, column = out[-2], out[-1]
        if row in right and column in left:
            first, left, second, right = second, right, first, left
        summed = [c for c in left if c in right and c not in out]
        if row not in left or column not in right or len(summed) != 1:
            return None
        q = _arrange(first, left, [*[c for c in out[:-2] if c in left], row, summed[0]])
        k = _arrange(second, right, [*[c for c in out[:-2] if c in right], column, summed[0]])
        return None if q is None or k is None else Product(q, k, result.numel())
    operands = args[1:3] if form == "baddbmm" else args[:2]
    if len(operands) < 2 or any(t.dim() < 3 for t in operands):
        return None
    return Product(operands[0], operands[1].transpose(-1, -2), result.numel())


def values_of(form: str, args: tuple[Any, ...], weights: Any) -> Any:
    """Of a product with attention weights, the other operand as values [..., k, d]; None where weights are no factor
    on the left, summed over their keys.
    """
    if form == "einsum":
        parsed = _einsum(args)
        if parsed is None:
            return None
        (first, left), (second, right), _ = parsed
        if first.numel() != weights.numel() or len(left) < 3:
            first, left, second, right = second, right, first, left
        key = left[-1]
        rest = [c for c in right if c not in left]
        if first.numel() != weights.numel() or key not in right or len(rest) != 1:
            return None
        return _arrange(second, right, [*[c for c in left[:-2] if c in right], key, rest[0]])
    left, right = args[1:3] if form == "baddbmm" else args[:2]
    if left.numel() != weights.numel() or left.shape[-1] != weights.shape[-1] or right.shape[-2] != left.shape[-1]:
        return None
    return right


def _einsum(args: tuple[Any, ...]) -> tuple[tuple[Any, str], tuple[Any, str], str] | None:
    """Operands with their letters, and the letters of the result; None for anything but two and an explicit result."""
    if not args or not isinstance(args[0], str) or "->" not in args[0] or "." in args[0]:
        return None
    operands = args[1] if len(args) == 2 and isinstance(args[1], (list, tuple)) else args[1:]
    left, out = args[0].replace(" ", "").split("->")
    letters = left.split(",")
    if len(operands) != 2 or len(letters) != 2:
        return None
    return (operands[0], letters[0]), (operands[1], letters[1]), out


def _arrange(tensor: Any, letters: str, wanted: list[str]) -> Any:
    if sorted(letters) != sorted(wanted):
        return None
    return tensor.permute(*(letters.index(c) for c in wanted))
