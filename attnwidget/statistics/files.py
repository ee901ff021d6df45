"""Profiles on disk: one .npz of plain arrays, and JSON for everything else. Nothing in it can run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from attnwidget.statistics.accumulators import Moments, Replicates
from attnwidget.statistics.corpus import HeadProfile

VERSION = 2
_FORMAT = "attnwidget profile"
_PLAIN = ("model_name", "stack", "heads", "names", "layer_names", "counts", "lengths", "sinks", "seed", "errors")
_MOMENTS = ("moments", "baselines", "layers", "induction", "pairs")
_FIELDS = ("count", "mean", "m2", "low", "high")


def save(profile: HeadProfile, path: str | Path) -> None:
    """Write a profile; an existing file, or the one that a link names, is replaced only once the new one is whole."""
    arrays: dict[str, Any] = {f"sums.{name}": array for name, array in profile.sums.items()}
    for name in _MOMENTS:
        moments = getattr(profile, name)
        if moments is not None:
            arrays |= {f"{name}.{part}": getattr(moments, part) for part in _FIELDS}
    arrays |= {f"replicates.{part}": getattr(profile.replicates, part) for part in ("count", "total", "base")}
    arrays["histograms"] = profile.histograms
    about = {name: getattr(profile, name) for name in _PLAIN}
    about |= {"format": _FORMAT, "version": VERSION, "interrupted": profile.interrupted, "notes": profile.notes}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    target = Path(os.path.realpath(path))
    part = target.with_name(f"{target.name}.{uuid4().hex}.part")
    try:
        with part.open("wb") as file:
            np.savez_compressed(file, **arrays)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def load(path: str | Path) -> HeadProfile:
    """Read a profile.

    Raises
    ------
    ValueError
        The file is no profile, or of a later version.
    """
    found = np.load(path, allow_pickle=False)
    arrays = {}
    if hasattr(found, "files"):  # of a .npy file it is the array itself
        with found:
            arrays = {name: found[name] for name in found.files}
    if "about" not in arrays:
        raise ValueError(f"{path} is not a saved profile: it has no entry 'about'")
    about = json.loads(arrays["about"].tobytes())
    if about.get("format") != _FORMAT or about.get("version") != VERSION:
        raise ValueError(
            f"{path} is {about.get('format')!r} version {about.get('version')!r}: only version {VERSION} can be read; "
            "profile the texts again"
        )

    def moments(name: str) -> Moments:
        return Moments(*(arrays[f"{name}.{part}"] for part in _FIELDS))

    return HeadProfile(
        about["model_name"],
        about["stack"],
        tuple(about["heads"]),
        tuple(about["names"]),
        tuple(about["layer_names"]),
        moments("moments"),
        moments("baselines"),
        moments("layers"),
        {name.removeprefix("sums."): array for name, array in arrays.items() if name.startswith("sums.")},
        arrays["histograms"],
        Replicates(*(arrays[f"replicates.{part}"] for part in ("count", "total", "base"))),
        about["counts"],
        (about["lengths"][0], about["lengths"][1]),
        about["sinks"],
        about["seed"],
        moments("induction") if "induction.mean" in arrays else None,
        moments("pairs") if "pairs.mean" in arrays else None,
        tuple((number, text, why) for number, text, why in about["errors"]),
        about["interrupted"],
        about["notes"],
    )
