/** What Lines derives from the picture for its two columns: both directions of the focus, and the strips. */

import { useEffect, useMemo, useState } from "preact/hooks";
import type { Numbers } from "../controls/tokens";
import type { StripValues } from "../paint/strips";
import { type ChosenHead, type Focus, focusRow, knownCell, type Selection } from "../picture";
import { Scope } from "../picture/scope";
import { Rows } from "../picture/shown";
import { type Strokes, strokes } from "../scene";
import type { HeadAddress } from "../types";
import type { View } from "../view";
import { ends, type HeadSeries, incomingStrokes, keyStrip, queryStrip, type Range } from "./lines_numbers";

/** Milliseconds that a long text has to rest before its strips are made anew. */
const REST = 80;

/** The focus as its two directions: queries whose row is shown, keys whose column is shown. */
export interface Directions {
  out: readonly number[];
  into: readonly number[];
}

const NOTHING: Directions = { out: [], into: [] };

/** `same`: both sides are one sequence, so a token has both directions; else a focus has that of its side alone. */
export function directions(focus: Focus | null, lockedKeys: readonly number[], same: boolean): Directions {
  if (!focus) return NOTHING;
  const { side, indices } = focus;
  if (side === "query") return { out: indices, into: lockedKeys.length > 0 ? lockedKeys : same ? indices : [] };
  return { out: same ? indices : [], into: indices };
}

function top(cells: Float32Array): number {
  let most = 0;
  for (let at = 0; at < cells.length; at++) if ((cells[at] as number) > most) most = cells[at] as number;
  return most;
}

/** Whether cells that are held in part add up to a lower bound of the whole. */
function bounded({ scope }: Selection): boolean {
  return scope.look.measure === "weight" && scope.look.sinks !== "renormalise";
}

interface Cells {
  cells: Float32Array;
  least: Uint8Array;
}

/** Put what is held of it in the place of cells that are not known whole. */
function bound(selection: Selection, cells: Float32Array, held: () => ArrayLike<number>): Cells {
  const least = new Uint8Array(cells.length);
  if (!cells.some(Number.isNaN) || !bounded(selection)) return { cells, least };
  const parts = held();
  cells.forEach((value, at) => {
    if (!Number.isNaN(value) || !((parts[at] ?? 0) > 0)) return;
    cells[at] = parts[at] as number;
    least[at] = 1;
  });
  return { cells, least };
}

/** The mean row of these queries; NaN where the page holds nothing of it. */
function rowOf(selection: Selection, queries: readonly number[]): Cells {
  const keys = selection.scope.look.axes.keys.length;
  return bound(selection, focusRow(selection, queries, keys), () => {
    const held = new Float64Array(keys);
    const row = new Float32Array(keys);
    for (const query of queries) {
      selection.joint.row(query, row);
      for (let key = 0; key < keys; key++) held[key] = (held[key] as number) + (row[key] as number) / queries.length;
    }
    return held;
  });
}

/** What each query in range gives to these keys together; likewise. */
function columnOf(selection: Selection, keys: readonly number[], [first, end]: Range): Cells {
  const { joint } = selection;
  const held = new Float64Array(Math.max(0, end - first));
  const cells = Float32Array.from(held, (_, at) => {
    let known = 0;
    for (const key of keys) {
      held[at] = (held[at] as number) + joint.at(first + at, key);
      known += knownCell(selection, joint, first + at, key);
    }
    return known;
  });
  return bound(selection, cells, () => held);
}

export interface Split extends Directions {
  outNumbers: Numbers | null;
  inNumbers: Numbers | null;
  /** Strokes of the direction that is not the focus's own. */
  other: Strokes | null;
  linkedQueries: ReadonlySet<number> | null;
  linkedKeys: ReadonlySet<number> | null;
}

/** Both directions of the focus, in numbers and strokes, for the rows in `range`. */
export function useSplit(view: View, lockedKeys: readonly number[], same: boolean, range: Range): Split {
  const picture = view.signals.picture.value;
  const { budget, max_strokes } = view.store.synced;
  const focus = picture?.focus ?? null;
  const selection = picture?.selection;
  // Not of the focus alone: its strokes change too when rows of a long text come later.
  const focusStrokes = picture?.focusStrokes;
  const [first, end] = range;
  return useMemo(() => {
    const way = directions(focus, lockedKeys, same);
    const nothing = { outNumbers: null, inNumbers: null, other: null, linkedQueries: null, linkedKeys: null };
    if (!focus || !selection) return { ...way, ...nothing };
    const outCells = way.out.length > 0 ? rowOf(selection, way.out) : null;
    const inCells = way.into.length > 0 ? columnOf(selection, way.into, range) : null;
    const ofQuery = focus.side === "query";
    const incoming = inCells && incomingStrokes(selection.series, range, way.into);
    const options = { budget: budget.value, maxStrokes: max_strokes.value };
    const outgoing =
      way.out.length === 0
        ? null
        : ofQuery && focusStrokes
          ? focusStrokes
          : strokes(selection.series, way.out, options);
    // Bars of both directions have one scale, so that they can be compared.
    const most = Math.max(outCells ? top(outCells.cells) : 0, inCells ? top(inCells.cells) : 0);
    return {
      ...way,
      outNumbers: outCells && { first: 0, ...outCells, top: most, direction: "out" },
      inNumbers: inCells && { first, ...inCells, top: most, direction: "in" },
      other: ofQuery ? incoming : outgoing,
      linkedQueries: incoming ? ends(incoming, "query") : new Set(),
      linkedKeys: outgoing ? ends(outgoing, "key") : null,
    };
  }, [selection, focus, focusStrokes, lockedKeys, same, first, end, budget.value, max_strokes.value]);
}

/** A range that follows only once it has rested, where following at once would cost too much. */
function useRested(range: Range, long: boolean): Range {
  const [rested, setRested] = useState(range);
  const [first, end] = range;
  useEffect(() => {
    if (!long) return;
    const timer = setTimeout(() => setRested([first, end]), REST);
    return () => clearTimeout(timer);
  }, [long, first, end]);
  return long ? rested : range;
}

export interface Strips {
  heads: readonly HeadAddress[];
  query: StripValues | null;
  key: StripValues | null;
}

/** The heads of the strips: pinned ones, or all of the layer. */
function headsOf(heads: readonly ChosenHead[], pinned: boolean): ChosenHead[] {
  const [first] = heads;
  if (!first || pinned) return [...heads];
  const { layer, weights } = first;
  return Array.from({ length: weights.heads }, (_, head) => ({ layer, head, weights }));
}

/** What the strips hold; `wanted` is false where they are not shown. */
export function useStrips(view: View, split: Directions, visible: Range, long: boolean, wanted: boolean): Strips {
  const { store, signals, data } = view;
  const shown = signals.heads.value;
  const look = signals.selection.value?.scope.look;
  const pinned = store.synced.pinned.value.length > 0;
  const arrived = data.rowsArrived.value;
  const weights = "heads" in shown ? shown.heads[0]?.weights : undefined;
  const chosen = pinned && "heads" in shown ? shown.heads : weights;
  const series = useMemo((): HeadSeries[] => {
    if (!("heads" in shown) || !look) return [];
    // Not that of the selection: it changes with every head that is hovered, and its rows would be made again.
    const scope = new Scope(look);
    const heads = headsOf(shown.heads, pinned).map((one) => ({ ...one, series: new Rows([one], scope) }));
    return heads;
  }, [chosen, pinned, look?.axes, look?.measure, look?.sinks, look?.pair, look?.sinkKeys, look?.causal]);

  const rows = signals.rows.value;
  const queries = look?.axes.queries.length ?? 0;
  const keys = look?.axes.keys.length ?? 0;
  const range = useRested(visible, long);
  // A short text's strips are made whole, so that their darkest cell stays the same while it is scrolled.
  const [first, end] = long ? range : [0, Math.max(queries, keys)];
  const out = split.out.length > 0 ? split.out : null;
  const into = split.into.length > 0 ? split.into : null;
  const query = useMemo(
    () => (wanted && series.length > 0 ? queryStrip(series, [first, Math.min(end, queries)], into) : null),
    [wanted, series, first, end, into, queries, arrived],
  );
  const key = useMemo(
    () => (wanted && series.length > 0 ? keyStrip(series, [first, Math.min(end, keys)], out ?? rows) : null),
    [wanted, series, first, end, out, rows, keys, arrived],
  );
  const heads = useMemo(() => series.map(({ layer, head }) => [layer, head] as const), [series]);
  return { heads, query, key };
}
