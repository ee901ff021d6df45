"""What a page or a figure was made of and with. A date only where one is given: the same view gives the same bytes."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from attnwidget import __version__


def revision(model: Any) -> str:
    """The commit of the Hub that a model was loaded from; empty where it does not say."""
    found = getattr(getattr(model, "config", None), "_commit_hash", None)
    return found if isinstance(found, str) else ""


def provenance(model_name: str, commit: str, date: object = None) -> dict[str, str]:
    """By name of the meta element of a page."""
    out = {"generator": f"attnwidget {__version__}", "attnwidget-model": model_name}
    if commit:
        out["attnwidget-revision"] = commit
    if date is not None:
        out["date"] = str(date)
    # Attention from arrays needs neither.
    return out | {f"attnwidget-{name}": found for name in ("transformers", "torch") if (found := _version(name))}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
