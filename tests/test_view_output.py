"""What AttnView says of itself: the selection as a table, the view as a text and a picture."""

from __future__ import annotations

import base64
import re
import sys
from typing import Any

import numpy as np
import pytest
from views import TOKENS

from attnwidget.inputs.tokens import Token
from attnwidget.view import AttnView


def test_selection_frame_of_everything_shown(view: AttnView) -> None:
    view.layer = 1
    table = view.selection_frame()
    assert list(table.columns) == ["layer", "head", "query", "query_token", "key", "key_token", "weight"]
    assert len(table) == 4 * 7 * 7
    assert set(table["layer"]) == {1}
    np.testing.assert_array_equal(table["weight"].to_numpy().reshape(4, 7, 7), view.attention_data.weights(1))


def test_selection_frame_of_chosen_heads_and_tokens(view: AttnView) -> None:
    view.heads = [2]
    view.selected_queries = [3, 1]
    view.selected_keys = [0, 6]
    table = view.selection_frame()
    assert table[["head", "query", "key"]].values.tolist() == [[2, 3, 0], [2, 3, 6], [2, 1, 0], [2, 1, 6]]
    assert table["query_token"].tolist() == ["chased", "chased", "the", "the"]
    assert table["key_token"].tolist() == ["[CLS]", "[SEP]"] * 2
    weights = view.attention_data.weights(0, 2)
    assert table["weight"].tolist() == pytest.approx([weights[3, 0], weights[3, 6], weights[1, 0], weights[1, 6]])
    view.pinned = [(2, 1), (0, 3)]
    assert view.selection_frame()[["layer", "head"]].drop_duplicates().values.tolist() == [[2, 1], [0, 3]]


def test_selection_frame_of_a_layer_without_heads(stacked: AttnView) -> None:
    stacked.layer = 1
    assert len(stacked.selection_frame()) == 0


def test_without_pandas_the_error_names_the_extra(view: AttnView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"attnwidget\[frame\]"):
        view.selection_frame()


def test_the_text_says_something(view: AttnView) -> None:
    text = repr(view)
    assert "bert · 3 layers × 4 heads · 7 tokens" in text
    assert "text: the dog chased the cat" in text
    weights = view.attention_data.weights(0).mean(axis=0)
    query, key = np.unravel_index(int(weights.argmax()), weights.shape)
    assert f"{weights.max():.3f}  {query} {TOKENS[query]} → {key} {TOKENS[key]}" in text
    view.heads = [1]
    assert "L0 H1" in repr(view)
    assert "attn.html" in text


def _links(view: AttnView) -> list[tuple[int, int]]:
    """Query and key of every link that the text names."""
    return [(int(q), int(k)) for q, k in re.findall(r"^    \d\.\d+  (\d+) .* → (\d+) ", repr(view), re.MULTILINE)]


def test_the_text_names_links_that_the_view_draws(view: AttnView) -> None:
    weights = view.attention_data.weights(0).mean(axis=0)
    view.selected_queries = [3, 1]
    assert {query for query, _ in _links(view)} <= {1, 3}
    assert len(_links(view)) == 5
    view.selected_keys = [2]
    assert _links(view) == [(query, 2) for query in sorted((1, 3), key=lambda row: -weights[row, 2])]
    view.selected_queries = []
    assert [key for _, key in _links(view)] == [2] * 5
    view.selected_keys = []
    view.sinks = "leave_out"
    assert {key for _, key in _links(view)}.isdisjoint({0, 6})


def test_the_text_of_a_pair_names_links_of_the_segments_shown() -> None:
    rng = np.random.default_rng(3)
    tokens = [Token(text, text, segment=int(place > 2)) for place, text in enumerate("abcdef")]
    pair = AttnView.from_arrays(rng.dirichlet(np.ones(6), (1, 1, 6)), tokens, pair="ab")
    assert len(_links(pair)) == 5
    assert all(query < 3 <= key for query, key in _links(pair))
    pair.close()


def test_the_text_of_several_stacks_names_them(stacked: AttnView) -> None:
    stacked.stack = "cross"
    assert "2 layers × 2 heads · 3 query tokens × 5 key tokens · cross, one of encoder, decoder, cross" in repr(stacked)
    stacked.layer = 1
    assert "linear attention" in repr(stacked)


def test_the_mimebundle_is_the_widget_a_picture_and_a_text(view: AttnView) -> None:
    bundle = view._repr_mimebundle_()
    assert bundle is not None
    data, metadata = bundle
    assert set(data) == {"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"}
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == view.model_id
    assert data["text/plain"] == repr(view)
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert isinstance(metadata, dict)


def test_pictures_are_drawn_once_a_state(view: AttnView, monkeypatch: pytest.MonkeyPatch) -> None:
    from attnwidget.export import picture

    drawn: list[str] = []
    draw = picture.picture

    def count(*args: Any, **kwargs: Any) -> bytes:
        drawn.append("one")
        return draw(*args, **kwargs)

    monkeypatch.setattr(picture, "picture", count)
    for mode in ("lines", "matrix", "lines", "matrix"):
        view.mode = mode
        view._repr_mimebundle_()
        view._repr_mimebundle_()
    assert len(drawn) == 2
    for layer in (0, 1, 2):
        for budget in (0.1, 0.2, 0.3, 0.4):
            view.layer, view.budget = layer, budget
            view._repr_mimebundle_()
    assert len(view._drawn) <= 8
