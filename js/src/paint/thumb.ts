/** Paints one head's overview as a small heat map. */

import type { Overviews } from "../wire/overview";
import type { Tints } from "./palette";

/** One pixel for each cell of the overview. */
export function thumbImage(overviews: Overviews, head: number, { ramps, keyRamps }: Tints): ImageData {
  const [height, width] = overviews.size;
  const levels = overviews.head(head);
  const image = new ImageData(Math.max(1, width), Math.max(1, height));
  const keys = keyRamps.length;
  for (let column = 0; column < width; column++) {
    let which = 0;
    const end = Math.max(Math.floor(((column + 1) * keys) / width), Math.floor((column * keys) / width) + 1);
    for (let key = Math.floor((column * keys) / width); key < end; key++) which = Math.max(which, keyRamps[key] ?? 0);
    const ramp = ramps[which] ?? ramps[0];
    for (let row = 0; row < height; row++) {
      // The square root of a weight, as in the matrix.
      const shade = Math.round(Math.sqrt(overviews.level(levels[row * width + column] ?? 0)) * 255) * 4;
      const pixel = (row * width + column) * 4;
      for (let channel = 0; channel < 4; channel++) image.data[pixel + channel] = ramp?.[shade + channel] ?? 0;
    }
  }
  return image;
}

export function paintThumb(canvas: HTMLCanvasElement, image: ImageData): void {
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}
