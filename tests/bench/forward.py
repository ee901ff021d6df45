"""What getting every weight out of one forward takes: one line of JSON.

    python tests/bench/forward.py capture|eager TOKENS

A random BERT-base reads random tokens on one thread. "capture" is ours; "eager" is what BertViz, CircuitsVis and
inspectus are given: ``model(..., output_attentions=True).attentions``. Memory is what the process holds above what it
held before: at most, and once the forward is over.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from typing import Any

import torch
import transformers
from capture_cells import CAP, WARM_UP, Memory, inputs, timed

import attnwidget


def measured(name: str, n: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    resource.setrlimit(resource.RLIMIT_AS, (CAP, CAP))
    implementation = "eager" if name == "eager" else "sdpa"
    config = transformers.BertConfig(vocab_size=1000, max_position_embeddings=n, attn_implementation=implementation)
    model = transformers.BertModel(config).eval()
    runs: dict[str, Callable[[Any], Any]] = {
        "capture": lambda given: attnwidget.capture(model, given),
        "eager": torch.no_grad()(lambda given: model(**given, output_attentions=True).attentions),
    }
    run, batch = runs[name], inputs(n)
    run(inputs(min(n, WARM_UP)))
    memory = Memory()
    seconds, held = timed(lambda: run(batch))
    out = {"forward_peak": memory.peak(), "forward_retained": memory.retained()}
    assert len(held.tokens if name == "capture" else held)
    repeats = 5 if n <= 512 else 1
    return out | {"forward_cpu_s": timed(lambda: run(batch), repeats)[0] if repeats > 1 else seconds}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(sys.argv[1], int(sys.argv[2]))) + "\n")
