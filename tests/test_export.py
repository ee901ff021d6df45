"""The exported page as text: its policy, its one script, its state, nothing else; and files written whole."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from attnwidget import view as view_module
from attnwidget.export import page
from attnwidget.state import BINARY, GIVEN, SHARED
from attnwidget.view import AttnView
from attnwidget.wire import decode

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

    def state(self, index: int = 0) -> dict[str, Any]:
        blocks = [text for tag, text in self.texts if tag == "script"][:-1]
        state: dict[str, Any] = json.loads(blocks[index])
        return state


def softmax(*shape: int) -> NDArray[np.float32]:
    cells = np.exp(3 * np.random.default_rng(1).normal(size=shape))
    return (cells / cells.sum(axis=-1, keepdims=True)).astype(np.float32)


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


def test_the_page_is_one_file_with_one_script_and_one_style(view: AttnView) -> None:
    document = Document(view.to_html())
    assert document.tags() == [
        *["html", "head", "meta", "meta", "meta", "meta", "meta", "title", "style", "body", "div", "div"],
        *["script", "noscript", "img", "pre", "script"],
    ]
    assert document.elements[-1] == ("script", {})
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
        "script-src": sha256(scripts[-1]),
        "style-src": sha256(style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    # The policy counts from where it stands: before anything it governs.
    assert document.tags().index("meta") < document.tags().index("style")
    assert document.elements[3][1]["http-equiv"] == "Content-Security-Policy"


def test_the_script_is_made_safe_and_means_the_same(view: AttnView) -> None:
    text = view.to_html()
    assert text.count("</script>") == 2
    assert "<!--" not in text
    (script,) = [text for tag, text in Document(text).texts if tag == "script"][1:]
    assert script.replace("\\x3c", "<") == BUNDLE.replace("\r\n", "\n")


def test_the_state_is_what_the_view_shows(view: AttnView) -> None:
    view.mode, view.highlight, view.selected_queries, view.pinned, view.lang = "matrix", "special", [2], [(0, 1)], "ja"
    text = view.to_html()
    document = Document(text)
    assert document.elements[0][1]["lang"] == "ja"
    saved = document.state()
    assert set(saved) == {"state", "binary"}
    assert set(saved["state"]) == {*GIVEN, *SHARED} - {*BINARY}
    for name, value in saved["state"].items():
        assert value == json.loads(json.dumps(getattr(view, name))), name
    layers = decode(base64.b64decode(saved["binary"]["attention"]))
    assert sorted(layers) == [("encoder", layer) for layer in range(3)]
    np.testing.assert_allclose(layers["encoder", 2].weights, view.attention_data.weights(2), atol=1e-3)


def test_every_layer_is_in_the_page_of_a_view_that_holds_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_module, "ALL_AT_ONCE", 100)
    view = AttnView.from_arrays(softmax(3, 4, 5, 5), list("abcde"))
    assert len(decode(view.attention)) == 1
    saved = Document(view.to_html()).state()
    assert len(decode(base64.b64decode(saved["binary"]["attention"]))) == 3
    view.release()
    with pytest.raises(RuntimeError, match="released its capture"):
        view.to_html()


def test_a_released_view_that_holds_everything_can_still_be_saved(view: AttnView, tmp_path: Path) -> None:
    view.release()
    saved = Document(view.to_html()).state()
    assert len(decode(base64.b64decode(saved["binary"]["attention"]))) == 3
    assert saved["state"]["status"] == ""
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
    assert "<title>A &lt;b&gt; title</title>" in view.to_html(title="A <b>\n title")


def test_without_javascript_there_is_the_picture_and_the_text(view: AttnView) -> None:
    text = view.to_html()
    fallback = text[text.index("<noscript>") : text.index("</noscript>")]
    picture = re.search(r'src="data:image/png;base64,([^"]+)"', fallback)
    assert picture is not None
    assert base64.b64decode(picture[1]).startswith(b"\x89PNG")
    assert "strongest links" in fallback


def test_several_views_in_one_page(view: AttnView) -> None:
    part = page.Part({"title": "one", "lang": "en"}, {"attention": b"1"}, None, "one")
    document = Document(page.html([part, part], title="two"))
    assert document.tags().count("script") == 3
    roots = [at for at, (_, attributes) in enumerate(document.elements) if attributes.get("class") == "attnwidget-view"]
    for root in roots:
        assert document.elements[root + 1] == ("script", {"type": "application/json", "class": "attnwidget-state"})
    assert document.state(1) == {"state": {"title": "one", "lang": "en"}, "binary": {"attention": "MQ=="}}


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


def test_save_writes_the_picture(view: AttnView, tmp_path: Path) -> None:
    view.save(tmp_path / "a.png")
    bundle = view._repr_mimebundle_()
    assert bundle is not None
    assert (tmp_path / "a.png").read_bytes() == base64.b64decode(bundle[0]["image/png"])


@pytest.mark.parametrize("name", ["a.svg", "a", "a.pdf", "html"])
def test_other_suffixes_name_the_supported_ones(view: AttnView, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"Valid: '\.html', '\.png'"):
        view.save(tmp_path / name)
    assert files(tmp_path) == ["page.js"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    view: AttnView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.html"
    target.write_text("old")

    def full(*args: object) -> None:
        raise OSError("disk full")

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
