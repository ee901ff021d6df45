"""How far long work is: what is done, the rate, and the time left."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import Any


class Line:
    """Progress on one line of stderr: done, rate, time left.

    Parameters
    ----------
    total
        How many there are, where that is known.
    unit
        What is counted.
    patience
        Seconds before anything is shown: what is done by then needs no line.
    """

    def __init__(self, total: int | None, unit: str = "texts", patience: float = 0) -> None:
        self.total, self.unit, self.patience = total, unit, patience
        self.start, self.last = time.monotonic(), 0.0
        self.first: int | None = None

    def show(self, done: int) -> None:
        now = time.monotonic()
        self.first = self.first if self.first is not None else done - 1
        if now - self.last < 0.5 or now - self.start < self.patience:
            return
        self.last = now
        rate = (done - self.first) / max(now - self.start, 1e-9)
        of, left = "", ""
        if self.total is not None:
            of, left = f"/{self.total}", f", {(self.total - done) / max(rate, 1e-9):.0f} s left"
        sys.stderr.write(f"\r{done}{of} {self.unit}, {rate:.1f} {self.unit}/s{left}   ")
        sys.stderr.flush()

    def close(self) -> None:
        if self.last:
            sys.stderr.write("\n")


class Bar:
    """The same by tqdm."""

    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def show(self, done: int) -> None:
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        self.bar.close()


def progress_of(total: int | None, unit: str = "texts", patience: float = 0) -> Line | Bar:
    """By tqdm where it is installed, else on one line. Arguments as of `Line`."""
    try:
        tqdm: Any = import_module("tqdm").tqdm
    except ImportError:
        return Line(total, unit, patience)
    return Bar(tqdm(total=total, unit=f" {unit}", delay=patience, leave=not patience, file=sys.stderr))
