"""One forward pass of a model → `Attention`.

`capture` listens to the model's attention calls (`interface`), keeps queries, keys, values and masks (`recorder`,
`records`, `masks`) sorted into stacks and layers (`stacks`), and leaves the model as it was (`guest`); where a model
does not go through the interface, it is asked for its weights (`eager`).
"""

from __future__ import annotations

from attnwidget.capture.run import capture

__all__ = ["capture"]
