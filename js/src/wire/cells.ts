/** The cells of a layer as they are held, read from their block; and the exact sums of its rows. */

import { CODE_COUNT, UNITS } from "./codec";
import { type BlockInfo, WireError } from "./container";
import type { Pace } from "./pace";

/** Kinds of key in the order of the sums: cls, sep, punct, other, word (KINDS of scene.ts). */
export const KIND_COUNT = 5;

/** How the cells are held: all of them, or only the largest keys of each row (`keys` a row, ascending by key). */
export type Cells =
  | { form: "dense"; codes: Uint16Array }
  | { form: "top"; codes: Uint16Array; index: Uint32Array; perRow: number };

/** Cells between two looks at the clock. */
const OFTEN = 2 ** 14;

export async function readTop(
  bytes: Uint8Array,
  info: BlockInfo,
  name: string,
  queries: number,
  pace: Pace,
): Promise<Cells> {
  const [heads = 0, , keys = 0] = info.shape;
  const perRow = info.keys ?? 0;
  const count = heads * queries * perRow;
  const width = keys > 65536 ? 4 : 2;
  if (bytes.length !== count * (width + 2)) {
    throw new WireError(`block ${JSON.stringify(name)} has ${bytes.length} bytes instead of ${count * (width + 2)}`);
  }
  const index = new Uint32Array(count);
  const codes = new Uint16Array(count);
  let key = 0;
  for (let i = 0; i < count; i++) {
    if (i % OFTEN === 0 && pace.spent) await pace.rest();
    let step = 0;
    for (let plane = width - 1; plane >= 0; plane--) step = step * 256 + (bytes[plane * count + i] as number);
    const first = i % perRow === 0;
    key = first ? step : key + step;
    const at = width * count + i;
    const code = (bytes[at] as number) + 256 * (bytes[at + count] as number);
    if (key >= keys || code >= CODE_COUNT || (step === 0 && !first)) {
      throw new WireError(`block ${JSON.stringify(name)} has an invalid cell`);
    }
    index[i] = key;
    codes[i] = code;
  }
  return { form: "top", codes, index, perRow };
}

/** A row's cells: those of every key, or of the listed ones, from `start` up to `end`. */
export function span(cells: Cells, row: number, keys: number): [start: number, end: number] {
  const length = cells.form === "dense" ? keys : cells.perRow;
  return [row * length, (row + 1) * length];
}

/** Steps of a sum a unit of weight. */
const SUM_STEPS = 2 ** 16;

/**
 * Exact sums [rows, kinds] from the block of sums [kinds, rows]: what the rounded cells add up to, corrected by what is
 * stored. In the place of the last kind the row's total is stored, so the many cells of that kind are not added up.
 */
export async function exactSums(
  cells: Cells,
  planes: Float32Array,
  kinds: Float32Array,
  rows: number,
  pace: Pace | undefined,
): Promise<Float32Array> {
  const out = new Float32Array(rows * KIND_COUNT);
  const units = new Float64Array(KIND_COUNT);
  const last = KIND_COUNT - 1;
  const added = Uint32Array.from(kinds.keys()).filter((key) => (kinds[key] as number) < last);
  for (let row = 0; row < rows; row++) {
    if (row % 1024 === 0 && pace?.spent) await pace.rest();
    units.fill(0);
    const [start, end] = span(cells, row, kinds.length);
    const count = cells.form === "dense" ? added.length : end - start;
    for (let i = 0; i < count; i++) {
      const key = cells.form === "dense" ? (added[i] as number) : (cells.index[start + i] as number);
      const at = cells.form === "dense" ? start + key : start + i;
      const kind = kinds[key] as number;
      units[kind] = (units[kind] as number) + (UNITS[cells.codes[at] as number] as number);
    }
    let rest = planes[last * rows + row] as number;
    for (let kind = 0; kind < last; kind++) {
      const stored = planes[kind * rows + row] as number;
      const missing = stored % 2 === 1 ? -(stored + 1) / 2 : stored / 2;
      const steps = Math.floor(((units[kind] as number) / 1e8) * SUM_STEPS + 0.5) + missing;
      out[row * KIND_COUNT + kind] = steps / SUM_STEPS;
      rest -= steps;
    }
    out[row * KIND_COUNT + last] = Math.max(rest, 0) / SUM_STEPS;
  }
  return out;
}
