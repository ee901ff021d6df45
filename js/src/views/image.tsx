/**
 * The picture that the model looked at, in the place of its tokens: patches of the queries left, of the keys right.
 * Hover previews and click locks, as with tokens; weights lie over the picture, those of other tokens stand beside it.
 */

import { useMemo } from "preact/hooks";
import { columnMeans } from "../paint/margins";
import { type Shading, shading } from "../paint/matrix";
import { type Patches, patchColour, patchesOf } from "../paint/overlay";
import { mix, type Palette } from "../paint/palette";
import { focusColumn, focusRow } from "../picture";
import type { View } from "../view";
import { useBitmap } from "./image_bitmap";
import { PatchSide } from "./image_side";
import { Legend } from "./legend";

const GAP = 20;
const WIDEST = 330;

/** What lies over which side, and what it stands for. */
export interface Shown {
  side: "query" | "key";
  values: Float32Array | Float64Array;
  shading: Shading;
  uniform: number;
  what: "row" | "rows" | "column" | "mean";
}

/** 256 colours of the overlay, as on paper. */
function legendRamp(palette: Palette, diverging: boolean): Uint8ClampedArray {
  const steps = new Uint8ClampedArray(256 * 4);
  for (let step = 0; step < 256; step++) {
    const [colour, alpha] = patchColour(step / 255, diverging, palette);
    steps.set([...mix(palette.paper, colour, alpha), 255], step * 4);
  }
  return steps;
}

function useShown(view: View): Shown | null {
  const { signals, store, data } = view;
  const selection = signals.selection.value;
  const focus = signals.focus.value;
  const rows = signals.rows.value;
  const scale = store.synced.scale.value;
  const arrived = data.rowsArrived.value;
  return useMemo(() => {
    if (!selection) return null;
    const { axes } = selection.scope.look;
    const [queries, keys] = [axes.queries.length, axes.keys.length];
    const side = focus?.side === "key" ? "query" : "key";
    const values = !focus
      ? columnMeans(selection.joint, rows, keys)
      : focus.side === "query"
        ? focusRow(selection, focus.indices, keys)
        : focusColumn(selection, focus.indices, queries);
    const uniform = selection.scope.baseline(focus?.side === "query" ? (focus.indices[0] ?? 0) : 0);
    let max = 0;
    for (const value of values) if (value > max) max = value;
    const what = !focus ? "mean" : focus.side === "key" ? "column" : focus.indices.length > 1 ? "rows" : "row";
    const graded = shading(scale, max, uniform > 0 ? max / uniform : 1);
    return { side, values, shading: graded, uniform, what };
  }, [selection, focus, rows, scale, arrived]);
}

export function ImagePicture({ view, width }: { view: View; width: number }) {
  const { queries, keys } = view.signals.axes.value;
  const ofQueries = useMemo(() => patchesOf(queries), [queries]);
  const ofKeys = useMemo(() => patchesOf(keys), [keys]);
  // Texts end here: nothing else is computed for them.
  return ofQueries || ofKeys ? <Sides view={view} width={width} ofQueries={ofQueries} ofKeys={ofKeys} /> : null;
}

interface Props {
  view: View;
  width: number;
  ofQueries: Patches | null;
  ofKeys: Patches | null;
}

function Sides({ view, width, ofQueries, ofKeys }: Props) {
  const { signals, store, data } = view;
  const bitmap = useBitmap(data.image.value);
  const shown = useShown(view);
  const palette = view.palette.value;
  const diverging = shown?.shading.diverging ?? false;
  const ramp = useMemo(() => legendRamp(palette, diverging), [palette, diverging]);
  const t = store.t.value;
  const sides = ofQueries && ofKeys ? 2 : 1;
  const wide = Math.min(WIDEST, (width - GAP * (sides - 1)) / sides);
  const focus = signals.focus.value;
  const several = { count: focus?.indices.length ?? signals.rows.value.length };
  return (
    <section class="image" aria-label={t("image.label")}>
      <div class="image-head">
        {shown && <Legend view={view} shading={shown.shading} ramp={ramp} />}
        <p class="muted">{shown && t(`image.${shown.what}`, several)}</p>
      </div>
      <div class="image-sides">
        {ofQueries && (
          <PatchSide view={view} side="query" patches={ofQueries} bitmap={bitmap} shown={shown} width={wide} />
        )}
        {ofKeys && <PatchSide view={view} side="key" patches={ofKeys} bitmap={bitmap} shown={shown} width={wide} />}
      </div>
    </section>
  );
}
