/** The heads chosen and what is asked of their rows: series to draw, numbers of a focus, shares by kind of key. */

import type { Series } from "../scene";
import { KINDS, type Strokes, strokes } from "../scene";
import type { Measure } from "../types";
import type { LayerWeights } from "../wire/layer";
import { TokenAxes } from "./axes";
import { type Look, Scope } from "./scope";
import { Rows } from "./shown";

/** With this many chosen heads or fewer each keeps its own colour; more are shown together. */
const FEW_HEADS = 6;

export interface ChosenHead {
  layer: number;
  head: number;
  weights: LayerWeights;
}

export interface Focus {
  side: "query" | "key";
  /** Of units: tokens, or words. */
  indices: readonly number[];
  locked: boolean;
}

export interface Selection {
  heads: ChosenHead[];
  /** One series a head when few are chosen, else one of all together. */
  series: Series[];
  perHead: boolean;
  /** All heads together, as the aggregate says: what the numbers beside a picture are. */
  joint: Rows;
  scope: Scope;
  /** The two measures of one cell, as nothing is left out; `written` only where norms are known. */
  plain: { weight: Rows; written: Rows | undefined };
  /** What the norms are of, where all heads have them. */
  normsOf: "written" | "value" | undefined;
}

/** Norms that all the heads have. */
export function normsOf(heads: readonly ChosenHead[]): "written" | "value" | undefined {
  const [first] = heads;
  const kind = first?.weights.normsOf;
  return heads.every(({ weights }) => weights.normsOf === kind) ? kind : undefined;
}

/** The look of a layer where nothing was chosen. */
export function plainLook(queries: number, keys: number): Look {
  const token = (_: unknown, position: number) =>
    ({ text: String(position), role: "text", kind: "word", segment: 0, word: position }) as const;
  const [rows, columns] = [queries, keys].map((length) => Array.from({ length }, token)) as [never[], never[]];
  const axes = new TokenAxes(rows, columns, "pieces");
  return { axes, measure: "weight", aggregate: "mean", sinks: "show", pair: "all", sinkKeys: [], causal: false };
}

export function select(
  heads: ChosenHead[],
  look: Look = plainLook(heads[0]?.weights.queries ?? 0, heads[0]?.weights.keys ?? 0),
): Selection {
  const norms = normsOf(heads);
  const measure: Measure = norms ? look.measure : "weight";
  const scope = new Scope({ ...look, measure });
  const perHead = heads.length > 1 && heads.length <= FEW_HEADS;
  const joint = new Rows(heads, scope);
  const plain = (of: Measure) => new Rows(heads, new Scope({ ...look, measure: of, sinks: "show", pair: "all" }));
  return {
    heads,
    series: perHead ? heads.map((head) => new Rows([head], scope)) : [joint],
    perHead,
    joint,
    scope,
    plain: { weight: plain("weight"), written: norms && plain("contribution") },
    normsOf: norms,
  };
}

/** Mean share by kind of key over rows, of keys left out too: from exact sums where they are held. */
export function kindShares(selection: Selection, rows: readonly number[]): Float64Array {
  const { heads, joint, scope } = selection;
  const { axes, measure, aggregate } = scope.look;
  const total = new Float64Array(KINDS.length);
  const kinds = axes.keys.map(({ kind }) => KINDS.indexOf(kind));
  const exact = measure === "weight" && (aggregate !== "max" || heads.length === 1) && !axes.folded;
  const byLayer = new Map<LayerWeights, number[]>();
  for (const { weights, head } of heads) byLayer.set(weights, [...(byLayer.get(weights) ?? []), head]);
  const row = new Float32Array(axes.keys.length);
  for (const query of rows) {
    if (!scope.shows(query)) continue;
    if (exact) {
      const positions = axes.positions("query", query);
      for (const [weights, list] of byLayer) {
        for (const position of positions) {
          const sums = weights.kindSums(list, position);
          for (let kind = 0; kind < KINDS.length; kind++)
            total[kind] = (total[kind] ?? 0) + ((sums[kind] ?? 0) * list.length) / positions.length;
        }
      }
    } else if (joint.direct) {
      joint.eachBefore(query, (key, value) => {
        total[kinds[key] as number] = (total[kinds[key] as number] ?? 0) + value;
      });
    } else {
      joint.before(query, row);
      row.forEach((value, key) => {
        total[kinds[key] as number] = (total[kinds[key] as number] ?? 0) + value;
      });
    }
  }
  const whole = total.reduce((sum, value) => sum + value, 0);
  return whole > 0 ? total.map((value) => value / whole) : total;
}

/** Who looks at these keys: everything to them, however small; the budget is a rule for rows. */
export function strokesToKeys(
  now: Selection,
  rows: readonly number[],
  keys: readonly number[],
  maxStrokes: number,
): Strokes {
  return strokes(now.series, rows, { budget: 1, maxStrokes, keys });
}

/** Cells that may be read for an answer to a pointer that only passes by. */
export const MOST_READ = 8_000_000;

/**
 * Share of the whole mass of these rows that goes to the given keys, left out or not. NaN where finding it would take
 * reading more than `most` cells.
 */
export function shareOfKeys(
  now: Selection,
  rows: readonly number[],
  keys: readonly number[],
  most = Number.POSITIVE_INFINITY,
): number {
  let [given, total] = [0, 0];
  const { joint } = now;
  if (joint.direct) {
    for (const query of rows) {
      total += joint.massBefore(query);
      for (const key of keys) given += joint.cellBefore(query, key);
    }
    return total > 0 ? Math.min(1, given / total) : 0;
  }
  if (rows.length * now.scope.look.axes.keys.length > most) return Number.NaN;
  const row = new Float32Array(now.scope.look.axes.keys.length);
  for (const query of rows) {
    total += now.joint.before(query, row);
    for (const key of keys) given += row[key] ?? 0;
  }
  return total > 0 ? Math.min(1, given / total) : 0;
}

/** Whether a cell that is held of a row that is not whole is all of what is shown there. */
function heldIsAll({ heads }: Selection, { scope: { look } }: Rows, query: number): boolean {
  const [only, ...others] = heads;
  const single = only !== undefined && others.length === 0 && !look.axes.folded && look.sinks !== "renormalise";
  return single && (look.measure === "weight" || only.weights.written(only.head, query) !== undefined);
}

/**
 * Where only the largest cells of a row are held, heads together would miss some of its parts: of such rows only the
 * listed cells of a single head are known, and that there is nothing where the order of the text hides a key.
 */
export function knownRow(selection: Selection, series: Rows, query: number, row: Float32Array): void {
  series.row(query, row);
  if (series.isWhole(query)) return;
  const known = heldIsAll(selection, series, query);
  const [first, end] = series.scope.masked(query);
  for (let key = 0; key < row.length; key++) {
    if (!(known && (row[key] ?? 0) > 0) && !(key >= first && key < end)) row[key] = Number.NaN;
  }
}

/** One cell of that row. */
export function knownCell(selection: Selection, series: Rows, query: number, key: number): number {
  const value = series.at(query, key);
  if (series.isWhole(query) || (value > 0 && heldIsAll(selection, series, query))) return value;
  const [first, end] = series.scope.masked(query);
  return key >= first && key < end ? 0 : Number.NaN;
}

/** The row of a query, or the mean row of several, over the chosen heads; NaN where the page does not hold it. */
export function focusRow(selection: Selection, queries: readonly number[], keys: number): Float32Array {
  const total = new Float64Array(keys);
  const row = new Float32Array(keys);
  for (const query of queries) {
    knownRow(selection, selection.joint, query, row);
    for (let key = 0; key < keys; key++) total[key] = (total[key] ?? 0) + (row[key] ?? 0) / queries.length;
  }
  return Float32Array.from(total);
}

/** What each query gives to the chosen keys together; NaN where the page does not hold it. */
export function focusColumn(selection: Selection, chosen: readonly number[], queries: number): Float32Array {
  return Float32Array.from({ length: queries }, (_, query) =>
    chosen.reduce((sum, key) => sum + knownCell(selection, selection.joint, query, key), 0),
  );
}

/** Both numbers of a cell as nothing is left out, in [0, 1]; NaN where the page does not hold it. */
export interface CellNumbers {
  weight: number;
  /** Share of what the row's heads write that comes from this key; undefined where norms are not known. */
  written: number | undefined;
}

export function cellNumbers(selection: Selection, query: number, key: number): CellNumbers {
  const { weight, written } = selection.plain;
  const of = (series: Rows): number => knownCell(selection, series, query, key);
  return { weight: of(weight), written: written && of(written) };
}
