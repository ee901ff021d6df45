/** What decides on the rows besides the heads: which units of the two sides are shown, and why others are not. */

import type { Aggregate, Measure, PairFilter, Sinks, Token } from "../types";
import type { TokenAxes } from "./axes";

/** Everything that decides on the rows, besides the heads. */
export interface Look {
  axes: TokenAxes;
  measure: Measure;
  aggregate: Aggregate;
  sinks: Sinks;
  pair: PairFilter;
  /** Positions of the keys that `sinks` is about. */
  sinkKeys: readonly number[];
  causal: boolean;
}

const isText = (token: Token): boolean => token.kind === "word" || token.kind === "punct";

/** Segments of the queries and the keys that a pair filter lets pass; undefined for everything. */
function segmentsOf(pair: PairFilter): readonly [query: number, key: number] | undefined {
  return pair === "all" ? undefined : [pair[0] === "a" ? 0 : 1, pair[1] === "a" ? 0 : 1];
}

/** Whether there are two segments of text on both sides. */
export function hasPair(queries: readonly Token[], keys: readonly Token[]): boolean {
  return [queries, keys].every((tokens) =>
    [0, 1].every((segment) => tokens.some((t) => isText(t) && t.segment === segment)),
  );
}

/** Which units of the two sides are shown, and why others are not. */
export class Scope {
  /** Rows that the pair filter keeps, or undefined for all. */
  readonly rows: Uint8Array | undefined;
  /** Keys that `sinks` is about: dimmed, or left out. */
  readonly sinks: Uint8Array;
  /** Keys not drawn. */
  readonly hidden: Uint8Array;
  readonly hidesAny: boolean;
  readonly removesSinks: boolean;
  /** Keys that the pair filter leaves out. */
  readonly hidesPair: boolean;
  private special: Uint8Array | undefined;

  constructor(readonly look: Look) {
    const { axes, sinks, sinkKeys, pair } = look;
    const segments = hasPair(axes.queries, axes.keys) ? segmentsOf(pair) : undefined;
    const inSegment = (segment: number) => (token: Token) => (isText(token) && token.segment === segment ? 1 : 0);
    this.rows = segments && Uint8Array.from(axes.queries, inSegment(segments[0]));
    this.sinks = new Uint8Array(axes.keys.length);
    for (const position of sinkKeys) this.sinks[axes.index("key", position)] = 1;
    this.removesSinks = sinks === "leave_out" || sinks === "renormalise";
    this.hidesPair = segments !== undefined;
    const kept = segments ? axes.keys.map(inSegment(segments[1])) : undefined;
    this.hidden = this.sinks.map((sink, key) => ((this.removesSinks && sink) || (kept && !kept[key]) ? 1 : 0));
    this.hidesAny = this.hidden.includes(1);
  }

  /** Keys that are no part of the text. */
  get isSpecial(): Uint8Array {
    this.special ??= Uint8Array.from(this.look.axes.keys, (key) => (isText(key) ? 0 : 1));
    return this.special;
  }

  shows(query: number): boolean {
    return this.rows === undefined || this.rows[query] === 1;
  }

  dims(key: number): boolean {
    return this.look.sinks === "dim" && this.sinks[key] === 1;
  }

  hides(key: number): boolean {
    return this.hidden[key] === 1;
  }

  /** The weight that each key would have if a row spread evenly over the keys it may see. */
  baseline(query: number): number {
    const { axes, sinks } = this.look;
    const { keys } = axes;
    const learned = this.learned;
    const seen = this.seen(query);
    if (sinks !== "renormalise") return 1 / seen;
    let hidden = 0;
    for (let key = 0; key < keys.length; key++) {
      if (this.sinks[key] && (key < seen - learned || key >= keys.length - learned)) hidden += 1;
    }
    return seen > hidden ? 1 / (seen - hidden) : 0;
  }

  /** Learned sinks: the last keys, seen by every row. */
  private get learned(): number {
    const { keys } = this.look.axes;
    let count = 0;
    while (keys[keys.length - 1 - count]?.role === "sink") count += 1;
    return count;
  }

  /** Keys that the order of the text hides from a row: their weight is 0, and known to be. */
  masked(query: number): readonly [first: number, end: number] {
    if (!this.look.causal) return [0, 0];
    const learned = this.learned;
    return [this.seen(query) - learned, this.look.axes.keys.length - learned];
  }

  /** How many keys a row may see: all, or in a causal stack those up to its own position, and learned sinks. */
  seen(query: number): number {
    const { axes, causal } = this.look;
    const { query: queries, key: keys } = axes.units;
    const learned = this.learned;
    const shift = (keys.edges.at(-1) ?? 0) - learned - (queries.edges.at(-1) ?? 0);
    if (!causal || shift < 0) return keys.tokens.length;
    return axes.index("key", (queries.edges[query + 1] ?? 1) - 1 + shift) + 1 + learned;
  }
}
