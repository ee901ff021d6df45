/** The rest of the menu: saving. */

import type { View } from "../view";
import { Brought } from "./brought";

export function MenuExtras({ view }: { view: View }) {
  return <Brought view={view}>{({ Save }) => <Save view={view} />}</Brought>;
}
