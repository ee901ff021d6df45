/** Arithmetic on whole rows. */

import type { Units } from "./axes";

/** Every cell times `by`; hands on a sum. */
export function scale(row: Float32Array, by: number, sum: number): number {
  for (let key = 0; key < row.length; key++) row[key] = (row[key] as number) * by;
  return sum;
}

export function total(row: Float32Array): number {
  let sum = 0;
  for (let key = 0; key < row.length; key++) sum += row[key] as number;
  return sum;
}

/** Pieces to units; the sum of all. */
export function fold(piece: Float32Array, { edges }: Units, out: Float32Array): number {
  let total = 0;
  for (let unit = 0; unit + 1 < edges.length; unit++) {
    let sum = 0;
    for (let at = edges[unit] as number, end = edges[unit + 1] as number; at < end; at++) sum += piece[at] as number;
    out[unit] = sum;
    total += sum;
  }
  return total;
}
