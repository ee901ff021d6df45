"""A Python without torch and transformers, as in a browser, shows finished weights all the same; pandas and matplotlib
may be missing too.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

SETUP = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
import numpy as np
import attnwidget

def refused(call, *names):
    try:
        call()
    except ImportError as error:
        assert any(name in str(error) for name in names), error
        return True
    return False

weights = np.random.default_rng(0).random((2, 3, 6, 6))
weights /= weights.sum(-1, keepdims=True)
tokens = ["the", "dog", "chased", "the", "cat", "."]
attention = attnwidget.Attention.from_arrays(weights, tokens)
assert attention.weights(1).shape == (3, 6, 6)
view = attnwidget.AttnView.from_arrays(weights, tokens, layer=1, heads=[2])
assert "chased" in repr(view)
data, _ = view._repr_mimebundle_()
assert {{"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"}} <= set(data)
assert "chased" in view.to_html()
assert "iframe" in view.snapshot().html
"""
WITHOUT_TORCH = """
assert refused(lambda: attnwidget.capture("no-model", "a text"), "torch", "transformers")
"""
WITHOUT_PANDAS = """
assert refused(view.selection_frame, "pandas")
"""
ENDED = """
assert not [name for name in {absent!r} if name in sys.modules]
print("works")
"""
MODEL = ("torch", "transformers")
TABLES = ("pandas", "matplotlib")


@pytest.mark.parametrize(
    ("absent", "more"),
    [((*MODEL, *TABLES), WITHOUT_TORCH + WITHOUT_PANDAS), (MODEL, WITHOUT_TORCH), (TABLES, WITHOUT_PANDAS)],
    ids=["all", "model", "tables"],
)
def test_finished_weights_need_none_of_them(absent: tuple[str, ...], more: str) -> None:
    program = (SETUP + more + ENDED).format(absent=absent)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "works"
