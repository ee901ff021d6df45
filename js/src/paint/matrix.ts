/** Paints a query × key heat map; below one pixel a cell, the largest weight of each pixel is shown. */

import type { Series } from "../scene";

export interface MatrixImage {
  image: ImageData;
  /** Cells that one pixel of the image stands for. */
  step: number;
}

/** √ keeps weights of a few hundredths visible; the legend shows the numbers. */
export function shade(weight: number, max: number): number {
  return max > 0 ? Math.min(255, Math.round(Math.sqrt(weight / max) * 255)) : 0;
}

export function matrixImage(
  series: Series,
  queries: number,
  keys: number,
  max: number,
  ramps: readonly Uint8ClampedArray[],
  keyRamps: Uint8Array,
  rowFade: (query: number) => boolean,
  maxPixels: number,
): MatrixImage {
  const step = Math.max(1, Math.ceil(Math.max(queries, keys) / maxPixels));
  const [width, height] = [Math.ceil(keys / step), Math.ceil(queries / step)];
  const image = new ImageData(width, height);
  const pooled = new Float32Array(width);
  const rampOf = new Uint8Array(width);
  for (let key = 0; key < keys; key++) {
    const at = Math.floor(key / step);
    rampOf[at] = Math.max(rampOf[at] ?? 0, keyRamps[key] ?? 0);
  }
  let row: Float32Array | undefined;
  for (let top = 0; top < height; top++) {
    pooled.fill(0);
    let faded = true;
    for (let query = top * step; query < Math.min(queries, (top + 1) * step); query++) {
      row = series.row(query, row);
      faded = faded && rowFade(query);
      for (let key = 0; key < keys; key++) {
        const at = step === 1 ? key : Math.floor(key / step);
        pooled[at] = Math.max(pooled[at] ?? 0, row[key] ?? 0);
      }
    }
    for (let at = 0; at < width; at++) {
      const ramp = ramps[rampOf[at] ?? 0] ?? ramps[0];
      const level = shade(pooled[at] ?? 0, max) * 4;
      const pixel = (top * width + at) * 4;
      for (let channel = 0; channel < 4; channel++) image.data[pixel + channel] = ramp?.[level + channel] ?? 0;
      if (faded) image.data[pixel + 3] = 70;
    }
  }
  return { image, step };
}

/** Largest weight of a series, for the top of the scale. */
export function largest(series: Series, queries: number): number {
  let max = 0;
  let row: Float32Array | undefined;
  for (let query = 0; query < queries; query++) {
    row = series.row(query, row);
    for (const weight of row) if (weight > max) max = weight;
  }
  return max;
}

export function drawMatrix(
  context: CanvasRenderingContext2D,
  picture: MatrixImage,
  width: number,
  height: number,
): void {
  const buffer = new OffscreenCanvas(picture.image.width, picture.image.height);
  buffer.getContext("2d")?.putImageData(picture.image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(buffer, 0, 0, width, height);
}
