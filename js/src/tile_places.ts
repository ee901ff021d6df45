/** Where the tiles of a long text's weights lie: see tiles.ts. */

/** Bins of a tile; Python refuses larger ones. A row's softmax takes all of its keys, so wide tiles cost less. */
export const TILE_ROWS = 256;
export const TILE_COLUMNS = 1024;
/** Weights that one tile may take to compute: some tenths of a second of Python's time. */
const MOST_WORK = 2 ** 27;
/** The matrix that tiles are parts of. */
export interface Source {
  stack: string;
  layer: number;
  /** Empty for all heads of the layer. */
  heads: readonly number[];
  /** How many heads that is. */
  count: number;
  queries: number;
  keys: number;
}

/** A tile: which one of its size, counted in tiles. */
export interface Place {
  step: number;
  row: number;
  column: number;
}

/** Whether a tile of this step may be asked for: coarser ones are read from what the page has. */
export function affordable({ queries, keys, count }: Source, step: number): boolean {
  return Math.min(queries, TILE_ROWS * step) * keys * count <= MOST_WORK;
}

/** The step at which a bin is no larger than a pixel. */
export function stepFor(cell: number): number {
  return cell >= 1 ? 1 : 2 ** Math.floor(Math.log2(1 / cell));
}

/** Tiles of a step that a part of the matrix lies in, those nearest to its middle first. */
export function placesIn(
  source: Source,
  step: number,
  queries: readonly [first: number, end: number],
  keys: readonly [first: number, end: number],
): Place[] {
  const out: Place[] = [];
  const [tall, wide] = [TILE_ROWS * step, TILE_COLUMNS * step];
  const last = (end: number, count: number, size: number) => Math.ceil(Math.min(end, count) / size);
  for (let row = Math.floor(queries[0] / tall); row < last(queries[1], source.queries, tall); row++) {
    for (let column = Math.floor(keys[0] / wide); column < last(keys[1], source.keys, wide); column++) {
      out.push({ step, row, column });
    }
  }
  const [y, x] = [(queries[0] + queries[1]) / 2 / tall - 0.5, (keys[0] + keys[1]) / 2 / wide - 0.5];
  const far = ({ row, column }: Place) => (row - y) ** 2 + (column - x) ** 2;
  return out.sort((a, b) => far(a) - far(b));
}
