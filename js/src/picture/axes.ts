/** What the two sides of a picture list: tokens, or the words that they are pieces of. */

import type { Token, Unit } from "../types";

/** Longer texts show the lines of some rows alone: a window that is moved over them. */
export const LONG = 400;

export type Side = "query" | "key";

/** The units of both sides in order. An index counts units; a position counts tokens, as everywhere in Python. */
export interface Axes {
  queries: Token[];
  keys: Token[];
  /** Positions of the tokens of a unit, ascending. */
  positions(side: Side, index: number): number[];
  /** The unit that a token belongs to. */
  index(side: Side, position: number): number;
}

/** Where each unit of a sequence begins, and its end. */
export interface Units {
  tokens: Token[];
  /** First position of each unit, then the number of tokens. */
  edges: Uint32Array;
}

/** Neighbours with the same word number and segment are a word; all other tokens stand alone. As attnwidget/words.py. */
export function wordUnits(tokens: readonly Token[]): Units {
  const starts: number[] = [];
  tokens.forEach(({ word, segment }, position) => {
    const before = tokens[position - 1];
    if (!before || word === null || word !== before.word || segment !== before.segment) starts.push(position);
  });
  const units = starts.map((start) => {
    const { whole, ...first } = tokens[start] as Token;
    return { ...first, ...whole };
  });
  return { tokens: units, edges: Uint32Array.from([...starts, tokens.length]) };
}

export function pieceUnits(tokens: Token[]): Units {
  return { tokens, edges: Uint32Array.from({ length: tokens.length + 1 }, (_, position) => position) };
}

/** The unit that holds a position, by halving. */
export function unitAt({ edges }: Units, position: number): number {
  let [low, high] = [0, Math.max(0, edges.length - 2)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((edges[middle] as number) <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}

export class TokenAxes implements Axes {
  readonly units: Readonly<Record<Side, Units>>;

  constructor(queries: Token[], keys: Token[], unit: Unit) {
    const of = unit === "words" ? wordUnits : pieceUnits;
    const ofQueries = of(queries);
    this.units = { query: ofQueries, key: queries === keys ? ofQueries : of(keys) };
  }

  /** Whether some unit has several tokens. */
  get folded(): boolean {
    return Object.values(this.units).some(({ tokens, edges }) => (edges.at(-1) ?? 0) > tokens.length);
  }

  get queries(): Token[] {
    return this.units.query.tokens;
  }

  get keys(): Token[] {
    return this.units.key.tokens;
  }

  positions(side: Side, index: number): number[] {
    const { edges } = this.units[side];
    const [start, end] = [edges[index] ?? 0, edges[index + 1] ?? 0];
    return Array.from({ length: Math.max(0, end - start) }, (_, at) => start + at);
  }

  index(side: Side, position: number): number {
    return unitAt(this.units[side], position);
  }

  /** Units of which some token is listed, ascending. */
  indices(side: Side, positions: readonly number[]): number[] {
    return [...new Set(positions.map((position) => this.index(side, position)))].sort((a, b) => a - b);
  }
}

/** Whether words and pieces differ anywhere. */
export function hasWords(queries: readonly Token[], keys: readonly Token[]): boolean {
  return [queries, keys].some((tokens) => wordUnits(tokens).tokens.length < tokens.length);
}
