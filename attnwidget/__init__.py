"""See where a transformer looks: ``AttnView(model, text)``, ``capture(model, text)``, ``Attention``.

Nothing heavy is imported until it is used: neither torch nor transformers nor anywidget by ``import attnwidget``.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attnwidget.attention import Attention as Attention
    from attnwidget.capture import capture as capture
    from attnwidget.export.pages import save_page as save_page
    from attnwidget.linking import link as link
    from attnwidget.profiles import HeadProfile as HeadProfile
    from attnwidget.profiles import profile as profile
    from attnwidget.view import AttnView as AttnView

    __version__: str

__all__ = ["Attention", "AttnView", "HeadProfile", "__version__", "capture", "link", "profile", "save_page"]

_WHERE = {
    "AttnView": "attnwidget.view",
    "Attention": "attnwidget.attention",
    "HeadProfile": "attnwidget.profiles",
    "link": "attnwidget.linking",
    "profile": "attnwidget.profiles",
    "save_page": "attnwidget.export.pages",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(import_module(_WHERE[name]), name)
    elif name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            value = version("attnwidget")
        except PackageNotFoundError:  # a source tree on PYTHONPATH that was never installed
            value = "0+unknown"
    else:
        raise AttributeError(f"module 'attnwidget' has no attribute {name!r}; it has {', '.join(__all__)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))


class _Package(ModuleType):
    # The function `capture` lives in the subpackage of the same name, and importing a subpackage sets an attribute of
    # its parent. A property outranks that attribute, so `attnwidget.capture` is the function whatever was imported
    # first; `from attnwidget.capture import …` still reaches the subpackage.
    @property
    def capture(self) -> Any:
        return import_module("attnwidget.capture").capture

    @capture.setter
    def capture(self, value: Any) -> None:
        pass


sys.modules[__name__].__class__ = _Package
