/** Numbers of Lines: what the strips hold, strokes towards the focus, what lies out of view. Pure functions of series. */

import type { StripValues } from "../paint/strips";
import type { Series, Strokes } from "../scene";

/** One head's rows, as they are shown. */
export interface HeadSeries {
  layer: number;
  head: number;
  /** Where only the largest cells of a row are held, a zero is a zero in whole rows alone. */
  series: Series & { isWhole?(query: number): boolean; largestOf?: ((query: number) => number) | undefined };
}

/** Positions, end exclusive. */
export type Range = readonly [first: number, end: number];

function largest(values: Float32Array): number {
  let top = 0;
  for (let at = 0; at < values.length; at++) if ((values[at] as number) > top) top = values[at] as number;
  return top;
}

/** Of each query in `range` and each head: the weight given to `keys` together, or the row's largest where null. */
export function queryStrip(heads: readonly HeadSeries[], range: Range, keys: readonly number[] | null): StripValues {
  const [first, end] = range;
  const values = new Float32Array(Math.max(0, end - first) * heads.length);
  let buffer: Float32Array | undefined;
  heads.forEach(({ series }, h) => {
    for (let query = first; query < end; query++) {
      let value = 0;
      if (keys) for (const key of keys) value += series.at?.(query, key) ?? series.row(query)[key] ?? 0;
      else if (series.largestOf) value = series.largestOf(query);
      else {
        buffer = series.row(query, buffer);
        value = largest(buffer);
      }
      const known = value > 0 || (series.isWhole?.(query) ?? true);
      values[(query - first) * heads.length + h] = known ? value : Number.NaN;
    }
  });
  return { first, heads: heads.length, values, top: largest(values) };
}

/** As many cells as there are rows in view. */
const FEW = 100;

/** Of each key in `range` and each head: the mean weight that it takes over these rows. */
export function keyStrip(heads: readonly HeadSeries[], range: Range, rows: readonly number[]): StripValues {
  const [first, end] = range;
  const values = new Float32Array(Math.max(0, end - first) * heads.length);
  // Of a long row a few cells are read one by one.
  const few = end - first < FEW;
  let buffer: Float32Array | undefined;
  heads.forEach(({ series }, h) => {
    let whole = true;
    const cells = few && series.largestOf;
    for (const query of rows) {
      if (!cells) buffer = series.row(query, buffer);
      whole &&= series.isWhole?.(query) ?? true;
      for (let key = first, at = h; key < end; key++, at += heads.length)
        values[at] = (values[at] as number) + ((cells ? series.at?.(query, key) : buffer?.[key]) ?? 0) / rows.length;
    }
    if (whole) return;
    for (let at = h; at < values.length; at += heads.length) if (values[at] === 0) values[at] = Number.NaN;
  });
  return { first, heads: heads.length, values, top: largest(values) };
}

/** Every weight that these rows give to the keys, however small: the budget is a rule for rows, not for who looks here. */
export function incomingStrokes(series: readonly Series[], range: Range, keys: readonly number[]): Strokes {
  const [first, end] = range;
  const most = Math.max(0, end - first) * series.length * keys.length;
  const out: Strokes = {
    series: new Uint16Array(most),
    query: new Uint32Array(most),
    key: new Uint32Array(most),
    weight: new Float32Array(most),
    count: 0,
    wanted: 0,
    drawn: 0,
    leftOut: 0,
    rowDrawn: new Float32Array(0),
  };
  let buffer: Float32Array | undefined;
  series.forEach((one, s) => {
    for (let query = first; query < end; query++) {
      if (!one.at) buffer = one.row(query, buffer);
      for (const key of keys) {
        const weight = one.at?.(query, key) ?? buffer?.[key] ?? 0;
        if (!(weight > 0)) continue;
        const at = out.count++;
        out.series[at] = s;
        out.query[at] = query;
        out.key[at] = key;
        out.weight[at] = weight;
      }
    }
  });
  out.wanted = out.count;
  return out;
}

/** Tokens at the ends of these strokes that carry at least a hundredth of the heaviest. */
export function ends(strokes: Strokes, side: "query" | "key"): Set<number> {
  const at = side === "query" ? strokes.query : strokes.key;
  let top = 0;
  for (let i = 0; i < strokes.count; i++) top = Math.max(top, strokes.weight[i] ?? 0);
  const found = new Set<number>();
  for (let i = 0; i < strokes.count; i++) if ((strokes.weight[i] ?? 0) >= top / 100) found.add(at[i] as number);
  return found;
}

export interface Beyond {
  sum: number;
  /** The key that takes most of it. */
  key: number;
  weight: number;
  /** Some of these weights are not held here: the sum is at least this. */
  partly: boolean;
}

/** What a row gives to keys from `first` to `end`; null where that is nothing. */
export function beyond(row: Float32Array, [first, end]: Range): Beyond | null {
  const out: Beyond = { sum: 0, key: -1, weight: 0, partly: false };
  for (let key = Math.max(0, first); key < Math.min(end, row.length); key++) {
    const weight = row[key] as number;
    if (Number.isNaN(weight)) out.partly = true;
    else {
      out.sum += weight;
      if (weight > out.weight) [out.key, out.weight] = [key, weight];
    }
  }
  return out.key >= 0 ? out : null;
}
