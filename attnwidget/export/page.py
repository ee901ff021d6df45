"""One self-contained page: the views' state and weights, and the very code that runs in a notebook.

The page opens from a file, with no network and no kernel. Its content security policy allows the two scripts and the
one style written here, by their hashes, and nothing else; what the reader's text contains can never become markup or
script. The same view gives the same bytes, so that a page may be kept under version control.

The code travels deflated: one short script inflates it and puts it into the page, where the policy knows it by its
hash. Large data is written as `dense` text, small data in base64, which survives every editor and mail. All else is
ASCII: other characters are written as JSON and HTML escape them, for browsers read those by far the fastest.
"""

from __future__ import annotations

import base64
import hashlib
import html as markup
import json
import os
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnwidget.description import clean, one_line, printable
from attnwidget.export import dense

BUNDLE = Path(__file__).parent.parent / "static" / "page.js"

#: Bytes of a view from which on they are written as `dense` text: a page of that size is edited and mailed by nobody.
#: A smaller one opens sooner in base64, which browsers decode by themselves.
DENSE_FROM = 5 << 19

#: Bytes of a piece in base64: a page decodes only those pieces that hold what it shows. A multiple of 3.
_PIECE = 48 << 10

_LONGEST_TITLE = 200

# The view brings its own look inside a shadow root; this is the ground around it. Both colours are the view's --paper.
_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 16px; max-width: 1600px; background: #ffffff; color: #1b2230; }
body, pre { font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Hiragino Sans",
  "Noto Sans CJK JP", "Yu Gothic UI", sans-serif; }
pre { white-space: pre-wrap; }
h1, h2 { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); }
img { max-width: 100%; background: #ffffff; }
.attnwidget-view ~ .attnwidget-view { margin-top: 24px; }
@media (max-width: 600px) { body { padding: 8px; } }
@media (prefers-color-scheme: dark) { body { background: #151922; color: #e8ebf2; } }
@media print {
  :root { color-scheme: light; }
  body { padding: 0; max-width: none; background: #ffffff; color: #1b2230; }
  .attnwidget-view { break-inside: avoid; }
}
"""

# Kept small: this much of the page is not deflated. What it inserts runs at once, for inline scripts always do.
_LOADER = """
(async () => {
  const say = (text) => {
    for (const el of document.querySelectorAll(".attnwidget-view")) el.textContent = text;
  };
  if (!("DecompressionStream" in self)) {
    return say("This page needs a browser of 2023 or later (DecompressionStream is missing).");
  }
  try {
    const text = document.getElementById("attnwidget-code").text;
    const packed = Uint8Array.fromBase64?.(text) ?? Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    const inflated = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const script = document.createElement("script");
    script.id = "attnwidget-run";
    script.textContent = await new Response(inflated).text();
    document.body.append(script);
  } catch (error) {
    say("This page is damaged: " + error);
  }
})();
"""


@dataclass(frozen=True)
class Part:
    """One view of a page.

    Attributes
    ----------
    state : dict
        All traits but those of bytes.
    binary : dict of str to bytes
        Those, with the container of every stack and layer under "attention".
    picture : bytes or None
        A PNG for readers without JavaScript.
    text : str
        The same in words.
    """

    state: dict[str, Any]
    binary: dict[str, bytes]
    picture: bytes | None
    text: str


def html(
    parts: Sequence[Part], *, title: str, provenance: Mapping[str, str] | None = None, dense_from: int = DENSE_FROM
) -> str:
    """The page, as text to be written as UTF-8. Arguments as of `pieces`."""
    return "".join(pieces(parts, title=title, provenance=provenance, dense_from=dense_from))


def pieces(
    parts: Sequence[Part], *, title: str, provenance: Mapping[str, str] | None = None, dense_from: int = DENSE_FROM
) -> Iterator[str]:
    """The page, piece by piece, so that a large one is never in memory as a whole.

    Parameters
    ----------
    parts
        The views, in the order shown. They share one copy of the code.
    title
        Of the page. Any text: it is escaped.
    provenance
        What the page was made of and with, by name, for the record in its head.
    dense_from
        Bytes of a view from which on they are written as `dense` text.

    Raises
    ------
    RuntimeError
        If the page's script was never built.
    """
    code = _bundle()
    policy = (
        f"default-src 'none'; script-src '{_hash(_LOADER)}' '{_hash(code)}'; style-src '{_hash(_STYLE)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    language = parts[0].state.get("lang", "en") if parts else "en"
    lines = [
        "<!DOCTYPE html>",
        f'<html lang="{_escape(str(language))}">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
    ]
    for name, text in (provenance or {}).items():
        lines.append(f'<meta name="{_escape(name)}" content="{_escape(one_line(text, _LONGEST_TITLE))}">')
    lines += [
        f"<title>{_escape(one_line(title, _LONGEST_TITLE)) or 'attnwidget'}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        f'<body><main id="attnwidget"><h1>{_escape(one_line(title, _LONGEST_TITLE)) or "attnwidget"}</h1>\n',
    ]
    yield "\n".join(lines)
    for part in parts:
        yield (
            f"<h2>{_escape(one_line(str(part.state.get('title', '')), _LONGEST_TITLE)) or 'attnwidget'}</h2>\n"
            '<div class="attnwidget-view"></div>\n'
            f'<script type="application/json" class="attnwidget-state">{_json(part.state)}</script>\n'
        )
        for name, data in part.binary.items():
            yield from _data(name, data, dense_from)
        yield f"<noscript>{_fallback(part)}</noscript>\n"
    packed = base64.b64encode(zlib.compress(code.encode(), 9)).decode("ascii")
    yield f'</main><script type="text/plain" id="attnwidget-code">{packed}</script>\n'
    yield f"<script>{_LOADER}</script>\n</body></html>\n"


def frame(document: str, *, title: str, height: int) -> str:
    """A page as a piece of another one: a frame that runs scripts of its own and touches nothing around it.

    Parameters
    ----------
    document
        From `html`, better without `dense` text: half of its characters are long in JSON, where notebooks keep them.
    title
        What screen readers call the frame.
    height
        In CSS pixels.
    """
    name = _escape(one_line(title, _LONGEST_TITLE)) or "attnwidget"
    # Nothing but these two ends or changes the text of an attribute in quotes.
    inside = document.replace("&", "&amp;").replace('"', "&quot;")
    return (
        f'<iframe title="{name}" sandbox="allow-scripts allow-downloads" width="100%" height="{int(height)}" '
        f'style="border:0;display:block;width:100%;background:#ffffff" srcdoc="{inside}"></iframe>'
    )


def write(path: str | os.PathLike[str], data: Iterable[bytes]) -> None:
    """Write a file whole or not at all: piece by piece into a neighbour first, then over the old one.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path: the folder {str(target.parent)!r} does not exist")
    # Opened by name, not as a temporary file, so that the page gets the rights of any new file.
    part = target.with_name(f".attnwidget-{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            file.writelines(data)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _bundle() -> str:
    try:
        return BUNDLE.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RuntimeError(
            f"{BUNDLE} is missing: build it with `npm run build` in js/, or install attnwidget"
        ) from None


def _data(name: str, data: bytes, dense_from: int) -> Iterator[str]:
    coding, encode, size = ("dense", dense.encode, dense.PIECE) if len(data) >= dense_from else _BASE64
    for start in range(0, len(data) or 1, size):
        piece = data[start : start + size]
        head = f'class="attnwidget-bytes" data-name="{_escape(name)}" data-coding="{coding}" data-length="{len(piece)}"'
        yield f'<script type="text/plain" {head}>{encode(piece)}</script>\n'


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


_BASE64 = ("base64", _base64, _PIECE)


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode("ascii")


def _json(value: object) -> str:
    # Without any "<" neither "</script" nor "<!--" can come up, whatever the reader's text is.
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _fallback(part: Part) -> str:
    words = "\n".join(map(printable, part.text.split("\n")))
    image = ""
    if part.picture is not None:
        title = _escape(str(part.state.get("title", "")))
        image = f'<img alt="{title}" src="data:image/png;base64,{_base64(part.picture)}">'
    why = _escape(str(part.state.get("words", {}).get("page.noscript", "")))
    return f"{image}<pre>{_escape(words)}</pre><p>{why}</p>"


def _escape(text: str) -> str:
    return markup.escape(clean(text), quote=True).encode("ascii", "xmlcharrefreplace").decode()
