/** Small max-pooled pictures of every head of a stack. */
import { decodeDense, VALUES } from "./codec";
import { type Container, WireError } from "./container";
import type { LayerWeights } from "./layer";
import { expectBlock } from "./numbers";

/** Most queries and keys of a picture. */
const SIZE = 32;

/** The square root spends the 255 steps where weights are: small ones stay apart from zero. */
const LEVEL_OF_CODE = new Uint8Array(VALUES.map((weight) => Math.round(Math.sqrt(weight) * 255)));

/** Where each position falls: bin i of m covers positions ⌊i·n/m⌋ up to ⌊(i+1)·n/m⌋. */
function bins(n: number): Uint32Array {
  const m = Math.min(n, SIZE);
  const out = new Uint32Array(n);
  for (let i = 0; i < m; i++) out.fill(i, Math.floor((i * n) / m), Math.floor(((i + 1) * n) / m));
  return out;
}

/** The largest level of each bin, of codes [heads, queries, keys]. Codes ascend with weights, so they are compared. */
function pool(codes: Uint16Array, shape: readonly number[]): Uint8Array {
  const [heads = 0, queries = 0, keys = 0] = shape;
  const rowBins = bins(queries);
  const oq = Math.min(queries, SIZE);
  const ok = Math.min(keys, SIZE);
  const ends = Uint32Array.from({ length: ok }, (_, bin) => Math.floor(((bin + 1) * keys) / ok));
  const largest = new Uint16Array(heads * oq * ok);
  let i = 0;
  for (let head = 0; head < heads; head++) {
    for (let query = 0; query < queries; query++) {
      const row = (head * oq + (rowBins[query] as number)) * ok;
      for (let bin = 0, key = 0; bin < ok; bin++) {
        let most = largest[row + bin] as number;
        for (const end = ends[bin] as number; key < end; key++) {
          const code = codes[i++] as number;
          if (code > most) most = code;
        }
        largest[row + bin] = most;
      }
    }
  }
  return new Uint8Array(largest.map((code) => LEVEL_OF_CODE[code] as number));
}

export class Overviews {
  readonly #levels: Uint8Array;

  private constructor(
    /** Queries and keys of each picture. */
    readonly size: [oq: number, ok: number],
    /** Pictures: the heads of all layers in order, or of the one layer. */
    readonly heads: number,
    levels: Uint8Array,
  ) {
    this.#levels = levels;
  }

  /**
   * Read the pictures of a stack, or of one layer of a long one. A container that brings all of a small stack's weights
   * brings none: then they are made from those.
   */
  static async read(c: Container, stack: string, layer?: number): Promise<Overviews> {
    const name = layer === undefined ? `overview/${stack}` : `overview/${stack}/${layer}`;
    if (layer === undefined && !c.has(name)) return Overviews.#fromWeights(c, stack);
    const info = expectBlock(c, name, [-1, -1, -1]);
    const [heads = 0, oq = 0, ok = 0] = info.shape;
    const levels = await c.bytes(name);
    if (levels.length !== heads * oq * ok) {
      throw new WireError(`block ${JSON.stringify(name)} has ${levels.length} bytes instead of ${heads * oq * ok}`);
    }
    return new Overviews([oq, ok], heads, levels);
  }

  /** Of a layer whose weights are held whole. */
  static ofWeights(weights: LayerWeights): Overviews {
    const { heads, queries, keys, codes } = weights;
    if (!codes) throw new WireError("pictures are made from whole weights, and of these only the largest are held");
    const size: [number, number] = [Math.min(queries, SIZE), Math.min(keys, SIZE)];
    return new Overviews(size, heads, pool(codes, [heads, queries, keys]));
  }

  static async #fromWeights(c: Container, stack: string): Promise<Overviews> {
    const prefix = `weights/${stack}/`;
    const layers = c
      .names()
      .filter((name) => name.startsWith(prefix) && c.block(name)?.form !== "top")
      .sort((a, b) => Number(a.slice(prefix.length)) - Number(b.slice(prefix.length)));
    const [first] = layers;
    if (first === undefined) throw new WireError(`the attention data holds neither overviews nor weights of ${stack}`);
    const [, queries = 0, keys = 0] = expectBlock(c, first, [-1, -1, -1]).shape;
    const parts: Uint8Array[] = [];
    for (const name of layers) {
      const { shape, large = 0, classes = [] } = expectBlock(c, name, [-1, queries, keys]);
      parts.push(pool(decodeDense(await c.bytes(name), shape, large, classes), shape));
    }
    const levels = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      levels.set(part, at);
      at += part.length;
    }
    const size: [number, number] = [Math.min(queries, SIZE), Math.min(keys, SIZE)];
    return new Overviews(size, levels.length / Math.max(1, size[0] * size[1]), levels);
  }

  /** Levels [oq, ok] of a head, counted through all layers of the stack; no copy. */
  head(index: number): Uint8Array {
    if (!(index >= 0 && index < this.heads)) throw new RangeError(`head ${index}: there are ${this.heads} overviews`);
    const cells = this.size[0] * this.size[1];
    return this.#levels.subarray(index * cells, (index + 1) * cells);
  }

  /** Level (0 to 255) → weight. */
  level(x: number): number {
    return (x / 255) ** 2;
  }
}
