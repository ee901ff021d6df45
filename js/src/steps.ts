/**
 * What one row of weights is made of: read from the blocks of attnwidget/answers/steps.py, multiplied out in float64.
 * The queries, keys and values are the model's own; what is done with them here is school arithmetic.
 */

import { type Container, WireError } from "./wire/container";
import { expectBlock, readNumbers } from "./wire/numbers";

/** One head as it came: some of its queries, all of its keys and values. */
export interface HeadParts {
  /** Query → its place among those that came. */
  places: ReadonlyMap<number, number>;
  d: number;
  dv: number;
  keys: number;
  q: Float32Array;
  k: Float32Array;
  v: Float32Array;
  scale: number;
  softcap: number | null;
  /** Added to the scores: one row for all queries, or one for each that came. */
  bias: { rows: number; values: Float32Array } | null;
  /** For each query that came: 1 for keys that it sees. Null where every query sees every key. */
  seen: ((place: number) => Uint8Array) | null;
  /** Logit of the learned sink, for each query that came. */
  sink: Float32Array | null;
  group: number;
  groups: number;
  /** Of the residual stream. */
  width: number | null;
  /** Largest difference between recomputed and the model's own attention, relative to its largest output. */
  residual: number | null;
}

/** One row, step by step. */
export interface Steps {
  d: number;
  dv: number;
  keys: number;
  q: Float32Array;
  k: Float32Array;
  v: Float32Array;
  scale: number;
  softcap: number | null;
  /** Of each key: Σ q·k. */
  sums: Float64Array;
  scaled: Float64Array;
  capped: Float64Array | null;
  bias: Float64Array | null;
  seen: Uint8Array | null;
  /** What the softmax takes: of each key, then of the learned sink where there is one; −∞ where not seen. */
  scores: Float64Array;
  /** What it gives, likewise. */
  weights: Float64Array;
  sink: boolean;
  /** Σ weight · v. */
  output: Float64Array;
}

/** Names of the blocks without which a head cannot be shown. */
export function blocksOf(stack: string, layer: number, head: number): string[] {
  return [`steps/${stack}/${layer}/${head}/numbers`, `steps/${stack}/${layer}/${head}/q`];
}

/** Rows of `seen`: a byte for each key, or the first key seen and the one after the last. */
function seenRow(values: Float32Array, pattern: boolean, keys: number): (place: number) => Uint8Array {
  return (place) =>
    pattern
      ? Uint8Array.from(values.subarray(place * keys, (place + 1) * keys))
      : new Uint8Array(keys).fill(1, values[2 * place], values[2 * place + 1]);
}

const read = new WeakMap<Container, Map<string, Promise<HeadParts>>>();

/** The parts of a head; read once from each container. */
export function readParts(c: Container, stack: string, layer: number, head: number): Promise<HeadParts> {
  const known = read.get(c) ?? new Map<string, Promise<HeadParts>>();
  read.set(c, known);
  const path = `steps/${stack}/${layer}/${head}`;
  let parts = known.get(path);
  if (!parts) {
    // Keys and values of a long text are megabytes: one head at a time is looked at.
    known.clear();
    parts = readNow(c, `steps/${stack}/${layer}`, path);
    known.set(path, parts);
  }
  return parts;
}

async function readNow(c: Container, layerPath: string, path: string): Promise<HeadParts> {
  const numbers = await readNumbers(c, `${path}/numbers`, [6]);
  const [scale = 1, softcap = 0, group = 0, groups = 1, width = 0, residual = Number.NaN] = numbers;
  const [count = 0, d = 0] = expectBlock(c, `${path}/q`, [-1, -1]).shape;
  const [keys = 0] = expectBlock(c, `${layerPath}/k/${group}`, [-1, d]).shape;
  const [, dv = 0] = expectBlock(c, `${layerPath}/v/${group}`, [keys, -1]).shape;
  const optional = async (name: string, shape: number[]) =>
    c.has(`${path}/${name}`) ? readNumbers(c, `${path}/${name}`, shape) : null;
  const [queries, q, k, v, bias, seen, sink] = await Promise.all([
    readNumbers(c, `${path}/queries`, [count]),
    readNumbers(c, `${path}/q`, [count, d]),
    readNumbers(c, `${layerPath}/k/${group}`, [keys, d]),
    readNumbers(c, `${layerPath}/v/${group}`, [keys, dv]),
    optional("bias", [-1, keys]),
    optional("seen", [count, -1]),
    optional("sink", [count]),
  ]);
  const biasRows = c.block(`${path}/bias`)?.shape[0] ?? 0;
  const seenWidth = c.block(`${path}/seen`)?.shape[1] ?? 0;
  // Ends of an interval are whole numbers, a pattern is bytes; only for two keys do both have the same shape.
  const pattern = c.block(`${path}/seen`)?.dtype === "u1";
  if (seen && seenWidth !== (pattern ? keys : 2)) throw new WireError(`block "${path}/seen" does not fit its keys`);
  if (bias && biasRows !== 1 && biasRows !== count) throw new WireError(`block "${path}/bias" does not fit its rows`);
  return {
    places: new Map(Array.from(queries, (query, place) => [query, place])),
    d,
    dv,
    keys,
    q,
    k,
    v,
    scale,
    softcap: softcap || null,
    bias: bias && { rows: biasRows, values: bias },
    seen: seen && seenRow(seen, pattern, keys),
    sink,
    group,
    groups,
    width: width || null,
    residual: Number.isNaN(residual) ? null : residual,
  };
}

function dot(a: Float32Array, b: Float32Array, offset: number): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[offset + i] as number);
  return sum;
}

/** Of −∞ alone nothing can be shared out: a row that sees nothing attends to every key alike, as in the models' code. */
export function softmax(scores: Float64Array): Float64Array {
  const top = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  if (top === Number.NEGATIVE_INFINITY) return new Float64Array(scores.length).fill(1 / scores.length);
  const out = scores.map((score) => Math.exp(score - top));
  const sum = out.reduce((total, x) => total + x, 0);
  return out.map((x) => x / sum);
}

/** Σ weight · v over some keys. */
export function weigh(row: Steps | Omit<Steps, "output">, keys: Iterable<number>): Float64Array {
  const out = new Float64Array(row.dv);
  for (const key of keys) {
    const weight = row.weights[key] as number;
    for (let i = 0; i < row.dv; i++) out[i] = (out[i] as number) + weight * (row.v[key * row.dv + i] as number);
  }
  return out;
}

/** The steps of one query; undefined where it did not come. */
export function stepsOf(parts: HeadParts, query: number): Steps | undefined {
  const place = parts.places.get(query);
  if (place === undefined) return undefined;
  const { d, dv, keys, k, v, scale, softcap } = parts;
  const q = parts.q.subarray(place * d, (place + 1) * d);
  const sums = Float64Array.from({ length: keys }, (_, key) => dot(q, k, key * d));
  const scaled = sums.map((sum) => sum * scale);
  const capped = softcap === null ? null : scaled.map((score) => Math.tanh(score / softcap) * softcap);
  const biasAt = parts.bias && parts.bias.rows > 1 ? place * keys : 0;
  const bias = parts.bias && Float64Array.from(parts.bias.values.subarray(biasAt, biasAt + keys));
  const seen = parts.seen?.(place) ?? null;
  const scores = new Float64Array(keys + (parts.sink ? 1 : 0));
  (capped ?? scaled).forEach((score, key) => {
    scores[key] = seen && !seen[key] ? Number.NEGATIVE_INFINITY : score + (bias?.[key] ?? 0);
  });
  if (parts.sink) scores[keys] = parts.sink[place] as number;
  const row = {
    ...{ d, dv, keys, q, k, v, scale, softcap, sums, scaled, capped, bias, seen, scores },
    weights: softmax(scores),
    sink: parts.sink !== null,
  };
  return { ...row, output: weigh(row, new Array(keys).keys()) };
}

export type Order = "position" | "weight";

/** Keys that are shown, and what the others come to. */
export interface Listed {
  keys: number[];
  rest: { count: number; weight: number; value: Float64Array } | null;
}

/** The keys in order; of more than `most` only those of the largest weights, and `pinned`. */
export function listed(row: Steps, order: Order, most: number, pinned: readonly number[] = []): Listed {
  const all = Array.from({ length: row.keys }, (_, key) => key);
  const byWeight = (a: number, b: number) => (row.weights[b] as number) - (row.weights[a] as number) || a - b;
  const ranked = all.length > most || order === "weight" ? [...all].sort(byWeight) : all;
  if (all.length <= most) return { keys: ranked, rest: null };
  const extra = pinned.filter((key) => key < row.keys && !ranked.slice(0, most).includes(key));
  const chosen = new Set([...ranked.slice(0, most), ...extra]);
  const keys = ranked.filter((key) => chosen.has(key));
  if (order === "position") keys.sort((a, b) => a - b);
  const others = all.filter((key) => !chosen.has(key));
  const weight = others.reduce((sum, key) => sum + (row.weights[key] as number), 0);
  return { keys, rest: { count: others.length, weight, value: weigh(row, others) } };
}

/** Element-wise q × k of one key. */
export function products(row: Steps, key: number): Float64Array {
  return Float64Array.from(row.q, (x, i) => x * (row.k[key * row.d + i] as number));
}

/** One key's value times its weight. */
export function weighted(row: Steps, key: number): Float64Array {
  return weigh(row, [key]);
}

/**
 * The end of a colour scale for these numbers: of 50 of them 49 lie within, rounded up to one or two digits that a
 * reader can keep in mind. One outlier dimension would else leave all others white.
 */
export function scaleEnd(...parts: readonly ArrayLike<number>[]): { end: number; clipped: boolean } {
  const sizes = parts.flatMap((part) => Array.from(part, Math.abs)).sort((a, b) => a - b);
  const largest = sizes.at(-1) ?? 0;
  if (!(largest > 0)) return { end: 1, clipped: false };
  const wanted = sizes[Math.ceil((sizes.length - 1) * 0.98)] || largest;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((x) => x * power >= wanted * (1 - 1e-9)) ?? 10;
  const end = Number((step * power).toPrecision(2));
  return { end, clipped: largest > end };
}

/** A number with three decimals and a real minus: enough to check a sum or a product by hand. */
export function printed(value: number): string {
  if (value === Number.NEGATIVE_INFINITY) return "−∞";
  const size = Math.abs(value);
  const text = size >= 1e5 ? size.toPrecision(4) : size.toFixed(size >= 1000 ? 1 : size >= 100 ? 2 : 3);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** Smallest and largest of a vector, for who hears the figure instead of seeing it. */
export function range(values: ArrayLike<number>): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i] as number);
    high = Math.max(high, values[i] as number);
  }
  return [low, high];
}
