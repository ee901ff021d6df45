/** Above the overview of all heads: what they are sorted by, which labels are shown, which heads are collected. */

import { css } from "../paint/palette";
import { thumbShading } from "../paint/thumb";
import { byLabel, type Label, type Statistics, sortable, statisticTitle } from "../statistics";
import type { StringKey } from "../strings";
import type { View } from "../view";
import { Chip, chipName, chipSign } from "./atlas_labels";

/** Statistics by what they are about; the rest comes last. */
const GROUPS = {
  keys: ["cls", "sep", "punct", "other", "word", "first", "delimiters", "sink", "sink_first", "sink_rate"],
  place: ["self", "prev", "next", "window", "distance", "signed_distance", "induction", "duplicate", "prefix"],
  shape: ["entropy", "entropy_norm", "effective_keys", "k90", "max", "coverage", "mi", "mi_norm"],
  value: ["written", "norm_cls", "norm_sep", "norm_punct", "norm_word", "norm_first", "value_cls", "value_sep"],
} as const;

export function Sorting({ view, statistics }: { view: View; statistics: Statistics | undefined }) {
  const { store } = view;
  const { sort, lang } = store.synced;
  const t = store.t.value;
  const names = statistics ? sortable(statistics) : [];
  const grouped = new Set<string>(Object.values(GROUPS).flat());
  const groups = [
    ...Object.entries(GROUPS).map(([group, members]) => ({
      group: group as keyof typeof GROUPS | "more",
      members: members.filter((name) => names.includes(name)) as string[],
    })),
    { group: "more" as const, members: names.filter((name) => !grouped.has(name)) },
  ];
  return (
    <label class="control">
      <span class="control-label">{t("heads.sort")}</span>
      <select
        class="select"
        value={names.includes(sort.value) ? sort.value : ""}
        disabled={!statistics}
        onChange={(event) => store.change({ sort: event.currentTarget.value })}
      >
        <option value="">{t("heads.sort.number")}</option>
        {statistics &&
          groups.map(({ group, members }) =>
            members.length > 0 ? (
              <optgroup key={group} label={t(`heads.sort.${group}`)}>
                {members.map((name) => (
                  <option key={name} value={name}>
                    {statisticTitle(statistics, name, lang.value)}
                  </option>
                ))}
              </optgroup>
            ) : null,
          )}
      </select>
    </label>
  );
}

/** Labels with their counts: a legend, and a filter. */
interface FilterProps {
  view: View;
  statistics: Statistics;
  /** Whether to say the sign that stands for each label. */
  signs: boolean;
}

export function Filter({ view, statistics, signs }: FilterProps) {
  const { store } = view;
  const t = store.t.value;
  const only = store.synced.only.value;
  const groups = byLabel(statistics);
  const all = statistics.labels.length;
  const shown = only ? (groups.find(({ label }) => label === only)?.heads.length ?? 0) : all;
  const choose = (label: Label | "") => store.change({ only: label === only ? "" : label });
  return (
    <div class="filter">
      <span class="control-label" id="filter-label">
        {t("heads.only")}
      </span>
      <fieldset class="filter-chips" aria-label={t("heads.only")}>
        <button type="button" aria-pressed={only === ""} onClick={() => choose("")}>
          {t("heads.only.all")}
        </button>
        {groups.map(({ label, heads }) => (
          <button
            key={label}
            type="button"
            data-label={label}
            aria-pressed={only === label}
            onClick={() => choose(label)}
          >
            <Chip
              label={label}
              name={[signs ? chipSign(label, t) : "", chipName(label, statistics, t)].filter(Boolean).join(" ")}
              certainty={statistics.enough ? "is" : "describes"}
            />
            <span class="number">{heads.length}</span>
          </button>
        ))}
      </fieldset>
      <strong class="number filter-count" aria-live="polite">
        {t("heads.count", { shown, all })}
      </strong>
    </div>
  );
}

interface TrayProps {
  view: View;
  /** Touched last: a finger cannot hover or hold Shift. */
  touched: readonly [layer: number, head: number] | null;
  open(layer: number, head: number, collect: boolean): void;
}

/** The heads collected, and what to do with them. */
export function Tray({ view, touched, open }: TrayProps) {
  const { store } = view;
  const t = store.t.value;
  const pinned = store.synced.pinned.value;
  return (
    <div class="tray">
      {pinned.length === 0 && !touched && <span class="muted">{t("heads.tray.empty")}</span>}
      {touched && (
        <span class="tray-touched">
          <strong class="number">
            L{touched[0]} H{touched[1]}
          </strong>
          <button type="button" class="plain" onClick={() => open(touched[0], touched[1], false)}>
            {t("heads.tray.open")}
          </button>
          <button type="button" class="plain" onClick={() => open(touched[0], touched[1], true)}>
            {t("heads.tray.collect")}
          </button>
        </span>
      )}
      {pinned.length > 0 && (
        <>
          <strong>{t(pinned.length === 1 ? "heads.tray.one" : "heads.tray.count", { count: pinned.length })}</strong>
          <ul>
            {pinned.map(([layer, head]) => (
              <li key={`${layer}/${head}`}>
                <span class="number">
                  L{layer} H{head}
                </span>
                <button
                  type="button"
                  aria-label={t("heads.tray.remove", { layer, head })}
                  onClick={() => open(layer, head, true)}
                >
                  ×
                </button>
              </li>
            ))}
          </ul>
          <button type="button" class="plain tray-show" onClick={() => store.change({ mode: "lines" })}>
            {t("heads.show")}
          </button>
          <button type="button" class="plain" onClick={() => store.change({ pinned: [] })}>
            {t("heads.tray.clear")}
          </button>
        </>
      )}
    </div>
  );
}

interface ScaleProps {
  view: View;
  /** Even shares of the rows of a picture. */
  uniforms: readonly number[];
  ramp: Uint8ClampedArray | undefined;
}

/** The colour scale of the pictures. They are of weights, whatever other modes measure. */
export function Scale({ view, uniforms, ramp }: ScaleProps) {
  const { store } = view;
  const t = store.t.value;
  const { scale, ticks, diverging } = thumbShading(store.synced.scale.value, uniforms);
  const even = scale === "relative" && store.stack.value?.causal ? "legend.relative.causal" : `legend.${scale}`;
  const ends = [0, ...(diverging ? [128 * 4] : []), 255 * 4].map((at) =>
    css([ramp?.[at] ?? 0, ramp?.[at + 1] ?? 0, ramp?.[at + 2] ?? 0]),
  );
  return (
    <div class="legend">
      <span class="muted">{t(even as StringKey, { what: t("weight") })}</span>
      <div class="legend-scale">
        <div class="legend-bar" style={{ background: `linear-gradient(to right, ${ends.join(", ")})` }} />
        {ticks.map(({ at, text }) => (
          <span key={at} class="legend-tick" style={{ left: `${at * 100}%` }}>
            {text}
          </span>
        ))}
      </div>
    </div>
  );
}
