/** What a comparison shows now: the differences of the heads and rows in view, or what it still waits for. */

import { type Difference, difference, MOST_CELLS, type SideHeads } from "./compare";
import type { Data, LayerState } from "./data";
import type { Store } from "./store";
import type { LayerWeights } from "./wire/layer";

export type ComparedNow =
  | {
      difference: Difference;
      /** The rows that are compared, where they are not all: first, last, and how many there are. */
      window: readonly [number, number, number] | undefined;
      a: SideHeads[];
      b: SideHeads[];
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
export function comparedNow(store: Store, data: Data): ComparedNow | undefined {
  const other = data.compared.value;
  const stack = store.stack.value;
  if (!other || !stack) return undefined;
  data.version.value;
  other.version.value;
  data.rowsArrived.value;
  other.rowsArrived.value;
  const fixed = store.synced.comparison.value.layer ?? null;
  const sides: { a: SideHeads[]; b: SideHeads[] } = { a: [], b: [] };
  const layers: { a: number[]; b: number[] } = { a: [], b: [] };
  for (const [layer, heads] of chosenHeads(store)) {
    const found: LayerWeights[] = [];
    for (const [side, of, at] of [["a", data, layer] as const, ["b", other, fixed ?? layer] as const]) {
      const state = of.layer(stack.name, at).value;
      if (state.status !== "ready") return { side, layer: at, state };
      layers[side].push(at);
      found.push(state.weights);
    }
    const [one, two] = found;
    if (!one || !two) continue;
    const both = heads.filter((head) => head < Math.min(one.heads, two.heads));
    if (both.length === 0) continue;
    sides.a.push({ weights: one, heads: both });
    sides.b.push({ weights: two, heads: both });
  }
  if (sides.a.length === 0) return { note: store.layer.value?.note || store.t.value("layer.noheads") };
  const [queries, keys] = [store.queries.value.length, store.keys.value.length];
  const locked = store.synced.selected_queries.value;
  const most = Math.max(1, Math.floor(MOST_CELLS / Math.max(1, keys)));
  const first = Array.from({ length: Math.min(queries, most) }, (_, query) => query);
  const rows = queries > most && locked.length > 0 ? locked.slice(0, most) : first;
  const cut = queries > most && locked.length === 0;
  return {
    difference: difference(sides.a, sides.b, rows, keys),
    window: cut ? [rows[0] ?? 0, rows.at(-1) ?? 0, queries] : undefined,
    ...sides,
    layers,
  };
}
