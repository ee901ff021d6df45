/** Weights on the picture that a model looked at, patch by patch. */

import type { Shading } from "./matrix";
import { css, mix, type Palette, type Rgb } from "./palette";

/** Patches of a picture: for each place (row by row) the unit that it is, or -1. */
export interface Patches {
  rows: number;
  columns: number;
  units: Int32Array;
  /** Units that are no patch. */
  others: number[];
}

interface Placed {
  place?: readonly [row: number, column: number];
}

export function patchesOf(tokens: readonly Placed[]): Patches | null {
  let [rows, columns] = [0, 0];
  for (const { place } of tokens) {
    if (!place) continue;
    rows = Math.max(rows, place[0] + 1);
    columns = Math.max(columns, place[1] + 1);
  }
  if (rows === 0) return null;
  const units = new Int32Array(rows * columns).fill(-1);
  const others: number[] = [];
  tokens.forEach(({ place }, unit) => {
    if (place) units[place[0] * columns + place[1]] = unit;
    else others.push(unit);
  });
  return { rows, columns, units, others };
}

/** Colour of a patch, and how much of the picture under it it covers. */
export function patchColour(level: number, diverging: boolean, palette: Palette): [colour: Rgb, alpha: number] {
  const [less = palette.ink, more = palette.ink] = palette.heads;
  if (!diverging) return [more, 0.8 * level];
  return [level < 0.5 ? less : more, 0.8 * Math.abs(2 * level - 1)];
}

export interface Overlay {
  /** Of each unit; NaN where it is not held. */
  values: ArrayLike<number>;
  shading: Shading;
  /** The weight that each unit would have had alike. */
  uniform: number;
}

export function paintPicture(
  context: CanvasRenderingContext2D,
  size: readonly [width: number, height: number],
  picture: ImageBitmap | null,
  patches: Patches,
  overlay: Overlay | null,
  palette: Palette,
): void {
  const [width, height] = size;
  const [w, h] = [width / patches.columns, height / patches.rows];
  if (picture) {
    // Weights are colours: under them the picture has none of its own.
    context.filter = overlay ? "grayscale(1)" : "none";
    context.imageSmoothingEnabled = picture.width > width / 2;
    context.drawImage(picture, 0, 0, width, height);
    context.filter = "none";
    if (overlay) {
      context.fillStyle = css(palette.paper, 0.4);
      context.fillRect(0, 0, width, height);
    }
  } else {
    context.fillStyle = css(mix(palette.paper, palette.ink, 0.06));
    context.fillRect(0, 0, width, height);
  }
  if (overlay) {
    patches.units.forEach((unit, at) => {
      const value = unit < 0 ? Number.NaN : (overlay.values[unit] ?? Number.NaN);
      if (Number.isNaN(value)) return;
      const level = overlay.shading.level(value, overlay.uniform);
      context.fillStyle = css(...patchColour(level, overlay.shading.diverging, palette));
      const [row, column] = [Math.floor(at / patches.columns), at % patches.columns];
      // Whole pixels: two neighbours would else shine through each other's edge.
      const [x, y] = [Math.round(column * w), Math.round(row * h)];
      context.fillRect(x, y, Math.round((column + 1) * w) - x, Math.round((row + 1) * h) - y);
    });
  }
  if (w < 7) return;
  context.strokeStyle = css(palette.paper, overlay || !picture ? 0.5 : 0.28);
  context.lineWidth = 1;
  context.beginPath();
  for (let column = 1; column < patches.columns; column++) {
    context.moveTo(Math.round(column * w) + 0.5, 0);
    context.lineTo(Math.round(column * w) + 0.5, height);
  }
  for (let row = 1; row < patches.rows; row++) {
    context.moveTo(0, Math.round(row * h) + 0.5);
    context.lineTo(width, Math.round(row * h) + 0.5);
  }
  context.stroke();
}

/** A frame round patches, readable on any picture: the colour of the query on a rim of paper. */
export function paintFrames(
  context: CanvasRenderingContext2D,
  size: readonly [width: number, height: number],
  patches: Patches,
  units: readonly number[],
  palette: Palette,
  thin = false,
): void {
  const [w, h] = [size[0] / patches.columns, size[1] / patches.rows];
  const wanted = new Set(units);
  patches.units.forEach((unit, at) => {
    if (!wanted.has(unit)) return;
    const [x, y] = [(at % patches.columns) * w, Math.floor(at / patches.columns) * h];
    for (const [line, colour] of [
      [thin ? 3 : 4.5, palette.paper],
      [thin ? 1.5 : 2.5, palette.query],
    ] as const) {
      context.lineWidth = line;
      context.strokeStyle = css(colour);
      context.strokeRect(x + 1, y + 1, w - 2, h - 2);
    }
  });
}
