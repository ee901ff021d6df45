/** The rest of the menu: saving, help. Each part brings its own items. */

import { Save } from "../saving/menu";
import type { View } from "../view";

/** Parts in the order shown; a part that has nothing to offer renders nothing. */
const PARTS: readonly ((props: { view: View }) => preact.JSX.Element | null)[] = [Save];

export function MenuExtras({ view }: { view: View }) {
  return (
    <>
      {PARTS.map((Part, index) => (
        <Part key={index} view={view} />
      ))}
    </>
  );
}
