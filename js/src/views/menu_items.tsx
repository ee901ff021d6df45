/** What the menu of the toolbar holds: how heads are put together, units, pairs, scale, stroke budget, and the rest. */

import { Amount } from "../controls/amount";
import { Segmented } from "../controls/segmented";
import { hasPair, hasWords } from "../picture";
import { AGGREGATES, PAIRS, SCALES, UNITS } from "../types";
import type { View } from "../view";
import { MenuExtras } from "./menu_extras";

const MOST_STROKES = 999_999;

/** Which items there are for this text and this picture. */
function offered(view: View): { words: boolean; pair: boolean; scale: boolean; strokes: boolean; aggregate: boolean } {
  const { queries, keys, synced } = view.store;
  const mode = synced.mode.value;
  const ofWeights = mode === "lines" || mode === "matrix";
  return {
    aggregate: ofWeights,
    words: ofWeights && hasWords(queries.value, keys.value),
    pair: ofWeights && hasPair(queries.value, keys.value),
    scale: mode === "matrix" || mode === "heads",
    strokes: mode === "lines",
  };
}

/** Whether something that the closed menu hides changes what is seen. */
export function isChanged(view: View): boolean {
  const { aggregate, unit, pair } = view.store.synced;
  const items = offered(view);
  return (
    (items.aggregate && aggregate.value !== "mean") ||
    (items.words && unit.value !== "pieces") ||
    (items.pair && pair.value !== "all")
  );
}

function Strokes({ view }: { view: View }) {
  const { store } = view;
  const { budget, max_strokes } = store.synced;
  const t = store.t.value;
  return (
    <>
      <Amount
        label={t("budget")}
        value={budget.value}
        min={0.05}
        max={1}
        step={0.05}
        text={t("budget.text", { percent: Math.round(budget.value * 100) })}
        onChange={(value) => store.change({ budget: Math.round(value * 100) / 100 })}
      />
      <label class="control amount">
        <span class="control-label">{t("strokes")}</span>
        <input
          type="number"
          value={max_strokes.value}
          min={0}
          max={MOST_STROKES}
          step={100}
          onChange={(event) => {
            const value = event.currentTarget.valueAsNumber;
            if (Number.isInteger(value) && value >= 0 && value <= MOST_STROKES) store.change({ max_strokes: value });
            else event.currentTarget.value = String(max_strokes.peek());
          }}
        />
      </label>
    </>
  );
}

export function MenuItems({ view }: { view: View }) {
  const { store } = view;
  const { synced } = store;
  const t = store.t.value;
  const items = offered(view);
  return (
    <>
      {items.aggregate && (
        <Segmented
          label={t("aggregate")}
          value={synced.aggregate.value}
          options={AGGREGATES.map((value) => ({
            value,
            text: t(`aggregate.${value}`),
            hint: t(`aggregate.${value}.hint`),
          }))}
          onChange={(aggregate) => store.change({ aggregate })}
        />
      )}
      {items.words && (
        <Segmented
          label={t("unit")}
          hint={t("unit.hint")}
          value={synced.unit.value}
          options={UNITS.map((value) => ({ value, text: t(`unit.${value}`) }))}
          onChange={(unit) => store.change({ unit })}
        />
      )}
      {items.pair && (
        <Segmented
          label={t("pair")}
          hint={t("pair.hint")}
          value={synced.pair.value}
          options={PAIRS.map((value) => ({ value, text: t(`pair.${value}`) }))}
          onChange={(pair) => store.change({ pair })}
        />
      )}
      {items.scale && (
        <Segmented
          label={t("scale")}
          value={synced.scale.value}
          options={SCALES.map((value) => ({ value, text: t(`scale.${value}`), hint: t(`scale.${value}.hint`) }))}
          onChange={(scale) => store.change({ scale })}
        />
      )}
      {items.strokes && <Strokes view={view} />}
      <MenuExtras view={view} />
    </>
  );
}
