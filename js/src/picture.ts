/** What the page shows now: heads chosen, rows in view, strokes, ledger. Derived, never stored. */

import { computed, type ReadonlySignal } from "@preact/signals";
import type { Data, LayerState } from "./data";
import { type Ledger, ledger, type Series, type Strokes, strokes } from "./scene";
import type { Store } from "./store";
import type { LayerWeights } from "./wire/layer";

/** With this many chosen heads or fewer each keeps its own colour; more are shown as their mean. */
const FEW_HEADS = 6;

export interface ChosenHead {
  layer: number;
  head: number;
  weights: LayerWeights;
}

export interface Focus {
  side: "query" | "key";
  indices: readonly number[];
  locked: boolean;
}

export interface Selection {
  heads: ChosenHead[];
  /** One series a head when few are chosen, else one: their mean. */
  series: Series[];
  perHead: boolean;
}

export interface Picture {
  selection: Selection;
  strokes: Strokes;
  ledger: Ledger;
  focus: Focus | null;
  /** Strokes of the focus alone, drawn over the faded rest. */
  focusStrokes: Strokes | null;
}

class MeanSeries implements Series {
  /** Heads of one layer are averaged in one go. */
  private readonly byLayer = new Map<LayerWeights, number[]>();

  constructor(private readonly heads: ChosenHead[]) {
    for (const { weights, head } of heads) {
      const group = this.byLayer.get(weights);
      if (group) group.push(head);
      else this.byLayer.set(weights, [head]);
    }
  }

  row(query: number, out?: Float32Array): Float32Array {
    const groups = [...this.byLayer];
    const [first] = groups;
    if (!first) return out ?? new Float32Array(0);
    const mean = first[0].meanRow(first[1], query, out);
    if (groups.length === 1) return mean;
    const scale = (count: number) => count / this.heads.length;
    for (let key = 0; key < mean.length; key++) mean[key] = (mean[key] ?? 0) * scale(first[1].length);
    const other = new Float32Array(mean.length);
    for (const [weights, heads] of groups.slice(1)) {
      weights.meanRow(heads, query, other);
      for (let key = 0; key < mean.length; key++)
        mean[key] = (mean[key] ?? 0) + (other[key] ?? 0) * scale(heads.length);
    }
    return mean;
  }

  rowSum(query: number): number {
    let sum = 0;
    for (const { weights, head } of this.heads) sum += weights.rowSum(head, query);
    return sum / this.heads.length;
  }
}

/** Mean share by kind of key, over heads and rows, from the exact sums. */
export function kindShares(heads: readonly ChosenHead[], rows: readonly number[]): Float64Array {
  const total = new Float64Array(5);
  const byLayer = new Map<LayerWeights, number[]>();
  for (const { weights, head } of heads) byLayer.set(weights, [...(byLayer.get(weights) ?? []), head]);
  for (const [weights, list] of byLayer) {
    for (const query of rows) {
      const sums = weights.kindSums(list, query);
      for (let kind = 0; kind < 5; kind++) total[kind] = (total[kind] ?? 0) + (sums[kind] ?? 0) * list.length;
    }
  }
  const whole = total.reduce((sum, value) => sum + value, 0);
  return whole > 0 ? total.map((value) => value / whole) : total;
}

/** The mean of the chosen heads as one series. */
export function meanSeries(heads: ChosenHead[]): Series {
  return new MeanSeries(heads);
}

export function select(heads: ChosenHead[]): Selection {
  const perHead = heads.length > 1 && heads.length <= FEW_HEADS;
  const series = perHead || heads.length === 1 ? heads.map((head) => new MeanSeries([head])) : [new MeanSeries(heads)];
  return { heads, series, perHead };
}

/** Who looks at these keys: every weight to them, however small; the budget is a rule for rows. */
function strokesToKeys(now: Selection, rows: readonly number[], keys: readonly number[], maxStrokes: number): Strokes {
  return strokes(now.series, rows, { budget: 1, maxStrokes, keys });
}

/** Share of the mass of these rows that goes to the given keys. */
export function shareOfKeys(now: Selection, rows: readonly number[], keys: readonly number[]): number {
  const mean = meanSeries(now.heads);
  let [given, total] = [0, 0];
  let row: Float32Array | undefined;
  for (const query of rows) {
    row = mean.row(query, row);
    total += mean.rowSum(query);
    for (const key of keys) given += row[key] ?? 0;
  }
  return total > 0 ? Math.min(1, given / total) : 0;
}

/** The heads shown, or why there is nothing to show. */
export type HeadsShown =
  | { heads: ChosenHead[] }
  | { layer: number; state: Exclude<LayerState, { status: "ready" }> }
  | { layer: number; note: string };

export interface PictureSignals {
  heads: ReadonlySignal<HeadsShown>;
  focus: ReadonlySignal<Focus | null>;
  rows: ReadonlySignal<number[]>;
  picture: ReadonlySignal<Picture | null>;
}

export function pictureSignals(store: Store, data: Data): PictureSignals {
  const { synced } = store;

  const addresses = computed((): [number, number][] => {
    if (synced.pinned.value.length > 0) return synced.pinned.value.map(([layer, head]) => [layer, head]);
    const layer = synced.layer.value;
    const count = store.layer.value?.heads ?? 0;
    const locked = synced.heads.value;
    const preview = store.hoverHead.value;
    const chosen =
      locked.length > 0 ? locked : preview !== null ? [preview] : Array.from({ length: count }, (_, head) => head);
    return chosen.filter((head) => head < count).map((head) => [layer, head]);
  });

  const heads = computed((): HeadsShown => {
    data.version.value;
    const stack = store.stack.value;
    const layer = synced.layer.value;
    if (!stack || addresses.value.length === 0) {
      return { layer, note: store.layer.value?.note || store.t.value("layer.noheads") };
    }
    const chosen: ChosenHead[] = [];
    for (const [at, head] of addresses.value) {
      const state = data.layer(stack.name, at).value;
      if (state.status !== "ready") return { layer: at, state };
      chosen.push({ layer: at, head, weights: state.weights });
    }
    return { heads: chosen };
  });

  const selection = computed(() => ("heads" in heads.value ? select(heads.value.heads) : null));

  const focus = computed((): Focus | null => {
    const queries = synced.selected_queries.value;
    if (queries.length > 0) return { side: "query", indices: queries, locked: true };
    const keys = synced.selected_keys.value;
    if (keys.length > 0) return { side: "key", indices: keys, locked: true };
    const hover = store.hover.value;
    return hover ? { side: hover.side, indices: [hover.index], locked: false } : null;
  });

  const rows = computed(() => {
    const locked = synced.selected_queries.value;
    return locked.length > 0 ? locked : store.queries.value.map((_, index) => index);
  });

  const whole = computed(() => {
    const now = selection.value;
    if (!now) return null;
    const all = store.queries.value.map((_, index) => index);
    return strokes(now.series, all, { budget: synced.budget.value, maxStrokes: synced.max_strokes.value });
  });

  const inView = computed(() => {
    const now = selection.value;
    const keys = synced.selected_keys.value;
    if (!now || !whole.value) return null;
    if (rows.value.length === store.queries.value.length && keys.length === 0) return whole.value;
    if (keys.length > 0) return strokesToKeys(now, rows.value, keys, synced.max_strokes.value);
    return strokes(now.series, rows.value, { budget: synced.budget.value, maxStrokes: synced.max_strokes.value });
  });

  const accounts = computed(() => {
    const now = selection.value;
    if (!now || !inView.value) return null;
    const keys = synced.selected_keys.value;
    const leftOut = keys.length > 0 ? 1 - shareOfKeys(now, rows.value, keys) : 0;
    return ledger(inView.value, kindShares(now.heads, rows.value), leftOut);
  });

  const focusStrokes = computed(() => {
    const now = selection.value;
    data.rowsArrived.value;
    if (!now || !focus.value) return null;
    if (focus.value.locked) return inView.value;
    const maxStrokes = synced.max_strokes.value;
    const { side, indices } = focus.value;
    if (side === "key") return strokesToKeys(now, rows.value, indices, maxStrokes);
    return strokes(now.series, indices, { budget: synced.budget.value, maxStrokes });
  });

  const picture = computed((): Picture | null => {
    if (!selection.value || !whole.value || !accounts.value) return null;
    return {
      selection: selection.value,
      strokes: whole.value,
      ledger: accounts.value,
      focus: focus.value,
      focusStrokes: focusStrokes.value,
    };
  });

  return { heads, focus, rows, picture };
}

/**
 * Where only the largest cells of a row are held, a mean over heads would miss some of its parts: of such rows only the
 * listed cells of a single head are known.
 */
export function knownRow(selection: Selection, mean: Series, query: number, row: Float32Array): void {
  mean.row(query, row);
  if (selection.heads.every(({ weights }) => weights.isWhole(query))) return;
  const [only, ...others] = selection.heads;
  const single = only !== undefined && others.length === 0;
  for (let key = 0; key < row.length; key++) if (!(single && (row[key] ?? 0) > 0)) row[key] = Number.NaN;
}

/** The row of a query, or the mean row of several, over the chosen heads; NaN where the page does not hold it. */
export function focusRow(selection: Selection, queries: readonly number[], keys: number): Float32Array {
  const mean = meanSeries(selection.heads);
  const total = new Float64Array(keys);
  const row = new Float32Array(keys);
  for (const query of queries) {
    knownRow(selection, mean, query, row);
    for (let key = 0; key < keys; key++) total[key] = (total[key] ?? 0) + (row[key] ?? 0) / queries.length;
  }
  return Float32Array.from(total);
}

/** What each query gives to the chosen keys together; NaN where the page does not hold it. */
export function focusColumn(
  selection: Selection,
  chosen: readonly number[],
  queries: number,
  keys: number,
): Float32Array {
  const mean = meanSeries(selection.heads);
  const column = new Float32Array(queries);
  const row = new Float32Array(keys);
  for (let query = 0; query < queries; query++) {
    knownRow(selection, mean, query, row);
    let sum = 0;
    for (const key of chosen) sum += row[key] ?? 0;
    column[query] = sum;
  }
  return column;
}
