"""``python -m attnwidget``: the command line."""

from __future__ import annotations

from attnwidget.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
