/** What became of the mass of the rows in view: the first line of the ledger, on the page and under what is saved. */

import type { Ledger } from "../scene";
import type { Mode } from "../types";
import type { Selection } from "./select";

export type Fate = "drawn" | "below" | "unheld" | "left_out";

/**
 * The share of the rows' weight whose cells the page does not hold; undefined where it holds all. Nothing is said of
 * contributions: what is not held of them cannot be told apart from what is small.
 */
export function unheld({ heads, scope }: Selection, rows: readonly number[]): number | undefined {
  if (scope.look.measure !== "weight" || !heads.some(({ weights }) => weights.form === "top")) return undefined;
  let [held, total] = [0, 0];
  for (const row of rows) {
    for (const query of scope.look.axes.positions("query", row)) {
      for (const { weights, head } of heads) {
        const sum = weights.rowSum(head, query);
        total += sum;
        held += weights.isWhole(query) ? sum : Math.min(sum, weights.held(head, query));
      }
    }
  }
  return total > 0 ? 1 - held / total : 0;
}

/** The parts in order. A matrix draws every cell that is held and not left out: it has no stroke budget. */
export function fates(fate: Ledger["fate"], mode: Mode, absent: number | undefined): [Fate, number][] {
  const lines = mode === "lines";
  const undrawn = lines ? fate.below : fate.drawn + fate.below;
  const rest = Math.min(absent ?? 0, undrawn);
  const own: [Fate, number][] = [[lines ? "below" : "drawn", undrawn - rest]];
  if (lines) own.unshift(["drawn", fate.drawn]);
  return [...own, ...(absent === undefined ? [] : [["unheld", rest] as [Fate, number]]), ["left_out", fate.left_out]];
}
