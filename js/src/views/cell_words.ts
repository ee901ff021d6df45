/** One cell in words: what it weighs, and what is written through it. */

import { type Axes, cellNumbers, type Selection } from "../picture";
import type { Translate } from "../strings";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";
import type { Directions } from "./lines_focus";

/** "3.1 %": shares of what is written, finer than whole percents where they are small. */
export function percentText(share: number): string {
  if (Number.isNaN(share)) return "…";
  const percent = share * 100;
  return `${percent >= 9.95 || percent === 0 ? percent.toFixed(0) : percent.toFixed(1)} %`;
}

export function weightText(weight: number): string {
  return Number.isNaN(weight) ? "…" : formatWeight(weight);
}

/** "3.1 % of what is written"; nothing where norms are not known. */
export function writtenWords(selection: Selection, written: number | undefined, t: Translate): string {
  if (written === undefined) return "";
  return t(selection.normsOf === "value" ? "matrix.valued" : "matrix.written", { percent: percentText(written) });
}

/** "dog → [CLS]: weight 0.49, 3 % of what is written", whatever is left out of the picture. */
export function cellSentence(selection: Selection, axes: Axes, query: number, key: number, t: Translate): string {
  const { weight, written } = cellNumbers(selection, query, key);
  const ends = { from: axes.queries[query]?.text ?? "", to: axes.keys[key]?.text ?? "" };
  const said = writtenWords(selection, written, t);
  return t(said ? "cell.both" : "cell.weight", { ...ends, weight: weightText(weight), written: said });
}

/** The number beside a token of Lines says of what it is once it is pointed at; not before, for there are hundreds. */
export function titleNumber(view: View, { out, into }: Directions, under: HTMLElement): void {
  const number = under.closest<HTMLElement>(".token-value");
  const selection = view.signals.selection.value;
  // Where a title says that a number is left out, or a part, it stays; with other numbers it goes.
  if (!selection || !number?.textContent || number.title) return;
  const index = Number(number.closest<HTMLElement>("[data-index]")?.dataset.index);
  const ofKey = number.closest(".tokens-key") !== null;
  const [other, ...more] = ofKey ? out : into;
  if (other === undefined || more.length > 0) return;
  const [query, key] = ofKey ? [other, index] : [index, other];
  number.title = cellSentence(selection, view.signals.axes.value, query, key, view.store.t.value);
}
