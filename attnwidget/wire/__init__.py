"""The wire format: how attention travels to the page, and how it rests in saved notebooks and exported pages.

Written by `encode`, read by `decode` here and by ``js/src/wire`` in the page; both are tested against the same bytes
in ``tests/fixtures/wire``. JSON messages are in `messages`.

Container
---------
====================  ==================================================================
bytes 0-3             ``ATTN``
byte 4                version, 1
bytes 5-7             zero
bytes 8-11            length of the header, uint32, little-endian
from byte 12          header, JSON in UTF-8
then                  blocks, each at a multiple of 8 from the start
====================  ==================================================================

The header is ``{"blocks": {name: entry}}``; an entry has ``offset`` and ``length`` (bytes as stored), ``size`` (bytes
once inflated), ``codec`` ("raw", or "deflate": a zlib stream), ``dtype`` ("u1", "u2", "u4", "f4", little-endian) and
``shape``. With ``shuffle`` numbers are byte planes: all first bytes, then all second ones, and so on; with ``bits``
the stored integers divided by 2^bits are the values. Blocks are compressed one by one, so a page inflates only the
layer it shows.

Blocks
------
Axes are [head, query, key]; `s` is the name of a stack, `l` a layer.

``overview/s``, u1 [heads of all layers, queries, keys], queries and keys at most 32
    The largest weight of each bin (bin i of m covers positions ⌊i·n/m⌋ up to ⌊(i+1)·n/m⌋) as √weight · 255. Left out
    where a stack of at most 4 million cells brings all its weights: the page pools those instead.
``overview/s/l``, u1 [heads, queries, keys]
    The same of one layer, with the layer, in place of ``overview/s``: in stacks of more than 100 million cells, whose
    overviews would take too long to make before anything is shown.
``weights/s/l``, u1 [heads, queries, keys]
    The cells, as codes of printed digits (`codec`), in one of two forms.

    "dense": first one byte for each [head, query]: the mean level of that row's cells that are not 0. Then one byte a
    cell, sorted by class; ``classes`` counts the cells of each. Then, for the ``large`` cells whose byte is 255, in the
    order [head, query, key], code − 255: all low bytes, all high bytes. Reading goes query by query, in each head by
    head and key by key; the class of a cell says which class its next byte comes from, and follows from what was read::

        level(byte)  = 0 for byte 0, else round(32·log10(digits)) + 32·(8 − power), the code being digits / 10^power
        correction   = (5·near) >> 3
        class        = 3·min(max((row level + ((column + correction) >> 4)) >> 3, 0), 27)
                       + (0 where spread < 80, 1 where spread < 160, else 2)
        surprise     = ((level(byte) − row level) << 4) − column
        spread       = spread + ((|surprise − correction| − spread) >> 2)            in each row at first 128
        near         = near + ((surprise − near) >> 1)                               in each row at first 0
        column       = column + (surprise >> 2)                                      for each [head, key], at first 0

    "top", for layers of more than 24 million cells: only the ``keys`` largest of each row. As byte planes: two (four
    above 65536 keys) of the key's distance from the one before it in its row, ascending; then two of the code.
``kinds/s``, u1 [keys]
    Kind of each key: cls, sep, punct, other, word.
``sums/s/l`` [5, heads, queries]
    Mass of each row by kind of key, from exact float32 weights, in steps of 2^-16, as the difference from the sum of
    the row's cells, ⌊cells · 2^16 + ½⌋ steps; differences 0, -1, 1, -2, … are stored as 0, 1, 2, 3, …. In the place of
    the last kind stands the row's total, as it is; the last kind is that less the others.
``shares/s/l``, f4 [heads, 5]
    Mean mass by kind of key over the rows of each head, exact: what is said of a layer without reading its weights.
``entropy/s/l`` [heads, queries]
    Nats, from exact weights.
``value_norms/s/l`` [heads, keys]
    ‖v·W_O‖, 12 bits of mantissa; left out where W_O is not known.
``plain_value_norms/s/l`` [heads, keys]
    In its place then: ‖v‖, where the values are known.
``written/s/l`` [heads, queries]
    With "top" weights, whose listed cells do not tell: Σ weight × norm of each row.
``rollout/s/l``, u1 [1, queries, keys], and ``rollout_sums/s/l``
    Rollout from the first layer to this one, as ``weights`` and ``sums`` of one head. In the reply to a request for it,
    and in pages exported while it is shown.

``rows/s/l``, u2 [heads, m, keys], and ``queries/s/l``, u4 [m]
    In a reply to a request for rows only: codes of m whole rows, and which queries they are of.

``tile/s/l``, u2 [bins of queries, bins of keys]
    In a reply to a request for a rectangle of a long layer only: codes of the mean weight over the heads asked for, the
    largest of each bin (`attnwidget.answers.tiles`).

``statistics/s``, u1 [bytes]
    JSON in UTF-8: statistics, labels and verdict of every head of the stack (`attnwidget.answers.statistics`). In the
    reply to a request for them, in a view's trait `profile` (of a corpus), and in exported pages.

``steps/s/l/h/…``, for mode "steps" (`attnwidget.answers.steps`): of one head `h`
    ``numbers`` f4 [6] (scale, soft cap or 0, key-value head, their number, width of the residual stream or 0, residual
    of the self-check or NaN), ``queries`` u4 [m], ``q`` f4 [m, d], and where the layer has them ``bias`` f4 [m or 1,
    keys], ``seen`` (first key seen and the one after the last, u4 [m, 2]; or u1 [m, keys]) and ``sink`` f4 [m].
    ``steps/s/l/k/g`` and ``steps/s/l/v/g``, f4 [keys, d], are of the key-value head `g`. A live answer has one query,
    an exported page all of the heads that it brings, and ``steps/s``, u1 [layers]: whether there are steps at all.
``trace/s/…``, for mode "trace" (`attnwidget.answers.trace`): of one pair, both ways
    ``pair`` u4 [2]; ``ways`` u4 [2, 4] (state, keys seen, pairs averaged, pairs); ``weight`` f4, ``rank`` u4,
    ``ratio`` f4 (to the mean of the other pairs at the same distance) and ``drawn`` f4 (to the mean of what other
    queries give to the same key), each [2, heads of all layers].

A container may bring some layers only; the page asks for others, and a reply is a container of just those.

Sizes
-----
12 layers × 12 heads of English text (``tests/bench/wire_size.py``): 180 kB at 32 tokens, 2.02 MB at 128, 27.1 MB at
512; a cell takes 0.94, 0.81 and 0.71 bytes. Not sorted into classes they would take 1.03, 0.93 and 0.85.

Why weights, and not queries and keys from which a page would compute them: in half precision, deflated, those take 8 MB
at 512 tokens for heads of width 32 and 16 MB for width 64, less than weights from some 300 tokens on. But 1.2 % of the
weights computed from them print another last digit than the model's do; the page would need 0.5 s to compute a layer
that it reads in 30 ms, and every mask, bias and cap that the capture knows; and attention given as arrays has none.
The weights of 512 tokens fit a page of 31 MB, and layers of longer texts have the form "top".
"""

from __future__ import annotations

from attnwidget.wire.container import Container, WireError
from attnwidget.wire.decode import Layer, decode, decode_rows
from attnwidget.wire.encode import encode, encode_rows

__all__ = ["Container", "Layer", "WireError", "decode", "decode_rows", "encode", "encode_rows"]
