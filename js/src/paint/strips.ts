/** Paints a strip of heads beside a column of tokens: one cell per head at each token. */

import { css, mix, type Palette, type Rgb } from "./palette";

export interface StripFrame {
  /** Heads, one a column. */
  heads: number;
  cell: number;
  height: number;
  rowHeight: number;
  scroll: number;
}

export interface StripLook {
  palette: Palette;
  /** Colour of each head; ink where not given. */
  colours: readonly (Rgb | undefined)[];
  /** Heads that are shown; all where empty. */
  chosen: ReadonlySet<number>;
  /** Head under the pointer. */
  preview: number | null;
}

/** Values [rows from `first`, heads]; NaN where the page does not hold one. */
export interface StripValues {
  first: number;
  heads: number;
  values: Float32Array;
  /** The value that is drawn darkest. */
  top: number;
}

/** How dark a value is drawn: a square root, as in the thumbnails, so that small ones stay apart from none. */
export function shade(value: number, top: number): number {
  return value > 0 && top > 0 ? Math.min(1, Math.sqrt(value / top)) : 0;
}

/** Width of a cell for the room there is; 0 where cells would be too narrow to tell apart. */
export function cellWidth(heads: number, room: number): number {
  const cell = Math.floor(Math.min(heads <= 4 ? 11 : heads <= 8 ? 8 : 6, room / heads));
  return cell >= 3 ? cell : 0;
}

/** Head and displayed token of a point in the strip, or null beside the cells. */
export function cellAt(
  frame: StripFrame,
  tokens: number,
  x: number,
  y: number,
): { head: number; index: number } | null {
  const head = Math.floor(x / frame.cell);
  const index = Math.floor((y + frame.scroll) / frame.rowHeight);
  return head >= 0 && head < frame.heads && index >= 0 && index < tokens ? { head, index } : null;
}

export function paintStrip(
  context: CanvasRenderingContext2D,
  strip: StripValues,
  frame: StripFrame,
  look: StripLook,
): void {
  const { cell, rowHeight, scroll, heads } = frame;
  const { palette, chosen, preview } = look;
  const tall = Math.max(6, Math.min(16, rowHeight - 8));
  const wide = cell - 1;
  const empty = css(mix(palette.paper, palette.ink, 0.07));
  const rows = strip.values.length / Math.max(1, heads);
  const yOf = (at: number) => Math.round((strip.first + at) * rowHeight - scroll + (rowHeight - tall) / 2);
  const seen: number[] = [];
  for (let at = 0; at < rows; at++) if (yOf(at) + tall >= 0 && yOf(at) <= frame.height) seen.push(at);
  // Head by head, and strength as alpha of all that is drawn: a new colour for every cell would take longer than the cell.
  context.fillStyle = empty;
  for (const at of seen) for (let head = 0; head < heads; head++) context.fillRect(head * cell, yOf(at), wide, tall);
  for (let head = 0; head < heads; head++) {
    const x = head * cell;
    const dim = chosen.size > 0 && !chosen.has(head) ? 0.3 : 1;
    context.fillStyle = css(look.colours[head] ?? palette.ink);
    for (const at of seen) {
      const value = strip.values[at * heads + head] ?? 0;
      const strength = shade(value, strip.top) * dim;
      if (!(strength >= 0.01)) continue;
      context.globalAlpha = strength;
      context.fillRect(x, yOf(at), wide, tall);
    }
  }
  // Not held: a dot, so that it is not taken for a zero.
  context.globalAlpha = 0.45;
  context.fillStyle = css(palette.ink);
  for (const at of seen) {
    for (let head = 0; head < heads; head++) {
      if (!Number.isNaN(strip.values[at * heads + head])) continue;
      context.fillRect(head * cell + wide / 2 - 0.5, yOf(at) + tall / 2 - 0.5, 1, 1);
    }
  }
  context.globalAlpha = 1;
  if (preview !== null && preview < heads) {
    context.strokeStyle = css(palette.ink, 0.8);
    context.lineWidth = 1;
    context.strokeRect(preview * cell - 0.5, 0.5, cell, Math.min(frame.height, rows * rowHeight) - 1);
  }
}
