"""Container → arrays: for tests, and for whoever reads a saved page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnwidget.statistics.rows import KINDS, kind_sums
from attnwidget.wire import codec, top
from attnwidget.wire.container import Container, WireError
from attnwidget.wire.sums import unpack_sums


@dataclass(frozen=True)
class Layer:
    """One layer as a container holds it.

    Attributes
    ----------
    weights
        float32 [heads, queries, keys], each as its printed digits; 0 where a "top" layer does not list the key.
    sums
        float32 [heads, queries, 5], exact mass by kind of key (`KINDS`).
    shares
        float32 [heads, 5], mean of the sums over the rows.
    entropy
        float32 [heads, queries], nats.
    value_norms
        float32 [heads, keys], or None.
    form
        "dense" or "top".
    """

    weights: NDArray[np.float32]
    sums: NDArray[np.float32]
    shares: NDArray[np.float32]
    entropy: NDArray[np.float32]
    value_norms: NDArray[np.float32] | None
    form: str


def decode(data: bytes) -> dict[tuple[str, int], Layer]:
    """Every layer of a container, by stack and number. Raises `WireError` where the bytes are no whole container."""
    container = Container(data)
    out = {}
    for name in container.blocks:
        what, _, address = name.partition("/")
        stack, _, number = address.rpartition("/")
        if what == "weights" and stack and number.isascii() and number.isdigit():
            out[stack, int(number)] = _read_layer(container, stack, f"{stack}/{number}")
    return out


def decode_rows(data: bytes) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Queries [m] and rows float32 [heads, m, keys] of a reply to a request for rows. Raises `WireError`."""
    container = Container(data)
    name = next((name for name in container.blocks if name.startswith("rows/")), "rows/")
    heads, count, keys = container.block(name, (-1, -1, -1))["shape"]
    codes = container.numbers(name, (heads, count, keys)).astype(np.intp)
    if (codes >= len(codec.VALUES)).any():
        raise WireError(f"block {name!r} holds an unknown code")
    queries = container.numbers(f"queries/{name.partition('/')[2]}", (count,))
    return queries.astype(np.intp), codec.VALUES[codes]


def _read_layer(container: Container, stack: str, address: str) -> Layer:
    info = container.block(f"weights/{address}", (-1, -1, -1))
    heads, queries, keys = info["shape"]
    raw = container.bytes(f"weights/{address}")
    form = info.get("form", "dense")
    if form == "top":
        codes = top.unpack(raw, (heads, queries, keys), info.get("keys", 0))
    else:
        codes = codec.unpack_dense(raw, (heads, queries, keys), info.get("large", 0), info.get("classes", []))
    kinds = container.numbers(f"kinds/{stack}", (keys,)).astype(int)
    if keys and kinds.max() >= len(KINDS):
        raise WireError(f"block 'kinds/{stack}' holds the unknown kind {kinds.max()}")
    units = kind_sums(codec.UNITS[codes], [KINDS[kind] for kind in kinds])
    planes = container.numbers(f"sums/{address}", (len(KINDS), heads, queries))
    norms = f"value_norms/{address}"
    return Layer(
        weights=codec.VALUES[codes],
        sums=unpack_sums(planes, units),
        shares=container.numbers(f"shares/{address}", (heads, len(KINDS))),
        entropy=container.numbers(f"entropy/{address}", (heads, queries)),
        value_norms=container.numbers(norms, (heads, keys)) if norms in container.blocks else None,
        form=form,
    )
