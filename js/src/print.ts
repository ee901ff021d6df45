/** On paper a view is light and as wide as a sheet, and drawn before the browser takes it down. */

import { options } from "preact";

/** CSS pixels between the margins of an upright A4 or Letter sheet; theme.css says the same. Less paper, smaller print. */
export const SHEET = 700;

/** Preact draws a moment later and its effects a frame after that, which for paper is too late. */
function atOnce(change: () => void): void {
  const { debounceRendering, requestAnimationFrame } = options;
  const now = (call: () => void) => call();
  Object.assign(options, { debounceRendering: now, requestAnimationFrame: now });
  try {
    change();
  } finally {
    Object.assign(options, { debounceRendering, requestAnimationFrame });
  }
}

export function watchPrint(signal: AbortSignal, onChange: (printing: boolean) => void): void {
  const listen = (event: string, printing: boolean) =>
    addEventListener(event, () => atOnce(() => onChange(printing)), { signal });
  listen("beforeprint", true);
  listen("afterprint", false);
  // Of the two only this is told where a page is looked at as on paper.
  const paper = matchMedia("print");
  paper.addEventListener("change", () => atOnce(() => onChange(paper.matches)), { signal });
}
