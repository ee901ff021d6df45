/** The margins of the matrix: what each key takes, and how widely each query looks. */

import type { Series } from "../scene";

const THICKEST = 16;

/** Mean weight that each key takes over the rows; NaN where the page does not hold a row of it. */
export function columnMeans(series: Series, rows: readonly number[], keys: number): Float64Array {
  const means = new Float64Array(keys);
  let row: Float32Array | undefined;
  for (const query of rows) {
    row = series.row(query, row);
    for (let key = 0; key < keys; key++) means[key] = (means[key] as number) + (row[key] as number);
  }
  for (let key = 0; key < keys; key++) means[key] = (means[key] as number) / Math.max(1, rows.length);
  return means;
}

export interface Bars {
  /** Bars stand on the cells' edge and grow away from it. */
  side: "top" | "right";
  /** Pixels of the longest bar. */
  depth: number;
  values: ArrayLike<number>;
  /** What the longest bar stands for. */
  most: number;
  /** First cell in the frame, in fractions, pixels of a cell, and pixels of the frame along the bars. */
  start: number;
  cell: number;
  length: number;
}

/**
 * Place and size of each bar that is in the frame: along the edge, across it. Where cells are narrower than a pixel,
 * each pixel shows its largest.
 */
export function barsOf({ values, most, start, cell, length, depth }: Bars): [at: number, wide: number, long: number][] {
  const out: [number, number, number][] = [];
  if (!(most > 0)) return out;
  const count = values.length;
  const gap = cell >= 6 ? 2 : cell >= 3 ? 1 : 0;
  const together = cell >= 1 ? 1 : Math.ceil(1 / cell);
  const first = Math.max(0, Math.floor(start / together) * together);
  for (let index = first; index < Math.min(count, start + length / cell); index += together) {
    let value = 0;
    for (let one = index; one < Math.min(count, index + together); one++) value = Math.max(value, values[one] ?? 0);
    const at = (index - start) * cell;
    // Large cells have slender bars in their middle.
    const aside = Math.max(gap, cell * together - THICKEST) / 2;
    const from = Math.max(0, at + aside);
    const to = Math.min(length, at + cell * together - aside);
    if (to > from && value > 0) out.push([from, to - from, Math.max(0.5, Math.min(1, value / most) * depth)]);
  }
  return out;
}

export function paintBars(context: CanvasRenderingContext2D, bars: Bars, colour: string): void {
  context.fillStyle = colour;
  for (const [at, wide, long] of barsOf(bars)) {
    if (bars.side === "top") context.fillRect(at, bars.depth - long, wide, long);
    else context.fillRect(0, at, long, wide);
  }
}
