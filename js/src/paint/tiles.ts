/** Puts the matrix together on one canvas: the whole, finer parts over it, the grid, and the numbers. */

import { type Colouring, cellColour, cellNumber, colour, digitsFor, FADED, type Field, textColour } from "./matrix";
import { css, type Palette } from "./palette";

/** The part of the matrix that the canvas shows: first key and query in fractions, pixels of a cell. */
export interface Part {
  key: number;
  query: number;
  cell: number;
  width: number;
  height: number;
}

/** Coloured fields, kept while the field and its colouring are the same. */
export class Pictures {
  private kept = new Map<Field, { colouring: Colouring; picture: OffscreenCanvas }>();
  private used = new Set<Field>();

  of(field: Field, colouring: Colouring): OffscreenCanvas {
    this.used.add(field);
    const known = this.kept.get(field);
    if (known && known.colouring === colouring) return known.picture;
    const picture = new OffscreenCanvas(Math.max(1, field.columns), Math.max(1, field.rows));
    if (field.columns > 0 && field.rows > 0) {
      picture.getContext("2d")?.putImageData(new ImageData(colour(field, colouring), field.columns, field.rows), 0, 0);
    }
    this.kept.set(field, { colouring, picture });
    return picture;
  }

  /** Forget what was not asked for since the last call. */
  sweep(): void {
    for (const field of this.kept.keys()) if (!this.used.has(field)) this.kept.delete(field);
    this.used.clear();
  }
}

/** Put a field in its place, in the stead of whatever is there. */
export function paintField(
  context: CanvasRenderingContext2D,
  picture: OffscreenCanvas,
  field: Field,
  part: Part,
): void {
  const { cell, width, height } = part;
  const bin = field.step * cell;
  const [left, top] = [(field.key - part.key) * cell, (field.query - part.query) * cell];
  // Only the bins in view: a canvas many times as large as the screen would be scaled first and cut then.
  const [x0, y0] = [Math.max(0, Math.floor(-left / bin)), Math.max(0, Math.floor(-top / bin))];
  const x1 = Math.min(field.columns, Math.ceil((width - left) / bin));
  const y1 = Math.min(field.rows, Math.ceil((height - top) / bin));
  if (x1 <= x0 || y1 <= y0) return;
  const [x, y, wide, tall] = [left + x0 * bin, top + y0 * bin, (x1 - x0) * bin, (y1 - y0) * bin];
  context.clearRect(x, y, wide, tall);
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, x0, y0, x1 - x0, y1 - y0, x, y, wide, tall);
}

/** Lines between cells that are large enough to have some. */
export function paintGrid(context: CanvasRenderingContext2D, part: Part, palette: Palette): void {
  const { cell, width, height } = part;
  if (cell < 6) return;
  context.strokeStyle = css(palette.paper, 0.9);
  context.lineWidth = 1;
  context.beginPath();
  for (let x = (Math.ceil(part.key) - part.key) * cell; x < width; x += cell) {
    context.moveTo(x, 0);
    context.lineTo(x, height);
  }
  for (let y = (Math.ceil(part.query) - part.query) * cell; y < height; y += cell) {
    context.moveTo(0, y);
    context.lineTo(width, y);
  }
  context.stroke();
}

/** The numbers of the cells in view, where these are large enough; `value` gives NaN for what is not held. */
export function paintNumbers(
  context: CanvasRenderingContext2D,
  part: Part,
  cells: { queries: readonly [first: number, end: number]; keys: readonly [first: number, end: number] },
  value: (query: number, key: number) => number,
  colouring: Colouring,
  palette: Palette,
): number {
  const { cell } = part;
  const digits = digitsFor(cell);
  if (digits === 0) return 0;
  const { shading, ramps, keyRamps, uniform, faded, dimmed } = colouring;
  context.font = `500 ${cell >= 44 ? 13 : cell >= 34 ? 11.5 : 10.5}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  let printed = 0;
  for (let query = cells.queries[0]; query < cells.queries[1]; query++) {
    const y = (query + 0.5 - part.query) * cell + 0.5;
    const base = uniform(query);
    for (let key = cells.keys[0]; key < cells.keys[1]; key++) {
      const weight = value(query, key);
      const text = cellNumber(weight, digits);
      if (text === "") continue;
      const alpha = faded(query) || dimmed(key) ? FADED : 1;
      const ramp = ramps[keyRamps[key] ?? 0] ?? ramps[0];
      context.fillStyle = css(textColour(cellColour(ramp, shading.level(weight, base), palette.paper, alpha)));
      // Of a number that is cut by the frame one would read the wrong digits.
      const x = (key + 0.5 - part.key) * cell;
      const half = context.measureText(text).width / 2;
      if (x < half || x > part.width - half || y < 7 || y > part.height - 7) continue;
      context.fillText(text, x, y);
      printed += 1;
    }
  }
  return printed;
}
