"""`Attention`: what one forward pass looked at, answered on demand.

Addressing is the same everywhere: ``[layer, head, query, key]``, 0-based. ``weights(layer, head=None, *, stack=None,
queries=None)``: without `head` all heads, without `queries` all rows; `stack` may be left out when there is only one.
Query tokens and key tokens are separate, since cross-attention, caches and learned sinks make them differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attnwidget.addressing import Heads, Rows, as_int, heads_of
from attnwidget.inputs.tokens import Token
from attnwidget.layers import Floats, Layer, LayerInfo, Stack
from attnwidget.overviews import Block, blocks, overview
from attnwidget.recorded import Recorded

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from attnwidget.statistics.heads import HeadStatistics
    from attnwidget.statistics.labels import HeadLabel
    from attnwidget.words import WordAttention

__all__ = ["Attention", "Layer", "LayerInfo", "Stack"]


class Attention(Recorded):
    """The attention of one model over one text; made by :func:`attnwidget.capture` or :meth:`from_arrays`.

    Attributes
    ----------
    stacks : mapping of str to Stack
        In the order of the data's flow; the first is what is shown first.
    model_name, text : str
    notes : tuple of str
        What a reader has to know: where weights come from, what could not be read.
    residual : float or None
        The largest of `residuals`: what recomputed attention differs by from what the model computed, on a few rows of
        every layer; None where nothing was recomputed.
    image : bytes
        A PNG or JPEG file of the one picture that a vision model saw; else empty.
    """

    @classmethod
    def from_arrays(
        cls,
        attentions: Any,
        tokens: Sequence[str | Token],
        key_tokens: Sequence[str | Token] | None = None,
        *,
        stack: str = "encoder",
        model_name: str = "",
        text: str | None = None,
    ) -> Attention:
        """An `Attention` of finished weights. See :func:`attnwidget.arrays.from_arrays`.

        Examples
        --------
        >>> weights = [[[[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.0, 0.1, 0.9]]]]  # [layer, head, query, key]
        >>> Attention.from_arrays(weights, ["the", "dog", "barks"])
        <Attention arrays: encoder 1×1, 3×3 tokens>
        """
        from attnwidget.arrays import from_arrays

        return from_arrays(attentions, tokens, key_tokens, stack=stack, model_name=model_name, text=text)

    @classmethod
    def from_cache(cls, cache: Any, tokens: Any = None, **settings: Any) -> Attention:
        """An `Attention` of a TransformerLens ActivationCache. See :func:`attnwidget.caches.from_cache`."""
        from attnwidget.caches import from_cache

        return from_cache(cache, tokens, **settings)

    def by_word(self) -> WordAttention:
        """The same attention between whole words: to a word the sum over its pieces, from a word their mean.

        Rows still sum to 1. Nothing is computed before it is asked for, and nothing is copied: it answers as long as
        this `Attention` does. Tokens that belong to no word stay as they are. See :mod:`attnwidget.words`.
        """
        from attnwidget.words import WordAttention

        return WordAttention(self)

    # What it says

    def weights(self, layer: int, head: Heads = None, *, stack: str | None = None, queries: Rows = None) -> Floats:
        """Attention weights: after softmax, before dropout. Each row sums to 1.

        Parameters
        ----------
        layer : int
        head : None, int or sequence of int
            None: all heads, shape [H, q, k]; an int: [q, k]; a sequence: [len, q, k].
        stack : str, optional
            Needed when there is more than one.
        queries : None, int, slice or sequence of int
            Rows wanted; an int keeps its axis (q = 1). Only these rows are computed.

        Returns
        -------
        float32 array

        Examples
        --------
        Row 1 is what "dog" looks at, column 2 what "barks" gets:

        >>> weights = [[[[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.0, 0.1, 0.9]]]]
        >>> attention = Attention.from_arrays(weights, ["the", "dog", "barks"])
        >>> attention.weights(0).shape  # [head, query, key]
        (1, 3, 3)
        >>> attention.weights(0, head=0, queries=[1])
        array([[0.2, 0.5, 0.3]], dtype=float32)
        """
        record, heads, rows, single = self._address(layer, head, stack, queries)
        out = record.weights(heads, rows)
        return out[0] if single else out

    def scores(self, layer: int, head: Heads = None, *, stack: str | None = None, queries: Rows = None) -> Floats:
        """What the softmax takes: q·k × scale, soft-capped, plus bias; −inf where masked. Shapes as `weights`."""
        record, heads, rows, single = self._address(layer, head, stack, queries)
        out = record.scores(heads, rows)
        return out[0] if single else out

    def query(self, layer: int, head: Heads = None, *, stack: str | None = None) -> Floats:
        """Query vectors as they enter the dot product (after rotary embedding and norms): [H, q, d], or [q, d]."""
        return self._vectors("query", layer, head, stack)

    def key(self, layer: int, head: Heads = None, *, stack: str | None = None) -> Floats:
        """Key vectors, each key-value head repeated for the heads that share it: [H, k, d]. NaN for a learned sink."""
        return self._vectors("key", layer, head, stack)

    def value(self, layer: int, head: Heads = None, *, stack: str | None = None) -> Floats:
        """Value vectors, likewise: [H, k, d_v]. Zero for a learned sink, which adds nothing to the output."""
        return self._vectors("value", layer, head, stack)

    def value_norms(self, layer: int, *, stack: str | None = None) -> Floats | None:
        """‖v·W_O‖ of every head and key: float32 [H, k]; None where the output projection W_O cannot be found.

        W_O is the model's own tensor, not a copy: after the model was trained further in place, this is None. Only a
        change of few entries that was written through ``weight.data`` may go unseen.
        """
        return self._record(layer, self._stack(stack)).value_norms()

    def contributions(
        self,
        layer: int,
        head: Heads = None,
        *,
        stack: str | None = None,
        queries: Rows = None,
        summed: bool = False,
    ) -> Floats:
        """How much each key's value adds to the layer's output, in the units of the residual stream.

        Of one head: ‖α·v·W_O‖ = α·‖v·W_O‖, shapes as `weights`. ``summed=True``: the norm of the *vector* sum over the
        given heads (None: all), [q, k]; never more than the sum of the norms, as heads may cancel out. Where only the
        norms of single heads are at hand, as in an exported page, several heads are shown by their sum, under the name
        "sum of norms". Biases of W_O belong to no head and no key, and are left out.
        ValueError where W_O cannot be found.

        References
        ----------
        Kobayashi et al. (2020), "Attention is not only a weight: analyzing transformers with vector norms", EMNLP.
        """
        record, heads, rows, single = self._address(layer, head, stack, queries)
        norms = record.value_norms()
        if norms is None:
            raise ValueError(
                f"layer {layer} has no contributions: its value vectors or output projection (o_proj, out_proj, "
                "c_proj, dense, o) are not known, or the model's weights have changed since the capture; "
                "use weights() instead"
            )
        weights = record.weights(heads, rows)
        if not summed:
            weights *= norms[list(heads)][:, None, :]
            return weights[0] if single else weights
        products = record.value_products(heads)
        assert products is not None
        # ‖Σ αₕ uₕ‖² = Σ αₕ αₕ' (uₕ·uₕ'): the products cost k·H², the vectors themselves would cost q·k·hidden.
        squared = np.einsum("hqk,kgh,gqk->qk", weights, products, weights, optimize=True)
        total: Floats = np.sqrt(np.maximum(squared, 0)).astype(np.float32)
        return total

    def overview(self, layer: int, *, stack: str | None = None, size: int = 32) -> Floats:
        """Small pictures of all heads: float32 [H, min(q, size), min(k, size)], each cell the largest weight in it.

        Cell i of m covers positions ⌊i·n/m⌋ up to ⌊(i+1)·n/m⌋. Computed block by block: no n×n array is made.

        Examples
        --------
        >>> weights = [[[[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.0, 0.1, 0.9]]]]
        >>> Attention.from_arrays(weights, ["the", "dog", "barks"]).overview(0, size=2)
        array([[[0.9, 0.1],
                [0.2, 0.9]]], dtype=float32)
        """
        if size < 1:
            raise ValueError(f"size must be 1 or more, got {size}")
        return overview(self._record(layer, self._stack(stack)), size)

    def blocks(self, layer: int, *, stack: str | None = None) -> Iterator[Block]:
        """The weights of a layer for whoever goes through all of them: blocks of rows of one head, masked ends left
        out. See :class:`attnwidget.overviews.Block`.
        """
        return blocks(self._record(layer, self._stack(stack)))

    def statistics(self, *, stack: str | None = None, rows: int | None = None) -> HeadStatistics:
        """Statistics of every head for this text. See :class:`attnwidget.statistics.heads.HeadStatistics`.

        With `rows` no more than so many rows are read, evenly spaced: an estimate that does for thousands of tokens.
        """
        from attnwidget.statistics.heads import statistics

        return statistics(self, stack=stack, rows=rows)

    def labels(self, *, stack: str | None = None) -> list[HeadLabel]:
        """What each head does in this text, with the evidence: one text describes, only a corpus can judge.

        See :class:`attnwidget.statistics.labels.HeadLabel`, and :func:`attnwidget.profile` for a corpus.
        """
        return self.statistics(stack=stack).labels()

    def to_frame(self, layer: int, head: int, *, stack: str | None = None) -> pandas.DataFrame:
        """One head as a pandas table: rows queries, columns keys, labelled with the tokens. Needs pandas.

        Examples
        --------
        >>> weights = [[[[0.9, 0.1, 0.0], [0.2, 0.5, 0.3], [0.0, 0.1, 0.9]]]]
        >>> Attention.from_arrays(weights, ["the", "dog", "barks"]).to_frame(0, head=0)
        key    the  dog  barks
        query
        the    0.9  0.1    0.0
        dog    0.2  0.5    0.3
        barks  0.0  0.1    0.9
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install 'attnwidget[frame]'") from error
        chosen = self._stack(stack)
        cells = self.weights(layer, as_int(head, "head"), stack=stack)
        return pandas.DataFrame(
            cells,
            index=pandas.Index([t.text for t in chosen.queries], name="query"),
            columns=pandas.Index([t.text for t in chosen.keys], name="key"),
        )

    def plot(
        self,
        layer: int,
        heads: Heads | Sequence[tuple[int, int]] = None,
        kind: str = "lines",
        ax: Axes | None = None,
        *,
        stack: str | None = None,
        **options: Any,
    ) -> Axes:
        """A figure for a paper, drawn by matplotlib as the page draws it. Needs matplotlib (the extra ``plot``).

        Neither pyplot nor rcParams are touched. `AttnView.save` writes the figure of what a view shows, with text as
        text; of the axes given here, ``ax.figure.savefig(...)`` does, by your own settings.

        Parameters
        ----------
        layer : int
        heads : None, int, sequence of int, or sequence of (layer, head)
            None: all heads of the layer. 2 to 6 heads are lines in a colour each, more are their mean.
        kind : "lines" | "matrix"
        ax : matplotlib Axes, optional
            To draw into; a figure of its own where not given.
        stack : str, optional
            The first where not given.
        **options
            `queries` and `keys` (positions chosen), `highlight`, `budget`, `max_strokes`, `measure`, `aggregate`,
            `sinks`, `pair`, `unit` and `scale` as of a view; `caption` (False for none); `width` of an own figure, in
            inches.

        Returns
        -------
        matplotlib Axes
        """
        from attnwidget.figures.asked import plot

        return plot(self, layer, heads, kind, ax, stack, options)

    def _vectors(self, which: str, layer: int, head: Heads, stack: str | None) -> Floats:
        record = self._record(layer, self._stack(stack))
        heads, single = heads_of(head, record.heads)
        out = record.vectors(which, heads)
        return out[0] if single else out
