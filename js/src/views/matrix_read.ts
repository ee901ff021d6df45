/** Reads what the matrix shows of the whole: its cells, the mean of each column, the entropy of each row. */

import { untracked } from "@preact/signals";
import { emptyField, type Field, takeRow } from "../paint/matrix";
import type { Selection } from "../picture";

/** Bins on a side of the picture that is kept of the whole matrix. */
const MOST_SIDE = { whole: 2048, top: 1024 } as const;
/** Cells × heads that are read at once; more are read slice by slice, so that the page keeps answering. */
const AT_ONCE = 2 ** 23;
/** Milliseconds of a slice, and between two pictures of what was read so far. */
const SLICE = 12;
const BETWEEN = 600;

/** The whole matrix, or as much of it as was read. */
export interface Read {
  selection: Selection;
  field: Field;
  /** Mean of each column over all rows that are shown. */
  means: Float64Array;
  /** Whether some cells are not held: then the means are at least so large. */
  partial: boolean;
  done: boolean;
}

/** Calls `show` with the matrix, at once or as it is read; returns the end of reading. */
export function readWhole(selection: Selection, show: (read: Read) => void): (() => void) | undefined {
  const { axes } = selection.scope.look;
  const [queries, keys] = [axes.queries.length, axes.keys.length];
  const { joint } = selection;
  const top = selection.heads.some(({ weights }) => weights.form === "top");
  const step = Math.max(1, Math.ceil(Math.max(queries, keys) / MOST_SIDE[top ? "top" : "whole"]));
  const field = emptyField([0, queries], [0, keys], step);
  const means = new Float64Array(keys);
  let row: Float32Array | undefined;
  let query = 0;
  const advance = (until: () => boolean): boolean => {
    for (; query < queries && !until(); query++) {
      row = joint.row(query, row);
      for (let key = 0; key < keys; key++) means[key] = (means[key] as number) + (row[key] as number);
      takeRow(field, joint, query, row, queries);
    }
    if (query < queries) return false;
    let shown = 0;
    for (let one = 0; one < queries; one++) shown += selection.scope.shows(one) ? 1 : 0;
    for (let key = 0; key < keys; key++) means[key] = (means[key] as number) / Math.max(1, shown);
    return true;
  };
  // A field of its own each time: what was made of an earlier one is not of this one.
  const put = (done: boolean) => show({ selection, field: { ...field }, means, partial: top, done });
  if (queries * keys * selection.heads.length <= AT_ONCE) {
    untracked(() => advance(() => false));
    put(true);
    return undefined;
  }
  let last = performance.now();
  const slice = (): void => {
    const end = performance.now() + SLICE;
    const done = advance(() => performance.now() > end);
    // Painting is a task of its own.
    timer = setTimeout(done || end - last > BETWEEN ? () => painted(done) : slice);
  };
  const painted = (done: boolean): void => {
    put(done);
    last = performance.now();
    if (!done) timer = setTimeout(slice);
  };
  let timer = setTimeout(slice);
  return () => clearTimeout(timer);
}

export interface Entropy {
  /** Nats, mean over the heads; NaN where it did not come. */
  nats: Float64Array;
  /** ln of the number of keys that the query may see: the most that it could be. */
  most: Float64Array;
}

/** How widely each query looks; null where the page was not told. `seen`: how many keys each may see. */
export function entropyOf({ heads, scope }: Selection, seen: ArrayLike<number>): Entropy | null {
  const { axes, aggregate } = scope.look;
  if (aggregate === "rollout") return null;
  const count = axes.queries.length;
  const [nats, most] = [new Float64Array(count), new Float64Array(count)];
  for (let query = 0; query < count; query++) {
    const positions = axes.positions("query", query);
    let sum = 0;
    for (const { weights, head } of heads) for (const at of positions) sum += weights.entropy(head, at);
    nats[query] = sum / (heads.length * positions.length);
    most[query] = Math.log(axes.units.key.edges[seen[query] ?? 0] ?? 1);
  }
  return nats.some((value) => !Number.isNaN(value)) ? { nats, most } : null;
}
