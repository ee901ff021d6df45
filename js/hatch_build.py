"""Build hook of the Python package: no wheel, no sdist and no editable install without the page's bundles."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# hatchling loads this file by its path, so its neighbour is not importable by itself.
sys.path.insert(0, str(Path(__file__).resolve().parent))
import bundle


class PageBuildHook(BuildHookInterface[Any]):
    """Bundles the page before hatchling collects files."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node from the package index, only where it is needed: 60 MB that most developers have already."""
        return [] if self._built() or bundle.system_node() else [bundle.NODE_PACKAGE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build; the error of a failure stops the whole build."""
        if not self._built():
            bundle.build()

    @staticmethod
    def _built() -> bool:
        # In a working tree a bundle from earlier may be out of date, so there it is always made anew.
        return bundle.from_sdist() and bundle.present()
