"""Texts nobody expects, in every place that shows one: traits, messages, the exported page, mimebundle, repr, picture.

What a browser makes of the same texts is tested in tests/e2e.
"""

from __future__ import annotations

import base64
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from everywhere import alone, views
from jupyter_client.session import json_packer
from made import softmax, wait_for
from numpy.typing import NDArray
from views import message, sent

from attnwidget.arrays import from_arrays
from attnwidget.attention import Attention, LayerInfo, Stack
from attnwidget.export import page, pages
from attnwidget.inputs.tokens import Token
from attnwidget.view import AttnView

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "-->",
    "]]>",
    "<img src=x onerror=alert(1)>",
    "</noscript><b>bold</b>",
    "</pre></title></style></textarea>",
    "\"'`&lt;&amp;&#60;",
    '" onmouseover="alert(1)',
    "javascript:alert(1)",
    "${alert(1)}{{constructor}}",
    "\\u003cscript\\u003e",
    "مرحبا \u202eevil\u202c",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "\u0000\u0001\u001b[31m\u007f\u0085",
    "\u2028\u2029\r\n\t",
    "\ud800",
    "\udc00\ud83d",
    "=cmd|' /C calc'!A0",
    "$\\frac{1}$ \\input{x} %s {0} {layer}",
    "__proto__",
    "../../etc/passwd\\..\\con",
    "\ufeff\u200b\ufffe\uffff",
    "e" + "\u0301" * 50,
    "",
    " ",
    "a" * 5000,
]


class Record:
    """One layer of finished weights, as `Attention` wants it."""

    def __init__(self, weights: NDArray[np.float32]) -> None:
        self.cells = weights
        self.heads, self.queries, self.keys = weights.shape
        self.nbytes = weights.nbytes

    def weights(self, heads: Any, rows: Any) -> NDArray[np.float32]:
        return self.cells[list(heads)][:, rows].copy()

    def scores(self, heads: Any, rows: Any) -> NDArray[np.float32]:
        raise ValueError

    def vectors(self, which: str, heads: Any) -> NDArray[np.float32]:
        raise ValueError

    def value_norms(self) -> None:
        return None

    def value_products(self, heads: Any) -> None:
        return None


def raw_attention(texts: list[str], *, model: str = "", text: str = "", notes: tuple[str, ...] = ()) -> Attention:
    """An `Attention` whose tokens carry their texts unchanged, without the care that display text has had before."""
    tokens = tuple(Token(one, one, role="text", kind="word") for one in texts)
    n = len(tokens)
    stack = Stack("encoder", tokens, tokens, (LayerInfo(2, "interface", *notes[:1]),))
    return Attention([stack], {"encoder": [Record(softmax(2, n, n))]}, model_name=model, text=text, notes=notes)


class Counting(HTMLParser):
    """Elements of a page as a browser without scripts sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.comments = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = tag, tuple(name for name, _ in attrs)
        # Long bytes come in several pieces.
        if not (self.found and self.found[-1] == element and "data-length" in element[1]):
            self.found.append(element)

    def handle_comment(self, data: str) -> None:
        self.comments += 1


@pytest.fixture(autouse=True)
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.js").write_text("console.log(1);")
    monkeypatch.setattr(page, "BUNDLE", tmp_path / "page.js")


def everything(view: AttnView) -> str:
    """All a view gives, each made to the bytes that would leave the kernel; the page."""
    state = {name: value for name, value in view.get_state().items() if not isinstance(value, (bytes, memoryview))}
    json_packer(state).decode("utf-8")
    bundle = view._repr_mimebundle_()
    assert bundle is not None
    json_packer(bundle[0]).decode("utf-8")
    assert base64.b64decode(bundle[0]["image/png"]).startswith(b"\x89PNG")
    repr(view).encode("utf-8")
    text = view.to_html()
    text.encode("utf-8")
    return text


def check_svg(view: AttnView, folder: Path) -> None:
    """It has shapes and texts, and nothing that runs or asks."""
    view.save(folder / "figure.svg")
    for element in ElementTree.parse(folder / "figure.svg").iter():
        tag = element.tag.removeprefix("{http://www.w3.org/2000/svg}")
        assert tag in DRAWN or "}" in tag, tag
        links = [value for name, value in element.attrib.items() if name.endswith("href")]
        assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)
        assert not [name for name in element.attrib if name.startswith("on")]


#: Besides, matplotlib writes its metadata in a namespace of their own.
DRAWN = {"svg", "metadata", "defs", "style", "g", "path", "text", "tspan", "use", "clipPath", "rect", "image"}
PLAIN = raw_attention(["a", "b", "c"], model="m", text="a b c")


@pytest.mark.parametrize("mode", ["lines", "matrix"])
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_text_becomes_markup(text: str, mode: str) -> None:
    reference = Counting(AttnView(PLAIN).to_html())
    view = AttnView(
        raw_attention([text, "b", text], model=text, text=text, notes=(text,)), mode=mode, highlight="special"
    )
    made = everything(view)
    document = Counting(made)
    assert document.found == reference.found
    assert document.comments == 0
    # As a browser reads it: the text of each script ends at the first closing tag.
    assert made.count("</script") == made.count("<script") == 4
    state = made.split('class="attnwidget-state">', 1)[1].split("</script>", 1)[0]
    assert "<" not in state
    tokens = json.loads(state)["tokens"]["text"]
    assert tokens[0]["text"].replace("\ufffd", "") == "".join(c for c in text if not "\ud800" <= c <= "\udfff")


@pytest.fixture(scope="module")
def plain_page(tmp_path_factory: pytest.TempPathFactory) -> Counting:
    """Its elements, of the views that carry a plain word everywhere."""
    folder = tmp_path_factory.mktemp("plain")
    with pytest.MonkeyPatch.context() as patch:
        (folder / "page.js").write_text("console.log(1);")
        patch.setattr(page, "BUNDLE", folder / "page.js")
        return Counting(pages.to_html(views(alone("plain"), folder), title="x", date="x"))


@pytest.mark.filterwarnings("ignore:no installed font has", "ignore:Glyph .* missing")
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_text_becomes_markup_wherever_it_comes_from(text: str, tmp_path: Path, plain_page: Counting) -> None:
    """Names of stacks, models, statistics and sides, notes, what a loaded profile says: in pages and in figures."""
    made = views(alone(text), tmp_path)
    for view in made:
        everything(view)
        check_svg(view, tmp_path)
    made[0].save(tmp_path / "figure.pdf")
    document = Counting(pages.to_html(made, title=text or "x", date=text))
    assert document.found == plain_page.found
    assert document.comments == 0
    frame = made[0].snapshot(title=text or "x").html
    assert [tag for tag, _ in Counting(frame).found] == ["div", "img", "div", "iframe"]
    for view in made:
        view.close()


def test_a_folder_of_any_name_is_a_models_name(tmp_path: Path, tiny_bert: Any, minilm_tokenizer: Any) -> None:
    folder = tmp_path / '"><img src=x onerror=alert(1)> $&\u202e'
    tiny_bert.save_pretrained(folder)
    encoding = {"input_ids": torch.tensor([[1, 2, 3]])}
    view = AttnView(str(folder), encoding, tokenizer=minilm_tokenizer)
    assert "onerror" in view.title
    made = everything(view)
    assert [one for one in Counting(made).found if one[0] == "img"] == [("img", ("alt", "src"))]
    path = folder / "<svg onload=alert(1)>.svg"
    view.save(path)
    assert "onload" not in path.read_text("utf-8")
    with pytest.raises(ValueError, match=r"<b>\.txt.*Valid: '\.html'"):
        view.save(folder / "<b>.txt")


def test_an_error_can_be_sent_whatever_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be written as UTF-8 would be lost on its way, and the page would wait for ever."""
    view = AttnView(PLAIN)
    messages = sent(view, monkeypatch)

    def fail(*_: object, **__: object) -> None:
        raise ValueError("text '\ud800' is none")

    monkeypatch.setattr(view, "run", fail)
    monkeypatch.setattr(view._requests, "_answer", fail)
    message(view, {"kind": "run", "id": "1", "text": "x"})
    message(view, {"kind": "request", "id": "2", "what": "layer", "stack": "encoder", "layer": 0})
    wait_for(lambda: len(messages) == 2)
    for data, _ in messages:
        json_packer(data).decode("utf-8")
        assert data["content"]["error"] == "text '\ufffd' is none"


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_title_is_any_text(text: str) -> None:
    view = AttnView(PLAIN)
    reference = Counting(view.to_html())
    assert Counting(view.to_html(title=text or "x")).found == reference.found
    view.title = text
    assert Counting(everything(view)).found == reference.found


def test_a_text_repr_keeps_to_its_lines() -> None:
    view = AttnView(raw_attention(HOSTILE, model="\x1b[31m\n\nred", text="a\r\nb\x00\u2028c"))
    lines = repr(view).split("\n")
    assert len(lines) == 9
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 200


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_the_public_way_takes_any_token(text: str) -> None:
    view = AttnView.from_arrays(softmax(1, 2, 3, 3), [text, "b", "[SEP]"], model_name=text, text=text)
    everything(view)
    assert view.selection_frame()["weight"].sum() == pytest.approx(6, abs=1e-4)


@pytest.mark.parametrize(
    ("layers", "heads", "tokens"),
    [(1, 1, 1), (2, 64, 3), (1, 2, 300), (3, 1, 2)],
    ids=["1 token", "64 heads", "300 tokens", "1 head"],
)
@pytest.mark.parametrize("mode", ["lines", "matrix"])
def test_any_size_is_shown(layers: int, heads: int, tokens: int, mode: str) -> None:
    view = AttnView(from_arrays(softmax(layers, heads, tokens, tokens), [f"t{n}" for n in range(tokens)]), mode=mode)
    everything(view)
    view.selected_queries = [tokens - 1]
    view.selected_keys = [0]
    view.heads = [heads - 1]
    view.budget = 1
    view.max_strokes = 0
    everything(view)


def test_layers_without_heads_and_with_different_ones() -> None:
    tokens = tuple(Token(one, one, role="text", kind="word") for one in "abc")
    infos = (LayerInfo(0, "interface", "linear attention"), LayerInfo(3, "interface"), LayerInfo(1, "eager"))
    records = [None, Record(softmax(3, 3, 3)), Record(softmax(1, 3, 3))]
    view = AttnView(Attention([Stack("decoder", tokens, tokens, infos)], {"decoder": records}))
    assert view.layer == 1
    for layer in range(3):
        view.layer = layer
        everything(view)
    none = AttnView(Attention([Stack("decoder", tokens, tokens, infos[:1])], {"decoder": [None]}))
    assert "linear attention" in repr(none)
    everything(none)
