"""Figures: what is in them, compared with the scene and with the weights; and that they leave matplotlib as it was."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
import torch
from made import Series, softmax
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from attnwidget import Attention, capture, figures, scene
from attnwidget.export.colours import HEADS, KINDS, QUERY, STROKE
from attnwidget.figures import fonts
from attnwidget.figures.trace import likely_pair
from attnwidget.view import AttnView

if TYPE_CHECKING:
    from attnwidget.inputs.tokens import Token

TOKENS = ["[CLS]", "the", "dog", "chased", "a", "cat", ".", "[SEP]"]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def attention() -> Attention:
    return Attention.from_arrays(softmax(3, 8, 8, 8), TOKENS, model_name="bert", text="the dog chased a cat.")


def curves(ax: Axes) -> list[PathCollection]:
    return [part for part in ax.collections if isinstance(part, PathCollection)]


def texts(ax: Axes) -> list[str]:
    found = [text.get_text() for text in ax.findobj(Text) if isinstance(text, Text) and text.get_text()]
    return [
        *found,
        *(text.get_text() for child in ax.child_axes for text in child.findobj(Text) if isinstance(text, Text)),
    ]


def caption(ax: Axes) -> str:
    (found,) = [text for text in texts(ax) if "bert ·" in text.replace("\n", " ")]
    return " ".join(found.split())


def hexes(colours: Any) -> set[str]:
    return {to_hex(colour[:3]) for colour in np.asarray(colours)}


def as_hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


# ---- lines


def test_lines_are_the_strokes_of_the_scene(attention: Attention) -> None:
    ax = attention.plot(1)
    wanted = scene.strokes([Series(attention.weights(1).mean(axis=0))], range(8))
    (drawn,) = curves(ax)
    assert len(drawn.get_paths()) == wanted.count
    ends = {(round(path.vertices[0][1] - 0.5), round(path.vertices[-1][1] - 0.5)) for path in drawn.get_paths()}
    assert ends == set(zip(wanted.query.tolist(), wanted.key.tolist(), strict=True))
    # Heavier ones are wider, and last.
    widths = np.asarray(drawn.get_linewidth())
    assert (np.diff(widths) >= 0).all()
    assert hexes(drawn.get_edgecolor()) == {as_hex(STROKE)}
    assert [tick.get_text() for tick in ax.get_yticklabels()] == TOKENS
    (right,) = ax.child_axes
    assert [tick.get_text() for tick in right.get_yticklabels()] == TOKENS


def test_a_few_heads_have_a_colour_each_and_a_legend(attention: Attention) -> None:
    ax = attention.plot(1, [0, 5, 7])
    assert hexes(curves(ax)[0].get_edgecolor()) == {as_hex(colour) for colour in HEADS[:3]}
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["head 0", "head 5", "head 7"]
    assert [to_hex(line.get_color()) for line in legend.get_lines()] == [as_hex(colour) for colour in HEADS[:3]]
    assert "layer 1, heads 0, 5, 7" in caption(ax)
    pinned = attention.plot(0, [(0, 1), (2, 3)]).get_legend()
    assert pinned is not None
    assert [text.get_text() for text in pinned.get_texts()] == ["L0 H1", "L2 H3"]


def test_a_chosen_query_is_drawn_over_the_rest_with_its_numbers(attention: Attention) -> None:
    ax = attention.plot(1, 4, queries=[3])
    ground, chosen = curves(ax)
    row = attention.weights(1, 4)[3]
    wanted = scene.strokes([Series(attention.weights(1, 4))], [3])
    assert len(chosen.get_paths()) == wanted.count
    assert len(ground.get_paths()) > wanted.count
    assert hexes(chosen.get_edgecolor()) == {as_hex(QUERY)}
    assert ground.get_edgecolor()[:, 3].max() < chosen.get_edgecolor()[:, 3].max()
    printed = [float(text) for text in texts(ax) if re.fullmatch(r"\d\.\d{3}", text)]
    np.testing.assert_allclose(printed, row, atol=0.00051)


def test_special_keys_are_green_and_violet(attention: Attention) -> None:
    ax = attention.plot(0, 2, highlight="special", budget=1.0)
    (drawn,) = curves(ax)
    for path, colour in zip(drawn.get_paths(), drawn.get_edgecolor(), strict=True):
        kind = attention.key_tokens()[round(path.vertices[-1][1] - 0.5)].kind
        assert to_hex(colour[:3]) == as_hex(KINDS.get(kind, STROKE))
    by_text = {tick.get_text(): tick for tick in ax.get_yticklabels()}
    assert to_hex(by_text["[CLS]"].get_color()) == as_hex(KINDS["cls"])
    assert by_text["[SEP]"].get_fontweight() == "bold"


def test_the_caption_tells_the_whole(attention: Attention) -> None:
    weights = attention.weights(2).mean(axis=0, dtype=np.float64)
    strokes = scene.strokes([Series(attention.weights(2).mean(axis=0))], range(8))
    line = caption(attention.plot(2))
    assert line.startswith("bert · layer 2, mean of 8 heads · lines: the largest weights, to 70 % of each row.")
    said = [int(number) for number in re.findall(r"(\d+)\s%", line)][1:]
    drawn, below, *kinds = said
    assert abs(drawn - 100 * strokes.drawn) < 1
    assert drawn + below == 100
    assert sum(kinds) == 100
    assert abs(kinds[0] - 100 * weights[:, 0].sum() / weights.sum()) < 1
    assert "bert" not in " ".join(texts(attention.plot(2, caption=False)))


# ---- matrix


def test_the_matrix_has_a_cell_for_every_weight(attention: Attention) -> None:
    ax = attention.plot(1, 3, kind="matrix", scale="linear")
    (mesh,) = [part for part in ax.collections if isinstance(part, QuadMesh)]
    colours = np.asarray(mesh.get_array())
    weights = attention.weights(1, 3)
    ink = np.array(STROKE) / 255
    np.testing.assert_allclose(colours, 1 + (ink - 1) * (weights / weights.max())[..., None], atol=1e-6)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == TOKENS
    assert f"{weights.max():.3f}" in texts(ax)


@pytest.mark.parametrize("scale", ["linear", "sqrt", "log", "relative"])
def test_every_scale_orders_the_weights_of_a_row(attention: Attention, scale: str) -> None:
    from attnwidget.figures.levels import levels

    weights = attention.weights(1, 3)
    found = levels(weights, scale, np.full(8, 1 / 8))
    assert ((found.places >= 0) & (found.places <= 1)).all()
    order = np.argsort(weights[2])
    assert (np.diff(found.places[2][order]) >= 0).all()
    assert found.ticks[-1][0] == 1.0
    assert np.all(np.diff([place for place, _ in found.ticks]) > 0)
    if scale == "relative":
        assert found.diverging
        assert levels(np.full((1, 8), 1 / 8, np.float32), scale, np.full(1, 1 / 8)).places[0, 0] == 0.5


def test_a_long_text_is_an_image_with_every_few_labels() -> None:
    tokens = [f"t{index}" for index in range(150)]
    attention = Attention.from_arrays(softmax(1, 1, 150, 150), tokens, model_name="bert")
    ax = attention.plot(0, 0, kind="matrix")
    assert len(ax.images) == 1
    assert 20 < len(ax.get_yticklabels()) < 150
    # More rows than a picture can show are shown in part, and it says so.
    tokens = [f"t{index}" for index in range(300)]
    attention = Attention.from_arrays(softmax(1, 1, 300, 300), tokens, model_name="bert")
    assert "queries 0 to 255 of 300" in caption(attention.plot(0, 0, kind="matrix"))


# ---- how rows are made


def test_sinks_left_out_are_not_drawn_but_told(attention: Attention) -> None:
    for sinks, words in (("leave_out", "special keys left out"), ("renormalise", "scaled up to whole rows")):
        ax = attention.plot(1, 2, sinks=sinks, budget=1.0)
        keys = {round(path.vertices[-1][1] - 0.5) for path in curves(ax)[0].get_paths()}
        assert keys == {1, 2, 3, 4, 5, 6}
        line = caption(ax)
        assert words in line
        left_out = re.search(r"(\d+)\s% left out", line)
        assert left_out is not None
        weights = attention.weights(1, 2)
        assert abs(int(left_out[1]) - 100 * weights[:, [0, 7]].sum() / weights.sum()) < 1


def test_contributions_fall_back_to_weights_where_they_are_not_known(attention: Attention) -> None:
    line = caption(attention.plot(1, 2, measure="contribution"))
    assert "weights" in line
    assert "contribution" not in line


def test_contributions_of_a_real_model(minilm_path: str) -> None:
    from attnwidget import capture

    attention = capture(minilm_path, "The dog chased the cat.")
    assert isinstance(attention, Attention)
    ax = attention.plot(3, 5, queries=[2], measure="contribution")
    written = attention.contributions(3, 5)[2]
    printed = [float(text) for text in texts(ax) if re.fullmatch(r"\d\.\d{3}", text)]
    np.testing.assert_allclose(printed, written / written.sum(), atol=0.00051)
    rolled = attention.plot(5, kind="matrix", aggregate="rollout")
    assert any("rollout over layers 0 to 5" in text.replace("\n", " ") for text in texts(rolled))


# ---- axes, files


def test_it_is_drawn_into_the_axes_given(attention: Attention) -> None:
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    assert attention.plot(0, ax=left) is left
    assert attention.plot(0, kind="matrix", ax=right) is right
    size = tuple(figure.get_size_inches())
    figure.savefig(Path("/dev/null"), format="png")
    assert tuple(figure.get_size_inches()) == size
    assert left.get_position().x1 <= right.get_position().x0


def test_neither_rcparams_nor_pyplot_are_touched(attention: Attention, tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    view = AttnView(attention)
    for name in ("a.svg", "a.pdf", "a.png"):
        view.save(tmp_path / name)
    assert dict(mpl.rcParams) == before
    code = (
        "import sys, numpy as np; from attnwidget import Attention, AttnView; import attnwidget.figures;"
        "assert 'matplotlib' not in sys.modules;"
        "a = Attention.from_arrays(np.full((1, 1, 2, 2), 0.5, np.float32), ['x', 'y']); a.plot(0);"
        "AttnView(a).save(sys.argv[1]); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "b.svg")], check=True)


@pytest.mark.parametrize("form", ["svg", "pdf", "png"])
@pytest.mark.parametrize("mode", ["lines", "matrix"])
def test_the_same_view_gives_the_same_file(attention: Attention, tmp_path: Path, form: str, mode: str) -> None:
    paths = [tmp_path / f"{number}.{form}" for number in (1, 2)]
    for path in paths:
        AttnView(attention, mode=mode).save(path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert not re.search(rb"20\d\d-\d\d-\d\d|CreationDate", first)


def test_text_stays_text_in_vector_files(attention: Attention, tmp_path: Path) -> None:
    view = AttnView(attention, layer=1)
    view.save(tmp_path / "a.svg")
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    words = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert words.count("chased") == 2
    view.save(tmp_path / "a.pdf")
    data = (tmp_path / "a.pdf").read_bytes()
    assert b"/Type0" in data
    assert b"/Type3" not in data
    assert (tmp_path / "a.pdf").stat().st_size < 60_000


def test_a_png_has_twice_the_pixels_of_a_screen(attention: Attention, tmp_path: Path) -> None:
    view = AttnView(attention)
    view.save(tmp_path / "a.png")
    view.save(tmp_path / "b.png", dpi=96)
    wide = [int.from_bytes((tmp_path / name).read_bytes()[16:20], "big") for name in ("a.png", "b.png")]
    assert abs(wide[0] - 2 * wide[1]) < 8
    assert wide[0] > 1000


def test_the_view_is_what_is_saved(attention: Attention, tmp_path: Path) -> None:
    view = AttnView(attention, layer=2, heads=[1, 6], sinks="leave_out")
    view.save(tmp_path / "a.svg")
    text = " ".join((tmp_path / "a.svg").read_text(encoding="utf-8").split())
    assert "layer 2, heads 1, 6" in text
    assert "special keys left out" in text


def written(view: AttnView, path: Path) -> list[str]:
    """The texts of a view's figure."""
    view.save(path)
    return ["".join(text.itertext()) for text in ElementTree.parse(path).getroot().iter(f"{SVG}text")]


def test_every_mode_has_its_figure(tiny_bert: Any, tmp_path: Path) -> None:
    data = capture(tiny_bert, {"input_ids": torch.tensor([[1, 5, 6, 7, 8, 2]])})
    view = AttnView(data, layer=1, heads=[2], selected_queries=[3], selected_keys=[1])
    weights = [data.weights(layer) for layer in range(data.n_layers)]
    view.mode = "steps"
    found = written(view, tmp_path / "steps.svg")
    assert "L1 H2, query 3" in " ".join(found)
    assert {f"{weight:.3f}" for weight in weights[1][2, 3]} <= set(found)
    scores = data.scores(1, 2, queries=[3])[0]
    assert {f"{score:.3f}".replace("-", "−") for score in scores} <= set(found)
    view.mode = "trace"
    found = written(view, tmp_path / "trace.svg")
    cells = [layer[head, 3, 1] for layer in weights for head in range(len(layer))]
    assert {f"{weight:.3f}" for weight in cells if weight >= 0.04} <= set(found)
    assert {"L0", "L1", "H3"} <= set(found)
    view.mode = "profile"
    found = written(view, tmp_path / "profile.svg")
    words = data.statistics().shares("weight", "layer")["word"]
    assert {f"{100 * share:.0f}" for share in words if share > 0.1} <= set(found)
    view.mode, view.sort = "heads", "entropy"
    found = written(view, tmp_path / "heads.svg")
    entropy = data.statistics()["entropy"]
    order = sorted(range(4), key=lambda head: -entropy[0, head])
    assert [text for text in found if text in "0123"][:4] == [str(head) for head in order]
    assert "sorted by entropy" in " ".join(found)
    first = (tmp_path / "heads.svg").read_bytes()
    view.save(tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_bytes() == first


def test_a_comparison_is_drawn_as_the_difference_of_what_is_shown(attention: Attention, tmp_path: Path) -> None:
    other = Attention.from_arrays(softmax(3, 8, 8, 8)[::-1].copy(), TOKENS)
    view = AttnView.compare(attention, other, mode="matrix", layer=1, heads=[3], names=("one", "$two$"))
    change = other.weights(1, 3).astype(float) - attention.weights(1, 3)
    found = written(view, tmp_path / "a.svg")
    assert "one → $two$" in found
    assert f"+{np.abs(change).max():.3f}" in found
    signed = {f"{'+' if x > 0 else '−'}{abs(x):.2f}".replace("0.", ".") for x in change.ravel() if abs(x) > 0.1}
    assert signed <= set(found)
    assert f"{50 * np.abs(change).sum(axis=1).mean():.1f} %" in " ".join(found)
    view.sinks = "leave_out"
    left = change[:, [token.kind not in ("cls", "sep", "other") for token in attention.tokens]]
    assert f"{50 * np.abs(left).sum(axis=1).mean():.1f} %" in " ".join(written(view, tmp_path / "b.svg"))
    view.mode = "lines"
    assert {"more in $two$", "less in $two$"} <= set(written(view, tmp_path / "c.svg"))
    view.mode = "heads"
    divergence = view.comparison["divergence"]["encoder"]
    top = min((-value, layer, head) for layer, heads in enumerate(divergence) for head, value in enumerate(heads))
    found = written(view, tmp_path / "d.svg")
    assert found[1] == f"L{top[1]} H{top[2]}"
    assert f"{-top[0]:.3f}" in found


def test_an_open_page_and_a_figure_begin_with_the_same_pair() -> None:
    def tokens(*texts: str) -> Sequence[Token]:
        return Attention.from_arrays(softmax(1, 1, len(texts), len(texts)), list(texts)).tokens

    text = tokens("[CLS]", "the", "dog", "chased", "the", "cat", "because", "it", "was", "hungry", ".", "[SEP]")
    assert likely_pair(text, text, True) == (9, 3)
    assert likely_pair(tokens("猫"), tokens("猫"), True) == (0, 0)
    assert likely_pair(tokens("[CLS]", "[SEP]"), tokens("[CLS]", "[SEP]"), True) == (1, 0)


# ---- what users type


HOSTILE = ["$\\frac{1}$", "</text><script>alert(1)</script>", "a & b", '"', "\n", "x" * 80, "%", "_^{", "\\unknown"]


def test_hostile_tokens_are_text(tmp_path: Path) -> None:
    n = len(HOSTILE)
    attention = Attention.from_arrays(softmax(1, 2, n, n), HOSTILE, model_name="bert · $x$ <b>", text="x")
    for kind in ("lines", "matrix"):
        AttnView(attention, mode=kind).save(tmp_path / "a.svg")
        root = ElementTree.parse(tmp_path / "a.svg").getroot()
        assert not list(root.iter(f"{SVG}script"))
        words = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
        assert words.count("a & b") == 2
        assert words.count("$\\frac{1}$") == 2
        assert any("$x$ <b>" in word for word in words)


def test_japanese_is_drawn_with_a_font_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = ["[CLS]", "犬", "が", "走る", "。", "[SEP]"]
    attention = Attention.from_arrays(softmax(1, 1, 6, 6), tokens, model_name="bert")
    fonts._letters.cache_clear()
    installed = fonts._letters("DejaVu Sans") | frozenset("犬が走る。")
    asked: list[str] = []

    def letters(family: str) -> frozenset[str]:
        asked.append(family)
        return installed if family == "IPAGothic" else frozenset(map(chr, range(32, 127))) | frozenset("·→‖×Wα∅⏎")

    monkeypatch.setattr(fonts, "_letters", letters)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        chosen = fonts.families(["犬が走る。"])
    assert chosen[-1] == "IPAGothic"
    assert asked.index("Noto Sans CJK JP") < asked.index("IPAGothic")
    monkeypatch.setattr(fonts, "_letters", lambda family: frozenset(map(chr, range(32, 127))))
    with pytest.warns(UserWarning, match="no installed font has が 犬.*install Noto Sans CJK JP"):
        fonts.families(["犬が"])
    monkeypatch.undo()
    assert [tick.get_text() for tick in attention.plot(0).get_yticklabels()] == tokens


def test_without_matplotlib_it_says_what_to_install(
    attention: Attention, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "available", lambda: False)
    with pytest.raises(ImportError, match=r"pip install 'attnwidget\[plot\]'"):
        attention.plot(0)
    view = AttnView(attention)
    with pytest.raises(ImportError, match=r"pip install 'attnwidget\[plot\]'"):
        view.save(tmp_path / "a.svg")
    with pytest.warns(UserWarning, match=r"a plain picture was written: .*attnwidget\[plot\]"):
        view.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == view._picture()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kind": "bars"}, ValueError, r"kind: 'bars' is not valid. Valid: 'lines', 'matrix'"),
        ({"scal": "log"}, TypeError, r"unexpected argument 'scal'; did you mean 'scale'\?"),
        ({"scale": "cube"}, ValueError, r"scale: 'cube' is not valid"),
        ({"heads": [8]}, IndexError, r"head 8 is out of range: valid is 0 to 7"),
        ({"heads": [(5, 0)]}, IndexError, r"layer 5 is out of range"),
        ({"queries": [8]}, IndexError, r"queries 8 is out of range"),
        ({"stack": "decoder"}, ValueError, r"stack='decoder' is not one of 'encoder'"),
    ],
)
def test_wrong_arguments_are_named(
    attention: Attention, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        attention.plot(0, **options)


def test_a_layer_without_weights_says_so() -> None:
    attention = Attention.from_arrays(softmax(1, 1, 2, 2), ["a", "b"])
    with pytest.raises(IndexError, match="layer 3 is out of range"):
        attention.plot(3)
