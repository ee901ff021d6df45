/** What a comparison shows now: the differences of the heads and rows in view, or what it still waits for. */

import { type Difference, difference, MOST_CELLS } from "./compare";
import type { Data, LayerState } from "./data";
import type { TokenAxes } from "./picture/axes";
import type { Look } from "./picture/scope";
import { type ChosenHead, normsOf, type Selection, select } from "./picture/select";
import type { Store } from "./store";
import type { Aggregate, Measure } from "./types";

export type ComparedNow =
  | {
      difference: Difference;
      /** The rows that are compared, where they are not all: first, last, and how many there are. */
      window: readonly [number, number, number] | undefined;
      a: Selection;
      b: Selection;
      /** What is compared: not always what was asked for. */
      measure: Measure;
      aggregate: Aggregate;
      /** Layers of a and b, to ask for rows. */
      layers: { a: number[]; b: number[] };
    }
  | { side: "a" | "b"; layer: number; state: Exclude<LayerState, { status: "ready" }> }
  | { note: string };

/** Chosen heads by layer: pinned ones, else those locked, pointed at, or all of the layer. */
function chosenHeads(store: Store): Map<number, number[]> {
  const { synced } = store;
  const byLayer = new Map<number, number[]>();
  for (const [layer, head] of synced.pinned.value) byLayer.set(layer, [...(byLayer.get(layer) ?? []), head]);
  if (byLayer.size > 0) return byLayer;
  const count = store.layer.value?.heads ?? 0;
  const [locked, preview] = [synced.heads.value, store.hoverHead.value];
  const all = Array.from({ length: count }, (_, head) => head);
  const chosen = locked.length > 0 ? locked : preview !== null ? [preview] : all;
  return new Map([[synced.layer.value, chosen.filter((head) => head < count)]]);
}

/** Follows every signal that it reads. Undefined where the view compares nothing. */
export function comparedNow(
  store: Store,
  data: Data,
  axes: TokenAxes,
  locked: readonly number[],
): ComparedNow | undefined {
  const other = data.compared.value;
  const stack = store.stack.value;
  const { synced } = store;
  if (!other || !stack) return undefined;
  data.version.value;
  other.version.value;
  data.rowsArrived.value;
  other.rowsArrived.value;
  const fixed = synced.comparison.value.layer ?? null;
  const heads: { a: ChosenHead[]; b: ChosenHead[] } = { a: [], b: [] };
  const layers: { a: number[]; b: number[] } = { a: [], b: [] };
  for (const [layer, chosen] of chosenHeads(store)) {
    for (const [side, of, at] of [["a", data, layer] as const, ["b", other, fixed ?? layer] as const]) {
      const state = of.layer(stack.name, at).value;
      if (state.status !== "ready") return { side, layer: at, state };
      layers[side].push(at);
      const { weights } = state;
      heads[side].push(...chosen.map((head) => ({ layer: at, head, weights })));
    }
  }
  // Heads that only one side has are no pair.
  const both = heads.a.map(({ head, weights }, at) => head < Math.min(weights.heads, heads.b[at]?.weights.heads ?? 0));
  const [one, two] = [heads.a, heads.b].map((side) => side.filter((_, at) => both[at])) as [ChosenHead[], ChosenHead[]];
  if (one.length === 0) return { note: store.layer.value?.note || store.t.value("layer.noheads") };
  // Lengths of two kinds of vector have no difference.
  const norms = normsOf(one);
  const measure = norms !== undefined && norms === normsOf(two) ? synced.measure.value : "weight";
  const aggregate = synced.aggregate.value === "max" ? "max" : "mean";
  const look: Look = {
    ...{ axes, measure, aggregate, sinks: synced.sinks.value, pair: synced.pair.value },
    ...{ sinkKeys: stack.sinks ?? [], causal: stack.causal ?? false },
  };
  const [a, b] = [select(one, look), select(two, look)];
  const all = axes.queries.map((_, query) => query).filter((query) => a.scope.shows(query));
  const most = Math.max(1, Math.floor(MOST_CELLS / Math.max(1, axes.keys.length)));
  const many = all.length > most;
  const rows = (many && locked.length > 0 ? locked : all).slice(0, most);
  return {
    difference: difference(a, b, rows),
    window: many && locked.length === 0 ? [rows[0] ?? 0, rows.at(-1) ?? 0, all.length] : undefined,
    ...{ a, b, measure, aggregate, layers },
  };
}
