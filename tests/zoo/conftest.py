"""`python -m pytest tests/zoo --all-architectures` examines all of them; without the option, one of each sort."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known only where this folder is named on the command line; see `test_zoo.everything` for elsewhere."""
    parser.addoption(
        "--all-architectures",
        action="store_true",
        help="every type of model that transformers has (about 15 minutes), instead of one of each sort",
    )
    parser.addoption(
        "--zoo-results", type=Path, default=None, help="file that the table of results is written to, as JSON"
    )
