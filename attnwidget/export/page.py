"""One self-contained page: the views' state and weights, and the very code that runs in a notebook.

The page opens from a file, with no network and no kernel. Its content security policy allows the one script and the
one style written here, by their hashes, and nothing else; what the reader's text contains can never become markup or
script. The same view gives the same bytes, so that a page may be kept under version control.
"""

from __future__ import annotations

import base64
import hashlib
import html as markup
import json
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnwidget.description import clean, one_line

BUNDLE = Path(__file__).parent.parent / "static" / "page.js"

_LONGEST_TITLE = 200

# The view brings its own look inside a shadow root; this is the ground around it. Both colours are the view's --paper.
_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 16px; max-width: 1600px; background: #ffffff; color: #1b2230; }
body, pre { font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Hiragino Sans",
  "Noto Sans CJK JP", "Yu Gothic UI", sans-serif; }
pre { white-space: pre-wrap; }
img { max-width: 100%; background: #ffffff; }
.attnwidget-view + .attnwidget-state + noscript + .attnwidget-view { margin-top: 24px; }
@media (max-width: 600px) { body { padding: 8px; } }
@media (prefers-color-scheme: dark) { body { background: #151922; color: #e8ebf2; } }
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


def html(parts: Sequence[Part], *, title: str, model: str = "", version: str = "") -> str:
    """The page, as text to be written as UTF-8.

    Parameters
    ----------
    parts
        The views, in the order shown.
    title
        Of the page. Any text: it is escaped.
    model
        Name of the model, for the record in the page's head.
    version
        Of attnwidget, likewise.

    Raises
    ------
    RuntimeError
        If the page's script was never built.
    """
    script = _bundle()
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(_STYLE)}'; "
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
        f'<meta name="generator" content="{_escape(f"attnwidget {version}".strip())}">',
        f'<meta name="attnwidget-model" content="{_escape(one_line(model, _LONGEST_TITLE))}">',
        f"<title>{_escape(one_line(title, _LONGEST_TITLE)) or 'attnwidget'}</title>",
        f"<style>{_STYLE}</style>",
        "</head>",
        '<body><div id="attnwidget">',
    ]
    for part in parts:
        binary = {name: base64.b64encode(data).decode("ascii") for name, data in part.binary.items()}
        saved = {"state": part.state, "binary": binary}
        lines += [
            '<div class="attnwidget-view"></div>',
            f'<script type="application/json" class="attnwidget-state">{_json(saved)}</script>',
            f"<noscript>{_fallback(part)}</noscript>",
        ]
    return "\n".join([*lines, f"</div><script>{script}</script>", "</body></html>", ""])


def write(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file whole or not at all: into a neighbour first, then over the old one.

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
        part.write_bytes(data)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _bundle() -> str:
    try:
        script = BUNDLE.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RuntimeError(
            f"{BUNDLE} is missing: build it with `npm run build` in js/, or install attnwidget"
        ) from None
    # Browsers hash the text between the tags as they parsed it, so nothing in it may end the script early or open a
    # comment; inside the string literals where such text can stand, \x3c means the same.
    return re.sub(r"<(?=/?script|!--)", r"\\x3c", script, flags=re.IGNORECASE)


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode("ascii")


def _json(value: object) -> str:
    # Without any "<" neither "</script" nor "<!--" can come up, whatever the reader's text is.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _fallback(part: Part) -> str:
    words = "".join(
        character if character.isprintable() or character == "\n" else " " for character in clean(part.text)
    )
    image = ""
    if part.picture is not None:
        data = base64.b64encode(part.picture).decode("ascii")
        image = f'<img alt="{_escape(str(part.state.get("title", "")))}" src="data:image/png;base64,{data}">'
    return f"{image}<pre>{_escape(words)}</pre>"


def _escape(text: str) -> str:
    return markup.escape(clean(text), quote=True)
