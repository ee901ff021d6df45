/** Paints the whole layer small, with a frame round the rows in view. */

import type { Overviews } from "../wire/overview";
import { css, type Palette, type Tints } from "./palette";

export interface MinimapFrame {
  width: number;
  height: number;
  /** Rows of the longer column: the height stands for these. */
  rows: number;
  queries: number;
  keys: number;
  /** Rows in view, end exclusive. */
  first: number;
  end: number;
}

export interface MinimapMarks {
  /** Queries in focus. */
  rows: readonly number[];
  /** Keys in focus. */
  keys: readonly number[];
  finds: Iterable<number>;
}

/** A frame of a few rows in thousands would not be seen, nor taken hold of. */
const LEAST_FRAME = 8;

/** Top and height of the frame in pixels. */
export function frameSpan(frame: Pick<MinimapFrame, "height" | "rows" | "first" | "end">): [top: number, tall: number] {
  const { height, rows, first, end } = frame;
  const tall = Math.min(height, Math.max(LEAST_FRAME, ((end - first) / Math.max(1, rows)) * height));
  const middle = ((first + end) / 2 / Math.max(1, rows)) * height;
  return [Math.max(0, Math.min(height - tall, middle - tall / 2)), tall];
}

/** The row that a height stands for. */
export function rowAt({ height, rows }: Pick<MinimapFrame, "height" | "rows">, y: number): number {
  const share = Math.max(0, Math.min(1, y / Math.max(1, height)));
  return Math.max(0, Math.min(rows - 1, Math.floor(share * rows)));
}

/** The pictures of some heads as one: the largest of each cell, as each picture is itself the largest of its bins. */
export function pooled(overviews: Overviews, heads: readonly number[]): Uint8Array {
  const [oq, ok] = overviews.size;
  const levels = new Uint8Array(oq * ok);
  for (const head of heads) {
    const one = overviews.head(head);
    for (let i = 0; i < levels.length; i++)
      if ((one[i] as number) > (levels[i] as number)) levels[i] = one[i] as number;
  }
  return levels;
}

export function overviewImage(overviews: Overviews, heads: readonly number[], tints: Tints, keys: number): ImageData {
  const [oq, ok] = overviews.size;
  const levels = pooled(overviews, heads);
  const image = new ImageData(Math.max(1, ok), Math.max(1, oq));
  for (let i = 0; i < levels.length; i++) {
    // A bin of one key has that key's colour; of several it would be a guess.
    const ramp = tints.ramps[keys === ok ? (tints.keyRamps[i % ok] ?? 0) : 0] ?? tints.ramps[0];
    const step = (levels[i] as number) * 4;
    if (ramp) image.data.set(ramp.subarray(step, step + 4), i * 4);
  }
  return image;
}

export function paintMinimap(
  context: CanvasRenderingContext2D,
  picture: CanvasImageSource | null,
  frame: MinimapFrame,
  marks: MinimapMarks,
  palette: Palette,
): void {
  const { width, height, rows, queries, keys } = frame;
  const y = (row: number) => ((row + 0.5) / Math.max(1, rows)) * height;
  const x = (key: number) => ((key + 0.5) / Math.max(1, keys)) * width;
  context.imageSmoothingEnabled = false;
  if (picture) context.drawImage(picture, 0, 0, width, (queries / Math.max(1, rows)) * height);
  const [top, tall] = frameSpan(frame);
  // What is out of view steps back, the frame stays clear.
  context.fillStyle = css(palette.paper, 0.4);
  context.fillRect(0, 0, width, top);
  context.fillRect(0, top + tall, width, height - top - tall);
  context.fillStyle = css(palette.query);
  for (const row of marks.rows) context.fillRect(0, Math.round(y(row)) - 1, width, 2);
  context.fillStyle = css(palette.ink, 0.85);
  for (const key of marks.keys) context.fillRect(Math.round(x(key)) - 1, 0, 2, height);
  context.fillStyle = css(palette.find);
  for (const row of marks.finds) context.fillRect(width - 7, Math.round(y(row)) - 1, 7, 2);
  context.strokeStyle = css(palette.ink);
  context.lineWidth = 1.5;
  context.strokeRect(0.75, top + 0.75, width - 1.5, Math.max(1, tall - 1.5));
}
