/** Paints heads' overviews as small heat maps. */

import type { Scale } from "../types";
import type { Overviews } from "../wire/overview";
import { type Shading, shading } from "./matrix";
import type { Tints } from "./palette";

/** `uniforms`: the even share of each row of a picture, the largest of its queries'; only "relative" asks for it. */
export function thumbShading(scale: Scale, uniforms: readonly number[] = []): Shading {
  return shading(scale, 1, 1 / Math.min(1, ...uniforms));
}

/** The ramp step of each of the 256 levels: by row of an overview, or the same ones for all where nothing is uniform. */
function steps(overviews: Overviews, scale: Scale, uniforms: readonly number[] = []): Uint8Array {
  const { level } = thumbShading(scale, uniforms);
  const place = (at: number, row: number) => level(overviews.level(at), uniforms[row] ?? 1);
  const rows = uniforms.length > 0 ? overviews.size[0] : 1;
  return Uint8Array.from({ length: 256 * rows }, (_, i) => Math.round(place(i % 256, i >> 8) * 255));
}

/** A colour in one number, as pixels are copied. */
function whole({ buffer, byteOffset, byteLength }: Uint8ClampedArray): Uint32Array {
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

/** Which ramp each column of an overview uses: the highest of its keys'. */
function columnRamps(width: number, keyRamps: Uint8Array): Uint8Array {
  const keys = keyRamps.length;
  return Uint8Array.from({ length: width }, (_, column) => {
    let which = 0;
    const end = Math.max(Math.floor(((column + 1) * keys) / width), Math.floor((column * keys) / width) + 1);
    for (let key = Math.floor((column * keys) / width); key < end; key++) which = Math.max(which, keyRamps[key] ?? 0);
    return which;
  });
}

/** Writes one head's picture into `image` at (left, top), one pixel for each cell. */
function put(
  image: ImageData,
  left: number,
  top: number,
  overviews: Overviews,
  head: number,
  ramps: readonly (Uint32Array | undefined)[],
  shades: Uint8Array,
): void {
  const [height, width] = overviews.size;
  const levels = overviews.head(head);
  const pixels = whole(image.data);
  for (let row = 0; row < height; row++) {
    const shade = shades.length > 256 ? row * 256 : 0;
    const from = (top + row) * image.width + left;
    for (let column = 0; column < width; column++) {
      const at = shades[shade + (levels[row * width + column] as number)] as number;
      pixels[from + column] = ramps[column]?.[at] ?? 0;
    }
  }
}

/** The ramp of each column. */
function rampsOf(columns: Uint8Array, ramps: readonly Uint8ClampedArray[]): (Uint32Array | undefined)[] {
  const wholes = ramps.map(whole);
  return Array.from(columns, (which) => wholes[which] ?? wholes[0]);
}

/** Pictures of `count` heads from `first` on, side by side, one pixel for each cell. */
export function thumbRow(
  overviews: Overviews,
  first: number,
  count: number,
  { ramps, keyRamps }: Tints,
): HTMLCanvasElement {
  const [height, width] = overviews.size;
  const image = new ImageData(Math.max(1, width) * count, Math.max(1, height));
  const columns = rampsOf(columnRamps(width, keyRamps), ramps);
  const shades = steps(overviews, "sqrt");
  for (let at = 0; at < count; at++) put(image, at * Math.max(1, width), 0, overviews, first + at, columns, shades);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas;
}

/** Pictures of many heads on one surface, so that a thousand are painted from one source. */
export interface Sheet {
  surface: OffscreenCanvas;
  size: readonly [height: number, width: number];
  /** Pictures side by side. */
  across: number;
}

const ACROSS = 32;

/** The pictures of some overviews. The heads in `firstKey` have their sink on the first key: `ramps[3]` shows it. */
export function thumbSheet(
  overviews: Overviews,
  { ramps, keyRamps }: Tints,
  scale: Scale,
  firstKey: ReadonlySet<number>,
  uniforms: readonly number[] = [],
): Sheet {
  const [height, width] = [Math.max(1, overviews.size[0]), Math.max(1, overviews.size[1])];
  const across = Math.min(ACROSS, Math.max(1, overviews.heads));
  const image = new ImageData(across * width, Math.max(1, Math.ceil(overviews.heads / across)) * height);
  const plain = columnRamps(overviews.size[1], keyRamps);
  const sunk = plain.slice();
  if (sunk.length > 0) sunk[0] = 3;
  const [asRamps, asSunk] = [plain, sunk].map((which) => rampsOf(which, ramps));
  const shades = steps(overviews, scale, uniforms);
  for (let head = 0; head < overviews.heads; head++) {
    const columns = (firstKey.has(head) ? asSunk : asRamps) ?? [];
    put(image, (head % across) * width, Math.floor(head / across) * height, overviews, head, columns, shades);
  }
  const surface = new OffscreenCanvas(image.width, image.height);
  surface.getContext("2d")?.putImageData(image, 0, 0);
  return { surface, size: [height, width], across };
}
