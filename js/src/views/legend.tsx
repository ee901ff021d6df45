/** The colour scale with its numbers. */

import { css } from "../paint/palette";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";

export function Legend({ view, max }: { view: View; max: number }) {
  const [ramp] = view.tints.value.ramps;
  const stops = [0, 0.25, 0.5, 0.75, 1].map((at) => {
    const step = Math.round(at * 255) * 4;
    return css([ramp?.[step] ?? 0, ramp?.[step + 1] ?? 0, ramp?.[step + 2] ?? 0]);
  });
  return (
    <div class="legend">
      <span class="muted">{view.store.t.value("legend")}</span>
      <div class="legend-scale">
        <div class="legend-bar" style={{ background: `linear-gradient(to right, ${stops.join(", ")})` }} />
        {[0, 0.5, 1].map((at) => (
          <span key={at} class="legend-tick" style={{ left: `${at * 100}%` }}>
            {formatWeight(at * at * max)}
          </span>
        ))}
      </div>
    </div>
  );
}
