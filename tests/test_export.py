"""The exported page as text: its policy, its one script, its state, nothing else; and files written whole."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import os
import re
import stat
import tracemalloc
import zlib
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from made import softmax

from attnwidget import progress
from attnwidget import view as view_module
from attnwidget.export import dense, page, pages
from attnwidget.state import BINARY, CODE, GIVEN, SHARED
from attnwidget.view import AttnView
from attnwidget.wire import Container, decode

FIXTURES = Path(__file__).parent / "fixtures"

# Text that a careless page writer trips over: all of it stands where scripts have strings.
BUNDLE = (
    'const a = "</script><script>x</script>", b = "<!-- <script>", c = /<\\/SCRIPT>/;\r\nconsole.log("é 犬", a < !b);\n'
)


class Document(HTMLParser):
    """Elements, attributes and texts of a page, with scripts and styles as raw text, as a browser takes them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        if self.texts and self.texts[-1][0] == self._open and self._open in ("script", "style"):
            self.texts[-1] = (self._open, self.texts[-1][1] + data)
        else:
            self.texts.append((self._open, data))

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]

    def meta(self, name: str) -> str:
        return next(
            str(a["content"]) for t, a in self.elements if t == "meta" and name in (a.get("name"), a.get("http-equiv"))
        )

    def scripts(self, **wanted: str) -> list[str]:
        """Texts of the script elements with these attributes."""
        found = iter(text for tag, text in self.texts if tag == "script")
        scripts = [(attributes, next(found)) for tag, attributes in self.elements if tag == "script"]
        wanted = {name.replace("_", "-").strip("-"): value for name, value in wanted.items()}
        return [text for attributes, text in scripts if wanted.items() <= attributes.items()]

    def state(self, index: int = 0) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.scripts(class_="attnwidget-state")[index])
        return state

    def bytes(self, name: str = "attention", index: int = 0) -> bytes:
        """What travels as bytes with the view of that number, its pieces joined."""
        views = [at for at, (_, a) in enumerate(self.elements) if a.get("class") == "attnwidget-state"]
        end = [*views, len(self.elements)][index + 1]
        before = sum(a.get("data-name") == name for _, a in self.elements[: views[index]])
        pieces = [a for _, a in self.elements[views[index] : end] if a.get("data-name") == name]
        out = b""
        for piece, text in zip(pieces, self.scripts(data_name=name)[before:], strict=False):
            length = int(str(piece["data-length"]))
            data = base64.b64decode(text, validate=True) if piece["data-coding"] == "base64" else undense(text, length)
            assert len(data) == length
            out += data
        return out

    def code(self) -> str:
        (packed,) = self.scripts(id="attnwidget-code")
        return zlib.decompress(base64.b64decode(packed, validate=True)).decode()


def undense(text: str, length: int) -> bytes:
    """What `dense` wrote, read as its description says, digit by digit."""
    plain = [chr(code) for code in range(128) if chr(code) not in "\0\r<"]
    characters, out = iter(text), b""
    while length > len(out):
        wanted = min(1 << 20, length - len(out))
        head, rest, bits, held = bytearray(), bytearray(), 0, 0
        while len(head) + len(rest) < wanted:
            extra = 0
            for number in range(8):
                value = 0
                for _ in range(8):
                    character = next(characters)
                    if ord(character) < 128:
                        digit = plain.index(character)
                    else:
                        digit, seven = 125 + (ord(character) - 128) // 128, (ord(character) - 128) % 128
                        bits, held = bits | seven << held, held + 7
                    value = value * 140 + digit
                    if held >= 8:
                        rest.append(bits & 255)
                        bits, held = bits >> 8, held - 8
                head += (value % 2**56).to_bytes(7, "little")
                extra |= value // 2**56 << number
            head.append(extra)
        out += bytes((head + rest)[:wanted])
    assert next(characters, None) is None
    return out


@pytest.fixture(autouse=True)
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "page.js"
    path.write_bytes(BUNDLE.encode())
    monkeypatch.setattr(page, "BUNDLE", path)
    return path


@pytest.fixture
def view() -> Iterator[AttnView]:
    made = AttnView.from_arrays(
        softmax(3, 4, 5, 5), ["[CLS]", "a", "b", "c", "[SEP]"], text="a b c", model_name="bert", layer=1, heads=[2, 3]
    )
    yield made
    made.close()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def sha256(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def test_the_page_is_one_file_with_two_scripts_and_one_style(view: AttnView) -> None:
    document = Document(view.to_html())
    head = ["html", "head", *["meta"] * 6, "title", "style", "body", "main", "h1", "h2"]
    names = [a for tag, a in document.elements if tag == "meta"]
    assert {"attnwidget-torch", "attnwidget-transformers"} <= {str(a.get("name")) for a in names}
    head.insert(2, "meta")
    assert document.tags() == [*head, "div", "script", "script", "noscript", "img", "pre", "p", "script", "script"]
    assert document.elements[-1] == ("script", {})
    assert [a.get("type") for tag, a in document.elements if tag == "script"] == [
        *["application/json", "text/plain", "text/plain", None]
    ]
    for tag, attributes in document.elements:
        assert not {"href", "onload", "onerror", "style", "srcset", "action"} & set(attributes), tag
        assert tag == "img" or "src" not in attributes
        assert not attributes.get("src") or str(attributes["src"]).startswith("data:image/png;base64,")


def test_the_policy_allows_exactly_what_is_there(view: AttnView) -> None:
    document = Document(view.to_html())
    policy = dict(part.strip().split(" ", 1) for part in document.meta("Content-Security-Policy").split(";"))
    scripts = [text for tag, text in document.texts if tag == "script"]
    (style,) = (text for tag, text in document.texts if tag == "style")
    assert policy == {
        "default-src": "'none'",
        "script-src": f"{sha256(scripts[-1])} {sha256(document.code())}",
        "style-src": sha256(style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    # The policy counts from where it stands: before anything it governs.
    assert document.tags().index("meta") < document.tags().index("style")
    assert document.elements[3][1]["http-equiv"] == "Content-Security-Policy"


def test_the_code_is_the_bundle_and_no_markup(view: AttnView) -> None:
    text = view.to_html()
    assert text.count("</script>") == 4
    assert "<!--" not in text
    assert Document(text).code() == BUNDLE.replace("\r\n", "\n")


def test_the_state_is_what_the_view_shows(view: AttnView) -> None:
    view.mode, view.highlight, view.selected_queries, view.pinned, view.lang = "matrix", "special", [2], [(0, 1)], "ja"
    text = view.to_html()
    document = Document(text)
    assert document.elements[0][1]["lang"] == "ja"
    saved = document.state()
    assert set(saved) == {*GIVEN, *SHARED} - {*BINARY, *CODE}
    for name, value in saved.items():
        assert value == json.loads(json.dumps(getattr(view, name))), name
    layers = decode(document.bytes())
    assert sorted(layers) == [("encoder", layer) for layer in range(3)]
    np.testing.assert_allclose(layers["encoder", 2].weights, view.attention_data.weights(2), atol=1e-3)


def test_every_layer_is_in_the_page_of_a_view_that_holds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "ALL_AT_ONCE", 100)
    view = AttnView.from_arrays(softmax(3, 4, 5, 5), list("abcde"))
    assert len(decode(view.attention)) == 1
    assert len(decode(Document(view.to_html()).bytes())) == 3
    view.release()
    with pytest.raises(RuntimeError, match="released its capture"):
        view.to_html()


def test_a_released_view_that_holds_everything_can_still_be_saved(view: AttnView, tmp_path: Path) -> None:
    view.release()
    document = Document(view.to_html())
    assert len(decode(document.bytes())) == 3
    assert document.state()["status"] == ""
    with pytest.raises(RuntimeError, match="released its capture"):
        view.save(tmp_path / "a.png")


def test_the_same_view_gives_the_same_bytes(view: AttnView) -> None:
    first = view.to_html()
    assert view.to_html() == first
    again = AttnView.from_arrays(
        softmax(3, 4, 5, 5), ["[CLS]", "a", "b", "c", "[SEP]"], text="a b c", model_name="bert", layer=1, heads=[2, 3]
    )
    assert again.to_html() == first


def test_the_head_names_the_page_and_where_it_comes_from(view: AttnView) -> None:
    document = Document(view.to_html())
    assert [text for tag, text in document.texts if tag == "title"] == ["bert · a b c"]
    assert re.fullmatch(r"attnwidget \S+", document.meta("generator"))
    assert document.meta("attnwidget-model") == "bert"
    assert document.meta("viewport") == "width=device-width, initial-scale=1"
    assert document.meta("attnwidget-torch") == version("torch")
    assert not [a for _, a in document.elements if a.get("name") == "attnwidget-revision"]
    assert "<title>A &lt;b&gt; title</title>" in view.to_html(title="A <b>\n title")


def test_without_javascript_there_is_the_picture_and_the_text(view: AttnView) -> None:
    text = view.to_html()
    fallback = text[text.index("<noscript>") : text.index("</noscript>")]
    picture = re.search(r'src="data:image/png;base64,([^"]+)"', fallback)
    assert picture is not None
    assert base64.b64decode(picture[1]).startswith(b"\x89PNG")
    assert "strongest links" in fallback
    assert "Scripts are off here" in fallback
    assert "view.save" not in fallback


def test_several_views_share_one_copy_of_the_code(view: AttnView) -> None:
    other = AttnView.from_arrays(softmax(1, 2, 3, 3), ["x", "y", "z"], model_name="gpt", text="x y z")
    one, both = view.to_html(title="t"), pages.to_html([view, other], title="t")
    document = Document(both)
    assert len(document.scripts(id="attnwidget-code")) == 1
    assert [document.state(at)["title"] for at in (0, 1)] == ["bert · a b c", "gpt · x y z"]
    assert document.meta("attnwidget-model") == "bert, gpt"
    assert sorted(decode(document.bytes(index=1))) == [("encoder", 0)]
    assert one.count("attnwidget-bytes") == 1
    roots = [at for at, (_, attributes) in enumerate(document.elements) if attributes.get("class") == "attnwidget-view"]
    for root in roots:
        assert document.elements[root + 1] == ("script", {"type": "application/json", "class": "attnwidget-state"})
        assert document.elements[root + 2][1]["class"] == "attnwidget-bytes"
    with pytest.raises(ValueError, match="at least one"):
        pages.to_html([])


def test_a_page_of_several_views_is_written(view: AttnView, tmp_path: Path) -> None:
    pages.save_page(tmp_path / "two.html", [view, view], title="two")
    assert (tmp_path / "two.html").read_bytes().decode() == pages.to_html([view, view], title="two")


# ---- a part of it


def test_chosen_layers_alone_are_in_the_page(view: AttnView) -> None:
    document = Document(view.to_html(layers=[0, 2]))
    assert sorted(decode(document.bytes())) == [("encoder", 0), ("encoder", 2)]
    # The view shows layer 1, which is left out: the page opens on one that it has.
    assert (document.state()["layer"], document.state()["heads"]) == (0, [])
    assert len(document.state()["stacks"][0]["layers"]) == 3
    assert Document(view.to_html(layers=[1])).state()["heads"] == [2, 3]


def test_chosen_heads_keep_their_numbers(view: AttnView) -> None:
    document = Document(view.to_html(heads=[1, 3]))
    assert document.state()["held_heads"] == {"encoder": {str(layer): [1, 3] for layer in range(3)}}
    for layer in range(3):
        found = decode(document.bytes())["encoder", layer].weights
        np.testing.assert_allclose(found[[1, 3]], view.attention_data.weights(layer, [1, 3]), atol=1e-3)
        assert not found[[0, 2]].any()
    # What is said of a layer at a glance stays true of all its heads.
    container, whole = Container(document.bytes()), Container(view.attention)
    assert container.bytes("shares/encoder/1") == whole.bytes("shares/encoder/1")
    assert container.block("overview/encoder")["shape"] == [12, 5, 5]
    assert all(container.bytes("overview/encoder")[at * 25 : at * 25 + 25].strip(b"\0") for at in range(12))


def test_pairs_choose_layers_and_heads(view: AttnView) -> None:
    document = Document(view.to_html(heads=[(0, 1), (2, 3), (2, 0)]))
    assert sorted(decode(document.bytes())) == [("encoder", 0), ("encoder", 2)]
    assert document.state()["held_heads"] == {"encoder": {"0": [1], "2": [0, 3]}}
    whole = Document(view.to_html(heads=range(4)))
    assert whole.state()["held_heads"] == {}
    assert "shares/encoder/1" in Container(whole.bytes()).blocks


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": [3]}, r"layers: there is no 3; valid: 0 to 2"),
        ({"layers": [-1]}, r"layers: there is no -1"),
        ({"heads": [4]}, r"heads: there is no 4; valid: 0 to 3"),
        ({"heads": [(0, 1, 2)]}, r"\(layer, head\) pairs"),
        ({"layers": []}, r"would be empty"),
        ({"heads": []}, r"would be empty"),
    ],
)
def test_what_is_not_there_is_named(view: AttnView, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        view.to_html(**options)


@pytest.mark.parametrize("name", ["layers", "heads"])
def test_one_number_for_a_list_is_named(view: AttnView, name: str) -> None:
    with pytest.raises(TypeError, match=rf"{name}: 3 is not valid. Valid: a list, such as {name}=\[3\]"):
        view.to_html(**{name: 3})


def test_a_page_that_would_be_too_large_says_what_takes_how_much(view: AttnView) -> None:
    size = len(view.to_html().encode())
    assert len(view.to_html(max_bytes=size)) > 0
    with pytest.raises(
        ValueError, match=rf"max_bytes: the page has {size:,} bytes, 1 more than .* 0: \d+, 1: \d+, 2: "
    ) as e:
        view.to_html(max_bytes=size - 1)
    assert "layers=[...]" in str(e.value)


@pytest.mark.parametrize("layer", [0, 2, 4])
def test_what_is_said_to_fit_fits(layer: int) -> None:
    view = AttnView.from_arrays(softmax(5, 4, 70, 70), [f"t{n}" for n in range(70)], layer=layer)
    one, two, whole = (len(view.to_html(layers=some).encode()) for some in ([layer], [layer, 1], None))
    for most in (whole - 1, (whole + two) // 2, two + 6000):
        with pytest.raises(ValueError, match=r"layers=\[.*\] would fit$") as error:
            view.to_html(max_bytes=most)
        (found,) = re.findall(r"layers=(\[\d[\d, ]*\]) would fit", str(error.value))
        layers = json.loads(found)
        assert layer in layers
        assert len(view.to_html(layers=layers, max_bytes=most).encode()) <= most
    with pytest.raises(ValueError, match=rf"layers=\[{layer}\] with [123] of its 4 heads would fit$") as error:
        view.to_html(max_bytes=one - 500)
    (count,) = re.findall(r"with (\d)", str(error.value))
    assert view.to_html(layers=[layer], heads=range(int(count)), max_bytes=one - 500)
    with pytest.raises(ValueError, match=r"with no layer at all it would have some \d"):
        view.to_html(max_bytes=1000)


def test_a_page_that_takes_long_shows_how_far_it_is_and_can_be_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(view_module, "ALL_AT_ONCE", 1000)
    monkeypatch.setattr(pages, "progress_of", progress.Line)
    view = AttnView.from_arrays(softmax(5, 4, 40, 40), [f"t{n}" for n in range(40)])
    target = tmp_path / "a.html"
    view.save(target)
    assert capsys.readouterr().err == "", "what is done at once needs no line"
    monkeypatch.setattr(pages, "_PATIENCE", 0)
    view.save(target, progress=False)
    assert capsys.readouterr().err == ""
    view.save(target)
    assert re.match(r"\r1/5 layers, [\d.]+ layers/s, \d+ s left +\n$", capsys.readouterr().err)
    whole = target.read_bytes()

    def third(line: progress.Line, done: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(progress.Line, "show", third)
        with pytest.raises(KeyboardInterrupt):
            view.save(target, title="another")
    assert files(tmp_path) == ["a.html", "page.js"]
    assert target.read_bytes() == whole
    view.save(target)
    assert target.read_bytes() == whole


def test_a_large_page_is_never_in_memory_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its largest it is held three times: as the blocks of its container, as that, and with statistics beside."""
    monkeypatch.setattr(view_module, "ALL_AT_ONCE", 1000)
    # Both alike: what coding a piece takes is the same for a small page and a large one.
    monkeypatch.setattr(page, "DENSE_FROM", 1)
    sizes, peaks = [], []
    for layers in (8, 24):
        view = AttnView.from_arrays(softmax(layers, 8, 200, 200), [f"t{n}" for n in range(200)])
        view.save(tmp_path / "a.html")
        sizes.append((tmp_path / "a.html").stat().st_size)
        tracemalloc.start()
        view.save(tmp_path / "a.html")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert sizes[1] - sizes[0] > 4_000_000
    assert peaks[1] - peaks[0] < 3 * (sizes[1] - sizes[0])


def test_a_fragment_is_a_frame_that_holds_the_page(view: AttnView) -> None:
    text = view.to_html(fragment=True, height=500, title='A "<b>" title')
    document = Document(text)
    ((tag, attributes),) = document.elements
    assert tag == "iframe"
    assert attributes["sandbox"] == "allow-scripts allow-downloads"
    assert (attributes["title"], attributes["height"]) == ('A "<b>" title', "500")
    assert attributes["srcdoc"] == view.to_html(title='A "<b>" title')
    assert document.texts == []


def test_large_data_is_dense_and_a_fragment_never_is(monkeypatch: pytest.MonkeyPatch, view: AttnView) -> None:
    monkeypatch.setattr(page, "DENSE_FROM", 1)
    document = Document(view.to_html())
    assert document.scripts(data_coding="dense")
    assert decode(document.bytes())["encoder", 2].weights.shape == (4, 5, 5)
    ((_, attributes),) = Document(view.to_html(fragment=True)).elements
    inside = Document(str(attributes["srcdoc"]))
    assert inside.scripts(data_coding="base64")
    assert inside.bytes() == document.bytes()


def test_bytes_come_in_pieces_that_are_decoded_on_their_own(monkeypatch: pytest.MonkeyPatch, view: AttnView) -> None:
    whole = Document(view.to_html()).bytes()
    monkeypatch.setattr(page, "_BASE64", ("base64", page._base64, 300))
    document = Document(pages.to_html([view, view], title="t"))
    lengths = [int(str(a["data-length"])) for _, a in document.elements if a.get("data-name") == "attention"]
    assert lengths == 2 * [*[300] * (len(whole) // 300), len(whole) % 300]
    assert document.bytes() == document.bytes(index=1) == whole


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_page_in_base64_is_ascii(lang: str) -> None:
    view = AttnView.from_arrays(softmax(1, 2, 3, 3), ["犬", "é", "😀"], text="犬 é 😀", lang=lang)
    text = view.to_html(title="犬 < 😀")
    assert text.isascii()
    document = Document(text)
    (tokens,) = document.state()["tokens"].values()
    assert [token["text"] for token in tokens] == ["犬", "é", "😀"]
    assert ("title", "犬 < 😀") in document.texts
    assert "犬" in next(text for tag, text in document.texts if tag == "pre")


# ---- dense text


@given(st.binary(max_size=3000))
@example(b"")
@example(bytes(57))
@example(b"\xff" * 57 * 64)
def test_dense_text_is_read_back(data: bytes) -> None:
    text = dense.encode(data)
    assert undense(text, len(data)) == data
    assert not set(text) & set("\0\r<")
    assert max(text, default="a") < "\u0800"


def test_dense_text_is_an_eighth_longer_and_pieces_follow_each_other() -> None:
    data = np.random.default_rng(0).integers(0, 256, (1 << 20) + 1000).astype(np.uint8).tobytes()
    text = dense.encode(data)
    assert 1.12 < len(text.encode()) / len(data) < 1.126
    assert undense(text, len(data)) == data


def test_dense_text_is_what_the_page_reads() -> None:
    """The very text that js/test/saving.test.ts reads."""
    data = bytes((7 * i * i + 3 * i) % 251 for i in range(300))
    assert (FIXTURES / "dense.txt").read_bytes().decode() == dense.encode(data)


def test_a_bundle_that_was_never_built_says_how(view: AttnView, bundle: Path) -> None:
    bundle.unlink()
    with pytest.raises(RuntimeError, match=r"npm run build"):
        view.to_html()


# ---- files


@pytest.mark.parametrize("name", ["a.html", "a.HTML", "a.htm", "with space.html", "犬.html"])
def test_save_writes_the_page(view: AttnView, tmp_path: Path, name: str) -> None:
    view.save(tmp_path / name)
    assert (tmp_path / name).read_bytes().decode() == view.to_html()
    view.save(str(tmp_path / name))
    assert files(tmp_path) == sorted([name, "page.js"])


def test_a_date_is_in_the_record_where_one_is_given(view: AttnView) -> None:
    assert Document(view.to_html(date=datetime.date(2026, 11, 28))).meta("date") == "2026-11-28"
    assert Document(view.to_html(date='"><script>x</script>')).meta("date") == '"><script>x</script>'
    assert "date" not in {a.get("name") for tag, a in Document(view.to_html()).elements if tag == "meta"}


def test_the_commit_of_a_model_from_the_hub_is_named(view: AttnView) -> None:
    model = SimpleNamespace(config=SimpleNamespace(_commit_hash="c0ffee"))
    view._source = lambda: model
    document = Document(view.to_html())
    assert document.meta("attnwidget-revision") == "c0ffee"
    # Also once the model is gone.
    view._source = lambda: None
    assert Document(view.to_html()).meta("attnwidget-revision") == "c0ffee"


def test_save_takes_what_to_html_takes(view: AttnView, tmp_path: Path) -> None:
    view.save(tmp_path / "a.html", layers=[1], title="x")
    assert (tmp_path / "a.html").read_bytes().decode() == view.to_html(layers=[1], title="x")


@pytest.mark.parametrize("name", ["a.jpg", "a", "html"])
def test_other_suffixes_name_the_supported_ones(view: AttnView, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"Valid: '\.html', '\.svg', '\.pdf', '\.png'"):
        view.save(tmp_path / name)
    assert files(tmp_path) == ["page.js"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    view: AttnView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.html"
    target.write_text("old")

    def full(*args: object) -> None:
        raise OSError("disk full")

    # A page is written as it is made: half of it is there when the disk is full, or the power goes.
    def half(*args: object, **options: object) -> Iterator[str]:
        yield "<!DOCTYPE html>"
        full()

    with monkeypatch.context() as patch:
        patch.setattr(page, "pieces", half)
        with pytest.raises(OSError, match="disk full"):
            view.save(target)
    assert target.read_text() == "old"
    assert files(tmp_path) == ["a.html", "page.js"]

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        view.save(target)
    assert target.read_text() == "old"
    assert files(tmp_path) == ["a.html", "page.js"]


def test_a_missing_folder_is_named(view: AttnView, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere.* does not exist"):
        view.save(tmp_path / "nowhere" / "a.html")


@pytest.mark.skipif(os.name == "nt", reason="rights of files and links are POSIX")
def test_a_saved_file_has_the_rights_of_any_new_file_and_links_stay(view: AttnView, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("x")
    link = tmp_path / "link.html"
    link.symlink_to(tmp_path / "real.html")
    view.save(link)
    assert link.is_symlink()
    assert stat.S_IMODE((tmp_path / "real.html").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
