/** Matrix: a query × key heat map with labels on both sides, margins, a crosshair, and numbers as one comes closer. */

import { useEffect, useMemo } from "preact/hooks";
import { followSearch, searchFor } from "../search";
import type { View } from "../view";
import { NoKernelError } from "../wire/messages";
import { Brought } from "./brought";
import { labelWidth } from "./labels";
import { Legend } from "./legend";
import { Axis } from "./matrix_axis";
import { Cells } from "./matrix_cells";
import { Readout, ZoomBar } from "./matrix_head";
import { COLUMN_DEPTH, ENTROPY_DEPTH, Margin, Minimap } from "./matrix_margins";
import { MatrixModel } from "./matrix_model";
import { revealing } from "./matrix_zoom";
import { SearchBox } from "./search";

const MAX_CELL = 40;
const MAX_HEIGHT = 760;
/** The names of the sides and the small matrix stand there too. */
const LEAST_LEFT = 60;
const SLANT = Math.PI / 3;
/** Below this width the cells need all the room. */
const WITH_MARGINS = 430;

/** What is to be said of cells that the page does not hold. */
function Held({ model }: { model: MatrixModel }) {
  const { store } = model.view;
  const t = store.t.value;
  const [first] = model.selection.value?.heads ?? [];
  if (first?.weights.form !== "top") return null;
  const tiles = model.tiles.value;
  const failed = model.view.parts.failed.value;
  const code = failed instanceof NoKernelError ? "missing" : failed && { error: failed.message };
  const problem = tiles ? tiles.problem.value : code;
  const waiting = tiles ? tiles.waiting.value : problem ? 0 : model.inView()[1].length;
  const count = first.weights.listed;
  const words = [t("matrix.top", { count })];
  if (typeof problem === "object") words.push(problem.error);
  else if (problem === "missing") words.push(t("matrix.nokernel"));
  else if (waiting > 0) words.push(t("matrix.waiting", { count: waiting }));
  else if (model.inView()[0] !== null) words[0] = t("matrix.asked", { count });
  else if (model.source.value) words.push(t("matrix.closer"));
  return (
    <p class="matrix-note muted" role="status" data-waiting={waiting}>
      {words.join(" ")}
    </p>
  );
}

export function Matrix({ view, width }: { view: View; width: number }) {
  const model = useMemo(() => new MatrixModel(view), [view]);
  useEffect(() => model.start(), [model]);
  const { queries, keys } = view.signals.axes.value;

  const limit = Math.max(56, Math.min(150, width * 0.22));
  const left = useMemo(() => Math.max(LEAST_LEFT, labelWidth(queries, limit)), [queries, limit]);
  const keyLabel = useMemo(() => labelWidth(keys, limit), [keys, limit]);
  const margins = width >= WITH_MARGINS;
  const entropy = margins && model.entropy.value !== null;
  const depth = Math.ceil(keyLabel * Math.sin(SLANT)) + 12;
  const spill = Math.max(Math.ceil(keyLabel * Math.cos(SLANT)) + 8, entropy ? ENTROPY_DEPTH + 6 : 0);
  const room = Math.max(80, width - left - spill);
  model.resize(room, MAX_HEIGHT, MAX_CELL);

  useEffect(
    () =>
      followSearch(searchFor(view), ({ side, covers }) => {
        const stack = view.store.stack.peek();
        const both = stack?.queries === stack?.keys;
        const { query, key } = model.cursor.peek();
        const [found = 0] = covers;
        const row = both || side === "query" ? found : query;
        const column = both || side === "key" ? found : key;
        model.look(revealing(model.window.peek(), model.frame.peek(), row, column));
      }),
    [view, model],
  );

  const t = view.store.t.value;
  const frame = model.frame.value;
  const part = model.isPart.value;
  const top = depth + (margins ? COLUMN_DEPTH : 0);
  return (
    <div class="matrix">
      {view.data.image.value && (
        <Brought view={view}>{({ ImagePicture }) => <ImagePicture view={view} width={width} />}</Brought>
      )}
      <div class="matrix-head">
        <div class="matrix-tools">
          <Legend view={view} shading={model.shading.value} ramp={model.colouring.value?.ramps[0]} />
          <div class="matrix-actions">
            <SearchBox view={view} from={model.visible().queries[0]} />
            <ZoomBar model={model} />
          </div>
        </div>
        <Readout model={model} />
      </div>
      <div class="matrix-grid" style={{ gridTemplateColumns: `${left}px ${frame.width}px ${spill}px` }}>
        <div class="matrix-corner">
          {part ? (
            <Minimap model={model} room={[left - 12, top - 12]} />
          ) : (
            <span class="muted" aria-hidden="true">
              {t("key")} →
              {margins && (
                <>
                  <br />
                  {t("matrix.column.short")}
                </>
              )}
              <br />
              {t("query")} ↓
            </span>
          )}
        </div>
        <div>
          <Axis model={model} side="key" depth={depth} longest={keyLabel} />
          {margins && <Margin model={model} side="top" />}
        </div>
        <div class="matrix-corner matrix-corner-right">
          {entropy && (
            <span class="muted" aria-hidden="true">
              {t("matrix.entropy.short")}
            </span>
          )}
        </div>
        <Axis model={model} side="query" depth={left} longest={left - 6} />
        <Cells model={model} />
        <div>{entropy && <Margin model={model} side="right" />}</div>
      </div>
      <Held model={model} />
    </div>
  );
}
