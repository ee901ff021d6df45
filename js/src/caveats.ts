/** What a reader has to keep in mind, and when: the help lists all, the page says each where it applies. */

import type { StringKey } from "./strings";
import type { View } from "./view";

export interface Caveat {
  key: StringKey;
  /** Whether it is about what is shown now. */
  applies(view: View): boolean;
  /** Said by the side panel beside lines and matrix, so not again under them. */
  beside?: true;
  /** Said within the pictures that it is about. */
  within?: true;
}

const always = () => true;

export const CAVEATS: readonly Caveat[] = [
  { key: "caveat", applies: always, beside: true },
  {
    key: "caveat.mean",
    applies: ({ signals }) => {
      const shown = signals.heads.value;
      return "heads" in shown && shown.heads.length > 1;
    },
    beside: true,
  },
  { key: "caveat.written", applies: ({ signals }) => signals.measure.value === "contribution", beside: true },
  { key: "caveat.max", applies: ({ store }) => store.synced.aggregate.value === "max", beside: true },
  { key: "caveat.rollout", applies: ({ store }) => store.synced.aggregate.value === "rollout", beside: true },
  { key: "caveat.sinks", applies: ({ store }) => store.synced.highlight.value === "special" },
  { key: "caveat.left_out", applies: ({ store }) => store.synced.sinks.value === "leave_out" },
  { key: "caveat.renormalise", applies: ({ store }) => store.synced.sinks.value === "renormalise" },
  {
    key: "caveat.relative",
    applies: ({ store }) => /matrix|heads/.test(store.synced.mode.value) && store.synced.scale.value === "relative",
  },
  { key: "caveat.words", applies: ({ store }) => store.synced.unit.value === "words" },
  { key: "caveat.text", applies: () => false, within: true },
];

const OF_BOTH: ReadonlySet<StringKey> = new Set(["caveat.written", "caveat.max", "caveat.renormalise", "caveat.words"]);

/** Of a comparison; of the other caveats most are about one side. */
export const OF_COMPARISON: readonly Caveat[] = [
  { key: "caveat.compare", applies: always },
  { key: "caveat.compare.layers", applies: ({ store }) => typeof store.synced.comparison.value.layer === "number" },
  { key: "caveat.compare.plain", applies: always },
  { key: "caveat.compare.digits", applies: always },
];

const OF_WEIGHTS: ReadonlySet<string> = new Set(["lines", "matrix"]);
/** Modes that `AttnView.compare` shows as differences. */
export const COMPARED_MODES: ReadonlySet<string> = new Set(["lines", "matrix", "heads"]);

/** What is to be said under the picture. */
export function caveatsHere(view: View): StringKey[] {
  const mode = view.store.synced.mode.value;
  if (view.data.compared.value && COMPARED_MODES.has(mode)) {
    const both = mode === "heads" ? [] : CAVEATS.filter(({ key }) => OF_BOTH.has(key));
    return [...OF_COMPARISON, ...both].filter(({ applies }) => applies(view)).map(({ key }) => key);
  }
  const beside = OF_WEIGHTS.has(mode);
  return CAVEATS.filter((one) => one.applies(view) && (beside ? !one.beside : one.key !== "caveat.mean")).map(
    ({ key }) => key,
  );
}
