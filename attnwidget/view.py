"""`AttnView`: the widget. It holds a capture, shares its state with the page, and answers what the page asks for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnwidget import answers, rerun
from attnwidget.answers.statistics import of_corpus
from attnwidget.attention import Attention
from attnwidget.called import OF_CAPTURE, captured, check_names
from attnwidget.held import HeldView
from attnwidget.holdings import HOLDINGS
from attnwidget.requests import Requests

if TYPE_CHECKING:
    from attnwidget.statistics.corpus import HeadProfile

#: Bytes of weights that travel with the widget's own state, so that a page without a kernel has every layer.
ALL_AT_ONCE = 2 * 2**20

_BUNDLE = Path(__file__).parent / "static" / "widget.js"
# Python stays usable in a source tree that was never built; the page then says what is missing.
_NOT_BUILT = "export default { render({ el }) { el.textContent = 'attnwidget: run npm run build in js/ first.'; } };"


def _code() -> Path | str:
    """The page's code: its file while somebody works on it, else its text.

    Given a file, anywidget has it tell every view of its changes, and so keeps every view that ever was in memory.
    """
    if not _BUNDLE.exists():
        return _NOT_BUILT
    return _BUNDLE if os.environ.get("ANYWIDGET_HMR") == "1" else _BUNDLE.read_text(encoding="utf-8")


class AttnView(HeldView):
    """See where a transformer looks, in any notebook.

    Parameters
    ----------
    model : model, pipeline, path or Hub id, or Attention
        Whatever :func:`attnwidget.capture` takes, or a finished capture. The model is held weakly: the view never keeps
        it in memory, and `run` works as long as somebody else does.
    text : str or ready encoding
        What the model reads; left out where an `Attention` is given.
    text_pair : str, optional
        A second segment.
    target : str, optional
        What an encoder-decoder writes.
    tokenizer : optional
        Found from the model where not given.
    profile : HeadProfile, optional
        Of the same model, from :func:`attnwidget.profile`: modes "heads" and "profile" then show what heads do over
        that corpus, beside what they do in this text (`evidence`).
    **traits
        Any of the attributes below that Python may set, such as ``layer=3, mode="matrix"``; and `image`, `audio`,
        `sampling_rate`, `processor`, `generate`, `truncation`, `store` and `spill` as :func:`attnwidget.capture` takes
        them.

    Attributes
    ----------
    stack : str
        "encoder", "decoder", "cross" or "vision"; changing it brings `layer`, `heads`, `pinned` and the chosen tokens
        to ones that exist there.
    layer : int
        The layer shown, 0-based.
    heads : list of int
        Heads of that layer; empty for all. Two to six are drawn one by one, in colours; else their mean.
    pinned : list of (layer, head)
        Heads collected across layers; where there are any, these are shown.
    mode : "lines" | "matrix" | "heads" | "profile" | "trace" | "steps"
    highlight : "none" | "special" | "query"
    selected_queries, selected_keys : list of int
        Positions of the chosen tokens; empty for none. Assign a new list: one changed in place is not seen.
    budget : float
        Share of each row's mass that is drawn as lines, above 0 and up to 1.
    max_strokes : int
        Most lines drawn.
    measure : "weight" | "contribution"
        What is shown: α, or the share of what is written, ‖α·v·W_O‖ ÷ its sum over the row (Kobayashi et al. 2020,
        arXiv:2004.10102).
    sinks : "show" | "dim" | "leave_out" | "renormalise"
        What becomes of special tokens and, in causal stacks, the first key. Left out they are not drawn; renormalised,
        the rest of each row is also divided by its sum. The ledger says how much was removed.
    scale : "linear" | "sqrt" | "log" | "relative"
        Of a matrix's colours; "relative": to uniform over the keys that the row may see.
    aggregate : "mean" | "max" | "rollout"
        Of several heads; rollout is that of layers 0 to `layer`, mean heads (Abnar & Zuidema 2020, arXiv:2005.00928).
    unit : "pieces" | "words"
        To a word: the sum over its pieces; from a word: their mean.
    pair : "all" | "aa" | "ab" | "ba" | "bb"
        Of a text pair: from which segment to which.
    evidence : "text" | "corpus"
        Modes "heads" and "profile": of this text, or of the `profile`.
    sort : str
        Mode "heads": order within layers by this statistic, largest first; empty: by number.
    only : str
        Mode "heads": heads of other labels ("cls_sink", "previous", …) are shown as outlines; empty: all are shown.
    lang : "en" | "ja"
    theme : "auto" | "light" | "dark"
        "auto" follows the notebook.
    title : str
    tokens : dict of str to list of dict
        Read-only. Sequence name → tokens, each {"text", "role", "kind", "segment", "word", "space"}.
    stacks : list of dict
        Read-only. {"name", "queries": sequence name, "keys": sequence name, "layers": [{"heads", "source", "note"}]};
        a layer also has "kv_heads" where heads share keys and values, and "window" or "chunk" (keys) where its queries
        do not see all of this text.
    attention : bytes
        Read-only. The weights as the page gets them (see :mod:`attnwidget.wire`): uint8 [heads, queries, keys] codes a
        layer and exact sums; every layer while that takes up to 2 MiB, else overviews and the first layer shown, and
        the page asks for the rest; of long texts only the largest weights of each row. :attr:`attention_data` is the
        `Attention` to compute with.
    image : bytes
        Read-only. Of a model that sees: a PNG or JPEG file of the picture as the processor cut and resized it, at most
        512 pixels wide and high; empty otherwise.
    notes : list of str
        Read-only. What a reader has to know about the capture.
    status : str
        Read-only. "", or "released" after the capture was let go to keep all views within memory
        (:func:`attnwidget.holdings.set_limit`); `run` brings it back.
    can_run : bool
        Read-only. Whether the page offers to run the model on another text: it is still there, and reads text.
    inputs : dict
        Read-only. What the model read, {"text", "text_pair", "target"}; empty where that was no text.
    more : str
        Read-only. The second part of the page's code; empty until a page or a mode needs it.
    comparison : dict
        Read-only. Of :meth:`compare`: the names of both sides, and how far every head moved; else empty.

    Raises
    ------
    TypeError
        For unknown arguments; the nearest known one is named.
    traitlets.TraitError
        For values that are not valid, at any time; the valid ones are named.

    Examples
    --------
    What is set in Python moves the page, and what is clicked on the page is read in Python:

    >>> view = AttnView(model, "The dog chased the cat")
    >>> view.layer, view.heads, view.selected_queries = 3, [8], [3]
    >>> view.selection_frame().nlargest(1, "weight")[["query_token", "key_token"]]
      query_token key_token
    0      chased     [CLS]
    >>> view.layer = 6
    Traceback (most recent call last):
    traitlets.traitlets.TraitError: layer: 6 is not valid. Valid: 0 to 5
    """

    _esm = _code()

    def __init__(
        self,
        model: Any,
        text: Any = None,
        text_pair: Any = None,
        *,
        target: Any = None,
        tokenizer: Any = None,
        profile: HeadProfile | None = None,
        **traits: Any,
    ) -> None:
        self._options = {name: traits.pop(name) for name in OF_CAPTURE if name in traits}
        check_names(traits)
        self._data: Attention | None = None
        self._source: Callable[[], Any] | None = None
        self._inputs: tuple[Any, Any, Any, Any] = (text, text_pair, target, tokenizer)
        self._drawn = {}
        self._requests = Requests(self._answer, self.send, sends_from_threads=self._sends_from_threads)
        if isinstance(model, Attention):
            if self._options or any(value is not None for value in self._inputs):
                others = "".join(f", {name}" for name in self._options)
                raise TypeError(
                    f"text, text_pair, target and tokenizer{others} belong to a model; the Attention given has its own"
                )
            data = model
        else:
            data = captured(model, *self._inputs, self._options)
            self._source = rerun.watch(self, model)
        # All state is in before the widget opens its way to the page: one message carries it.
        self._show(data, traits.get("stack"))
        rerun.tell(self, self._inputs, self._source)
        self._tell_image()
        if profile is not None:
            self.set_trait("profile", of_corpus(profile, data))
            traits.setdefault("evidence", "corpus")
        host = {name: traits.pop(name) for name in ("layout",) if name in traits}
        with self.hold_trait_notifications():
            for name, value in traits.items():
                setattr(self, name, value)
        self._pack(data)
        super().__init__(**host)
        self.on_msg(_receive)
        HOLDINGS.add(self)

    @classmethod
    def from_arrays(cls, attentions: Any, tokens: Any, key_tokens: Any = None, **traits: Any) -> AttnView:
        """A view of finished weights.

        Parameters
        ----------
        attentions
            What :meth:`attnwidget.Attention.from_arrays` takes: an array [layer, head, query, key], or one
            [head, query, key] (or [1, head, query, key]) array a layer, numpy or torch, rows summing to 1.
        tokens
            Query tokens; the key tokens too, unless `key_tokens` are given.
        **traits
            As for `AttnView`, and `stack`, `model_name` and `text` of the capture.
        """
        of_capture = {name: traits.pop(name) for name in ("stack", "model_name", "text") if name in traits}
        check_names(traits, "from_arrays", (*of_capture, "profile"))
        return cls(Attention.from_arrays(attentions, tokens, key_tokens, **of_capture), **traits)

    @classmethod
    def from_cache(cls, cache: Any, tokens: Any = None, **traits: Any) -> AttnView:
        """A view of a TransformerLens ActivationCache; `tokens` and `key_tokens` as for `Attention.from_cache`.

        Parameters
        ----------
        **traits
            As for `AttnView`, and `key_tokens`, `stack`, `model_name` and `text` of the capture.
        """
        names = ("key_tokens", "stack", "model_name", "text")
        of_capture = {name: traits.pop(name) for name in names if name in traits}
        check_names(traits, "from_cache", (*of_capture, "profile"))
        return cls(Attention.from_cache(cache, tokens, **of_capture), **traits)

    # ---- the capture

    def run(self, text: Any = None, text_pair: Any = None, *, target: Any = None) -> AttnView:
        """Capture again, with the model as it is now, and show that; all arguments left out: the same text.

        Returns
        -------
        AttnView
            This view.

        Raises
        ------
        RuntimeError
            If the model is gone, or the view was made of an `Attention` or of arrays.
        """
        model = None if self._source is None else self._source()
        if model is None:
            what = (
                "shows a finished capture, not a model"
                if self._source is None
                else "held its model weakly, and it is gone"
            )
            raise RuntimeError(f"this view {what}: make a new view, AttnView(model, text)")
        inputs = self._inputs if text is None else (text, text_pair, target, self._inputs[3])
        if text is None and (text_pair is not None or target is not None):
            raise TypeError("text_pair and target go with a text: view.run(text, text_pair, target=...)")
        data = captured(model, *inputs, self._options)
        self._inputs = inputs
        with self.hold_sync():
            self._show(data, self.stack)
            rerun.tell(self, self._inputs, self._source)
            self._tell_image()
            self._pack(data)
        HOLDINGS.add(self)
        return self

    def _at_once(self) -> int:
        return ALL_AT_ONCE

    # ---- requests of the page

    def _answer(self, asked: answers.Asked) -> bytes:
        """The container that was asked for; runs on the worker thread."""
        data = self.attention_data
        HOLDINGS.touch(self)
        return answers.answer(data, asked)

    def _sends_from_threads(self) -> bool:
        # ipykernel's sockets take messages from any thread. Other hosts (marimo) find their page through the thread
        # the kernel runs on, and drop what comes from elsewhere without a word.
        return type(self.comm).__module__.partition(".")[0] == "ipykernel"


def _receive(view: AttnView, content: object, _buffers: object) -> None:
    asked = content if isinstance(content, Mapping) else {}
    if asked.get("kind") == "run":
        rerun.answer(view, asked)
    elif asked.get("kind") == "more":
        view.bring_more()
    elif asked.get("of") == "b" and view._of_other is not None:
        view._of_other.receive(content)
    else:
        view._requests.receive(content)
