/**
 * How the heads in view become the rows shown: measure, aggregate, words, and what is left out. Twin of
 * attnwidget/shown.py, held together by tests/fixtures/scene; it knows nothing of layers, pixels or colours.
 *
 * A row is made in this order: each head's weights, or what each writes (weight × norm); folded from pieces to words
 * (to a word the sum, from a word the mean); the heads put together; keys left out; what is left scaled up.
 */

import type { Series } from "../scene";
import type { LayerWeights } from "../wire/layer";
import type { Scope } from "./scope";
import { fold, scale, total } from "./sums";

/** What `Rows` needs of a layer; `LayerWeights` has it. */
export type HeadRows = Pick<
  LayerWeights,
  | "queries"
  | "keys"
  | "form"
  | "isWhole"
  | "row"
  | "add"
  | "each"
  | "largest"
  | "weight"
  | "rowSum"
  | "kindSums"
  | "valueNorms"
  | "normsOf"
  | "written"
>;

export interface HeadOf {
  head: number;
  weights: HeadRows;
}

/** Kinds of key that are no part of the text, by their place in `KINDS`: cls, sep, other. */
const SPECIAL = [0, 1, 3] as const;
/** A row of which less than this is left is not scaled up. */
const LEAST = 1e-4;

/** Cells of a picture whose rows are kept once made; beyond that they are made again each time. */
const MOST_KEPT = 2 ** 20;

interface Made {
  row: Float32Array;
  sum: number;
  whole: number;
  kept: number;
  removed: number;
}

/** Some heads of one stack as one series. */
export class Rows implements Series {
  private piece: Float32Array | undefined;
  private readonly made: (Made | undefined)[] | undefined;
  /** Whether every cell of every row is held. */
  private readonly dense: boolean;
  /** Heads of one layer are added up in one go. */
  private readonly byLayer = new Map<HeadRows, number[]>();
  private readonly exact: boolean;
  /**
   * Whether single cells are what a few numbers of each head make them, without their row: a question about one key of
   * every row of a long text then costs no more than its answer.
   */
  readonly direct: boolean;
  /** The largest cell of a row, where it and single cells can be told without making the row. */
  readonly largestOf: ((query: number) => number) | undefined;
  private last: { query: number; whole: boolean; made: Made } | undefined;
  /** A head whose rows are shown as they are held: reading one again is no slower than keeping it. */
  private readonly plain: HeadOf | undefined;

  constructor(
    readonly heads: readonly HeadOf[],
    readonly scope: Scope,
  ) {
    const { axes, measure, aggregate } = scope.look;
    for (const { weights, head } of heads) this.byLayer.set(weights, [...(this.byLayer.get(weights) ?? []), head]);
    this.dense = [...this.byLayer.keys()].every(({ form }) => form === "dense");
    this.made = this.dense && axes.queries.length * axes.keys.length <= MOST_KEPT ? [] : undefined;
    this.exact = measure === "weight" && (aggregate !== "max" || heads.length === 1);
    const sums = measure === "weight" || heads.every(({ weights }) => weights.form === "top" && weights.normsOf);
    this.direct = sums && !axes.folded && (aggregate !== "max" || heads.length === 1);
    const as = measure === "weight" && !axes.folded && !scope.rows && !scope.hidesAny;
    this.plain = as && heads.length === 1 ? heads[0] : undefined;
    const { plain } = this;
    this.largestOf = plain && ((query) => plain.weights.largest(plain.head, query));
  }

  row(query: number, out: Float32Array = new Float32Array(this.scope.look.axes.keys.length)): Float32Array {
    if (this.plain) {
      out.fill(0);
      this.plain.weights.add(this.plain.head, query, out);
      return out;
    }
    out.set(this.make(query).row);
    return out;
  }

  rowSum(query: number): number {
    return this.plain ? this.plain.weights.rowSum(this.plain.head, query) : this.make(query).sum;
  }

  whole(query: number): number {
    return this.plain ? this.rowSum(query) : this.make(query).whole;
  }

  kept(query: number): number {
    return this.plain ? this.rowSum(query) : this.make(query).kept;
  }

  /** Mass on the keys that `sinks` took out, of `whole`. */
  removed(query: number): number {
    return this.plain ? 0 : this.make(query).removed;
  }

  /** A cell as it is shown. */
  at(query: number, key: number): number {
    const { scope } = this;
    if (!this.direct || this.made?.[query] || scope.look.sinks === "renormalise") return this.make(query).row[key] ?? 0;
    return scope.hides(key) ? 0 : this.cellBefore(query, key);
  }

  /** A cell before anything was left out; only where rows are `direct`. */
  cellBefore(query: number, key: number): number {
    if (!this.scope.shows(query)) return 0;
    let sum = 0;
    // Rounded as the cells of a row are.
    if (this.scope.look.measure === "weight") {
      for (const { weights, head } of this.heads) sum = Math.fround(sum + weights.weight(head, query, key));
      return Math.fround(sum * (1 / this.heads.length));
    }
    for (const { weights, head } of this.heads) {
      sum += weights.weight(head, query, key) * (weights.valueNorms(head)?.[key] ?? 0);
    }
    const whole = this.writtenBy(query);
    return whole > 0 ? sum / whole : 0;
  }

  /** The mass of a row before anything was left out; likewise. */
  massBefore(query: number): number {
    if (!this.scope.shows(query)) return 0;
    if (this.scope.look.measure === "contribution") return this.writtenBy(query) > 0 ? 1 : 0;
    let mass = 0;
    for (const { weights, head } of this.heads) mass += weights.rowSum(head, query);
    return mass / this.heads.length;
  }

  /** Go through the cells that are held of a row, before anything was left out, head by head; likewise. */
  eachBefore(query: number, visit: (key: number, value: number) => void): void {
    if (!this.scope.shows(query)) return;
    const written = this.scope.look.measure === "contribution";
    const whole = written ? this.writtenBy(query) : this.heads.length;
    if (!(whole > 0)) return;
    for (const { weights, head } of this.heads) {
      const norms = written ? weights.valueNorms(head) : undefined;
      weights.each(head, query, (key, weight) => visit(key, (weight * (norms?.[key] ?? 1)) / whole));
    }
  }

  private writtenBy(query: number): number {
    let whole = 0;
    for (const { weights, head } of this.heads) whole += weights.written(head, query) ?? 0;
    return whole;
  }

  /** Whether every cell of the row is known. */
  isWhole(query: number): boolean {
    if (this.dense) return true;
    const positions = this.scope.look.axes.positions("query", query);
    return [...this.byLayer.keys()].every((weights) => positions.every((position) => weights.isWhole(position)));
  }

  /** The row before anything was left out, and its mass. */
  before(query: number, out: Float32Array): number {
    const { axes, measure, aggregate } = this.scope.look;
    if (!this.scope.shows(query)) return scale(out, 0, 0);
    const positions = axes.positions("query", query);
    if (aggregate === "max" && this.heads.length > 1) return this.largest(positions, out);
    const sum = this.together(this.heads, positions, out);
    if (measure === "contribution") return scale(out, sum > 0 ? 1 / sum : 0, sum > 0 ? 1 : 0);
    scale(out, 1 / (positions.length * this.heads.length), 0);
    let mass = 0;
    for (const { weights, head } of this.heads) for (const at of positions) mass += weights.rowSum(head, at);
    return mass / (positions.length * this.heads.length);
  }

  /** Heads and rows added up, folded to units; what they add up to, unlisted cells too where that is known. */
  private together(heads: readonly HeadOf[], positions: readonly number[], out: Float32Array): number {
    const written = this.scope.look.measure === "contribution";
    const { axes } = this.scope.look;
    // Where nothing is folded the cells are added up in their place: rows of long texts are made many at a time.
    if (axes.folded) this.piece ??= new Float32Array(axes.units.key.edges.at(-1) ?? 0);
    const into = (axes.folded && this.piece) || out;
    into.fill(0);
    for (const { weights, head } of heads) {
      const norms = written ? weights.valueNorms(head) : undefined;
      for (const position of positions) weights.add(head, position, into, norms);
    }
    const sum = into === out ? total(out) : fold(into, axes.units.key, out);
    if (!written) return sum;
    let whole = 0;
    for (const { weights, head } of heads) {
      for (const position of positions) {
        const one = weights.written(head, position);
        if (one === undefined) return sum;
        whole += one;
      }
    }
    return Math.max(sum, whole);
  }

  private largest(positions: readonly number[], out: Float32Array): number {
    const written = this.scope.look.measure === "contribution";
    const one = new Float32Array(out.length);
    out.fill(0);
    for (const head of this.heads) {
      const sum = this.together([head], positions, one);
      const by = written ? (sum > 0 ? 1 / sum : 0) : 1 / positions.length;
      for (let key = 0; key < out.length; key++) out[key] = Math.max(out[key] as number, (one[key] as number) * by);
    }
    return out.reduce((total, value) => total + value, 0);
  }

  private make(query: number): Made {
    const width = this.scope.look.axes.keys.length;
    if (this.made) {
      this.made[query] ??= this.finish(query, new Float32Array(width));
      return this.made[query];
    }
    // Whole rows of a long text come while it is looked at.
    const whole = this.isWhole(query);
    if (this.last?.query !== query || this.last.whole !== whole) {
      const made = this.finish(query, this.last?.made.row ?? new Float32Array(width));
      this.last = { query, whole, made };
    }
    return this.last.made;
  }

  private finish(query: number, row: Float32Array): Made {
    const { scope } = this;
    const whole = this.heads.length > 0 ? this.before(query, row) : scale(row, 0, 0);
    if (!scope.hidesAny) return { row, sum: whole, whole, kept: whole, removed: 0 };
    const removed = scope.removesSinks ? Math.min(whole, this.onSinks(query, row)) : 0;
    let [cells, others] = [0, 0];
    for (let key = 0; key < row.length; key++) {
      const value = row[key] as number;
      if (!scope.sinks[key]) others += value;
      if (scope.hidden[key]) row[key] = 0;
      else cells += value;
    }
    const remaining = whole - removed;
    const kept = Math.max(0, Math.min(scope.hidesPair ? cells : remaining, remaining));
    if (scope.look.sinks !== "renormalise") return { row, sum: kept, whole, kept, removed };
    // By the cells themselves where all are known, so that they add up however they are rounded. Next to nothing left
    // would be scaled up to a row of rounding errors.
    const left = this.isWhole(query) ? others : remaining;
    const by = remaining > LEAST * whole && left > 0 ? whole / left : 0;
    scale(row, by, 0);
    return { row, sum: (scope.hidesPair ? cells : left) * by, whole, kept: by > 0 ? kept : 0, removed };
  }

  /** Mass of the row on sinks: exact where exact sums are held. */
  private onSinks(query: number, row: Float32Array): number {
    const { sinks, look, isSpecial } = this.scope;
    let mass = 0;
    for (let key = 0; key < row.length; key++) {
      if (sinks[key] && !(this.exact && isSpecial[key])) mass += row[key] as number;
    }
    if (!this.exact) return mass;
    const positions = look.axes.positions("query", query);
    for (const [weights, heads] of this.byLayer) {
      for (const position of positions) {
        const sums = weights.kindSums(heads, position);
        for (const kind of SPECIAL) mass += ((sums[kind] ?? 0) * heads.length) / (positions.length * this.heads.length);
      }
    }
    return mass;
  }
}
