"""Two runs of the side by side: what counts as a change, and how a peer that fails is told."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "bench"))
    return importlib.import_module("compare_report")


def found(ours: float, theirs: float, **machine: str) -> dict[str, Any]:
    cells = {"attnwidget/64": {"layer_ms": ours, "page_bytes": 2e6}, "bertviz_head/64": {"layer_ms": theirs}}
    return {"machine": {"python": "3.12", **machine}, "load": [0.1], "cells": cells}


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        ((50, 1000), (50, 1000), 0),
        ((50, 1000), (100, 2000), 0),  # a slower machine
        ((50, 1000), (50, 1240), 0),
        ((50, 1000), (50, 1260), 1),
        ((50, 1000), (64, 1000), 1),
        ((10, 1000), (19, 1000), 0),  # ours is too short to be judged
    ],
)
def test_ratios_are_judged_where_both_take_long(
    report: ModuleType, first: tuple[float, float], second: tuple[float, float], apart: int
) -> None:
    said, count = report.differences(found(*first), found(*second))
    assert count == apart
    assert (" × ours, then " in said) == bool(apart)


def test_other_versions_are_named_and_nothing_in_common_is_no_agreement(report: ModuleType) -> None:
    said, _ = report.differences(found(50, 1000), found(50, 1000, python="3.13"))
    assert "python: 3.12 → 3.13" in said
    assert report.differences(found(50, 1000), {"machine": {}, "cells": {}})[1] == 1


def test_the_table_has_ratios_and_failures(report: ModuleType) -> None:
    run = found(50, 1000)
    run["cells"]["bertviz_model/512"] = {"build_cpu_s": 12.5, "failed": "ended with 1: a|b"}
    text = report.markdown(run)
    assert "| 64 | bertviz_head | – | – | – | 20.0 | – | – | – |" in text
    assert "| 512 | bertviz_model | 12.50 | – | – | – | – | – | – | ended with 1: a/b |" in text
