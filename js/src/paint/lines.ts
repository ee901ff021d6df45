/** Paints strokes as curves from the query column to the key column. */

import type { Strokes } from "../scene";
import type { Token } from "../types";
import { css, kindColour, type Palette, type Rgb } from "./palette";

export interface LinesFrame {
  width: number;
  height: number;
  rowHeight: number;
  /** Pixels of the column scrolled past, so that a long text needs no tall canvas. */
  scroll: number;
}

export interface LinesLook {
  palette: Palette;
  keys: readonly Token[];
  perHead: boolean;
  highlight: "none" | "special" | "query";
  /** Strokes of chosen queries are drawn in their colour. */
  chosenQueries: ReadonlySet<number>;
  /** Of the token in focus: what it looks at, or what looks at it. */
  direction?: "out" | "in";
  /** Keys that are drawn faint. */
  dimmed?: (key: number) => boolean;
}

/** More than there are strokes; with the 30 bits of a weight below 2 before it still a whole number. */
const PLACES = 2 ** 23;

/** How strong strokes to dimmed keys are drawn. */
const DIM = 0.18;

function colour(strokes: Strokes, index: number, look: LinesLook): Rgb {
  const { palette, direction, highlight } = look;
  const plain = direction === "out" ? palette.query : palette.ink;
  if (highlight === "special") {
    const { kind } = look.keys[strokes.key[index] ?? -1] ?? {};
    return kind === "cls" || kind === "sep" ? kindColour(palette, kind) : plain;
  }
  if (highlight === "query" && look.chosenQueries.has(strokes.query[index] ?? -1)) return palette.query;
  if (look.perHead) return palette.heads[(strokes.series[index] ?? 0) % palette.heads.length] ?? palette.ink;
  return plain;
}

/** Order of painting: heavier strokes last, on top. */
export function byWeight({ weight, count }: Pick<Strokes, "weight" | "count">): Uint32Array {
  // Bits of positive floats ascend with their values: as one number, bits before index, they are sorted natively.
  const bits = new Uint32Array(weight.buffer, weight.byteOffset, count);
  const order = Float64Array.from(bits, (bit, index) => bit * PLACES + index).sort();
  return Uint32Array.from(order, (one) => one % PLACES);
}

/** A few strokes may be strong; thousands would make a blot. */
function crowding(count: number): number {
  return 0.45 + 0.55 * Math.min(1, Math.sqrt(600 / Math.max(1, count)));
}

/** Strokes of tokens outside the frame are skipped. */
export function paintStrokes(
  context: CanvasRenderingContext2D,
  strokes: Strokes,
  frame: LinesFrame,
  look: LinesLook,
  fade: number,
): void {
  const { width, height, rowHeight, scroll } = frame;
  const crowd = crowding(strokes.count);
  const thin = Math.min(1, Math.max(0.55, rowHeight / 24));
  context.lineCap = "butt";
  const seen = (y: number) => y >= 0 && y <= height;
  let last: Rgb | null = null;
  for (const index of byWeight(strokes)) {
    const from = ((strokes.query[index] ?? 0) + 0.5) * rowHeight - scroll;
    const to = ((strokes.key[index] ?? 0) + 0.5) * rowHeight - scroll;
    // A curve that merely passes by tells nothing here: it is seen where one of its tokens is.
    if (!seen(from) && !seen(to)) continue;
    const weight = Math.min(1, strokes.weight[index] ?? 0);
    context.lineWidth = (0.6 + 3.6 * weight) * thin;
    const dim = look.dimmed?.(strokes.key[index] ?? -1) ? DIM : 1;
    const alpha = Math.min(1, (0.06 + 0.86 * Math.sqrt(weight)) * fade * crowd * dim);
    const now = colour(strokes, index, look);
    // A colour is text to be read, an alpha of its own is a number.
    if (now !== last) context.strokeStyle = css(now);
    last = now;
    context.globalAlpha = alpha;
    context.beginPath();
    context.moveTo(0, from);
    context.bezierCurveTo(width * 0.42, from, width * 0.58, to, width, to);
    context.stroke();
  }
  context.globalAlpha = 1;
}
