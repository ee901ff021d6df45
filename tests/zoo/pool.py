"""Runs `worker` over many types, in processes that may die without taking the others along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CHUNK = 25


def examine(types: Sequence[str], processes: int = 2) -> list[dict[str, Any]]:
    """One result for each type, in their order."""
    chunks = [list(types[i : i + CHUNK]) for i in range(0, len(types), CHUNK)]
    with ThreadPoolExecutor(processes) as pool:
        return [found for part in pool.map(_chunk, chunks) for found in part]


def _chunk(types: list[str]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    while len(results) < len(types):
        results += _worker(types[len(results) :])
    return results


def _worker(types: list[str]) -> list[dict[str, Any]]:
    """What one process says; where it dies, the type it was at counts as unbuilt."""
    paths = [str(HERE), str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "worker.py"), *types]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    results: list[dict[str, Any]] = []
    current = types[0]
    for line in done.stdout.splitlines():
        said = json.loads(line)
        if "started" in said:
            current = said["started"]
        else:
            results.append(said)
    if len(results) < len(types):
        lines = done.stderr.strip().splitlines()
        last = lines[-1][:200] if lines else f"exit code {done.returncode}"
        results.append({"type": current, "status": "unbuilt", "reason": f"process died: {last}", "same_output": None})
    return results
