/** Profile: where each layer's attention goes. */

import type { View } from "../view";

export function Profile({ view, width }: { view: View; width: number }) {
  return (
    <div class="profile" style={{ width: `${width}px` }}>
      {view.store.t.value("mode.profile")}
    </div>
  );
}
