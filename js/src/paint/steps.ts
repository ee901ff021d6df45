/** Paints vectors as strips of cells, red below zero and blue above, white at zero. */

import { css, mix, type Palette, type Rgb } from "./palette";

/** Ends of the scale: told apart with any colour vision, on light and on dark paper. */
const ENDS: Record<"light" | "dark", readonly [Rgb, Rgb]> = {
  light: [
    [190, 28, 45],
    [26, 98, 178],
  ],
  dark: [
    [255, 112, 102],
    [92, 168, 255],
  ],
};

export interface Scale {
  /** The number whose colour is full; −end is at the other side. */
  end: number;
  dark: boolean;
  paper: Rgb;
}

export function scaleOf(end: number, palette: Palette, dark: boolean): Scale {
  return { end, dark, paper: palette.paper };
}

export function diverging(value: number, { end, dark, paper }: Scale): string {
  const share = Math.max(-1, Math.min(1, end > 0 ? value / end : 0));
  const [low, high] = ENDS[dark ? "dark" : "light"];
  return css(mix(paper, share < 0 ? low : high, Math.abs(share)));
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Left edge of a cell, on whole pixels of the screen so that no seams show. */
function edge(index: number, count: number, box: Box, ratio: number): number {
  return Math.round((box.x + (index * box.width) / count) * ratio) / ratio;
}

export function paintStrip(
  context: CanvasRenderingContext2D,
  values: ArrayLike<number>,
  box: Box,
  scale: Scale,
  outline: string,
): void {
  const ratio = context.getTransform().a || 1;
  const count = values.length;
  for (let index = 0; index < count; index++) {
    const from = edge(index, count, box, ratio);
    context.fillStyle = diverging(values[index] as number, scale);
    context.fillRect(from, box.y, edge(index + 1, count, box, ratio) - from, box.height);
  }
  context.strokeStyle = outline;
  context.lineWidth = 1;
  context.strokeRect(box.x - 0.5, box.y - 0.5, box.width + 1, box.height + 1);
}

/** A frame around one dimension of all strips of a column. */
export function paintMark(
  context: CanvasRenderingContext2D,
  index: number,
  count: number,
  box: Box,
  colour: string,
): void {
  const ratio = context.getTransform().a || 1;
  const from = edge(index, count, box, ratio);
  const wide = Math.max(3, edge(index + 1, count, box, ratio) - from);
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.strokeRect(from - 0.75, box.y - 2, wide + 1.5, box.height + 4);
}
