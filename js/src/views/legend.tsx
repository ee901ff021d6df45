/** The colour scale with its numbers. */

import { css, type Rgb } from "../paint/palette";
import type { StringKey, Translate } from "../strings";
import type { Scale } from "../types";
import type { View } from "../view";

/** What a legend shows of a scale; the `Shading` of a matrix has it. */
export interface Graded {
  scale: Scale;
  ticks: readonly { at: number; text: string }[];
}

/** What the numbers are: weights, the largest of them, a rollout, or shares of what is written. */
export function valueName(view: View): string {
  const t = view.store.t.value;
  const selection = view.signals.selection.value;
  const look = selection?.scope.look;
  if (look?.aggregate === "rollout") return t("what.rollout");
  if (look?.measure === "contribution") return t(selection?.normsOf === "value" ? "what.value" : "what.written");
  return t(look?.aggregate === "max" && (selection?.heads.length ?? 0) > 1 ? "what.max" : "what.weight");
}

function scaleName(scale: Scale, causal: boolean, what: string, t: Translate): string {
  const key: StringKey = scale === "relative" && causal ? "legend.relative.causal" : `legend.${scale}`;
  return t(key, { what });
}

interface Props {
  view: View;
  shading: Graded;
  /** 256 colours of the scale; those of ink where not given. */
  ramp?: Uint8ClampedArray;
}

/** Enough for a scale that bends. */
const STOPS = 9;

export function Legend({ view, shading, ramp = view.tints.value.ramps[0] }: Props) {
  const { store, signals } = view;
  const colour = (share: number): Rgb => {
    const step = Math.round(share * 255) * 4;
    return [ramp?.[step] ?? 0, ramp?.[step + 1] ?? 0, ramp?.[step + 2] ?? 0];
  };
  const stops = Array.from({ length: STOPS }, (_, i) => css(colour(i / (STOPS - 1))));
  const causal = signals.selection.value?.scope.look.causal ?? false;
  return (
    <div class="legend">
      <span class="muted">{scaleName(shading.scale, causal, valueName(view), store.t.value)}</span>
      <div class="legend-scale">
        <div class="legend-bar" style={{ background: `linear-gradient(to right, ${stops.join(", ")})` }} />
        {shading.ticks.map(({ at, text }) => (
          <span key={at} class="legend-tick" style={{ left: `${at * 100}%` }}>
            {text}
          </span>
        ))}
      </div>
    </div>
  );
}
