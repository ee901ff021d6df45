/** Paints a layer × head map of one pair's weight; a ring marks cells far above the mean at the same distance. */

import { css, type Palette, type Rgb } from "./palette";

export interface MapFrame {
  /** Left of the first head, above the first layer. */
  left: number;
  top: number;
  cell: number;
  tall: number;
}

export interface MapCell {
  layer: number;
  head: number;
  weight: number;
  far: boolean;
  /** What is printed in it, where there is room. */
  text: string;
}

/** Step of a ramp: √ keeps weights of a few hundredths visible; the legend shows the numbers. */
function shade(weight: number, max: number): number {
  return max > 0 ? Math.min(255, Math.round(Math.sqrt(weight / max) * 255)) : 0;
}

/** From this width on numbers have all their digits. */
export const NUMBERED = 35;
/** And from this one on they are printed. */
export const SHORT = 24;

export function paintMap(
  context: CanvasRenderingContext2D,
  cells: readonly MapCell[],
  frame: MapFrame,
  max: number,
  ramp: Uint8ClampedArray,
  palette: Palette,
): void {
  const { left, top, cell, tall } = frame;
  const gap = cell > 12 ? 1 : cell > 6 ? 0.5 : 0;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `${cell >= NUMBERED ? 11 : 10}px system-ui, sans-serif`;
  for (const { layer, head, weight, far, text } of cells) {
    const [x, y] = [left + head * cell, top + layer * tall];
    const level = shade(Number.isNaN(weight) ? 0 : weight, max);
    const at = level * 4;
    context.fillStyle = `rgb(${ramp[at]},${ramp[at + 1]},${ramp[at + 2]})`;
    context.fillRect(x + gap, y + gap, cell - 2 * gap, tall - 2 * gap);
    if (far) ring(context, x, y, frame, palette);
    if (cell >= SHORT && text) {
      context.fillStyle = css(readable([ramp[at] ?? 0, ramp[at + 1] ?? 0, ramp[at + 2] ?? 0], palette));
      context.fillText(text, x + cell / 2, y + tall / 2 + 0.5);
    }
  }
}

/** Relative luminance, as WCAG defines it. */
function luminance(colour: Rgb): number {
  const [red = 0, green = 0, blue = 0] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Ink or paper, whichever stands out more. */
function readable(ground: Rgb, { ink, paper }: Palette): Rgb {
  const below = luminance(ground) + 0.05;
  const contrast = (colour: Rgb) => {
    const above = luminance(colour) + 0.05;
    return Math.max(above / below, below / above);
  };
  return contrast(ink) >= contrast(paper) ? ink : paper;
}

function ring(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  { cell, tall }: MapFrame,
  palette: Palette,
): void {
  context.strokeStyle = css(palette.query);
  context.fillStyle = css(palette.query);
  if (cell < 12) {
    context.beginPath();
    context.arc(x + cell / 2, y + tall / 2, Math.max(1.2, cell / 4), 0, 2 * Math.PI);
    context.fill();
    return;
  }
  context.lineWidth = 2;
  context.beginPath();
  context.roundRect(x + 1.5, y + 1.5, cell - 3, tall - 3, Math.min(cell, tall) / 4);
  context.stroke();
}

export function paintCursor(
  context: CanvasRenderingContext2D,
  at: { layer: number; head: number },
  { left, top, cell, tall }: MapFrame,
  palette: Palette,
): void {
  context.strokeStyle = css(palette.ink);
  context.lineWidth = 2;
  context.strokeRect(left + at.head * cell, top + at.layer * tall, cell, tall);
}
