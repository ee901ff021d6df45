/**
 * One pair of tokens over all layers and heads, both ways. Twin of attnwidget/answers/trace.py: everything follows from
 * the printed digits of the weights, so that both come to the same numbers.
 */

import type { Stack, Token } from "./types";
import { encodeWeight, UNITS } from "./wire/codec";
import { type Container, WireError } from "./wire/container";
import type { LayerWeights } from "./wire/layer";
import { expectBlock, readNumbers } from "./wire/numbers";

/** Why one of the two ways is empty, in the order of the wire; "shown": it is not. */
export const STATES = ["shown", "cross", "causal", "absent"] as const;
export type WayState = (typeof STATES)[number];

/** Cells of the rows that one head's mean at the same distance is taken from; and the fewest pairs, on any text. */
const MOST_CELLS = 2 ** 18;
const FEWEST_PAIRS = 64;

/** From a row to a key; the numbers of every head of every layer, in order; NaN weights are of heads not held. */
export interface Way {
  row: number;
  key: number;
  state: WayState;
  /** Keys that the row may see by the order of the text. */
  seen: number;
  /** key − row as positions of one text; undefined where they are of two, and for a learned sink. */
  distance: number | undefined;
  /** Pairs at the same distance that the mean is of, and how many there are. */
  averaged: number;
  pairs: number;
  weight: Float32Array;
  /** 1 for the largest of the row. */
  rank: Uint32Array;
  /** To the mean of the other pairs at the same distance; NaN where there is none. */
  ratio: Float32Array;
  /** Likewise, to the mean of what other queries give to the same key. */
  drawn: Float32Array;
}

/** A cell that is far above what its distance explains: this many times the mean there, and above an even spread. */
export const FAR = 3;
export function isFar(way: Way, cell: number): boolean {
  return (way.ratio[cell] ?? 0) >= FAR && (way.weight[cell] ?? 0) * way.seen > 1;
}

interface Setting {
  queries: number;
  keys: number;
  /** The key at the position of query i is i + shift; undefined where rows and keys are different texts. */
  shift: number | undefined;
  causal: boolean;
}

export function settingOf(stack: Stack, queries: readonly Token[], keys: readonly Token[], causal: boolean): Setting {
  const positions = keys.filter((token) => token.role !== "sink").length;
  const cross = stack.name === "cross" || positions < queries.length;
  return {
    queries: queries.length,
    keys: keys.length,
    shift: cross ? undefined : positions - queries.length,
    causal: causal && !cross,
  };
}

type Plan = Pick<Way, "row" | "key" | "state" | "seen" | "distance" | "averaged" | "pairs"> & {
  others: number[];
  /** Other rows that may see the key. */
  askers: number[];
};

const NONE = { row: 0, key: 0, seen: 0, distance: undefined, averaged: 0, pairs: 0, others: [], askers: [] };

/** All of these rows, or evenly spaced ones. */
function some(rows: number[], keys: number): number[] {
  const most = Math.max(FEWEST_PAIRS, Math.floor(MOST_CELLS / keys));
  if (rows.length <= most) return rows;
  return Array.from({ length: most }, (_, i) => rows[Math.floor((i * rows.length) / most)] as number);
}

function between(first: number, end: number, without: number): number[] {
  const out: number[] = [];
  for (let i = Math.max(0, first); i < end; i++) if (i !== without) out.push(i);
  return out;
}

function plan(setting: Setting, row: number, key: number): Plan {
  const { queries, keys, causal } = setting;
  const shift = setting.shift ?? 0;
  const sinks = keys - shift - queries;
  const seen = causal ? row + 1 + shift + sinks : keys;
  const distance = key - shift - row;
  const none = { ...NONE, row, key, seen };
  if (causal && distance > 0 && key < queries + shift) return { ...none, state: "causal", distance };
  const askers = some(between(causal && key < queries + shift ? key - shift : 0, queries, row), keys);
  if (key >= queries + shift) return { ...none, state: "shown", askers };
  const all = between(-distance - shift, Math.min(queries, queries - distance), row);
  const others = some(all, keys);
  return { row, key, state: "shown", seen, distance, averaged: others.length, pairs: all.length, others, askers };
}

/** From the query to the key, and back. */
export function plans(setting: Setting, query: number, key: number): [Plan, Plan] {
  const { shift, queries } = setting;
  if (shift === undefined) {
    return [
      {
        ...NONE,
        ...{ row: query, key, state: "shown", seen: setting.keys },
        askers: some(between(0, queries, query), setting.keys),
      },
      { ...NONE, state: "cross" },
    ];
  }
  const back = key - shift;
  return [
    plan(setting, query, key),
    back >= 0 && back < queries ? plan(setting, back, query + shift) : { ...NONE, state: "absent" },
  ];
}

/** Whether no row of this layer gives weight to a later key. */
export function isCausal(weights: LayerWeights, shift: number): boolean {
  const row = new Float32Array(weights.keys);
  for (let head = 0; head < weights.heads; head++) {
    for (let query = 0; query < weights.queries; query++) {
      weights.row(head, query, row);
      for (let key = query + shift + 1; key < weights.queries + shift; key++) if ((row[key] ?? 0) > 0) return false;
    }
  }
  return weights.queries > 1;
}

const units = (weight: number): number => UNITS[encodeWeight(weight)] as number;

/** Fills in one layer's heads, which begin at `first`. */
export function fill(
  way: Way,
  { others, askers }: Pick<Plan, "others" | "askers">,
  weights: LayerWeights,
  first: number,
): void {
  if (way.state !== "shown") return;
  const row = new Float32Array(weights.keys);
  for (let head = 0; head < weights.heads; head++) {
    // A page that was given some heads only holds zeros for the others.
    if (!(weights.rowSum(head, way.row) > 0)) {
      way.weight[first + head] = Number.NaN;
      continue;
    }
    weights.row(head, way.row, row);
    const own = row[way.key] as number;
    let rank = 1;
    for (const other of row) if (other > own) rank += 1;
    let total = 0;
    for (const other of others) total += units(weights.weight(head, other, other + way.key - way.row));
    way.weight[first + head] = own;
    way.rank[first + head] = rank;
    way.ratio[first + head] = total > 0 ? (units(own) * others.length) / total : Number.NaN;
    total = 0;
    for (const other of askers) total += units(weights.weight(head, other, way.key));
    way.drawn[first + head] = total > 0 ? (units(own) * askers.length) / total : Number.NaN;
  }
}

function empty({ others: _, askers: __, ...plan }: Plan, cells: number): Way {
  return {
    ...plan,
    weight: new Float32Array(cells),
    rank: new Uint32Array(cells),
    ratio: new Float32Array(cells).fill(Number.NaN),
    drawn: new Float32Array(cells).fill(Number.NaN),
  };
}

export interface Trace {
  query: number;
  key: number;
  ways: [Way, Way];
}

/** Whether the page holds every cell of every layer; and the bytes they take once decoded. */
export function heldBytes(
  stack: Stack,
  containerOf: (stack: string, layer: number) => Container | undefined,
): number | undefined {
  let cells = 0;
  for (const [layer, info] of stack.layers.entries()) {
    if (!info.heads) continue;
    const block = containerOf(stack.name, layer)?.block(`weights/${stack.name}/${layer}`);
    if (!block || block.form === "top") return undefined;
    cells += block.shape.reduce((product, n) => product * n, 1);
  }
  return 2 * cells;
}

/** Milliseconds of work after which the page gets to answer its reader. */
const BREATH = 12;

/** The trace out of held weights, layer after layer; AbortError when no longer wanted. */
export async function traceHeld(
  stack: Stack,
  tokens: { queries: readonly Token[]; keys: readonly Token[] },
  read: (layer: number) => Promise<LayerWeights>,
  pair: { query: number; key: number },
  signal: AbortSignal,
): Promise<Trace> {
  const cells = stack.layers.reduce((sum, info) => sum + info.heads, 0);
  let both: [Plan, Plan] | undefined;
  let ways: [Way, Way] | undefined;
  let first = 0;
  let since = performance.now();
  for (const [layer, info] of stack.layers.entries()) {
    if (!info.heads) continue;
    const weights = await read(layer);
    signal.throwIfAborted();
    if (!both) {
      const loose = settingOf(stack, tokens.queries, tokens.keys, false);
      const causal = loose.shift !== undefined && isCausal(weights, loose.shift);
      both = plans({ ...loose, causal }, pair.query, pair.key);
      ways = [empty(both[0], cells), empty(both[1], cells)];
    }
    for (const at of [0, 1] as const) if (ways) fill(ways[at], both[at], weights, first);
    first += weights.heads;
    if (performance.now() - since > BREATH) {
      await new Promise((resolve) => setTimeout(resolve));
      signal.throwIfAborted();
      since = performance.now();
    }
  }
  if (!ways) throw new WireError("no layer of this stack has attention weights");
  return { ...pair, ways };
}

/** The trace out of an answer of Python's. */
export async function readTrace(
  c: Container,
  stack: Stack,
  tokens: { queries: readonly Token[]; keys: readonly Token[] },
): Promise<Trace> {
  const cells = stack.layers.reduce((sum, info) => sum + info.heads, 0);
  const path = `trace/${stack.name}`;
  expectBlock(c, `${path}/weight`, [2, cells]);
  const [pair, described, weight, rank, ratio, drawn] = await Promise.all([
    readNumbers(c, `${path}/pair`, [2]),
    readNumbers(c, `${path}/ways`, [2, 4]),
    readNumbers(c, `${path}/weight`, [2, cells]),
    readNumbers(c, `${path}/rank`, [2, cells]),
    readNumbers(c, `${path}/ratio`, [2, cells]),
    readNumbers(c, `${path}/drawn`, [2, cells]),
  ]);
  const [query = 0, key = 0] = pair;
  // Which row, key and distance is the same whether the stack is causal or not.
  const both = plans(settingOf(stack, tokens.queries, tokens.keys, false), query, key);
  const way = (at: 0 | 1): Way => {
    const [state = 0, seen = 0, averaged = 0, pairs = 0] = described.subarray(at * 4, at * 4 + 4);
    const name = STATES[state];
    if (!name) throw new WireError(`block "${path}/ways" names an unknown state`);
    const { row, key: to, distance } = both[at];
    const part = (values: Float32Array) => values.slice(at * cells, (at + 1) * cells);
    return {
      ...{ row, key: to, state: name, seen, distance, averaged, pairs },
      weight: part(weight),
      rank: Uint32Array.from(part(rank)),
      ratio: part(ratio),
      drawn: part(drawn),
    };
  };
  return { query, key, ways: [way(0), way(1)] };
}

/** Layer and head of a cell. */
export function placeOf(stack: Stack, cell: number): { layer: number; head: number } {
  let left = cell;
  for (const [layer, info] of stack.layers.entries()) {
    if (left < info.heads) return { layer, head: left };
    left -= info.heads;
  }
  throw new RangeError(`cell ${cell}: there are ${cell - left}`);
}

/** Cells of a layer begin here. */
export function firstCells(stack: Stack): number[] {
  let first = 0;
  return stack.layers.map(({ heads }) => {
    first += heads;
    return first - heads;
  });
}

/** The largest weights of both ways. */
export function strongest(trace: Trace, most: number): { way: 0 | 1; cell: number }[] {
  const all = ([0, 1] as const).flatMap((way) =>
    Array.from(trace.ways[way].weight, (weight, cell) => ({ way, cell, weight })).filter(({ weight }) => weight > 0),
  );
  all.sort((a, b) => b.weight - a.weight || a.way - b.way || a.cell - b.cell);
  return all.slice(0, most).map(({ way, cell }) => ({ way, cell }));
}

/** Of a long text the pair is chosen in what is seen first. */
const BEGINNING = 100;

/**
 * A pair worth looking at where none is chosen: two words of some length that are no neighbours, the later one as the
 * query, so that it sees the other in a causal model too.
 */
export function likelyPair(
  queries: readonly Token[],
  keys: readonly Token[],
  sameText: boolean,
): { query: number; key: number } {
  const words = (tokens: readonly Token[]) =>
    tokens
      .slice(0, BEGINNING)
      .map((token, index) => ({ token, index }))
      .filter(({ token }) => token.kind === "word");
  const long = (list: ReturnType<typeof words>) => {
    const most = Math.max(0, ...list.map(({ token }) => token.text.length));
    const some = list.filter(({ token }) => token.text.length >= Math.min(4, most));
    return some.length > 0 ? some : list;
  };
  const key = long(words(keys).filter(({ token }) => token.role !== "sink"))[0]?.index ?? 0;
  const fits = long(words(queries)).filter(({ index }) => !sameText || index >= key + 2);
  const query = fits.at(-1)?.index ?? words(queries).at(-1)?.index ?? Math.min(queries.length, BEGINNING) - 1;
  return { query: Math.max(0, query), key };
}

/** A ratio as it is printed: "4.1", "12", "<0.1"; next to nothing may be below, and its digits say nothing. */
export function formatRatio(ratio: number): string {
  if (ratio >= 999.5) return ">999";
  if (ratio < 0.05) return ratio > 0 ? "<0.1" : "0";
  return ratio < 9.95 ? ratio.toFixed(1) : String(Math.round(ratio));
}

/** A signed whole number with a real minus. */
export function signed(value: number): string {
  return value < 0 ? `−${-value}` : value > 0 ? `+${value}` : "0";
}
