"""Pages of attnwidget and of its peers, made of the same weights; each in a process of its own, which prints one line.

    python tests/bench/peers.py NAME TOKENS FILE

Weights are softmax(2 · normal), 12 layers × 12 heads: the shape of BERT-base, with rows neither flat nor of one peak.
Peers are asked for a page as their documentation says. What they do not do (several layers) they are not asked for.
"""

from __future__ import annotations

import functools
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

LAYERS, HEADS = 12, 12
#: Tokens from which on ours are captured, and of how many layers then.
BEYOND, CAPTURED = 1024, 2
#: Bytes of address space that making a page may take: what a generous laptop has.
CAP = 12 * 2**30


def weights(n: int) -> Any:
    """float32 [layer, head, query, key]"""
    scores = 2 * np.random.default_rng(0).standard_normal((LAYERS, HEADS, n, n), dtype=np.float32)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return scores / scores.sum(-1, keepdims=True)


def tokens(n: int) -> list[str]:
    return ["[CLS]", *(f"word{i}" for i in range(n - 2)), "[SEP]"]


def attnwidget(n: int, mode: str = "lines") -> str:
    from attnwidget import AttnView

    if n < BEYOND:
        return AttnView.from_arrays(weights(n), tokens(n), mode=mode).to_html()
    return AttnView(captured(n), mode=mode).to_html()


def attnwidget_heads(n: int) -> str:
    return attnwidget(n, "heads")


@functools.cache
def captured(n: int) -> Any:
    """Attention of a random BERT of few layers: finished weights of so many tokens would fill the memory."""
    import torch
    import transformers
    from tiny import peaky

    from attnwidget import capture

    config = transformers.BertConfig(vocab_size=1000, num_hidden_layers=CAPTURED, max_position_embeddings=n)
    ids = torch.from_numpy(np.random.default_rng(0).integers(5, 1000, (1, n)))
    return capture(peaky(transformers.BertModel(config)), ids)


def _layers(n: int) -> list[Any]:
    import torch

    return [torch.from_numpy(layer)[None] for layer in weights(n)]


def bertviz_head(n: int) -> str:
    from bertviz import head_view

    return str(head_view(_layers(n), tokens(n), html_action="return").data)


def bertviz_model(n: int) -> str:
    from bertviz import model_view

    return str(model_view(_layers(n), tokens(n), html_action="return").data)


def circuitsvis(n: int) -> str:
    """One layer: it shows no more."""
    from circuitsvis.attention import attention_patterns

    return str(attention_patterns(tokens(n), weights(n)[0]).local_src)


def inspectus(n: int) -> str:
    import inspectus as package
    import IPython.display

    parts: list[Any] = []
    IPython.display.display = parts.append
    package.attention(_layers(n), tokens(n))
    return "".join(part.data for part in parts)


PAGES: dict[str, Callable[[int], str]] = {
    "attnwidget": attnwidget,
    "attnwidget_heads": attnwidget_heads,
    "bertviz_head": bertviz_head,
    "bertviz_model": bertviz_model,
    "circuitsvis": circuitsvis,
    "inspectus": inspectus,
}


def peak() -> int:
    """Bytes that this process held at most (Linux: kilobytes are counted)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    name, length, out = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_AS, (CAP, CAP))
    PAGES[name](8)  # what is imported and built once is not the page's
    if name.startswith("attnwidget") and length >= BEYOND:
        captured(length)  # nor is the forward, which `forward` measures
    before, start = peak(), time.process_time()
    page = PAGES[name](length)
    spent = time.process_time() - start
    if "<html" not in page[:2000].lower():
        page = f'<!DOCTYPE html><meta charset="utf-8"><body>{page}</body>'
    out.write_text(page, encoding="utf-8")
    sys.stdout.write(
        json.dumps({"build_cpu_s": spent, "page_bytes": out.stat().st_size, "peak": peak() - before}) + "\n"
    )
