/**
 * What a picture shows: which cells become strokes, and where the rest of the mass went. Twin of attnwidget/scene.py,
 * held together by tests/fixtures/scene; it knows nothing of layers, pixels or colours.
 *
 * A series is what one colour shows: one head, or the mean of the chosen heads (2 to 6 chosen heads are a series each,
 * any other number is one mean series). Its `row` gives the cells as the page holds them, its `rowSum` the exact mass.
 */

/** Kinds of key, in the order of every array of kind sums. */
export const KINDS = ["cls", "sep", "punct", "other", "word"] as const;
export type Kind = (typeof KINDS)[number];

export interface Series {
  /** What is shown of one query over all keys, 0 for keys left out; may be written into `out`. */
  row(query: number, out?: Float32Array): Float32Array;
  /** One cell of that row, where finding it does not take the row. */
  at?(query: number, key: number): number;
  /** The mass of that row, from exact weights. */
  rowSum(query: number): number;
  /** The mass of the row before any key was left out; that of the row itself where not given. */
  whole?(query: number): number;
  /** How much of `whole` the shown row stands for: less than that where keys were left out, also if it was then scaled up. */
  kept?(query: number): number;
}

export interface StrokeOptions {
  /** Share of each row's mass to draw, in (0, 1]. */
  budget: number;
  /** The most strokes in all. */
  maxStrokes: number;
  /** Of the strokes that the budget chooses only those to these keys; all where not given. */
  keys?: readonly number[];
}

/** Strokes as a struct of arrays, ordered by series, then by the given order of the queries, then by key. */
export interface Strokes {
  series: Uint16Array;
  query: Uint32Array;
  key: Uint32Array;
  weight: Float32Array;
  count: number;
  /** Strokes that the budget alone asked for; more than `count` where `maxStrokes` cut. */
  wanted: number;
  /** Share of the whole mass of all rows in view (of all series) that the strokes carry; 0 where there is no mass. */
  drawn: number;
  /** Share of that mass on keys that the series leave out. */
  leftOut: number;
  /** Mass drawn of each row: [series × queries], queries in the given order. */
  rowDrawn: Float32Array;
}

/** Cells are rounded to three decimals and 0.4 + 0.3 must reach 0.7, so a budget counts as met this close below it. */
const TOLERANCE = 1e-6;

/** Which cells of a row (or of everything) are kept: those above `threshold`, and the first `ties` equal to it. */
interface Cut {
  threshold: number;
  ties: number;
}

const EVERYTHING: Cut = { threshold: 0, ties: 0 };

/** The smallest prefix, largest first, of the cells ≥ `floor` that reaches `target`; undefined where it never does. */
function cutRow(row: Float32Array, target: number, floor: number, scratch: Float32Array): Cut | undefined {
  let count = 0;
  for (let key = 0; key < row.length; key++) {
    const weight = row[key] as number;
    if (weight > 0 && weight >= floor) scratch[count++] = weight;
  }
  // Typed arrays sort their numbers natively; a comparison function would make this the slowest step.
  const sorted = scratch.subarray(0, count).sort();
  let sum = 0;
  let ties = 0;
  for (let i = count - 1; i >= 0; i--) {
    const weight = sorted[i] as number;
    ties = i + 1 < count && sorted[i + 1] === weight ? ties + 1 : 1;
    sum += weight;
    if (sum >= target) return { threshold: weight, ties };
  }
  return undefined;
}

/** So many weights are sorted sooner than the code that sorts only some of them is warm. */
const FEW = 2 ** 15;

/** Those among which the cut lies that keeps the `most` largest, and how many of these are to be kept. */
function aroundCut(weights: Float32Array, most: number): [some: Float32Array, kept: number] {
  if (weights.length <= FEW) return [weights.slice(), most];
  // Bits of positive floats ascend with their values: count by the upper half of the bits, sort only one such bucket.
  const bits = new Uint32Array(weights.buffer, weights.byteOffset, weights.length);
  const counts = new Uint32Array(1 << 16);
  for (let i = 0; i < bits.length; i++) {
    const bucket = (bits[i] as number) >>> 16;
    counts[bucket] = (counts[bucket] as number) + 1;
  }
  let bucket = counts.length - 1;
  let above = 0;
  while (above + (counts[bucket] as number) < most) above += counts[bucket--] as number;
  return [weights.filter((_, i) => (bits[i] as number) >>> 16 === bucket), most - above];
}

/** The cut that keeps the `most` largest of the weights. */
function cutLargest(weights: Float32Array, most: number): Cut {
  const [some, kept] = aroundCut(weights, most);
  some.sort();
  const threshold = some[some.length - kept] as number;
  let ties = kept;
  for (let i = some.length - 1; (some[i] as number) > threshold; i--) ties -= 1;
  return { threshold, ties };
}

/** Arrays that grow: how many strokes a budget asks for is known only afterwards. */
class Growing {
  count = 0;
  series = new Uint16Array(1024);
  /** Position in the list of queries. */
  position = new Uint32Array(1024);
  key = new Uint32Array(1024);
  weight = new Float32Array(1024);

  push(series: number, position: number, key: number, weight: number): void {
    const at = this.count++;
    if (at === this.key.length) this.#grow();
    this.series[at] = series;
    this.position[at] = position;
    this.key[at] = key;
    this.weight[at] = weight;
  }

  #grow(): void {
    const twice = <T extends Uint16Array | Uint32Array | Float32Array>(old: T, grown: T): T => {
      grown.set(old);
      return grown;
    };
    const length = this.key.length * 2;
    this.series = twice(this.series, new Uint16Array(length));
    this.position = twice(this.position, new Uint32Array(length));
    this.key = twice(this.key, new Uint32Array(length));
    this.weight = twice(this.weight, new Float32Array(length));
  }
}

/**
 * Choose what is drawn. Of each row the smallest set of largest cells (ties: lower key first) whose sum reaches
 * `budget` × the row's mass; rows without mass and cells of weight 0 are never drawn. If that is more than `maxStrokes`
 * in all, the largest of them (ties: series, query, key in order). With `keys`, strokes to other keys are dropped
 * before that; the shares stay shares of the whole rows.
 */
export function strokes(series: readonly Series[], queries: readonly number[], options: StrokeOptions): Strokes {
  const { budget, maxStrokes } = options;
  if (!(budget > 0 && budget <= 1)) throw new RangeError(`budget is ${budget}; it must be above 0 and at most 1`);
  if (!(maxStrokes >= 0)) throw new RangeError(`maxStrokes is ${maxStrokes}; it must be 0 or more`);
  const chosen = options.keys === undefined ? undefined : new Set(options.keys);
  const found = new Growing();
  /** What a unit of each row stands for in its whole mass. */
  const units = new Float64Array(series.length * queries.length);
  let [total, kept] = [0, 0];
  let buffer: Float32Array | undefined;
  let scratch = new Float32Array(0);
  series.forEach((one, s) => {
    queries.forEach((query, position) => {
      const mass = one.rowSum(query);
      const whole = one.whole?.(query) ?? mass;
      total += whole;
      if (!(mass > 0)) return;
      const stays = one.kept?.(query) ?? whole;
      kept += stays;
      units[s * queries.length + position] = stays / mass;
      const row = one.row(query, buffer);
      buffer = row;
      if (scratch.length < row.length) scratch = new Float32Array(row.length);
      const target = (budget - TOLERANCE) * mass;
      // Cells below the floor hold together less than what may stay undrawn, so the kept ones are among the others;
      // sums of rounded cells can fall short of that, and then all cells are looked at.
      const floor = ((1 - budget) * mass) / row.length;
      const { threshold, ties } = cutRow(row, target, floor, scratch) ?? cutRow(row, target, 0, scratch) ?? EVERYTHING;
      let left = ties;
      for (let key = 0; key < row.length; key++) {
        const weight = row[key] as number;
        if (weight < threshold || weight === 0 || (weight === threshold && left-- <= 0)) continue;
        if (chosen === undefined || chosen.has(key)) found.push(s, position, key, weight);
      }
    });
  });
  const out = collect(found, queries, units, Math.floor(maxStrokes));
  out.drawn = total > 0 ? out.drawn / total : 0;
  out.leftOut = total > 0 ? Math.max(0, 1 - kept / total) : 0;
  return out;
}

/** Where every cell is drawn there are no strokes: only what is left out counts, of series that leave something out. */
export function noStrokes(series: readonly Series[], queries: readonly number[], leavesOut: boolean): Strokes {
  let [total, kept] = [0, 0];
  for (const one of leavesOut ? series : []) {
    for (const query of queries) {
      const mass = one.rowSum(query);
      const whole = one.whole?.(query) ?? mass;
      total += whole;
      if (mass > 0) kept += one.kept?.(query) ?? whole;
    }
  }
  const none = collect(new Growing(), queries, new Float64Array(0), 0);
  const leftOut = total > 0 ? Math.max(0, 1 - kept / total) : 0;
  return { ...none, drawn: 1 - leftOut, leftOut };
}

/** `drawn` is left as a sum of masses. */
function collect(found: Growing, queries: readonly number[], units: Float64Array, maxStrokes: number): Strokes {
  const wanted = found.count;
  const weights = found.weight.subarray(0, wanted);
  const count = Math.min(wanted, maxStrokes);
  const { threshold, ties } = count < wanted && count > 0 ? cutLargest(weights, count) : EVERYTHING;
  const out: Strokes = {
    series: new Uint16Array(count),
    query: new Uint32Array(count),
    key: new Uint32Array(count),
    weight: new Float32Array(count),
    count,
    wanted,
    drawn: 0,
    leftOut: 0,
    rowDrawn: new Float32Array(units.length),
  };
  const rowDrawn = new Float64Array(out.rowDrawn.length);
  let left = ties;
  let at = 0;
  for (let i = 0; i < wanted && at < count; i++) {
    const weight = weights[i] as number;
    if (weight < threshold || (weight === threshold && left-- <= 0)) continue;
    const position = found.position[i] as number;
    const s = found.series[i] as number;
    const row = s * queries.length + position;
    out.series[at] = s;
    out.query[at] = queries[position] as number;
    out.key[at] = found.key[i] as number;
    out.weight[at] = weight;
    rowDrawn[row] = (rowDrawn[row] as number) + weight;
    at += 1;
  }
  out.rowDrawn.set(rowDrawn);
  rowDrawn.forEach((mass, row) => {
    out.drawn += mass * (units[row] as number);
  });
  return out;
}

/** Where the mass of the rows in view went. Shares in [0, 1]; each line sums to 1, or is all 0 where there is no mass. */
export interface Ledger {
  /** What became of it. */
  fate: { drawn: number; below: number; left_out: number };
  /** The kind of key that it went to. */
  kinds: Record<Kind, number>;
}

/**
 * The two lines under a picture. `kindSums` is the exact mass by kind over the rows in view, at any scale (their sum or
 * mean over rows and heads), of keys left out too; `leftOut` the share of the mass on keys that were left out by choice,
 * that of the series where not given. Rounded cells may add to a little more than the exact mass: `drawn` is held at
 * 1 − leftOut.
 */
export function ledger(strokes: Strokes, kindSums: ArrayLike<number>, leftOut = strokes.leftOut): Ledger {
  let total = 0;
  for (let kind = 0; kind < KINDS.length; kind++) total += kindSums[kind] ?? 0;
  const share = (kind: number): number => (total > 0 ? (kindSums[kind] ?? 0) / total : 0);
  const kinds = { cls: share(0), sep: share(1), punct: share(2), other: share(3), word: share(4) };
  if (!(total > 0)) return { fate: { drawn: 0, below: 0, left_out: 0 }, kinds };
  const drawn = Math.min(strokes.drawn, 1 - leftOut);
  return { fate: { drawn, below: 1 - leftOut - drawn, left_out: leftOut }, kinds };
}

/**
 * Shares as whole percents that add to 100 (largest remainder; ties: the earlier one). Shares without any mass are 0.
 */
export function percents(shares: readonly number[]): number[] {
  const total = shares.reduce((sum, x) => sum + x, 0);
  if (!(total > 0)) return shares.map(() => 0);
  // The tiny addition keeps 0.29 (28.999999999999996 %) whole.
  const exact = shares.map((x) => (100 * x) / total + 1e-9);
  const out = exact.map(Math.floor);
  const missing = 100 - out.reduce((sum, x) => sum + x, 0);
  const order = exact.map((_, i) => i);
  // Remainders equal up to rounding are ties: in steps of 1e-8 they compare the same on both sides.
  const rest = (i: number): number => Math.floor(((exact[i] as number) - (out[i] as number)) * 1e8 + 0.5);
  order.sort((a, b) => rest(b) - rest(a) || a - b);
  for (const i of order.slice(0, missing)) out[i] = (out[i] as number) + 1;
  return out;
}
