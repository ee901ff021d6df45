/** Steps: how one row of weights comes about, from the query to the output, in numbers that add up. */

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { Segmented } from "../controls/segmented";
import { stepsShown } from "../shown_now";
import { listed, type Order, printed, type Steps as Row, stepsOf } from "../steps";
import { likelyPair } from "../trace";
import type { Token } from "../types";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";
import { labelWidth } from "./labels";
import { scaleText } from "./steps_columns";
import { Notes, Shapes } from "./steps_shapes";
import { type Loaded, type Place, type StepsStatus, useSteps } from "./steps_state";
import { type Point, StepsTable } from "./steps_table";
import { quoted } from "./trace";
import { present, TokenPicker } from "./trace_tokens";

/** Keys of a long text that are shown, those of the largest weights. */
export const MOST_KEYS = 40;

interface ProblemProps {
  view: View;
  status: StepsStatus;
  place: Place;
  /** Over the figure of what was shown last. */
  over: boolean;
}

function Problem({ view, status, place, over }: ProblemProps) {
  const t = view.store.t.value;
  const { layer, head } = place;
  if (status === "ready") return null;
  const text = typeof status === "object" ? status.error : t(`steps.${status}`, { layer, head });
  return (
    <p class="steps-problem" data-over={over ? "" : undefined} role="status">
      {text}
    </p>
  );
}

/** The numbers under the pointer, as arithmetic. */
function Readout({ view, row, keys, point }: { view: View; row: Row; keys: readonly Token[]; point: Point | null }) {
  const t = view.store.t.value;
  const chosen = view.store.synced.selected_keys.value[0];
  const key = point?.key ?? (chosen !== undefined && chosen < row.keys ? chosen : null);
  if (!point && key === null) return <>{t("steps.read")}</>;
  const dimension = point?.dimension ?? null;
  if (dimension === null) {
    if (key === null) return <>{t("steps.read")}</>;
    const [scale] = scaleText(row.scale, row.d);
    const seen = row.seen?.[key] !== 0;
    const plain = !row.capped && !row.bias;
    return (
      <>
        <bdi class="steps-on">{keys[key]?.text}</bdi>{" "}
        {t(!seen ? "steps.say.masked" : plain ? "steps.say.plain" : "steps.say.key", {
          sum: printed(row.sums[key] ?? 0),
          scale,
          scaled: printed(row.scaled[key] ?? 0),
          score: printed(row.scores[key] ?? 0),
          weight: formatWeight(row.weights[key] ?? 0),
        })}
      </>
    );
  }
  const parts = [t("steps.say.dimension", { dimension })];
  if (dimension < row.d) {
    const q = row.q[dimension] ?? 0;
    if (key === null) parts.push(`q ${printed(q)}`);
    else {
      const k = row.k[key * row.d + dimension] ?? 0;
      parts.push(t("steps.say.product", { q: printed(q), k: printed(k), product: printed(q * k) }));
    }
  }
  if (dimension < row.dv) {
    if (key === null) parts.push(t("steps.say.output", { output: printed(row.output[dimension] ?? 0) }));
    else {
      const [weight, v] = [row.weights[key] ?? 0, row.v[key * row.dv + dimension] ?? 0];
      const values = { weight: formatWeight(weight), v: printed(v), part: printed(weight * v) };
      parts.push(t("steps.say.value", values));
    }
  }
  return (
    <>
      {key !== null && <bdi class="steps-on">{keys[key]?.text}</bdi>} {parts.join(" · ")}
    </>
  );
}

/** Below, columns are shown in stretches, and that of the keys takes no more than it needs. */
const NARROW = 520;

export function Steps({ view, width }: { view: View; width: number }) {
  const { store, data } = view;
  const { synced } = store;
  const t = store.t.value;
  const stack = store.stack.value;
  const queries = store.queries.value;
  const keys = store.keys.value;
  const layer = synced.layer.value;
  const heads = store.layer.value?.heads ?? 0;
  const pinned = synced.pinned.value.find(([at]) => at === layer)?.[1];
  const hoveredQuery = useSignal<number | null>(null);
  const likely = useMemo(() => likelyPair(queries, keys, stack?.name !== "cross"), [queries, keys, stack]);
  const locked = synced.selected_queries.value;
  const query = locked[0] ?? present(hoveredQuery.value, queries) ?? likely.query;
  const head = synced.heads.value[0] ?? pinned ?? store.hoverHead.value ?? 0;
  const place: Place = { stack: stack?.name ?? "", layer, head, version: data.version.value };
  const { loaded, status } = useSteps(view, place, query);
  const last = loaded.value;
  const now = last && last.version === place.version && last.stack === place.stack ? last : null;
  if (!now) stepsShown.delete(view);

  if (heads === 0) {
    const note = store.layer.value?.note || t("layer.noheads");
    return <p class="steps-problem">{t("noweights", { layer, note })}</p>;
  }
  const hint = locked.length > 1 || synced.heads.value.length > 1 ? t("steps.first") : t("steps.pick");
  return (
    <div
      class="steps"
      style={{ width: `${width}px` }}
      aria-busy={status.value === "working" || status.value === "asked"}
      data-past={status.value === "ready" ? undefined : ""}
    >
      <TokenPicker
        view={view}
        side="query"
        label={t("query")}
        tokens={queries}
        chosen={query}
        locked={locked}
        onPreview={(index) => {
          hoveredQuery.value = index;
        }}
      />
      <p class="trace-hint muted">{hint}</p>
      <div class="steps-stage">
        <Problem view={view} status={status.value} place={place} over={now !== null} />
        {now && <Shown view={view} loaded={now} query={query} width={width} />}
      </div>
    </div>
  );
}

/** What is loaded; of a head whose wanted query has not come yet, the query that has. */
function Shown({ view, loaded, query, width }: { view: View; loaded: Loaded; query: number; width: number }) {
  const { store } = view;
  const t = store.t.value;
  const queries = store.queries.value;
  const keys = store.keys.value;
  const order = useSignal<Order>("position");
  const point = useSignal<Point | null>(null);
  const { parts, layer, head } = loaded;
  const there = parts.places.has(query) ? query : (parts.places.keys().next().value ?? 0);
  const row = useMemo(() => stepsOf(parts, there), [parts, there]);
  const pinned = store.synced.selected_keys.value;
  const list = useMemo(() => row && listed(row, order.value, MOST_KEYS, pinned), [row, order.value, pinned]);
  const label = useMemo(() => {
    const own = queries[there];
    const widest = labelWidth(
      own ? [own, ...keys] : keys,
      Math.max(width > NARROW ? 72 : 64, Math.min(150, width * 0.16)),
    );
    // Before the query's own token stands its name, q; before keys of a long text their positions.
    return Math.max(widest + (list?.rest ? 44 : 18), list?.rest && width > NARROW ? 140 : 88);
  }, [keys, queries, there, width, list]);
  if (!row || !list) return null;
  stepsShown.set(view, { parts, row, list });
  return (
    <>
      <div class="steps-bar-top">
        <h3 class="steps-what" data-shown={`${layer}/${head}/${there}`}>
          {t("steps.what", { layer, head, query: quoted(queries[there]) })}
        </h3>
        <Segmented
          label={t("steps.sort")}
          value={order.value}
          options={[
            { value: "position", text: t("steps.sort.position") },
            { value: "weight", text: t("steps.sort.weight") },
          ]}
          onChange={(value) => {
            order.value = value;
          }}
        />
      </div>
      <Shapes view={view} parts={parts} queries={queries.length} />
      <p class="steps-say" aria-live="polite">
        <Readout view={view} row={row} keys={keys} point={point.value} />
      </p>
      <StepsTable
        view={view}
        parts={parts}
        row={row}
        list={list}
        keys={keys}
        query={queries[there]}
        width={width}
        label={label}
        point={point}
      />
      <Notes view={view} parts={parts} layer={layer} head={head} />
    </>
  );
}
