"""A display that needs nothing: no widget, no kernel, no trust in more than HTML, no network."""

from __future__ import annotations

import base64
from typing import Any


class Snapshot:
    """What :meth:`attnwidget.AttnView.snapshot` gives: a cell output that stays as it is in every saved notebook.

    It is the exported page in a frame of its own, which may run scripts but touches nothing of the notebook. Where
    frames are taken away (GitHub, mail, a notebook that is not trusted) its picture is left, else its text.

    Attributes
    ----------
    html : str
        The frame, with the picture behind it.
    picture : bytes or None
        A PNG.
    text : str
    """

    def __init__(self, frame: str, picture: bytes | None, text: str, *, height: int) -> None:
        self.picture, self.text = picture, text
        image = ""
        if picture is not None:
            data = base64.b64encode(picture).decode("ascii")
            image = f'<img alt="" src="data:image/png;base64,{data}" style="max-width:100%">'
        # The frame lies on the picture, so that one of them is seen whatever becomes of styles and frames.
        self.html = (
            f'<div style="position:relative;height:{height}px;overflow:hidden">{image}'
            f'<div style="position:absolute;top:0;left:0;width:100%">{frame}</div></div>'
        )

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        bundle = {"text/html": self.html, "text/plain": self.text}
        if self.picture is not None:
            bundle["image/png"] = base64.b64encode(self.picture).decode("ascii")
        return bundle
