/** Differences between two sides, b − a, of what each shows by itself. It subtracts and adds, no more. */

import { knownRow, type Selection } from "./picture";

/** What Python says of a comparison (attnwidget/compare.py). */
export interface Comparison {
  a: string;
  b: string;
  /** The layer of b that every layer is compared with; null where each is compared with its own. */
  layer: number | null;
  /** Of how many rows the statistics are the mean. */
  rows: number;
  /** Stack → layer → of each head, in nats. */
  divergence: Record<string, number[][]>;
  /** Likewise the total variation distance, 0 to 1. */
  moved: Record<string, number[][]>;
}

/** Cells that are compared at once: more would stall the page. */
export const MOST_CELLS = 2 ** 21;

/** b − a, cell by cell, of some rows. Rows and columns are units: tokens, or words. */
export interface Difference {
  queries: readonly number[];
  keys: number;
  /** [queries in order, keys] */
  a: Float32Array;
  b: Float32Array;
  change: Float32Array;
  /** The largest change of either sign. */
  largest: number;
  /** Share of each row's mass that lies elsewhere in b: total variation, ½ Σ |b − a|; NaN where cells are unknown. */
  moved: Float32Array;
  /** Cells that one of the sides does not hold. */
  unknown: number;
}

/** Both sides have the same look, and so the same units. */
export function difference(a: Selection, b: Selection, queries: readonly number[]): Difference {
  const keys = a.scope.look.axes.keys.length;
  const cells = queries.length * keys;
  const [one, two] = [new Float32Array(keys), new Float32Array(keys)];
  const out: Difference = {
    queries,
    keys,
    a: new Float32Array(cells),
    b: new Float32Array(cells),
    change: new Float32Array(cells),
    largest: 0,
    moved: new Float32Array(queries.length),
    unknown: 0,
  };
  queries.forEach((query, at) => {
    knownRow(a, a.joint, query, one);
    knownRow(b, b.joint, query, two);
    out.a.set(one, at * keys);
    out.b.set(two, at * keys);
    let sum = 0;
    for (let key = 0; key < keys; key++) {
      const change = (two[key] as number) - (one[key] as number);
      out.change[at * keys + key] = change;
      const size = Math.abs(change);
      sum += size;
      if (Number.isNaN(size)) out.unknown += 1;
      else if (size > out.largest) out.largest = size;
    }
    out.moved[at] = sum / 2;
  });
  return out;
}

export interface ChangedCell {
  query: number;
  key: number;
  a: number;
  b: number;
  change: number;
}

/** The largest changes of either sign (ties: the earlier cell), largest first, of cells that `keep` lets pass. */
export function largestChanges(
  found: Difference,
  most: number,
  keep: (query: number, key: number) => boolean = () => true,
): ChangedCell[] {
  const cells: number[] = [];
  for (let cell = 0; cell < found.change.length; cell++) {
    const change = found.change[cell] as number;
    const query = found.queries[Math.floor(cell / found.keys)] as number;
    if (change !== 0 && !Number.isNaN(change) && keep(query, cell % found.keys)) cells.push(cell);
  }
  const size = (cell: number) => Math.abs(found.change[cell] as number);
  cells.sort((x, y) => size(y) - size(x) || x - y);
  return cells.slice(0, most).map((cell) => ({
    query: found.queries[Math.floor(cell / found.keys)] as number,
    key: cell % found.keys,
    a: found.a[cell] as number,
    b: found.b[cell] as number,
    change: found.change[cell] as number,
  }));
}

/** What moved over the rows in view. All three are shares of the mean row; `up` and `down` are equal where rows are. */
export interface Account {
  up: number;
  down: number;
  moved: number;
}

export function account(found: Difference, inView: (query: number) => boolean = () => true): Account {
  let [up, down, rows] = [0, 0, 0];
  for (let row = 0; row < found.queries.length; row++) {
    if (Number.isNaN(found.moved[row]) || !inView(found.queries[row] as number)) continue;
    rows += 1;
    for (let key = 0; key < found.keys; key++) {
      const change = found.change[row * found.keys + key] as number;
      if (change > 0) up += change;
      else down -= change;
    }
  }
  return rows > 0
    ? { up: up / rows, down: down / rows, moved: (up + down) / 2 / rows }
    : { up: Number.NaN, down: Number.NaN, moved: Number.NaN };
}

/** Both weights and the change of each cell of a line of the picture. */
export interface Changes {
  a: Float32Array;
  b: Float32Array;
  change: Float32Array;
}

function changesOf(length: number): Changes {
  return { a: new Float32Array(length), b: new Float32Array(length), change: new Float32Array(length) };
}

const SIDES = ["a", "b", "change"] as const;

/** The row of some queries, their mean. */
export function changesOfQueries(found: Difference, queries: readonly number[]): Changes {
  const out = changesOf(found.keys);
  const rows = queries.map((query) => found.queries.indexOf(query)).filter((row) => row >= 0);
  for (const name of SIDES) {
    for (let key = 0; key < found.keys; key++) {
      let sum = 0;
      for (const row of rows) sum += found[name][row * found.keys + key] as number;
      out[name][key] = rows.length > 0 ? sum / rows.length : Number.NaN;
    }
  }
  return out;
}

/** What every query gives to some keys together. */
export function changesOfKeys(found: Difference, keys: readonly number[], queries: number): Changes {
  const out = changesOf(queries);
  for (const name of SIDES) out[name].fill(Number.NaN);
  found.queries.forEach((query, row) => {
    for (const name of SIDES) {
      out[name][query] = keys.reduce((sum, key) => sum + (found[name][row * found.keys + key] as number), 0);
    }
  });
  return out;
}

/** As few of the largest changes as reach `budget` of all change, at most `most`; with what share they are. */
export function changesDrawn(cells: readonly ChangedCell[], budget: number, most: number): [ChangedCell[], number] {
  const total = cells.reduce((sum, { change }) => sum + Math.abs(change), 0);
  let [drawn, count] = [0, 0];
  while (count < Math.min(cells.length, most) && drawn < (budget - 1e-6) * total) {
    drawn += Math.abs(cells[count]?.change ?? 0);
    count += 1;
  }
  return [cells.slice(0, count), total > 0 ? drawn / total : 0];
}

export interface RankedHead {
  layer: number;
  head: number;
  divergence: number;
  moved: number;
}

/** Heads of a stack, those that changed most first. */
export function rankedHeads(comparison: Partial<Comparison>, stack: string): RankedHead[] {
  const moved = comparison.moved?.[stack] ?? [];
  return (comparison.divergence?.[stack] ?? [])
    .flatMap((heads, layer) =>
      heads.map((divergence, head) => ({ layer, head, divergence, moved: moved[layer]?.[head] ?? Number.NaN })),
    )
    .sort((x, y) => y.divergence - x.divergence || x.layer - y.layer || x.head - y.head);
}
