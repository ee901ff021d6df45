/** Colours of the canvas, read from the stylesheet so that both follow one theme. */

import type { Kind } from "../scene";
import type { Token } from "../types";

type Rgb = readonly [number, number, number];

export interface Palette {
  paper: Rgb;
  ink: Rgb;
  cls: Rgb;
  sep: Rgb;
  query: Rgb;
  /** Finds of the search. */
  find: Rgb;
  heads: readonly Rgb[];
}

const HEX = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i;

/** An element that is not in a document yet has no style; nobody sees that grey, and it is read again on arrival. */
const UNSEEN: Rgb = [128, 128, 128];

function rgb(style: CSSStyleDeclaration, name: string): Rgb {
  const match = HEX.exec(style.getPropertyValue(name).trim());
  if (!match) return UNSEEN;
  const [red = 0, green = 0, blue = 0] = match.slice(1).map((part) => Number.parseInt(part, 16));
  return [red, green, blue];
}

export function readPalette(element: Element): Palette {
  const style = getComputedStyle(element);
  return {
    paper: rgb(style, "--paper"),
    ink: rgb(style, "--stroke-ink"),
    cls: rgb(style, "--stroke-cls"),
    sep: rgb(style, "--stroke-sep"),
    query: rgb(style, "--stroke-query"),
    find: rgb(style, "--find-edge"),
    heads: [0, 1, 2, 3, 4, 5].map((index) => rgb(style, `--head-${index}`)),
  };
}

export function css([red, green, blue]: Rgb, alpha = 1): string {
  return `rgba(${red},${green},${blue},${alpha})`;
}

/** Colour of a key under the special highlight: by its role, not by its text. */
export function kindColour(palette: Palette, kind: Kind | undefined): Rgb {
  return kind === "cls" ? palette.cls : kind === "sep" ? palette.sep : palette.ink;
}

export function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const at = (index: 0 | 1 | 2) => Math.round(from[index] + (to[index] - from[index]) * share);
  return [at(0), at(1), at(2)];
}

/** Ramps [ink, cls, sep] and which of them each key uses. */
export interface Tints {
  ramps: readonly Uint8ClampedArray[];
  keyRamps: Uint8Array;
}

/** 256 steps from paper to `to`; a share in [0, 1] picks the step. */
export function ramp(palette: Palette, to: Rgb): Uint8ClampedArray {
  const steps = new Uint8ClampedArray(256 * 4);
  for (let step = 0; step < 256; step++) {
    steps.set([...mix(palette.paper, to, step / 255), 255], step * 4);
  }
  return steps;
}

/** Which of the ramps [ink, cls, sep] each key uses. */
export function keyRamps(keys: readonly Token[], special: boolean): Uint8Array {
  return Uint8Array.from(keys, (token) => (special ? ["cls", "sep"].indexOf(token.kind) + 1 : 0));
}

export type { Rgb };
