/** Tables of what other pictures than Lines and Matrix show. */

import { rankedHeads } from "../compare";
import { stepsShown, tracesShown } from "../shown_now";
import { sidesNow } from "../sides";
import { labelGrid, numberAt, PARTS, sortable, statisticsOf } from "../statistics";
import { products, weighted } from "../steps";
import { placeOf } from "../trace";
import type { View } from "../view";
import type { Compared } from "../views/compare";
import { partName, partsPresent } from "../views/profile_bars";
import { csvText } from "./csv";

type Cell = string | number | null | undefined;
/** The first row is the head. */
type Rows = readonly (readonly Cell[])[];

function heads(view: View): Rows | null {
  const state = statisticsOf(view.store, view.data).state.value;
  if (state.status !== "ready") return null;
  const { statistics } = state;
  const names = sortable(statistics);
  const labels = labelGrid(statistics);
  return [
    ["layer", "head", "label", "certainty", ...names],
    ...statistics.heads.flatMap((count, layer) =>
      Array.from({ length: count }, (_, head) => [
        ...[layer, head, labels[layer]?.[head]?.label, labels[layer]?.[head]?.certainty],
        ...names.map((name) => numberAt(statistics.values[name], layer, head)),
      ]),
    ),
  ];
}

function profile(view: View): Rows | null {
  const state = statisticsOf(view.store, view.data).state.value;
  if (state.status !== "ready") return null;
  const { partition } = state.statistics;
  const t = view.store.t.value;
  const parts = PARTS.filter((part) => partsPresent(state.statistics).includes(part));
  return [
    ["layer", "key", "name", "weight", "contribution", "uniform"],
    ...state.statistics.heads.flatMap((_, layer) =>
      parts.map((part) => [
        ...[layer, part, partName(part, state.statistics, t)],
        ...[partition.weight_per_layer[part]?.[layer], partition.contribution_per_layer[part]?.[layer]],
        partition.uniform[part],
      ]),
    ),
  ];
}

function trace(view: View): Rows | null {
  const traced = tracesShown.get(view);
  const stack = view.store.stack.value;
  if (!traced || !stack) return null;
  const [queries, keys] = [view.store.queries.value, view.store.keys.value];
  return [
    [
      ...["query", "query_token", "key", "key_token", "layer", "head", "weight", "rank", "keys_seen"],
      ...["times_distance_mean", "times_other_queries_mean"],
    ],
    ...traced.ways.flatMap((way) =>
      way.state !== "shown"
        ? []
        : Array.from(way.weight, (weight, cell) => {
            const { layer, head } = placeOf(stack, cell);
            const known = !Number.isNaN(weight);
            return [
              ...[way.row, queries[way.row]?.text, way.key, keys[way.key]?.text, layer, head, weight],
              ...[known ? way.rank[cell] : null, way.seen, way.ratio[cell], way.drawn[cell]],
            ];
          }),
    ),
  ];
}

/** A row for the query, one for each key listed, one for the output; a column for each number of every vector. */
function steps(view: View): Rows | null {
  const shown = stepsShown.get(view);
  if (!shown) return null;
  const { row, list } = shown;
  const keys = view.store.keys.value;
  const numbers: [string, ArrayLike<number> | null][] = [
    ["sum", row.sums],
    ["scaled", row.scaled],
    ["capped", row.capped],
    ["bias", row.bias],
    ["score", row.scores],
    ["weight", row.weights],
  ];
  const there = numbers.filter(([, values]) => values !== null);
  const named = (name: string, count: number) => Array.from({ length: count }, (_, at) => `${name}${at}`);
  const none = (count: number): Cell[] => new Array(count).fill(null);
  return [
    [
      "row",
      "token",
      ...there.map(([name]) => name),
      ...named("k", row.d),
      ...named("qk", row.d),
      ...named("wv", row.dv),
    ],
    ["q", "", ...none(there.length), ...row.q, ...none(row.d + row.dv)],
    ...list.keys.map((key) => [
      ...[key, keys[key]?.text],
      ...there.map(([, values]) => values?.[key]),
      ...row.k.subarray(key * row.d, (key + 1) * row.d),
      ...products(row, key),
      ...weighted(row, key),
    ]),
    ["output", "", ...none(there.length + 2 * row.d), ...row.output],
  ];
}

function ranking(view: View): Rows {
  const ranked = rankedHeads(view.store.synced.comparison.value, view.store.stack.value?.name ?? "");
  return [
    ["layer", "head", "divergence", "moved"],
    ...ranked.map(({ layer, head, divergence, moved }) => [layer, head, divergence, moved]),
  ];
}

function compared(view: View, { difference: found }: Compared): Rows {
  const { queries, keys } = view.signals.axes.value;
  const { queries: rows, keys: columns } = view.signals.locked.value;
  const { a, b } = sidesNow(view.store);
  const out: Cell[][] = [["query", "query_token", "key", "key_token", a, b, "change"]];
  found.queries.forEach((query, row) => {
    if (rows.length > 0 && !rows.includes(query)) return;
    for (let key = 0; key < found.keys; key++) {
      if (columns.length > 0 && !columns.includes(key)) continue;
      const at = row * found.keys + key;
      out.push([query, queries[query]?.text, key, keys[key]?.text, found.a[at], found.b[at], found.change[at]]);
    }
  });
  return out;
}

/** Null where there is nothing yet. */
export function modeCsv(view: View): string | null {
  const mode = view.store.synced.mode.value;
  const now = view.compared.value;
  let rows: Rows | null = null;
  if (now && mode === "heads") rows = ranking(view);
  else if (now && "difference" in now && (mode === "lines" || mode === "matrix")) rows = compared(view, now);
  else if (mode === "heads") rows = heads(view);
  else if (mode === "profile") rows = profile(view);
  else if (mode === "trace") rows = trace(view);
  else if (mode === "steps") rows = steps(view);
  return rows && csvText(rows);
}
