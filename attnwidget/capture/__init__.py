"""One forward pass of a model → `Attention`.

Three levels, and every layer says which it came from (`LayerInfo.source`). Calls of transformers' attention interface
are heard as they are made (`interface`); attention code of a model's own is read from the tensor functions it calls
(`tap`, `products`, `own`); a model that shows neither is asked for its weights (`eager`).

What is heard becomes queries, keys, values and masks (`recorder`, `records`, `masks`, `arena`), is held against what
really ran (`check`), kept as computed where no formula gives it again (`given`), and sorted into stacks and layers
(`stacks`, `assemble`, `notes`). The model is left as it was (`guest`).
"""

from __future__ import annotations

from attnwidget.capture.run import capture

__all__ = ["capture"]
