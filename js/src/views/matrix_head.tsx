/** Above the matrix: what is under the crosshair, the zoom, and the colour scale. */

import { cellNumbers } from "../picture";
import { weightText, writtenWords } from "./cell_words";
import { ZOOM_STEP, zoom } from "./matrix_gestures";
import type { MatrixModel } from "./matrix_model";
import { LARGEST_CELL } from "./matrix_zoom";

/** What the number of a cell is. */
const WHAT = { mean: "what.weight", max: "what.max", rollout: "what.rollout" } as const;

/** What the margins say of a row and a column. */
function marginWords(model: MatrixModel, query: number | undefined, key: number | undefined): string[] {
  const t = model.view.store.t.value;
  const words: string[] = [];
  const means = model.means.value;
  const taken = key === undefined ? Number.NaN : (means?.values[key] ?? Number.NaN);
  // Of what is not held, "at least next to nothing" would say nothing.
  if (means && (means.partial ? taken >= 1e-4 : !Number.isNaN(taken))) {
    const mean = `${means.partial ? "≥ " : ""}${weightText(taken)}`;
    words.push(t(means.rows === 1 ? "matrix.column.one" : "matrix.column", { mean, rows: means.rows }));
  }
  const entropy = model.entropy.value;
  const nats = query === undefined ? Number.NaN : (entropy?.nats[query] ?? Number.NaN);
  if (entropy && query !== undefined && !Number.isNaN(nats)) {
    words.push(t("matrix.entropy", { nats: nats.toFixed(2), most: (entropy.most[query] ?? 0).toFixed(2) }));
  }
  return words;
}

export function Readout({ model }: { model: MatrixModel }) {
  const { store, signals, data } = model.view;
  const t = store.t.value;
  const hover = store.hover.value;
  const selection = signals.selection.value;
  const { queries, keys } = signals.axes.value;
  data.rowsArrived.value;
  model.tiles.value?.arrived.value;
  model.read.value;
  const query = hover?.side === "query" ? hover.index : undefined;
  const key = hover?.side === "key" ? hover.index : hover?.key;
  if (!selection || (query === undefined && key === undefined)) {
    return (
      <div class="readout" aria-live="polite">
        <p class="muted matrix-hint">{t("matrix.hint")}</p>
      </div>
    );
  }
  const margins = marginWords(model, query, key);
  if (query === undefined || key === undefined) {
    const token = query === undefined ? keys[key ?? 0] : queries[query];
    return (
      <div class="readout" aria-live="polite">
        <p>
          <bdi>{token?.text}</bdi> <span class="muted">{t(query === undefined ? "key" : "query")}</span>
        </p>
        <p class="muted">{margins.join(" · ")}</p>
      </div>
    );
  }
  const value = model.value(query, key);
  const { measure, sinks, aggregate } = selection.scope.look;
  const { weight, written } = cellNumbers(selection, query, key);
  const unseen = model.colouring.value?.unseen(query) ?? keys.length;
  const beside: string[] = [];
  if (value === 0 && key >= unseen) beside.push(t("matrix.unseen"));
  if (model.shading.value.diverging && value > 0) {
    beside.push(
      t("matrix.times", { times: Number((value / selection.scope.baseline(query)).toPrecision(2)).toString() }),
    );
  }
  // Tiles hold more than rows: the shown number is the weight itself there.
  const several = selection.heads.length > 1 || aggregate === "rollout";
  const shown = measure === "weight" && sinks !== "renormalise";
  const said = writtenWords(selection, written, t);
  if (said && !(Number.isNaN(written) && shown)) beside.push(said);
  if (!shown) beside.push(t("matrix.weight", { weight: weightText(weight) }));
  return (
    <div class="readout" aria-live="polite">
      <p>
        <bdi>{queries[query]?.text}</bdi> → <bdi>{keys[key]?.text}</bdi>{" "}
        {shown && <span>{t(WHAT[several ? aggregate : "mean"])} </span>}
        <strong class="number">{weightText(value)}</strong>
        {beside.length > 0 && <span class="muted number"> · {beside.join(" · ")}</span>}
      </p>
      <p class="muted number">{margins.join(" · ")}</p>
    </div>
  );
}

export function ZoomBar({ model }: { model: MatrixModel }) {
  const t = model.view.store.t.value;
  const { cell } = model.window.value;
  const { fit } = model.frame.value;
  const part = model.isPart.value;
  const button = (name: "in" | "out" | "all", sign: string, disabled: boolean, act: () => void) => (
    <button
      type="button"
      class="zoom-button"
      data-zoom={name}
      disabled={disabled}
      aria-label={name === "all" ? undefined : t(`matrix.zoom.${name}`)}
      title={t(`matrix.zoom.${name}`)}
      onClick={act}
    >
      {sign}
    </button>
  );
  return (
    <fieldset class="zoom" aria-label={t("matrix.zoom")}>
      {button("in", "+", cell >= LARGEST_CELL * 0.9999, () => zoom(model, ZOOM_STEP))}
      {button("out", "−", cell <= fit * 1.0001, () => zoom(model, 1 / ZOOM_STEP))}
      {button("all", "0", !part && cell <= fit * 1.0001, () => model.look(null))}
    </fieldset>
  );
}
