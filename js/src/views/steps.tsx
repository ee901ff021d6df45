/** Steps: how one row of weights comes about. */

import type { View } from "../view";

export function Steps({ view, width }: { view: View; width: number }) {
  return (
    <div class="steps" style={{ width: `${width}px` }}>
      {view.store.t.value("mode.steps")}
    </div>
  );
}
