/** On paper a view is light and as wide as a sheet, and drawn before the browser takes it down. */

import { options } from "preact";

/** CSS pixels that a view gets on paper, where theme.css makes of them what an upright A4 or Letter sheet has. */
export const SHEET = 900;

/** Of a canvas on paper: its pixels for each of the page's. */
export const FINE = 3;

/** Preact draws a moment later and its effects a frame after that, which for paper is too late. */
function atOnce(change: () => void): void {
  const later = { ...options };
  options.debounceRendering = options.requestAnimationFrame = (call) => call();
  try {
    change();
  } finally {
    Object.assign(options, { debounceRendering: undefined, requestAnimationFrame: undefined }, later);
  }
}

/**
 * Chromium puts a canvas that was drawn for the occasion on paper as the list of what was drawn, and in doing so loses
 * what lies around. One that is drawn upon itself goes as a picture.
 */
function settle(canvas: HTMLCanvasElement): void {
  const context = canvas.getContext("2d");
  if (!context || !canvas.width || !canvas.height) return;
  context.save();
  context.resetTransform();
  context.drawImage(canvas, 0, 0, 1, 1, 0, 0, 1, 1);
  context.restore();
}

/** `onChange` draws the view in `root` as on paper, or as on the screen again. */
export function watchPrint(root: HTMLElement, signal: AbortSignal, onChange: (printing: boolean) => void): void {
  const turn = (printing: boolean) => {
    root.toggleAttribute("data-paper", printing);
    atOnce(() => onChange(printing));
    if (printing) for (const canvas of root.querySelectorAll("canvas")) settle(canvas);
  };
  addEventListener("beforeprint", () => turn(true), { signal });
  addEventListener("afterprint", () => turn(false), { signal });
  // Only this is told where a page is looked at as on paper.
  const paper = matchMedia("print");
  paper.addEventListener("change", () => turn(paper.matches), { signal });
}
