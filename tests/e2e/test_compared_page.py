"""`AttnView.compare` on its page: differences as lines and matrix, their numbers, the heads, what shows one side."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray
from opened import Opened, Shown
from playwright.sync_api import expect
from test_accessibility import settled, violations

from attnwidget import Attention, AttnView, capture


def pixels(shown: Shown, cells: int) -> NDArray[np.int64]:
    """Colour of each cell of the matrix near its upper left corner, where no number stands: [query, key, rgb]."""
    found = shown.find(".cmp-cells canvas").first.evaluate(
        """(canvas, cells) => {
            const {data, width} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), out = [];
            for (let row = 0; row < cells; row++) for (let column = 0; column < cells; column++) {
                const x = (column + 0.15) * canvas.width / cells, y = (row + 0.15) * canvas.height / cells;
                const at = 4 * (Math.round(y) * width + Math.round(x));
                out.push([...data.slice(at, at + 3)]);
            }
            return out;
        }""",
        cells,
    )
    return np.array(found, np.int64).reshape(cells, cells, 3)


@pytest.fixture(scope="module")
def tuned(attention: Attention) -> Attention:
    """The same tokens, as a model would look at them that was trained further: every row shifted towards one key."""
    rng = np.random.default_rng(0)
    weights = [attention.weights(layer).astype(np.float64) for layer in range(attention.n_layers)]
    moved = [w ** rng.uniform(0.6, 1.6, (w.shape[0], 1, 1)) * rng.uniform(0.5, 2, w.shape) for w in weights]
    arrays = np.stack([w / w.sum(-1, keepdims=True) for w in moved]).astype(np.float32)
    return Attention.from_arrays(arrays, list(attention.tokens), model_name="tuned")


@pytest.fixture
def compared(attention: Attention, tuned: Attention) -> AttnView:
    return AttnView.compare(attention, tuned, layer=3, heads=[5], names=("base", "tuned"))


def change(a: Attention, b: Attention, layer: int, head: int) -> NDArray[np.float64]:
    return b.weights(layer, head).astype(np.float64) - a.weights(layer, head)


def test_lines_say_both_weights_and_the_change(
    opened: Opened, compared: AttnView, attention: Attention, tuned: Attention
) -> None:
    shown = opened.view(compared)
    expect(shown.find(".cmp-sides")).to_contain_text("base → tuned")
    expected = change(attention, tuned, 3, 5)
    shown.find(".cmp-tokens-query [data-index='3']").hover()
    said = shown.find(".cmp-tokens-key .cmp-change").all_inner_texts()
    numbers = np.array([float(text.replace("−", "-")) for text in said])
    assert np.abs(numbers - expected[3]).max() < 0.0016
    both = shown.find(".cmp-tokens-key .cmp-both").all_inner_texts()
    left = np.array([float(text.split(" → ")[0].removeprefix("<")) for text in both])
    assert np.abs(left - attention.weights(3, 5)[3]).max() < 0.00051
    largest = int(np.abs(expected[3]).argmax())
    readout = shown.find(".cmp-readout").inner_text()
    assert readout.startswith(f"{attention.tokens[3].text} → {attention.tokens[largest].text} base ")
    signs = shown.find(".cmp-tokens-key .cmp-value").evaluate_all("all => all.map(e => e.dataset.sign ?? '')")
    for sign, value in zip(signs, expected[3], strict=True):
        if abs(value) > 0.002:
            assert sign == ("more" if value > 0 else "less")
    shown.rest()
    expect(shown.find(".cmp-tokens-key .cmp-change")).to_have_count(0)


def test_chosen_tokens_follow_the_lock_rule(opened: Opened, compared: AttnView) -> None:
    shown = opened.view(compared)
    whole = int(shown.find("canvas[data-changes]").get_attribute("data-changes") or 0)
    token = shown.find(".cmp-tokens-query [data-index='4']")
    token.click()
    expect(token).to_have_attribute("aria-selected", "true")
    assert 0 < int(shown.find("canvas[data-changes]").get_attribute("data-changes") or 0) < whole
    shown.find(".cmp-tokens-query [data-index='2']").click(modifiers=["Shift"])
    assert shown.find(".cmp-tokens-query [aria-selected=true]").count() == 2
    shown.page.keyboard.press("Escape")
    assert shown.find(".cmp-tokens-query [aria-selected=true]").count() == 0
    shown.find(".cmp-tokens-query [data-index='0']").focus()
    shown.page.keyboard.press("ArrowDown")
    shown.page.keyboard.press("Enter")
    expect(shown.find(".cmp-tokens-query [data-index='1']")).to_have_attribute("aria-selected", "true")


def test_the_ledger_is_the_total_variation(
    opened: Opened, compared: AttnView, attention: Attention, tuned: Attention
) -> None:
    shown = opened.view(compared)
    moved = np.abs(change(attention, tuned, 3, 5)).sum(axis=1) / 2
    numbers = [float(x) for x in re.findall(r"([\d.]+) %", shown.find(".compare .ledger").inner_text())]
    assert abs(numbers[0] - 100 * moved.mean()) < 0.3
    assert abs(numbers[1] - 100 * moved.max()) < 0.6
    assert attention.tokens[int(moved.argmax())].text in shown.find(".compare .ledger").inner_text()
    shown.find(".cmp-tokens-query [data-index='2']").click()
    one = float(re.findall(r"([\d.]+) %", shown.find(".compare .ledger").inner_text())[0])
    assert abs(one - 100 * moved[2]) < 0.6


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_matrix_is_red_for_more_blue_for_less_and_neutral_between(
    opened: Opened, compared: AttnView, attention: Attention, tuned: Attention, dark: bool
) -> None:
    compared.mode = "matrix"
    shown = opened.view(compared, dark=dark)
    expected = change(attention, tuned, 3, 5)
    seen = pixels(shown, len(expected))
    reddish = seen[..., 0] - seen[..., 2]
    neutral = -6 if dark else 0
    large = np.abs(expected) > 0.03
    assert large.sum() > 5
    assert np.all(reddish[large & (expected > 0)] > neutral + 15)
    assert np.all(reddish[large & (expected < 0)] < neutral - 15)
    ticks = shown.find(".cmp-scale .legend-tick").all_inner_texts()
    top = np.abs(expected).max()
    assert [float(text.replace("−", "-")) for text in ticks] == pytest.approx(
        [-top, -top / 4, 0, top / 4, top], abs=0.0016
    )
    box = shown.find(".cmp-cells canvas").first.bounding_box()
    assert box is not None
    n = len(expected)
    shown.page.mouse.move(box["x"] + 2.5 * box["width"] / n, box["y"] + 1.5 * box["height"] / n)
    expect(shown.find(".cmp-readout strong")).to_be_visible()
    number = re.search(r"\(([+−]?[\d.]+)\)", shown.find(".cmp-readout").inner_text())
    assert number is not None
    assert abs(float(number[1].replace("−", "-")) - expected[1, 2]) < 0.0016


def test_arrows_go_through_the_cells(opened: Opened, compared: AttnView, attention: Attention) -> None:
    compared.mode = "matrix"
    shown = opened.view(compared)
    shown.find(".cmp-cells canvas").first.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        shown.page.keyboard.press(key)
    tokens = attention.tokens
    expect(shown.find(".cmp-readout")).to_contain_text(f"{tokens[1].text} → {tokens[1].text}")


def test_heads_are_ranked_and_opened(opened: Opened, compared: AttnView, attention: Attention) -> None:
    shown = opened.view(compared)
    ranked = sorted(
        ((-value, layer, head) for layer, heads in enumerate(compared.comparison["divergence"]["encoder"])
         for head, value in enumerate(heads))
    )  # fmt: skip
    names = shown.find(".cmp-heads strong").all_inner_texts()
    assert names == [f"L{layer} H{head}" for _, layer, head in ranked[:12]]
    expect(shown.find(".cmp-heads")).to_contain_text("60 more heads changed less.")
    stops = shown.find(".cmp-heads button[tabindex='0']")
    assert stops.count() == 1
    stops.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
        shown.page.keyboard.press(key)
    expect(shown.find(f".cmp-heads [data-address='{ranked[1][1]}/{ranked[1][2]}']")).to_be_focused()
    _, layer, head = ranked[2]
    shown.find(f".cmp-heads [data-address='{layer}/{head}']").click()
    assert (shown.layer(), shown.pressed_heads()) == (layer, [head])
    shown.choose("heads")
    assert shown.find(".cmp-heads strong").count() == 72
    shown.find(f".cmp-heads [data-address='{ranked[50][1]}/{ranked[50][2]}']").click()
    expect(shown.find("[data-value=lines]")).to_have_attribute("aria-checked", "true")
    assert (shown.layer(), shown.pressed_heads()) == (ranked[50][1], [ranked[50][2]])


def test_two_layers_are_compared_and_the_second_stays(opened: Opened, attention: Attention) -> None:
    shown = opened.view(AttnView.compare((attention, 1), (attention, 4), heads=[2]))
    expect(shown.find(".cmp-sides")).to_contain_text("L1 → L4")
    expect(shown.find(".caveats")).to_contain_text("Head numbers of two layers")
    for layer in (1, 2):
        expected = attention.weights(4, 2).astype(np.float64) - attention.weights(layer, 2)
        moved = 100 * np.abs(expected).sum(axis=1).mean() / 2
        expect(shown.find(".cmp-sides")).to_contain_text(f"L{layer} → L4")
        said = float(re.findall(r"([\d.]+) %", shown.find(".compare .ledger").inner_text())[0])
        assert abs(said - moved) < 0.3
        shown.find("[aria-label='Next layer']").click()


def test_the_table_lists_both_sides(opened: Opened, compared: AttnView, attention: Attention, tuned: Attention) -> None:
    shown = opened.view(compared)
    shown.find(".numbers summary").click()
    assert shown.find(".numbers thead th").all_inner_texts() == ["query", "key", "base", "tuned", "change"]
    rows = shown.find(".numbers tbody tr")
    assert rows.count() == 144
    cells = [text.strip() for text in rows.nth(25).locator("td").all_inner_texts()]
    query, key = divmod(25, 12)
    expected = change(attention, tuned, 3, 5)[query, key]
    assert abs(float(cells[2].replace("−", "-")) - expected) < 0.0016
    assert abs(float(cells[0].removeprefix("<")) - attention.weights(3, 5)[query, key]) < 0.00051
    shown.find(".cmp-tokens-query [data-index='2']").click()
    expect(rows).to_have_count(12)
    assert rows.first.locator("th").first.inner_text().split() == ["2", attention.tokens[2].text]


def printed(shown: Shown) -> NDArray[np.float64]:
    """The changes beside the keys."""
    said = shown.find(".cmp-tokens-key .cmp-change").all_inner_texts()
    return np.array([float(text.replace("−", "-")) for text in said])


def test_it_is_the_difference_of_what_each_side_shows(opened: Opened, attention: Attention) -> None:
    shown = opened.view(AttnView.compare((attention, 1), (attention, 4), heads=[2], selected_queries=[3]))
    weights = [attention.weights(layer, 2)[3].astype(float) for layer in (1, 4)]
    norms = [attention.value_norms(layer) for layer in (1, 4)]
    written = [w * norm[2] / (w * norm[2]).sum() for w, norm in zip(weights, norms, strict=True) if norm is not None]
    assert np.abs(printed(shown) - (weights[1] - weights[0])).max() < 0.0016
    shown.choose("contribution")
    expect(shown.find(".compare .ledger")).to_contain_text("Contribution that lies elsewhere")
    change = written[1] - written[0]
    assert np.abs(printed(shown) - change).max() < 0.003
    moved = float(re.findall(r"([\d.]+) %", shown.find(".compare .ledger").inner_text())[0])
    assert abs(moved - 50 * np.abs(change).sum()) < 0.5
    expect(shown.find(".caveats")).to_contain_text("A contribution is the length")

    shown.choose("weight")
    special = [token.kind in ("cls", "sep", "other") for token in attention.tokens]
    shown.choose("leave_out")
    left = np.where(special, 0, weights[1] - weights[0])
    assert np.abs(printed(shown) - left).max() < 0.0016
    expect(shown.find(".compare .note").first).to_contain_text("left out of both sides")
    shown.choose("renormalise")
    scaled = [np.where(special, 0, w) / np.where(special, 0, w).sum() for w in weights]
    assert np.abs(printed(shown) - (scaled[1] - scaled[0])).max() < 0.01
    # The heads are ranked by their weights on all tokens, and that is said.
    expect(shown.find(".caveats")).to_contain_text("The order of the heads is by their weights on all tokens")


def test_a_side_without_values_is_compared_by_weight(opened: Opened, compared: AttnView) -> None:
    compared.measure, compared.aggregate = "contribution", "rollout"
    shown = opened.view(compared)
    said = shown.find(".compare .note").first
    expect(said).to_contain_text("weights are compared")
    expect(said).to_contain_text("Rollouts are not compared")
    expect(shown.find(".compare .ledger")).to_contain_text("Weight that lies elsewhere")


def test_words_are_compared_as_words(opened: Opened, minilm_path: str) -> None:
    found = capture(minilm_path, "Transformers outperform unbelievably")
    assert isinstance(found, Attention)
    shown = opened.view(AttnView.compare((found, 1), (found, 4), heads=[2], unit="words"))
    words = found.by_word()
    names = shown.find(".cmp-tokens-key .cmp-name").all_inner_texts()
    assert [name.strip() for name in names] == [token.text for token in words.tokens]
    assert len(names) < len(found.tokens)
    shown.find(".cmp-tokens-query [data-index='1']").click()
    change = words.weights(4, 2)[1].astype(float) - words.weights(1, 2)[1]
    assert np.abs(printed(shown) - change).max() < 0.003


def test_other_modes_say_that_they_show_one_side(opened: Opened, compared: AttnView) -> None:
    shown = opened.view(compared)
    assert shown.find(".cmp-alone").count() == 0
    shown.choose("steps")
    expect(shown.find(".cmp-alone")).to_have_text(
        "This mode shows base alone. Lines, Matrix and Heads compare it with tuned."
    )


def test_the_same_on_both_sides_says_so(opened: Opened, attention: Attention) -> None:
    shown = opened.view(AttnView.compare(attention, attention))
    expect(shown.find(".compare .ledger")).to_contain_text("Nothing differs in these rows.")


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("width", [400, 1000])
def test_a_comparison_fits_and_axe_finds_nothing(opened: Opened, compared: AttnView, lang: str, width: int) -> None:
    compared.lang = lang
    shown = opened.view(compared, width=width, dark=lang == "ja")
    for mode in ("lines", "matrix", "heads"):
        shown.choose(mode)
        settled(shown)
        if mode == "lines":
            shown.find(".cmp-tokens-query [data-index='3']").hover()
        inside = shown.find(".compare").evaluate(
            """root => { const right = root.getBoundingClientRect().right + 15;
            return [...root.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > right)
                .map(e => e.className) }"""
        )
        assert inside == [], mode
        assert violations(shown.page, "div.compare") == [], mode
