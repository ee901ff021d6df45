"""Every architecture of the installed transformers: captured weights against its own eager `output_attentions`.

The normal run examines one or two of each sort (`FAST`); `python -m pytest tests/zoo --all-architectures` all of them,
and with ``--zoo-results=FILE`` writes what came of each to a file.
"""

from __future__ import annotations

import json
from typing import Any

import build
import pool
import pytest
from exceptions import EXCEPTIONS

FAST = (
    # encoders, decoders and both; shared layers; latent, shared and normalised keys; windows, caps, sinks
    *("albert", "bart", "bert", "deepseek_v3", "distilbert", "gemma2", "gemma3", "gpt2", "gpt_oss", "granite_swa"),
    *("llama", "mistral", "qwen3_next", "t5", "jamba"),
    # what sees and hears
    *("clip", "vit", "wav2vec2", "whisper"),
    # attention code of their own
    *("bloom", "deberta-v2", "falcon", "git", "squeezebert", "xlnet"),
    # nothing to show
    "mamba",
)


@pytest.fixture(scope="module")
def everything(pytestconfig: pytest.Config) -> bool:
    """Whether all architectures are asked for; the option is unknown where this folder is not named."""
    return bool(pytestconfig.getoption("--all-architectures", default=False))


@pytest.fixture(scope="module")
def results(pytestconfig: pytest.Config, everything: bool) -> list[dict[str, Any]]:
    """What came of each."""
    found = pool.examine(build.model_types() if everything else FAST)
    to = pytestconfig.getoption("--zoo-results", default=None)
    if to is not None:
        to.write_text(json.dumps(found, indent=1))
    return found


def compared(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [found for found in results if found["status"] == "compared"]


def test_enough_of_them_run(results: list[dict[str, Any]], everything: bool) -> None:
    """A harness that builds nothing would find nothing wrong."""
    named = {found["type"]: found["reason"] for found in results if found["status"] == "unbuilt"}
    assert len(compared(results)) >= (380 if everything else len(FAST) - 1), named


def test_weights_are_those_of_eager_attention(results: list[dict[str, Any]], everything: bool) -> None:
    """To 1e-5 (2e-5 for logits without scale), but for exceptions that are named and have a reason."""
    shown = compared(results)
    wrong = {found["type"]: found["reason"] for found in shown if not found["agrees"]}
    unexpected = {name: reason for name, reason in wrong.items() if name not in EXCEPTIONS}
    assert not unexpected
    assert len(wrong) <= 0.05 * len(shown) or not everything
    # What has come to agree is no exception any more.
    assert not {found["type"] for found in shown if found["agrees"]} & set(EXCEPTIONS)


def test_the_guest_gives_the_same_outputs_afterwards(results: list[dict[str, Any]]) -> None:
    """Bit for bit, whether or not anything could be captured."""
    assert not [found["type"] for found in results if found["same_output"] is False]


def test_heads_add_up_to_what_attention_writes(results: list[dict[str, Any]], everything: bool) -> None:
    """Σ weight · value · W_O + bias is what the output projection returned, wherever W_O is found.

    A gate or norm in between is named in a note instead.
    """
    assert not {found["type"]: found["wrong_projections"] for found in results if found.get("wrong_projections")}
    assert sum(found.get("projections", 0) for found in results) >= (600 if everything else 40)
    gated = {found["type"] for found in results if found.get("gated")}
    assert {"granite_swa", "qwen3_next"} <= gated
    assert not {"bert", "llama", "gpt2", "t5"} & gated


def test_every_layer_says_where_it_comes_from(results: list[dict[str, Any]]) -> None:
    """The level that each architecture is captured at, for some that are known."""
    levels = {found["type"]: found.get("sources") for found in results}
    assert levels["llama"] == levels["t5"] == levels["whisper"] == ["interface"]
    assert levels["bloom"] == levels["deberta-v2"] == levels["xlnet"] == ["tap"]
    assert levels["git"] == ["interface", "tap"]
    assert "no attention" in next(found["reason"] for found in results if found["type"] == "mamba")


def test_the_self_check_agrees_where_the_reference_does(results: list[dict[str, Any]]) -> None:
    """What is recomputed is what ran, and nothing is marked that is right."""
    for found in compared(results):
        if found["agrees"] and found.get("residual") is not None:
            assert found["residual"] < 2e-4, found
