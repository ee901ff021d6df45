"""One cell of `capture_cost`: run by it in a process of its own, prints what it measured as one line of JSON.

CPU seconds are those of the whole process, on one thread. Memory is what the process holds above what it held before
the first measured call, when the model was built and everything had run once on a few tokens.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

import attnwidget
from attnwidget.answers import layers as replies

#: Bytes of address space that eager attention may take: what a generous laptop has.
CAP = 12 * 2**30
WARM_UP = 16


def trim() -> None:
    """Give free memory back, so that a baseline holds nothing but what is in use."""
    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        return


def status(field: str) -> int:
    """Bytes that the kernel tells of this process: VmRSS now, VmHWM at most."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"the kernel does not tell {field}")


class Memory:
    """Memory above that at the time of making."""

    def __init__(self) -> None:
        trim()
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        self._before = status("VmRSS")

    def peak(self) -> int:
        return status("VmHWM") - self._before

    def retained(self) -> int:
        gc.collect()
        return status("VmRSS") - self._before


def llama(layers: int = 16, implementation: str = "sdpa", window: int | None = None) -> Any:
    """A random Llama of 16 heads, 8 of them for keys and values; with a window: the same as a Mistral."""
    sizes: dict[str, Any] = {
        "hidden_size": 1024,
        "intermediate_size": 2816,
        "num_hidden_layers": layers,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "vocab_size": 1000,
        "max_position_embeddings": 32768,
        "attn_implementation": implementation,
    }
    torch.manual_seed(0)
    if window is not None:
        return transformers.MistralModel(transformers.MistralConfig(**sizes, sliding_window=window)).eval()
    return transformers.LlamaModel(transformers.LlamaConfig(**sizes)).eval()


def bert() -> Any:
    torch.manual_seed(0)
    return transformers.BertModel(transformers.BertConfig(vocab_size=1000, attn_implementation="sdpa")).eval()


def inputs(n: int, padding: int = 0) -> dict[str, Any]:
    ids = torch.from_numpy(np.random.default_rng(0).integers(5, 1000, (1, n)))
    mask = torch.ones_like(ids)
    mask[:, :padding] = 0
    return {"input_ids": ids, "attention_mask": mask}


def timed(run: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """CPU seconds (median), and what came out last; what came out before is dropped first."""
    seconds, out = [], None
    for _ in range(repeats):
        del out
        start = time.process_time()
        out = run()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds), out


def qkv(attention: Any) -> int:
    """Bytes of queries, keys and values in float32, whatever they are stored in."""
    held = [x for layers in attention._layers.values() for layer in layers for x in (layer.q, layer.k, layer.v)]
    return sum(tensor.data.size * 4 for tensor in held)


def masks(attention: Any) -> int:
    return sum(line.nbytes for line in attention.memory_report() if line.what == "masks")


def plain(n: int, repeats: int, padding: int = 0, window: int | None = None) -> dict[str, Any]:
    model, batch = llama(window=window), inputs(n, padding)
    run = torch.no_grad()(lambda given: model(**given, use_cache=False))
    run(inputs(WARM_UP))
    memory = Memory()
    first, _ = timed(lambda: run(batch))
    peak = memory.peak()
    seconds = timed(lambda: run(batch), repeats)[0] if repeats > 1 else first
    return {"cpu_s": seconds, "peak": peak}


def captured(n: int, repeats: int, padding: int = 0, window: int | None = None, **options: Any) -> dict[str, Any]:
    model, batch = llama(window=window), inputs(n, padding)
    attnwidget.capture(model, inputs(WARM_UP))
    memory = Memory()
    first, attention = timed(lambda: attnwidget.capture(model, batch, **options))
    peak, retained = memory.peak(), memory.retained()
    out = {"peak": peak, "retained": retained, "qkv": qkv(attention), "masks": masks(attention)}
    attention.release()
    out["after_release"] = memory.retained()
    del attention
    seconds = timed(lambda: attnwidget.capture(model, batch, **options), repeats)[0] if repeats > 1 else first
    return out | {"cpu_s": seconds}


def ratio(n: int, repeats: int) -> dict[str, Any]:
    """The same forward without and with capture, in turns: what slows the machine for a while slows both."""
    model, batch = llama(), inputs(n)
    run = torch.no_grad()(lambda: model(**batch, use_cache=False))
    pairs = []
    run(), attnwidget.capture(model, batch).release()
    for turn in range(max(3, repeats)):
        order = (run, lambda: attnwidget.capture(model, batch).release())
        seconds = {}
        for which in (0, 1) if turn % 2 == 0 else (1, 0):
            seconds[which], _ = timed(order[which])
        pairs.append((seconds[0], seconds[1]))
    own, ours = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    ratios = sorted(b / a for a, b in pairs)
    return {"plain_s": own, "capture_s": ours, "ratio": statistics.median(ratios), "ratios": ratios}


def eager(n: int, repeats: int) -> dict[str, Any]:
    model, batch = llama(implementation="eager"), inputs(n)
    run = torch.no_grad()(lambda given: model(**given, use_cache=False, output_attentions=True).attentions)
    run(inputs(WARM_UP))
    memory = Memory()
    resource.setrlimit(resource.RLIMIT_AS, (CAP, CAP))
    try:
        attentions = run(batch)
        out = {"peak": memory.peak(), "retained": memory.retained()}
        out["held"] = sum(a.numel() * a.element_size() for a in attentions)
        del attentions
        seconds, _ = timed(lambda: run(batch), repeats)
        return out | {"cpu_s": seconds}
    except (RuntimeError, MemoryError) as error:
        return {"failed": str(error).strip().splitlines()[0][:200]}


def answers(n: int, repeats: int) -> dict[str, Any]:
    """What is asked of one layer of a long text."""
    model = llama(1)
    attention: Any = attnwidget.capture(model, inputs(n))
    attention.weights(0, 3, queries=n // 2)
    row, _ = timed(lambda: attention.weights(0, 3, queries=n - 1), max(9, repeats))
    rows, _ = timed(lambda: attention.weights(0, queries=n - 1), max(9, repeats))
    from attnwidget.overviews import Pooled, blocks

    layer = attention._layers["decoder"][0]

    def picture() -> Any:
        pooled = Pooled(layer.heads, layer.queries, layer.keys, 512)
        for block in blocks(layer, [3]):
            pooled.add(block)
        return pooled.pictures[3]

    memory = Memory()
    picture()
    peak = memory.peak()
    seconds, _ = timed(picture, repeats)
    return {"row_s": row, "rows_s": rows, "overview_s": seconds, "overview_peak": peak}


def pictures(n: int, repeats: int) -> dict[str, Any]:
    """Overviews of all heads of a BERT."""
    attention: Any = attnwidget.capture(bert(), inputs(n))
    memory = Memory()
    seconds, _ = timed(lambda: [attention.overview(layer, size=64) for layer in range(12)], max(3, repeats))
    return {"cpu_s": seconds, "peak": memory.peak()}


def view(n: int, repeats: int) -> dict[str, Any]:
    """From a finished capture to a widget that shows its first layer."""
    attention: Any = attnwidget.capture(llama(), inputs(n))
    memory = Memory()
    started = time.perf_counter()
    seconds, shown = timed(lambda: attnwidget.AttnView(attention))
    wall = time.perf_counter() - started
    peak = memory.peak()
    layer, _ = timed(lambda: replies.layer(attention, "decoder", 1), repeats)
    rows, row = timed(lambda: replies.rows(attention, "decoder", 1, [n - 1]), max(9, repeats))
    sizes = {"bytes": len(shown.attention), "row_bytes": len(row)}
    return {"cpu_s": seconds, "wall_s": wall, "peak": peak, "layer_s": layer, "rows_s": rows, **sizes}


def masked(n: int, repeats: int) -> dict[str, Any]:
    """Causal, left-padded, with a sliding window of a quarter."""
    return captured(n, repeats, padding=n // 8, window=n // 4)


def masked_plain(n: int, repeats: int) -> dict[str, Any]:
    return plain(n, repeats, padding=n // 8, window=n // 4)


def halves(n: int, repeats: int) -> dict[str, Any]:
    return captured(n, repeats, store="float16")


def spilled(n: int, repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=os.environ.get("ATTNWIDGET_SPILL")) as folder:
        return captured(n, repeats, spill=folder)


CELLS: dict[str, Callable[[int, int], dict[str, Any]]] = {
    "plain": plain,
    "capture": captured,
    "ratio": ratio,
    "eager": eager,
    "answers": answers,
    "pictures": pictures,
    "view": view,
    "masked": masked,
    "masked_plain": masked_plain,
    "halves": halves,
    "spilled": spilled,
}

if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    name, length, times = sys.argv[1:]
    sys.stdout.write(json.dumps(CELLS[name](int(length), int(times))) + "\n")
