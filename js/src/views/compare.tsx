/** `AttnView.compare`: the difference b − a as lines or as a matrix, what it adds up to, and the heads it is in. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { account, changesOfQueries, type Difference } from "../compare";
import type { ComparedNow } from "../compare_now";
import type { Selection } from "../picture";
import { formatChange, sidesNow } from "../sides";
import type { Measure } from "../types";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";
import { CompareHeads } from "./compare_heads";
import { CompareLines } from "./compare_lines";
import { CompareMatrix } from "./compare_matrix";

/** What the pointer is on; of the matrix both. */
export interface Pointed {
  query?: number;
  key?: number;
}

export interface ComparePicture {
  view: View;
  width: number;
  now: Compared;
  pointed: Signal<Pointed>;
}

/** What there is to draw. */
export type Compared = Extract<ComparedNow, { difference: Difference }>;

/** Both weights of a cell in words; of a token alone, the largest change of its row. */
function Readout({ view, found, pointed }: { view: View; found: Difference; pointed: Pointed }) {
  const { store } = view;
  const t = store.t.value;
  const { queries, keys } = view.signals.axes.value;
  const { queries: locked, keys: lockedKeys } = view.signals.locked.value;
  const query = pointed.query ?? (locked.length === 1 ? locked[0] : undefined);
  let key = pointed.key ?? (lockedKeys.length === 1 ? lockedKeys[0] : undefined);
  if (query === undefined) return <span class="muted">{t("compare.hint")}</span>;
  const row = changesOfQueries(found, [query]);
  if (key === undefined) {
    const sizes = Array.from(row.change, (change) => (Number.isNaN(change) ? -1 : Math.abs(change)));
    key = sizes.indexOf(Math.max(...sizes));
  }
  const [from, to, change] = [row.a[key] ?? Number.NaN, row.b[key] ?? Number.NaN, row.change[key] ?? Number.NaN];
  const known = (weight: number) => (Number.isNaN(weight) ? "…" : formatWeight(weight));
  return (
    <>
      <bdi>{queries[query]?.text}</bdi> → <bdi>{keys[key]?.text}</bdi>{" "}
      <strong class="number">
        {t("compare.pair", {
          ...sidesNow(store),
          from: known(from),
          to: known(to),
          change: formatChange(change),
        })}
      </strong>
    </>
  );
}

function CompareLedger({ view, found, measure }: { view: View; found: Difference; measure: Measure }) {
  const { store } = view;
  const t = store.t.value;
  const { axes } = view.signals;
  const locked = new Set(view.signals.locked.value.queries);
  const inView = (query: number) => locked.size === 0 || locked.has(query);
  const { moved } = account(found, inView);
  const { b } = sidesNow(store);
  const what = t(`measure.${measure}`);
  let most = -1;
  found.moved.forEach((share, row) => {
    if (inView(found.queries[row] ?? -1) && share > (found.moved[most] ?? 0)) most = row;
  });
  const percent = (share: number) => `${Number.isNaN(share) ? "…" : (share * 100).toFixed(1)} %`;
  return (
    <section class="ledger" aria-label={t("compare.ledger")}>
      <p>
        <span>
          {t("compare.moved", { b, what })} <strong class="number">{percent(moved)}</strong>
        </span>
        {most >= 0 ? (
          <span>
            {t("compare.most")} <bdi>{axes.value.queries[found.queries[most] ?? 0]?.text}</bdi>{" "}
            <strong class="number">{percent(found.moved[most] ?? 0)}</strong>
          </span>
        ) : (
          !Number.isNaN(moved) && <span>{t("compare.same")}</span>
        )}
      </p>
    </section>
  );
}

/** Where less or something else is compared than was asked for. */
function Otherwise({ view, now }: { view: View; now: Compared }) {
  const { store } = view;
  const t = store.t.value;
  const { measure, aggregate, sinks } = store.synced;
  const said: string[] = [];
  if (measure.value !== now.measure) said.push(t("compare.norms"));
  if (aggregate.value === "rollout") said.push(t("compare.rollout"));
  if (sinks.value === "leave_out") said.push(t("compare.left_out"));
  return said.length > 0 ? <p class="note">{said.join(" ")}</p> : null;
}

export function Compare({ view, width }: { view: View; width: number }) {
  const { store, data } = view;
  const { synced } = store;
  const t = store.t.value;
  const pointed = useSignal<Pointed>({});
  const now = view.compared.value;
  const comparison = synced.comparison.value;
  const sides = sidesNow(store);
  const mode = synced.mode.value;

  // Of long texts the page holds the largest cells of each row; the rows of what is locked are asked for on both sides.
  const locked = synced.selected_queries.value;
  useEffect(() => {
    if (!now || !("difference" in now) || locked.length === 0) return undefined;
    const stack = store.stack.peek()?.name ?? "";
    const other = data.compared.peek();
    const of = (selection: Selection, layer: number | undefined) =>
      selection.heads.find((one) => one.layer === layer)?.weights;
    const cancels = now.layers.a.flatMap((layer, at) => {
      const beside = now.layers.b[at] ?? 0;
      const [one, two] = [of(now.a, layer), of(now.b, beside)];
      return [one && data.wantRows(stack, layer, one, locked), two && other?.wantRows(stack, beside, two, locked)];
    });
    return () => {
      for (const cancel of cancels) cancel?.();
    };
  }, [now, locked, data, store]);

  let absence = "";
  if (now && "note" in now) absence = t("noweights", { layer: synced.layer.value, note: now.note });
  if (now && "state" in now) {
    const { state, layer, side } = now;
    const values = { layer, b: sides[side] };
    if (state.status === "failed") absence = state.error;
    else if (state.status === "missing") absence = t("compare.missing", values);
    else absence = state.status === "asked" ? t("compare.waiting", values) : t("loading", { layer });
  }
  const ready = now && "difference" in now ? now : undefined;
  const found = ready?.difference;
  return (
    <div class="compare" aria-busy={!found && !absence}>
      <p class="cmp-sides">
        <span>
          <bdi class="cmp-side">{sides.a}</bdi> → <bdi class="cmp-side">{sides.b}</bdi>
        </span>
        {typeof comparison.layer === "number" && sides.b !== `L${comparison.layer}` && (
          <span>{t("compare.layer", { layer: synced.layer.value, other: comparison.layer })}</span>
        )}
        {mode !== "heads" && <span class="muted">{view.what.value}</span>}
      </p>
      {(data.error.value || absence) && (
        <p class="absence" role="status">
          {data.error.value || absence}
        </p>
      )}
      {ready && found && mode !== "heads" && (
        <>
          <p class="cmp-readout" aria-live="polite">
            <Readout view={view} found={found} pointed={pointed.value} />
          </p>
          {mode === "matrix" ? (
            <CompareMatrix {...{ view, width, pointed }} now={ready} />
          ) : (
            <CompareLines {...{ view, width, pointed }} now={ready} />
          )}
          <Otherwise view={view} now={ready} />
          {ready.window && (
            <p class="note">
              {t("compare.window", { first: ready.window[0], last: ready.window[1], count: ready.window[2] })}
            </p>
          )}
          {found.unknown > 0 && <p class="note">{t("compare.unknown", { count: found.unknown })}</p>}
          <CompareLedger view={view} found={found} measure={ready.measure} />
        </>
      )}
      <CompareHeads view={view} />
    </div>
  );
}
