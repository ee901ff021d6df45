"""The views of a page, by the names that Python, the page and the command line share."""

from __future__ import annotations

MODES = ("lines", "matrix", "heads", "profile", "trace", "steps")

#: Those whose code is in the second part (js/src/more.ts).
MODES_OF_MORE = ("trace", "steps")
