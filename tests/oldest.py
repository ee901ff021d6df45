"""Test the capture with the oldest supported transformers, and the view with Colab's ipywidgets:
`python tests/oldest.py [arguments for pytest]`.

What `oldest.txt` names goes into a folder of its own in front of the installed packages; the environment that this
runs in is left as it is. It must be able to run the tests: the `demo` and `test` extras.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = [*sorted(path.name for path in HERE.glob("test_capture*.py")), "test_view_output.py"]


def main() -> int:
    """Install, run, and give pytest's exit code."""
    with tempfile.TemporaryDirectory(prefix="attnwidget-oldest-") as folder:
        install = [sys.executable, "-m", "pip", "install", "-q", "--target", folder, "--no-deps"]
        subprocess.run([*install, "-r", str(HERE / "oldest.txt")], check=True)
        paths = [folder, str(HERE.parent), os.environ.get("PYTHONPATH", "")]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        command = [sys.executable, "-m", "pytest", "-q", *TESTS, *sys.argv[1:]]
        return subprocess.run(command, cwd=HERE, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
