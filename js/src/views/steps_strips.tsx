/** Where in the figure of Steps each vector is painted. */

import type { Listed, Steps } from "../steps";
import type { StripName } from "./steps_columns";

/** Heights of the rows of keys, of the query above them and of the output below. */
export const [ROW, QUERY_ROW, OUTPUT_ROW] = [24, 34, 42];
const STRIP = 15;
export const TALL_STRIP = 18;

export interface Strip {
  column: StripName;
  values: ArrayLike<number>;
  y: number;
  height: number;
  /** Not of a listed key. */
  own?: "query" | "output" | "rest";
}

/** The vectors of every row; `cells` are those of the listed keys, in order. */
export function stripsOf(
  row: Steps,
  list: Listed,
  cells: { qk: readonly Float64Array[]; wv: readonly Float64Array[] },
  height: number,
): Strip[] {
  const at = (y: number, tall: number, strip: number) => ({ y: y + (tall - strip) / 2, height: strip });
  const out: Strip[] = [{ column: "k", values: row.q, ...at(0, QUERY_ROW, TALL_STRIP), own: "query" }];
  list.keys.forEach((key, index) => {
    const place = at(QUERY_ROW + index * ROW, ROW, STRIP);
    out.push({ column: "k", values: row.k.subarray(key * row.d, (key + 1) * row.d), ...place });
    out.push({ column: "qk", values: cells.qk[index] ?? [], ...place });
    out.push({ column: "wv", values: cells.wv[index] ?? [], ...place });
  });
  if (list.rest) {
    out.push({ column: "wv", values: list.rest.value, ...at(height - OUTPUT_ROW - ROW, ROW, STRIP), own: "rest" });
  }
  out.push({ column: "wv", values: row.output, ...at(height - OUTPUT_ROW, OUTPUT_ROW, TALL_STRIP), own: "output" });
  return out;
}
