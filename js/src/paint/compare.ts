/** Paints differences: two colours away from a neutral middle, and never by colour alone. */

import type { ChangedCell, Difference } from "../compare";
import { css, mix, type Rgb } from "./palette";

export interface ChangeColours {
  paper: Rgb;
  ink: Rgb;
  panel: Rgb;
  more: Rgb;
  less: Rgb;
}

const HEX = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i;

export function readChangeColours(element: Element): ChangeColours {
  const style = getComputedStyle(element);
  const of = (name: string): Rgb => {
    const [red = 128, green = 128, blue = 128] = (HEX.exec(style.getPropertyValue(name).trim()) ?? [])
      .slice(1)
      .map((part) => Number.parseInt(part, 16));
    return [red, green, blue];
  };
  return { paper: of("--paper"), ink: of("--ink"), panel: of("--rule"), more: of("--more"), less: of("--less") };
}

/** Where a change lies on the scale: −1 to 1, 0 being no change. The root keeps small changes visible. */
export function position(change: number, largest: number, root: boolean): number {
  if (!(largest > 0)) return 0;
  const share = Math.min(1, Math.abs(change) / largest);
  return Math.sign(change) * (root ? Math.sqrt(share) : share);
}

export function changeColour(at: number, colours: ChangeColours): Rgb {
  return mix(colours.paper, at < 0 ? colours.less : colours.more, Math.abs(at));
}

/** Keys that are drawn faint. */
type Dims = (key: number) => boolean;
const DIM = 0.3;

/** One pixel a cell; cells that are not held are as the frame. */
export function changeImage(found: Difference, colours: ChangeColours, root: boolean, dims: Dims): ImageData {
  const image = new ImageData(Math.max(1, found.keys), Math.max(1, found.queries.length));
  for (let cell = 0; cell < found.change.length; cell++) {
    const change = found.change[cell] as number;
    const faint = dims(cell % found.keys) ? DIM : 1;
    const at = position(change, found.largest, root) * faint;
    const colour = Number.isNaN(change) ? colours.panel : changeColour(at, colours);
    image.data.set([...colour, 255], cell * 4);
  }
  return image;
}

/** Signs, or numbers where there is room: a picture in grey says the same. */
export function paintSigns(
  context: CanvasRenderingContext2D,
  found: Difference,
  cell: number,
  colours: ChangeColours,
  root: boolean,
): void {
  if (cell < 11) return;
  const numbers = cell >= 27;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.font = `${numbers ? 10 : 11}px system-ui, sans-serif`;
  found.change.forEach((change, index) => {
    const at = position(change, found.largest, root);
    if (Number.isNaN(change) || Math.abs(change) < 0.005 || Math.abs(at) < 0.22) return;
    const x = ((index % found.keys) + 0.5) * cell;
    const y = (Math.floor(index / found.keys) + 0.5) * cell;
    // Black or white ink, whichever stands out from the cell.
    const [red, green, blue] = changeColour(at, colours);
    context.fillStyle = 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#14181f" : "#ffffff";
    const sign = change > 0 ? "+" : "−";
    context.fillText(numbers ? `${sign}${Math.abs(change).toFixed(2).replace(/^0/, "")}` : sign, x, y + 0.5);
  });
}

export interface ChangeFrame {
  width: number;
  height: number;
  rowHeight: number;
  scroll: number;
  dims: Dims;
}

/** Curves from query to key, wide by the size of the change; what became less is dashed. */
export function paintChanges(
  context: CanvasRenderingContext2D,
  cells: readonly ChangedCell[],
  frame: ChangeFrame,
  colours: ChangeColours,
  largest: number,
  fade: number,
): void {
  const { width, height, rowHeight, scroll, dims } = frame;
  const seen = (y: number) => y >= 0 && y <= height;
  const crowd = 0.35 + 0.65 * Math.min(1, Math.sqrt(300 / Math.max(1, cells.length)));
  for (const { query, key, change } of [...cells].reverse()) {
    const [from, to] = [(query + 0.5) * rowHeight - scroll, (key + 0.5) * rowHeight - scroll];
    if (!seen(from) && !seen(to)) continue;
    const share = largest > 0 ? Math.abs(change) / largest : 0;
    context.lineWidth = 0.7 + 4.3 * share;
    context.setLineDash(change < 0 ? [6, 4] : []);
    context.strokeStyle = css(
      change < 0 ? colours.less : colours.more,
      (0.25 + 0.75 * Math.sqrt(share)) * fade * crowd * (dims(key) ? DIM : 1),
    );
    context.beginPath();
    context.moveTo(0, from);
    context.bezierCurveTo(width * 0.42, from, width * 0.58, to, width, to);
    context.stroke();
  }
  context.setLineDash([]);
}
