/** Trace: one pair of tokens over all layers and heads. */

import type { View } from "../view";

export function Trace({ view, width }: { view: View; width: number }) {
  return (
    <div class="trace" style={{ width: `${width}px` }}>
      {view.store.t.value("mode.trace")}
    </div>
  );
}
