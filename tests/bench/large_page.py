"""The page of a long text, built and weighed: ``python tests/bench/large_page.py [--tokens 4096] [--layers 16]``.

A random Llama of 16 heads a layer is captured, its view is saved as a page: bytes, CPU seconds, and how much memory the
saving took at most beyond what the capture and the view hold. Linux only, as `capture_cells`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import capture_cells
import torch

import attnwidget


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--layers", type=int, default=16)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = capture_cells.llama(arguments.layers)
    attention = attnwidget.capture(model, capture_cells.inputs(arguments.tokens))
    view = attnwidget.AttnView(attention)
    with tempfile.TemporaryDirectory() as folder:
        path, memory = Path(folder) / "page.html", capture_cells.Memory()
        start = time.process_time()
        view.save(path)
        seconds, peak = time.process_time() - start, memory.peak()
        sys.stdout.write(
            f"{arguments.tokens} tokens, {arguments.layers} × 16 heads: {path.stat().st_size / 1e6:.1f} MB, "
            f"{seconds:.1f} s of CPU, {peak / 1e6:.0f} MB of memory at most\n"
        )


if __name__ == "__main__":
    main()
