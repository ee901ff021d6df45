/** One layer's weights as the page reads them: cells rounded to their printed digits, sums from exact float32 weights. */

import { type Cells, exactSums, KIND_COUNT, readTop, span } from "./cells";
import { CODE_COUNT, decodeDense, VALUES } from "./codec";
import { type Container, WireError } from "./container";
import { expectBlock, readNumbers } from "./numbers";
import { Pace } from "./pace";

/** Bytes of whole rows kept beside the largest cells; those not seen for longest go first. */
const MOST_WHOLE = 24 * 2 ** 20;

export class LayerWeights {
  readonly #cells: Cells;
  /** Whole rows of a "top" layer that came later: query → codes [heads, keys], and each head's largest. */
  readonly #rows = new Map<number, { codes: Uint16Array; most: Uint16Array }>();
  readonly #sums: Float32Array;
  readonly #entropy: Float32Array | undefined;
  readonly #valueNorms: Float32Array | undefined;
  readonly #written: Float32Array | undefined;

  private constructor(
    readonly heads: number,
    readonly queries: number,
    readonly keys: number,
    cells: Cells,
    sums: Float32Array,
    entropy: Float32Array | undefined,
    valueNorms: Float32Array | undefined,
    /** What the norms are of: what is written, v·W_O; the value alone, where W_O is not known; or there are none. */
    readonly normsOf: "written" | "value" | undefined,
    written: Float32Array | undefined,
  ) {
    this.#written = written;
    this.#cells = cells;
    this.#sums = sums;
    this.#entropy = entropy;
    this.#valueNorms = valueNorms;
  }

  /** Codes [heads, queries, keys] where all cells are held. */
  get codes(): Uint16Array | undefined {
    return this.#cells.form === "dense" ? this.#cells.codes : undefined;
  }

  /**
   * Inflate one layer, or the rollout up to it. WireError where the container does not hold it whole.
   */
  static async read(
    c: Container,
    stack: string,
    layer: number,
    what: "weights" | "rollout" = "weights",
  ): Promise<LayerWeights> {
    const path = `${stack}/${layer}`;
    const name = `${what}/${path}`;
    const ofWeights = what === "weights";
    const normsOf = !ofWeights
      ? undefined
      : c.has(`value_norms/${path}`)
        ? "written"
        : c.has(`plain_value_norms/${path}`)
          ? "value"
          : undefined;
    const info = expectBlock(c, name, [-1, -1, -1]);
    const [heads = 0, queries = 0, keys = 0] = info.shape;
    // Of a long text the page is in use meanwhile; a short one is there sooner in one go.
    const pace = info.form === "top" ? new Pace() : undefined;
    const numbers = (block: string, shape: readonly number[]) => readNumbers(c, block, shape, pace);
    const [bytes, kinds, planes, entropy, norms, written] = await Promise.all([
      c.bytes(name, pace),
      numbers(`kinds/${stack}`, [keys]),
      numbers(`${ofWeights ? "sums" : "rollout_sums"}/${path}`, [KIND_COUNT, heads, queries]),
      ofWeights && c.has(`entropy/${path}`) ? numbers(`entropy/${path}`, [heads, queries]) : undefined,
      normsOf && numbers(`${normsOf === "written" ? "value_norms" : "plain_value_norms"}/${path}`, [heads, keys]),
      ofWeights && c.has(`written/${path}`) ? numbers(`written/${path}`, [heads, queries]) : undefined,
    ]);
    const cells: Cells = pace
      ? await readTop(bytes, info, name, queries, pace)
      : { form: "dense", codes: decodeDense(bytes, info.shape, info.large ?? 0, info.classes ?? []) };
    if (kinds.some((kind) => kind >= KIND_COUNT))
      throw new WireError("the attention data names an unknown kind of key");
    const sums = await exactSums(cells, planes, kinds, heads * queries, pace);
    // What is drawn now has a task of its own.
    if (pace) await pace.rest();
    return new LayerWeights(heads, queries, keys, cells, sums, entropy, norms, normsOf, written);
  }

  /** "dense": every cell is known. "top": only the largest of each row, `held` says how much of it they are. */
  get form(): "dense" | "top" {
    return this.#cells.form;
  }

  /** Cells listed of each row: all keys, or the largest ones of a "top" layer. */
  get listed(): number {
    return this.#cells.form === "dense" ? this.keys : this.#cells.perRow;
  }

  /** Whether a row's zeros are zeros: always in a "dense" layer, in a "top" one where the whole row has come. */
  isWhole(query: number): boolean {
    return this.#cells.form === "dense" || this.#rows.has(query);
  }

  /** Bytes of memory that the cells take. */
  get size(): number {
    const cells = this.#cells;
    return (
      cells.codes.byteLength + (cells.form === "top" ? cells.index.byteLength : 0) + this.#rows.size * this.#rowBytes
    );
  }

  /** Of a whole row of all heads. */
  get #rowBytes(): number {
    return 2 * this.heads * this.keys;
  }

  /** Take in whole rows from the reply to a request for them. */
  async addRows(c: Container, stack: string, layer: number): Promise<void> {
    const name = `rows/${stack}/${layer}`;
    const info = expectBlock(c, name, [this.heads, -1, this.keys]);
    const [, count = 0] = info.shape;
    const queries = await readNumbers(c, `queries/${stack}/${layer}`, [count]);
    const cells = await readNumbers(c, name, info.shape);
    queries.forEach((query, at) => {
      const codes = new Uint16Array(this.heads * this.keys);
      const most = Uint16Array.from({ length: this.heads }, (_, head) => {
        const start = (head * count + at) * this.keys;
        const row = cells.subarray(start, start + this.keys);
        codes.set(row, head * this.keys);
        let largest = 0;
        for (let key = 0; key < row.length; key++) if ((row[key] as number) > largest) largest = row[key] as number;
        if (largest >= CODE_COUNT) throw new WireError(`block ${JSON.stringify(name)} has an invalid cell`);
        return largest;
      });
      this.#rows.delete(query);
      this.#rows.set(query, { codes, most });
    });
    // A sweep over a long text must not pile up what was seen once; what came now is looked at.
    for (const query of this.#rows.keys()) {
      if (this.#rows.size <= Math.max(count, MOST_WHOLE / this.#rowBytes)) break;
      this.#rows.delete(query);
    }
  }

  #row(head: number, query: number): number {
    if (!(head >= 0 && head < this.heads && query >= 0 && query < this.queries)) {
      throw new RangeError(`head ${head}, query ${query}: there are ${this.heads} heads and ${this.queries} queries`);
    }
    return head * this.queries + query;
  }

  /** A cell; 0 for a key that a "top" layer does not list. */
  weight(head: number, query: number, key: number): number {
    const row = this.#row(head, query);
    if (!(key >= 0 && key < this.keys)) throw new RangeError(`key ${key}: there are ${this.keys} keys`);
    const whole = this.#rows.get(query);
    if (whole) return VALUES[whole.codes[head * this.keys + key] as number] as number;
    const cells = this.#cells;
    if (cells.form === "dense") return VALUES[cells.codes[row * this.keys + key] as number] as number;
    for (let i = row * cells.perRow, end = i + cells.perRow; i < end && (cells.index[i] as number) <= key; i++) {
      if (cells.index[i] === key) return VALUES[cells.codes[i] as number] as number;
    }
    return 0;
  }

  /** Go through the cells of a row that are held and not 0. */
  each(head: number, query: number, visit: (key: number, weight: number) => void): void {
    const row = this.#row(head, query);
    const whole = this.#whole(head, query);
    const cells = this.#cells;
    const [codes, start] = whole ?? [cells.codes, row * (cells.form === "top" ? cells.perRow : 0)];
    const count = whole || cells.form === "dense" ? this.keys : cells.perRow;
    for (let i = 0; i < count; i++) {
      const code = codes[start + i] as number;
      if (code === 0) continue;
      const key = whole || cells.form === "dense" ? i : (cells.index[start + i] as number);
      visit(key, VALUES[code] as number);
    }
  }

  /** Codes of a row over all keys and where they start, if it is held whole. */
  #whole(head: number, query: number): [codes: Uint16Array, start: number] | undefined {
    const cells = this.#cells;
    if (cells.form === "dense") return [cells.codes, (head * this.queries + query) * this.keys];
    const whole = this.#rows.get(query);
    return whole && [whole.codes, head * this.keys];
  }

  /** The largest cell of a row that is held. */
  largest(head: number, query: number): number {
    const row = this.#row(head, query);
    const whole = this.#rows.get(query);
    if (whole) return VALUES[whole.most[head] as number] as number;
    // Codes ascend with the weights.
    let most = 0;
    const { codes } = this.#cells;
    const [start, end] = span(this.#cells, row, this.keys);
    for (let i = start; i < end; i++) if ((codes[i] as number) > most) most = codes[i] as number;
    return VALUES[most] as number;
  }

  /** Add a row to `out`, each cell times its key's entry in `factors` where given. */
  add(head: number, query: number, out: Float32Array, factors?: Float32Array): void {
    const row = this.#row(head, query);
    const whole = this.#whole(head, query);
    const cells = this.#cells;
    if (factors) this.#addScaled(whole, row, out, factors);
    else if (whole) {
      const [codes, start] = whole;
      for (let key = 0; key < this.keys; key++) {
        out[key] = (out[key] as number) + (VALUES[codes[start + key] as number] as number);
      }
    } else if (cells.form === "top") {
      for (let i = row * cells.perRow, end = i + cells.perRow; i < end; i++) {
        const key = cells.index[i] as number;
        out[key] = (out[key] as number) + (VALUES[cells.codes[i] as number] as number);
      }
    }
  }

  #addScaled(
    whole: [codes: Uint16Array, start: number] | undefined,
    row: number,
    out: Float32Array,
    factors: Float32Array,
  ): void {
    const cells = this.#cells;
    if (whole) {
      const [codes, start] = whole;
      for (let key = 0; key < this.keys; key++) {
        out[key] = (out[key] as number) + (VALUES[codes[start + key] as number] as number) * (factors[key] as number);
      }
    } else if (cells.form === "top") {
      for (let i = row * cells.perRow, end = i + cells.perRow; i < end; i++) {
        const key = cells.index[i] as number;
        const weight = VALUES[cells.codes[i] as number] as number;
        out[key] = (out[key] as number) + weight * (factors[key] as number);
      }
    }
  }

  /** One row over all keys, into `out` where given (at least `keys` long). */
  row(head: number, query: number, out: Float32Array = new Float32Array(this.keys)): Float32Array {
    out.fill(0);
    this.add(head, query, out);
    return out;
  }

  /** Mass by kind of key (cls, sep, punct, other, word), mean over the heads, from exact weights. */
  kindSums(heads: readonly number[], query: number): Float32Array {
    const out = new Float32Array(KIND_COUNT);
    for (const head of heads) {
      const start = this.#row(head, query) * KIND_COUNT;
      for (let kind = 0; kind < KIND_COUNT; kind++) {
        out[kind] = (out[kind] as number) + (this.#sums[start + kind] as number) / heads.length;
      }
    }
    return out;
  }

  /** The whole row's mass, from exact weights: 1, or 0 for a fully masked row. */
  rowSum(head: number, query: number): number {
    const start = this.#row(head, query) * KIND_COUNT;
    let sum = 0;
    for (let kind = 0; kind < KIND_COUNT; kind++) sum += this.#sums[start + kind] as number;
    return sum;
  }

  /** How much of a row the held cells are: their sum. */
  held(head: number, query: number): number {
    const row = this.#row(head, query);
    const cells = this.#cells;
    const [start, end] = span(cells, row, this.keys);
    let sum = 0;
    for (let i = start; i < end; i++) sum += VALUES[cells.codes[i] as number] as number;
    return sum;
  }

  /** Entropy of a row in nats, from exact weights; NaN where the container brought none. */
  entropy(head: number, query: number): number {
    return this.#entropy?.[this.#row(head, query)] ?? Number.NaN;
  }

  /** Σ weight × norm over a whole row, of a "top" layer with norms; the cells of others tell. */
  written(head: number, query: number): number | undefined {
    return this.#written?.[this.#row(head, query)];
  }

  /** ‖v·W_O‖ of all keys for a head (‖v‖ where `normsOf` says so), no copy; undefined where they are not known. */
  valueNorms(head: number): Float32Array | undefined {
    return this.#valueNorms?.subarray(head * this.keys, (head + 1) * this.keys);
  }
}
