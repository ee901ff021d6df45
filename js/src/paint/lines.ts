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
}

function colour(strokes: Strokes, index: number, look: LinesLook): Rgb {
  const { palette } = look;
  if (look.highlight === "query" && look.chosenQueries.has(strokes.query[index] ?? -1)) return palette.query;
  if (look.highlight === "special") return kindColour(palette, look.keys[strokes.key[index] ?? -1]?.kind);
  const series = strokes.series[index] ?? 0;
  return look.perHead ? (palette.heads[series % palette.heads.length] ?? palette.ink) : palette.ink;
}

/** Strokes of tokens outside the frame are skipped; heavier ones are painted last, on top. */
export function paintStrokes(
  context: CanvasRenderingContext2D,
  strokes: Strokes,
  frame: LinesFrame,
  look: LinesLook,
  fade: number,
): void {
  const { width, height, rowHeight, scroll } = frame;
  const order = Array.from({ length: strokes.count }, (_, index) => index);
  order.sort((a, b) => (strokes.weight[a] ?? 0) - (strokes.weight[b] ?? 0));
  const crowd = Math.min(1, Math.sqrt(600 / Math.max(1, strokes.count)));
  context.lineCap = "butt";
  const seen = (y: number) => y >= 0 && y <= height;
  for (const index of order) {
    const weight = strokes.weight[index] ?? 0;
    const from = ((strokes.query[index] ?? 0) + 0.5) * rowHeight - scroll;
    const to = ((strokes.key[index] ?? 0) + 0.5) * rowHeight - scroll;
    // A curve that merely passes by tells nothing here: it is seen where one of its tokens is.
    if (!seen(from) && !seen(to)) continue;
    const strength = Math.sqrt(weight);
    const thin = Math.max(0.55, rowHeight / 24);
    context.lineWidth = (0.6 + 3.6 * weight) * Math.min(1, thin);
    context.strokeStyle = css(
      colour(strokes, index, look),
      Math.min(1, (0.06 + 0.86 * strength) * fade * (0.45 + 0.55 * crowd)),
    );
    context.beginPath();
    context.moveTo(0, from);
    context.bezierCurveTo(width * 0.42, from, width * 0.58, to, width, to);
    context.stroke();
  }
}
