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

/** What of a strip is the same whatever its values are: where cells are. Kept, since a hover paints it again. */
interface Kept {
  of: readonly unknown[];
  cells: HTMLCanvasElement;
  /** A pixel for each cell. */
  colours: HTMLCanvasElement;
}

const keptOf = new WeakMap<HTMLCanvasElement, Kept>();

function keep(
  canvas: HTMLCanvasElement,
  of: readonly unknown[],
  paint: (cells: CanvasRenderingContext2D) => void,
): Kept {
  const known = keptOf.get(canvas);
  if (known && of.every((part, at) => part === known.of[at])) return known;
  const make = () => document.createElement("canvas");
  const kept = known ?? { of, cells: make(), colours: make() };
  kept.of = of;
  [kept.cells.width, kept.cells.height] = [canvas.width, canvas.height];
  const cells = kept.cells.getContext("2d");
  if (cells) paint(cells);
  keptOf.set(canvas, kept);
  return kept;
}

/** A pixel for each cell of some rows: a thousand rectangles would take longer than all else that follows a pointer. */
function colourCells(strip: StripValues, [from, to]: readonly [number, number], look: StripLook): ImageData {
  const { heads, values, top } = strip;
  const { palette, colours, chosen } = look;
  const image = new ImageData(heads, to - from);
  const { data } = image;
  const empty = mix(palette.paper, palette.ink, 0.07);
  for (let head = 0; head < heads; head++) {
    const full = colours[head] ?? palette.ink;
    const dim = chosen.size > 0 && !chosen.has(head) ? 0.3 : 1;
    for (let at = from * heads + head, out = head * 4; at < to * heads; at += heads, out += heads * 4) {
      const strength = shade(values[at] as number, top) * dim;
      for (let channel = 0; channel < 3; channel++) {
        const paper = empty[channel] as number;
        data[out + channel] = paper + ((full[channel] as number) - paper) * strength;
      }
      data[out + 3] = 255;
    }
  }
  return image;
}

export function paintStrip(
  context: CanvasRenderingContext2D,
  strip: StripValues,
  frame: StripFrame,
  look: StripLook,
): void {
  const { cell, rowHeight, scroll, heads, height } = frame;
  const { palette, preview } = look;
  const rows = strip.values.length / Math.max(1, heads);
  const tall = Math.max(6, Math.min(16, rowHeight - 8));
  const wide = cell - 1;
  const yOf = (at: number) => Math.round((strip.first + at) * rowHeight - scroll + (rowHeight - tall) / 2);
  const seen: number[] = [];
  for (let at = 0; at < rows; at++) if (yOf(at) + tall >= 0 && yOf(at) <= height) seen.push(at);
  const [from, to] = [seen[0] ?? 0, (seen.at(-1) ?? -1) + 1];
  if (to <= from) return;
  const { canvas } = context;
  const ratio = context.getTransform().a;
  const places = [canvas.width, canvas.height, heads, cell, rowHeight, scroll, strip.first, rows];
  const { cells, colours } = keep(canvas, places, (fresh) => {
    fresh.setTransform(context.getTransform());
    for (const at of seen) for (let head = 0; head < heads; head++) fresh.fillRect(head * cell, yOf(at), wide, tall);
  });
  [colours.width, colours.height] = [heads, to - from];
  colours.getContext("2d")?.putImageData(colourCells(strip, [from, to], look), 0, 0);
  context.drawImage(cells, 0, 0, canvas.width / ratio, canvas.height / ratio);
  context.globalCompositeOperation = "source-in";
  context.imageSmoothingEnabled = false;
  // Half a gap to the left: a colour changes between two cells.
  context.drawImage(colours, -0.5, (strip.first + from) * rowHeight - scroll, heads * cell, (to - from) * rowHeight);
  context.globalCompositeOperation = "source-over";
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
    context.strokeRect(preview * cell - 0.5, 0.5, cell, Math.min(height, rows * rowHeight) - 1);
  }
}
