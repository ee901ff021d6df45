/** What the page shows now: heads chosen, rows in view, strokes, ledger. Derived, never stored. */

import { computed, type ReadonlySignal } from "@preact/signals";
import type { Data, LayerState } from "./data";
import { LONG, TokenAxes } from "./picture/axes";
import { unheld } from "./picture/fates";
import { rolloutOf } from "./picture/rollout";
import {
  type ChosenHead,
  type Focus,
  kindShares,
  type Selection,
  select,
  shareOfKeys,
  strokesToKeys,
} from "./picture/select";
import { type Ledger, ledger, noStrokes, type Strokes, strokes } from "./scene";
import type { Store } from "./store";
import type { Measure } from "./types";

export type { Axes, Side } from "./picture/axes";
export { hasWords } from "./picture/axes";
export { hasPair } from "./picture/scope";
export type { CellNumbers, ChosenHead, Focus, Selection } from "./picture/select";
export {
  cellNumbers,
  focusColumn,
  focusRow,
  kindShares,
  knownCell,
  knownRow,
  MOST_READ,
  select,
  shareOfKeys,
} from "./picture/select";

const FIRST_ROWS = 40;

export interface Picture {
  selection: Selection;
  strokes: Strokes;
  ledger: Ledger;
  focus: Focus | null;
  /** Strokes of the focus alone, drawn over the faded rest. */
  focusStrokes: Strokes | null;
  /** Keys that are drawn faint. Indices are of units, here and below. */
  dimmed(key: number): boolean;
  /** Keys that are not drawn; their mass counts as left out. */
  hiddenKeys: ReadonlySet<number>;
  /** The weight of each key if the query spread evenly over the keys it may see. */
  baseline(query: number): number;
  /** Where rows are renormalised: the share of their mass that they were renormalised over. */
  remaining: number | undefined;
  /** Share of the rows in view whose cells are not held; undefined where all are, or are asked for as they are seen. */
  unheld: number | undefined;
}

/** The heads shown, or why there is nothing to show. */
export type HeadsShown =
  | { heads: ChosenHead[] }
  | { layer: number; state: Exclude<LayerState, { status: "ready" }> }
  | { layer: number; note: string };

export interface PictureSignals {
  axes: ReadonlySignal<TokenAxes>;
  /** Units of the chosen tokens. */
  locked: ReadonlySignal<{ queries: number[]; keys: number[] }>;
  heads: ReadonlySignal<HeadsShown>;
  /** Whether other heads are on their way than those that `heads` still shows. */
  reading: ReadonlySignal<boolean>;
  selection: ReadonlySignal<Selection | null>;
  focus: ReadonlySignal<Focus | null>;
  /** Units of the queries in view. */
  rows: ReadonlySignal<number[]>;
  picture: ReadonlySignal<Picture | null>;
  /** What is shown: contribution falls back to weight where no norms are known. */
  measure: ReadonlySignal<Measure>;
}

/** A list that stays the same one while what is in it does: what is made of it is not made again. */
function steady<T>(list: () => readonly T[], same: (a: T, b: T) => boolean = Object.is): ReadonlySignal<T[]> {
  let last: T[] = [];
  return computed(() => {
    const now = list();
    if (now.length !== last.length || now.some((one, at) => !same(one, last[at] as T))) last = [...now];
    return last;
  });
}

export function pictureSignals(store: Store, data: Data): PictureSignals {
  const { synced } = store;

  const axes = computed(() => new TokenAxes(store.queries.value, store.keys.value, synced.unit.value));
  const locked = computed(() => ({
    queries: axes.value.indices("query", synced.selected_queries.value),
    keys: axes.value.indices("key", synced.selected_keys.value),
  }));

  // A head that is locked was under the pointer before: the same heads, chosen in another way.
  const addresses = steady<[number, number]>(
    () => {
      if (synced.pinned.value.length > 0) return synced.pinned.value.map(([layer, head]) => [layer, head]);
      const layer = synced.layer.value;
      const count = store.layer.value?.heads ?? 0;
      const locked = synced.heads.value;
      const preview = store.hoverHead.value;
      const chosen =
        locked.length > 0 ? locked : preview !== null ? [preview] : Array.from({ length: count }, (_, head) => head);
      return chosen.filter((head) => head < count).map((head) => [layer, head]);
    },
    (a, b) => a[0] === b[0] && a[1] === b[1],
  );

  const rolled = computed((): HeadsShown | null => {
    const stack = store.stack.value;
    if (synced.aggregate.value !== "rollout" || !stack) return null;
    data.version.value;
    const layer = synced.layer.value;
    const state = rolloutOf(data, stack.name, layer);
    if (state.status === "missing") return { layer, note: store.t.value("rollout.missing") };
    return state.status === "ready" ? { heads: [{ layer, head: 0, weights: state.weights }] } : { layer, state };
  });

  const wanted = computed((): HeadsShown => {
    if (rolled.value) return rolled.value;
    data.version.value;
    const stack = store.stack.value;
    const layer = synced.layer.value;
    if (!stack || addresses.value.length === 0) {
      return { layer, note: store.layer.value?.note || store.t.value("layer.noheads") };
    }
    const chosen: ChosenHead[] = [];
    const looked = new Set(addresses.value.map(([at]) => at));
    // Not while computing: what is given up changes.
    queueMicrotask(() => data.onlyLayers(stack.name, looked));
    for (const [at, head] of addresses.value) {
      const state = data.layer(stack.name, at).value;
      if (state.status !== "ready") return { layer: at, state };
      chosen.push({ layer: at, head, weights: state.weights });
    }
    return { heads: chosen };
  });

  let drawn: { heads: HeadsShown; of: readonly unknown[] } | undefined;
  const heads = computed((): HeadsShown => {
    const now = wanted.value;
    const of = [data.version.value, store.stack.value, axes.value];
    if ("heads" in now) drawn = { heads: now, of };
    // A layer that the page holds is there in a moment: until then its predecessor stays, rather than a gap.
    const reading = "state" in now && now.state.status === "reading";
    return reading && drawn && of.every((part, at) => part === drawn?.of[at]) ? drawn.heads : now;
  });
  const reading = computed(() => "state" in wanted.value);

  const selection = computed(() => {
    if (!("heads" in heads.value)) return null;
    const stack = store.stack.value;
    return select(heads.value.heads, {
      axes: axes.value,
      measure: synced.measure.value,
      aggregate: synced.aggregate.value,
      sinks: synced.sinks.value,
      pair: synced.pair.value,
      sinkKeys: stack?.sinks ?? [],
      causal: stack?.causal ?? false,
    });
  });

  const focus = computed((): Focus | null => {
    const { queries, keys } = locked.value;
    if (queries.length > 0) return { side: "query", indices: queries, locked: true };
    if (keys.length > 0) return { side: "key", indices: keys, locked: true };
    const hover = store.hover.value;
    return hover ? { side: hover.side, indices: [hover.index], locked: false } : null;
  });

  /** A matrix draws every cell: of a long text, finding strokes would take longer than drawing it. */
  const lined = computed(() => synced.mode.value === "lines");

  const all = steady(() => {
    const scope = selection.value?.scope;
    const count = axes.value.queries.length;
    // Lines of a long text whose window is not known yet: any few rows, never all.
    const whole = [0, lined.value && count > LONG ? FIRST_ROWS : count] as const;
    const [first, end] = store.rowWindow.value ?? whole;
    const rows: number[] = [];
    for (let index = first; index < Math.min(end, count); index++) if (scope?.shows(index) ?? true) rows.push(index);
    return rows;
  });
  const rows = computed(() => (locked.value.queries.length > 0 ? locked.value.queries : all.value));

  const whole = computed(() => {
    const now = selection.value;
    if (!now || !lined.value) return now && noStrokes(now.series, all.value, now.scope.hidesAny);
    return strokes(now.series, all.value, { budget: synced.budget.value, maxStrokes: synced.max_strokes.value });
  });

  const inView = computed(() => {
    const now = selection.value;
    const { queries, keys } = locked.value;
    if (!now || !whole.value) return null;
    if (!lined.value) return noStrokes(now.series, rows.value, now.scope.hidesAny);
    if (queries.length === 0 && keys.length === 0) return whole.value;
    if (keys.length > 0) return strokesToKeys(now, rows.value, keys, synced.max_strokes.value);
    return strokes(now.series, rows.value, { budget: synced.budget.value, maxStrokes: synced.max_strokes.value });
  });

  const accounts = computed(() => {
    const now = selection.value;
    if (!now || !inView.value) return null;
    const keys = locked.value.keys.filter((key) => !now.scope.hides(key));
    const leftOut = locked.value.keys.length > 0 ? 1 - shareOfKeys(now, rows.value, keys) : inView.value.leftOut;
    return ledger(inView.value, kindShares(now, rows.value), leftOut);
  });

  const remaining = computed(() => {
    const now = selection.value;
    if (now?.scope.look.sinks !== "renormalise") return undefined;
    let [removed, total] = [0, 0];
    for (const query of rows.value) {
      removed += now.joint.removed(query);
      total += now.joint.whole(query);
    }
    return total > 0 ? 1 - removed / total : 1;
  });

  const absent = computed(() => {
    data.rowsArrived.value;
    const now = selection.value;
    return now && (lined.value || !data.asks) ? unheld(now, rows.value) : undefined;
  });

  const focusStrokes = computed(() => {
    const now = selection.value;
    data.rowsArrived.value;
    if (!now || !focus.value || !lined.value) return null;
    if (focus.value.locked) return inView.value;
    const maxStrokes = synced.max_strokes.value;
    const { side, indices } = focus.value;
    if (side === "key") return strokesToKeys(now, rows.value, indices, maxStrokes);
    return strokes(now.series, indices, { budget: synced.budget.value, maxStrokes });
  });

  const hiddenKeys = computed(() => {
    const scope = selection.value?.scope;
    return new Set(axes.value.keys.map((_, key) => key).filter((key) => scope?.hides(key)));
  });

  const dimmed = computed(() => {
    const scope = selection.value?.scope;
    return (key: number) => scope?.dims(key) ?? false;
  });

  const picture = computed((): Picture | null => {
    if (!selection.value || !whole.value || !accounts.value) return null;
    const { scope } = selection.value;
    return {
      selection: selection.value,
      strokes: whole.value,
      ledger: accounts.value,
      focus: focus.value,
      focusStrokes: focusStrokes.value,
      dimmed: dimmed.value,
      hiddenKeys: hiddenKeys.value,
      baseline: (query) => scope.baseline(query),
      remaining: remaining.value,
      unheld: absent.value,
    };
  });

  const measure = computed((): Measure => selection.value?.scope.look.measure ?? synced.measure.value);

  return { axes, locked, heads, reading, selection, focus, rows, picture, measure };
}
