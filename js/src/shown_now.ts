/** What Trace and Steps show now, for those who save it. */

import type { HeadParts, Listed, Steps } from "./steps";
import type { Trace } from "./trace";
import type { View } from "./view";

export const tracesShown = new WeakMap<View, Trace>();

export interface StepsShown {
  parts: HeadParts;
  row: Steps;
  list: Listed;
}

export const stepsShown = new WeakMap<View, StepsShown>();
