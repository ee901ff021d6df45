/** Trace: one pair of tokens over all layers and heads, both ways. */

import { type Signal, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { tracesShown } from "../shown_now";
import type { StringKey, Translate } from "../strings";
import { FAR, firstCells, formatRatio, likelyPair, signed, strongest, type Trace as Traced, type Way } from "../trace";
import type { Stack, Token } from "../types";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";
import { type Cursor, TraceMap } from "./trace_map";
import { useTrace } from "./trace_state";
import { TraceTable } from "./trace_table";
import { present, TokenPicker } from "./trace_tokens";

/** Below this width the two maps stand one under the other. */
const TWO_MAPS = 640;
const STRONGEST = 5;

/** Text of the reader's within a sentence: its direction must not turn the sentence round. */
export function quoted(token: Token | undefined): string {
  return `\u2068${token?.text ?? ""}\u2069`;
}

/** The tokens that a way leads from and to. */
export function ends(
  traced: Traced,
  which: 0 | 1,
  queries: readonly Token[],
  keys: readonly Token[],
): [string, string] {
  const way = traced.ways[which];
  return [quoted(queries[way.row]), quoted(keys[way.key])];
}

function place(way: Way, cell: number, t: Translate): string {
  const rank = t("trace.rank", { rank: way.rank[cell] ?? 0, seen: way.seen });
  const [ratio, drawn] = [way.ratio[cell] ?? Number.NaN, way.drawn[cell] ?? Number.NaN];
  const words = (place: string, ratio: string) => t("trace.place", { rank: place, ratio });
  const near =
    Number.isNaN(ratio) || way.distance === undefined
      ? rank
      : words(rank, t("trace.ratio", { ratio: formatRatio(ratio), distance: signed(way.distance) }));
  return Number.isNaN(drawn) ? near : words(near, t("trace.drawn", { ratio: formatRatio(drawn) }));
}

function EmptyWay({ way, from, to, t }: { way: Way; from: string; to: string; t: Translate }) {
  const why: Record<string, StringKey> = {
    cross: "trace.empty.cross",
    causal: "trace.empty.causal",
    absent: "trace.empty.absent",
  };
  const key = why[way.state];
  return key ? <p class="trace-empty">{t(key, { from, to })}</p> : null;
}

/** How the mean was taken, under the title of a map. */
function Mean({ way, t }: { way: Way; t: Translate }) {
  if (way.distance === undefined) return <span class="trace-mean">{t("trace.mean.none")}</span>;
  const distance = signed(way.distance);
  const key = way.pairs === 0 ? "trace.mean.alone" : way.averaged < way.pairs ? "trace.mean.some" : "trace.mean.all";
  return <span class="trace-mean">{t(key, { distance, averaged: way.averaged, count: way.pairs })}</span>;
}

export function Trace({ view, width }: { view: View; width: number }) {
  const { store } = view;
  const { synced } = store;
  const t = store.t.value;
  const stack = store.stack.value;
  const queries = store.queries.value;
  const keys = store.keys.value;
  const hovered = useSignal<{ query: number | null; key: number | null }>({ query: null, key: null });
  const cursor = useSignal<Cursor | null>(null);
  const [lockedQuery, lockedKey] = [synced.selected_queries.value, synced.selected_keys.value];
  const sameText = stack?.name !== "cross";
  const likely = useMemo(() => likelyPair(queries, keys, sameText), [queries, keys, sameText]);
  const query = lockedQuery[0] ?? present(hovered.value.query, queries) ?? likely.query;
  const key = lockedKey[0] ?? present(hovered.value.key, keys) ?? likely.key;
  const { trace: traced, status } = useTrace(view, query, key);
  const now = status.value;
  if (traced) tracesShown.set(view, traced);
  else tracesShown.delete(view);
  const fits = traced && stack && traced.ways[0].weight.length === cellsOf(stack);

  const problem =
    now === "missing"
      ? t("trace.missing")
      : now === "asked"
        ? t("trace.asked")
        : typeof now === "object"
          ? now.error
          : now === "working" && !traced
            ? t("trace.working")
            : "";
  const hint =
    lockedQuery.length > 1 || lockedKey.length > 1
      ? t("trace.first")
      : lockedQuery.length === 0 || lockedKey.length === 0
        ? t("trace.pick")
        : t("trace.locked");
  return (
    <div
      class="trace"
      style={{ width: `${width}px` }}
      aria-busy={now !== "ready"}
      data-shown={traced ? `${traced.query}/${traced.key}` : undefined}
    >
      <div class="trace-pickers">
        {(["query", "key"] as const).map((side) => (
          <TokenPicker
            key={side}
            view={view}
            side={side}
            label={t(side)}
            tokens={side === "query" ? queries : keys}
            chosen={side === "query" ? query : key}
            locked={side === "query" ? lockedQuery : lockedKey}
            onPreview={(index) => {
              hovered.value = { ...hovered.value, [side]: index };
            }}
          />
        ))}
        <p class="trace-hint muted">{hint}</p>
      </div>
      {problem && (
        <p class="trace-problem" role="status">
          {problem}
        </p>
      )}
      {fits && <Shown view={view} stack={stack} traced={traced} width={width} cursor={cursor} />}
    </div>
  );
}

function cellsOf(stack: Stack): number {
  return stack.layers.reduce((sum, info) => sum + info.heads, 0);
}

interface ShownProps {
  view: View;
  stack: Stack;
  traced: Traced;
  width: number;
  cursor: Signal<Cursor | null>;
}

function Shown({ view, stack, traced, width, cursor }: ShownProps) {
  const { store } = view;
  const t = store.t.value;
  const [queries, keys] = [store.queries.value, store.keys.value];
  const both = traced.ways.every((way) => way.state === "shown") && traced.query !== traced.key;
  const side = both && width >= TWO_MAPS;
  // Then numbers stand under each map, and not above both.
  const narrow = width < TWO_MAPS;
  const mapWidth = side ? Math.floor((width - 28) / 2) : width;
  const max = traced.ways.reduce((most, way) => way.weight.reduce((a, b) => (b > a ? b : a), most), 0);
  const first = firstCells(stack);
  const cell = ({ layer, head }: { layer: number; head: number }) => (first[layer] ?? 0) + head;
  const open = ({ way, layer, head }: Cursor) => {
    const { row, key } = traced.ways[way];
    store.change({ layer, heads: [head], pinned: [], mode: "lines", selected_queries: [row], selected_keys: [key] });
  };
  const say = (which: 0 | 1, index: number, at: { layer: number; head: number }) => {
    const way = traced.ways[which];
    const [from, to] = ends(traced, which, queries, keys);
    if (Number.isNaN(way.weight[index])) return t("trace.nothere", at);
    const weight = formatWeight(way.weight[index] ?? 0);
    return t("trace.say", { ...at, from, to, weight, place: place(way, index, t) });
  };
  const top = strongest(traced, STRONGEST);
  /** Under a map of its own: the numbers of the cell chosen, else of its strongest. */
  const under = (which: 0 | 1) => {
    const { value } = cursor;
    const [best] = strongest({ ...traced, ways: [traced.ways[which], traced.ways[which]] }, 1);
    if (value?.way === which) return say(which, cell(value), value);
    return best ? say(which, best.cell, addressOf(stack, first, best.cell)) : "";
  };
  const distance = traced.ways[0].distance;
  const near: StringKey | null =
    distance === undefined
      ? null
      : distance === 0
        ? "trace.caveat.self"
        : Math.abs(distance) === 1
          ? "trace.caveat.adjacent"
          : Math.abs(distance) === 2
            ? "trace.caveat.near"
            : null;
  return (
    <>
      <p class="trace-say" aria-live="polite">
        {cursor.value && !narrow ? say(cursor.value.way, cell(cursor.value), cursor.value) : t("trace.read")}
      </p>
      <div class="trace-maps" data-side={side ? "" : undefined}>
        {traced.ways.map((way, index) => {
          const which = index as 0 | 1;
          if (which === 1 && traced.query === traced.key) return null;
          const [from, to] = ends(traced, which, which === 1 && way.state !== "shown" ? keys : queries, keys);
          if (way.state !== "shown") {
            const [a, b] = [ends(traced, 0, queries, keys)[0], ends(traced, 0, queries, keys)[1]];
            return <EmptyWay key={which} way={way} from={which ? b : a} to={which ? a : b} t={t} />;
          }
          return (
            <figure key={which}>
              <figcaption>
                <strong class="trace-way">
                  {from} → {to}
                </strong>{" "}
                <Mean way={way} t={t} />
              </figcaption>
              <div class="trace-scroll">
                <TraceMap
                  view={view}
                  layers={stack.layers}
                  way={way}
                  which={which}
                  width={mapWidth}
                  max={max}
                  label={t("trace.map", { from, to })}
                  cursor={cursor}
                  onOpen={open}
                />
              </div>
              {narrow && (
                <p class="trace-under" aria-live="polite">
                  {under(which)}
                </p>
              )}
            </figure>
          );
        })}
      </div>
      <Legend view={view} max={max} />
      <div class="trace-below">
        <section>
          <h3>{t("trace.strongest", { count: top.length })}</h3>
          <ol class="trace-top">
            {top.map(({ way, cell: index }) => {
              const at = addressOf(stack, first, index);
              const [from, to] = ends(traced, way, queries, keys);
              return (
                <li key={`${way}/${index}`}>
                  <button
                    type="button"
                    class="trace-link"
                    data-top={`${at.layer}/${at.head}`}
                    onPointerEnter={() => {
                      cursor.value = { way, ...at };
                    }}
                    onPointerLeave={() => {
                      cursor.value = null;
                    }}
                    onClick={() => open({ way, ...at })}
                  >
                    <span class="number">{`L${at.layer} H${at.head}`}</span>
                    <span>
                      {from} → {to}
                    </span>
                    <strong class="number">{formatWeight(traced.ways[way].weight[index] ?? 0)}</strong>
                    <span class="muted">{place(traced.ways[way], index, t)}</span>
                  </button>
                </li>
              );
            })}
          </ol>
        </section>
        <section class="trace-caveats">
          <h3>{t("trace.caveats")}</h3>
          <ul>
            {near && <li>{t(near, { distance: signed(distance ?? 0) })}</li>}
            {distance !== undefined && <li>{t("trace.caveat.mean")}</li>}
            <li>{t("trace.caveat.drawn")}</li>
            <li>{t("trace.caveat.mixed")}</li>
          </ul>
        </section>
      </div>
      <TraceTable view={view} stack={stack} traced={traced} />
    </>
  );
}

function addressOf(stack: Stack, first: readonly number[], index: number): { layer: number; head: number } {
  let layer = 0;
  stack.layers.forEach((info, at) => {
    if (info.heads > 0 && (first[at] ?? 0) <= index) layer = at;
  });
  return { layer, head: index - (first[layer] ?? 0) };
}

function Legend({ view, max }: { view: View; max: number }) {
  const t = view.store.t.value;
  const ramp = view.tints.value.ramps[0] ?? new Uint8ClampedArray(1024);
  const stops = Array.from({ length: 9 }, (_, i) => {
    const at = Math.round((i / 8) * 255) * 4;
    return `rgb(${ramp[at]} ${ramp[at + 1]} ${ramp[at + 2]})`;
  });
  return (
    <div class="trace-legend">
      <span class="muted">{t("legend")}</span>
      <div class="legend-scale">
        <div class="legend-bar" style={{ background: `linear-gradient(to right, ${stops.join(", ")})` }} />
        {[0, 0.5, 1].map((at) => (
          <span key={at} class="legend-tick" style={{ left: `${at * 100}%` }}>
            {formatWeight(at * at * max)}
          </span>
        ))}
      </div>
      <span class="trace-far">
        <span class="trace-ring" aria-hidden="true" />
        {t("trace.far", { times: FAR })}
      </span>
    </div>
  );
}
