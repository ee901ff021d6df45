/** Paints one head's overview as a small heat map. */

import type { Overviews } from "../wire/overview";

export function paintThumb(
  canvas: HTMLCanvasElement,
  overviews: Overviews,
  head: number,
  ramps: readonly Uint8ClampedArray[],
  keyRamps: Uint8Array,
): void {
  const [height, width] = overviews.size;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return;
  const levels = overviews.head(head);
  const image = context.createImageData(width, height);
  const keys = keyRamps.length;
  for (let column = 0; column < width; column++) {
    let which = 0;
    const end = Math.max(Math.floor(((column + 1) * keys) / width), Math.floor((column * keys) / width) + 1);
    for (let key = Math.floor((column * keys) / width); key < end; key++) which = Math.max(which, keyRamps[key] ?? 0);
    const ramp = ramps[which] ?? ramps[0];
    for (let row = 0; row < height; row++) {
      // Levels are √-coded already, as the matrix is.
      const shade = Math.round(Math.sqrt(overviews.level(levels[row * width + column] ?? 0)) * 255) * 4;
      const pixel = (row * width + column) * 4;
      for (let channel = 0; channel < 4; channel++) image.data[pixel + channel] = ramp?.[shade + channel] ?? 0;
    }
  }
  context.putImageData(image, 0, 0);
}
