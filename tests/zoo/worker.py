"""Examines the types of model named on the command line, one JSON line for each; a process of its own (see `pool`)."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

SECONDS = 90
MEMORY = 10 << 30


class TooSlowError(BaseException):
    """Not an Exception: whoever tries one config after another must not go on to the next."""


def _too_slow(*_: Any) -> None:
    raise TooSlowError


def main() -> None:
    """Speak of each type before and after it, so that the parent knows which one a crash was."""
    out = os.fdopen(os.dup(1), "w")
    os.environ["HF_HUB_OFFLINE"] = "1"
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    with Path(os.devnull).open("w") as nowhere, contextlib.ExitStack() as quiet:
        quiet.enter_context(contextlib.redirect_stdout(nowhere))
        quiet.enter_context(contextlib.redirect_stderr(nowhere))
        import torch
        import transformers

        torch.set_num_threads(1)
        transformers.utils.logging.set_verbosity(60)
        import compare

        signal.signal(signal.SIGALRM, _too_slow)
        for name in sys.argv[1:]:
            print(json.dumps({"started": name}), file=out, flush=True)
            signal.alarm(SECONDS)
            try:
                found = compare.examine(name)
            except TooSlowError:
                found = {"type": name, "status": "unbuilt", "reason": f"more than {SECONDS} s", "same_output": None}
            except Exception as error:
                reason = f"{type(error).__name__}: {str(error)[:200]}"
                found = {"type": name, "status": "unbuilt", "reason": f"harness: {reason}", "same_output": None}
            signal.alarm(0)
            print(json.dumps(found), file=out, flush=True)


if __name__ == "__main__":
    main()
