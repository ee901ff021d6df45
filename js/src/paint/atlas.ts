/** Where every head's picture stands in the overview of all heads, and how it is painted. Knows no signals. */

import { css, type Palette } from "./palette";
import type { Sheet } from "./thumb";

export interface Place {
  layer: number;
  /** Place in its layer as shown: the head's number only while they are sorted by number. */
  position: number;
}

export interface Grid {
  /** Pictures side by side; a layer of more goes over several lines. */
  across: number;
  /** Width and height of a picture; distance from one to the next. */
  cell: number;
  pitch: number;
  line: number;
  /** Room at the left for the layer's name. */
  margin: number;
  /** What fits below a picture. */
  bars: boolean;
  numbers: boolean;
  /** A line of its own for the statistic that heads are sorted by. */
  values: boolean;
  /** Room below a line for brackets. */
  brackets: boolean;
  /** Top of each layer, and last the height of all. */
  tops: readonly number[];
  width: number;
}

const LARGEST = 68;
const GAP = 8;
/** Pictures of so many heads in all are wrapped to stay readable; of more, to stay visible. */
const MANY = 300;
const READABLE = 46;
const VISIBLE = 17;
export const BAR = 6;
export const TEXT = 14;
const BRACKET = 9;
/** Height of a layer without heads. */
const EMPTY = 22;
const BETWEEN = 6;

export interface GridOptions {
  width: number;
  /** Heads of each layer. */
  heads: readonly number[];
  badges: boolean;
  sorted: boolean;
  brackets: boolean;
}

export function atlasGrid({ width, heads, badges, sorted, brackets }: GridOptions): Grid {
  const most = Math.max(1, ...heads);
  const total = heads.reduce((sum, count) => sum + count, 0);
  const margin = badges ? 68 : 38;
  const room = Math.max(40, width - margin);
  const wanted = total > MANY ? VISIBLE : READABLE;
  // As few lines as keep pictures that large; lines of equal length.
  const lines = Math.max(1, Math.ceil(most / Math.max(1, Math.floor(room / wanted))));
  const across = Math.ceil(most / lines);
  const pitch = Math.max(6, Math.min(LARGEST + GAP, Math.floor(room / across)));
  const cell = Math.max(4, pitch - (pitch > 40 ? GAP : pitch > 24 ? 5 : pitch > 12 ? 3 : 1));
  const numbers = cell >= 19;
  const values = sorted && cell >= 30;
  const bars = cell >= 12;
  const below = (bars ? BAR : 0) + (numbers ? TEXT : 0) + (values ? TEXT - 1 : 0) + (brackets ? BRACKET : 0);
  const line = cell + below + (pitch > 24 ? BETWEEN : 2);
  const tops: number[] = [2];
  for (const count of heads) {
    const height = count === 0 ? Math.max(EMPTY, numbers ? 0 : EMPTY) : Math.ceil(count / across) * line;
    tops.push((tops.at(-1) ?? 0) + height + (lines > 1 || pitch > 24 ? BETWEEN : 0));
  }
  return { across, cell, pitch, line, margin, bars, numbers, values, brackets, tops, width: margin + across * pitch };
}

/** Left and top of a picture. */
export function cornerOf(grid: Grid, { layer, position }: Place): readonly [left: number, top: number] {
  const row = Math.floor(position / grid.across);
  return [grid.margin + (position - row * grid.across) * grid.pitch, (grid.tops[layer] ?? 0) + row * grid.line];
}

/** The picture at a point of the canvas, with what belongs to it. */
export function placeAt(grid: Grid, heads: readonly number[], x: number, y: number): Place | null {
  const column = Math.floor((x - grid.margin) / grid.pitch);
  if (column < 0 || column >= grid.across) return null;
  const layer = grid.tops.findIndex((top, index) => y >= top && y < (grid.tops[index + 1] ?? top));
  const row = Math.floor((y - (grid.tops[layer] ?? 0)) / grid.line);
  const position = row * grid.across + column;
  return layer >= 0 && position < (heads[layer] ?? 0) ? { layer, position } : null;
}

/** The neighbour in a direction; stays inside, and passes over layers without heads. */
export function step(grid: Grid, heads: readonly number[], from: Place, key: string): Place {
  const count = heads[from.layer] ?? 0;
  const column = from.position % grid.across;
  const inLayer = (layer: number, position: number): Place => ({
    layer,
    position: Math.max(0, Math.min((heads[layer] ?? 1) - 1, position)),
  });
  if (key === "ArrowLeft") return inLayer(from.layer, from.position - 1);
  if (key === "ArrowRight") return inLayer(from.layer, from.position + 1);
  if (key === "Home") return inLayer(from.layer, from.position - column);
  if (key === "End") return inLayer(from.layer, from.position - column + grid.across - 1);
  const by = key === "ArrowDown" ? 1 : -1;
  const next = from.position + by * grid.across;
  const lastRow = Math.floor((count - 1) / grid.across);
  const row = Math.floor(from.position / grid.across) + by;
  if (row >= 0 && row <= lastRow) return inLayer(from.layer, next);
  let layer = from.layer + by;
  while ((heads[layer] ?? -1) === 0) layer += by;
  if (layer < 0 || layer >= heads.length) return from;
  const rows = Math.floor(((heads[layer] ?? 1) - 1) / grid.across);
  return inLayer(layer, (by > 0 ? 0 : rows) * grid.across + column);
}

/** Colours of chips and bars, as CSS writes them; by name without "--". */
export type Colours = (name: string) => string;

export interface Chip {
  /** From long to short. */
  names: readonly string[];
  family: string;
  certainty: string;
}

export interface Cell {
  layer: number;
  position: number;
  head: number;
  chip: Chip | undefined;
  /** Shares of the bar: [colour, share]; and the share of what is written by the same keys. */
  bar: readonly (readonly [colour: string, share: number])[] | undefined;
  tick: number | null;
  value: string;
  dim: boolean;
  picture: { sheet: Sheet; index: number } | undefined;
}

export interface LayerRow {
  name: string;
  badge: string;
  /** Why there are no heads. */
  note: string;
  /** Stretches of heads that share keys and values. */
  groups: readonly (readonly [first: number, last: number])[];
}

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK JP", sans-serif';

function chip(
  context: CanvasRenderingContext2D,
  { names, family, certainty }: Chip,
  left: number,
  right: number,
  top: number,
  flushRight: boolean,
  colours: Colours,
): void {
  context.font = `600 10px ${FONT}`;
  // A single sign needs no margin of its own.
  const widthOf = (name: string) => context.measureText(name).width + (name.length > 1 ? 6 : 2);
  const name = names.find((one) => one !== "" && widthOf(one) <= right - left);
  if (name === undefined) return;
  const width = widthOf(name);
  const from = flushRight ? right - width : left;
  const colour = colours(`chip-${family}`);
  const solid = certainty === "is";
  context.fillStyle = solid ? colour : colours(`chip-soft-${family}`);
  context.strokeStyle = colour;
  context.beginPath();
  context.roundRect(from, top, width, 13, 3);
  context.fill();
  if (certainty === "mostly" || certainty === "between") {
    context.lineWidth = 1;
    if (certainty === "between") context.setLineDash([2, 2]);
    context.stroke();
    context.setLineDash([]);
  }
  context.fillStyle = solid ? colours("paper") : colour;
  context.fillText(name, from + (name.length > 1 ? 3 : 1), top + 2);
}

function bracket(context: CanvasRenderingContext2D, grid: Grid, layer: number, first: number, last: number): void {
  // A group that goes on in the next line is two brackets.
  for (let from = first; from <= last; ) {
    const to = Math.min(last, (Math.floor(from / grid.across) + 1) * grid.across - 1);
    const [left, top] = cornerOf(grid, { layer, position: from });
    const [right] = cornerOf(grid, { layer, position: to });
    const y = top + grid.line - (grid.pitch > 24 ? BETWEEN : 2) - 3.5;
    context.beginPath();
    context.moveTo(left + 0.5, y - 3);
    context.lineTo(left + 0.5, y);
    context.lineTo(right + grid.cell - 0.5, y);
    context.lineTo(right + grid.cell - 0.5, y - 3);
    context.stroke();
    from = to + 1;
  }
}

export function paintAtlas(
  context: CanvasRenderingContext2D,
  grid: Grid,
  layers: readonly LayerRow[],
  cells: readonly Cell[],
  palette: Palette,
  colours: Colours,
): void {
  context.imageSmoothingEnabled = false;
  context.textBaseline = "top";
  const every = Math.max(1, Math.ceil(13 / grid.line));
  layers.forEach((layer, index) => {
    const top = grid.tops[index] ?? 0;
    context.fillStyle = colours("ink");
    context.font = `600 12px ${FONT}`;
    const middle = layer.note ? 3 : Math.max(0, grid.cell / 2 - (layer.badge && grid.cell > 24 ? 13 : 7));
    if (index % every === 0) context.fillText(layer.name, 2, top + middle);
    context.fillStyle = colours("muted");
    context.font = `10px ${FONT}`;
    if (layer.badge) {
      if (grid.cell > 24) context.fillText(layer.badge, 2, top + middle + 15, grid.margin - 6);
      else context.fillText(layer.badge, 26, top + middle + 2, grid.margin - 28);
    }
    if (layer.note) {
      context.font = `12px ${FONT}`;
      context.fillText(layer.note, grid.margin, top + middle, Math.max(40, grid.width - grid.margin));
    }
    if (grid.brackets) {
      context.strokeStyle = colours("muted");
      context.lineWidth = 1;
      for (const [first, last] of layer.groups) bracket(context, grid, index, first, last);
    }
  });
  for (const cell of cells) paintCell(context, grid, cell, palette, colours);
}

function paintCell(
  context: CanvasRenderingContext2D,
  grid: Grid,
  cell: Cell,
  palette: Palette,
  colours: Colours,
): void {
  const [left, top] = cornerOf(grid, cell);
  const size = grid.cell;
  const { picture, dim } = cell;
  if (picture && !dim) {
    const { sheet, index } = picture;
    const [height, width] = sheet.size;
    const [x, y] = [(index % sheet.across) * width, Math.floor(index / sheet.across) * height];
    context.drawImage(sheet.surface, x, y, width, height, left, top, size, size);
  }
  context.strokeStyle = css(palette.ink, dim ? 0.3 : 0.22);
  context.lineWidth = 1;
  if (size >= 9) context.strokeRect(left - 0.5, top - 0.5, size + 1, size + 1);
  let under = top + size + 2;
  if (grid.bars && cell.bar && !dim) {
    context.fillStyle = css(palette.ink, 0.12);
    context.fillRect(left, under, size, 3);
    let from = left;
    for (const [colour, share] of cell.bar) {
      context.fillStyle = colours(colour);
      context.fillRect(from, under, share * size, 3);
      from += share * size;
    }
    if (cell.tick !== null && size >= 24) {
      context.fillStyle = colours("ink");
      context.fillRect(left + Math.max(0, Math.min(1, cell.tick)) * size - 0.75, under - 1, 1.5, 5);
    }
  }
  if (grid.bars) under += BAR - 1;
  if (!grid.numbers) {
    // There is room for a corner in the family's colour only; its name is said on hover and in the table.
    if (cell.chip && !dim && size >= 9) {
      context.fillStyle = colours(`chip-${cell.chip.family}`);
      context.beginPath();
      context.moveTo(left + size, top + size - 5);
      context.lineTo(left + size, top + size);
      context.lineTo(left + size - 5, top + size);
      context.fill();
    }
    return;
  }
  const wide = grid.pitch > 40;
  context.font = `${wide ? 11 : 10}px ${FONT}`;
  context.fillStyle = colours(dim ? "faint" : "ink");
  const number = String(cell.head);
  context.fillText(number, left, under + 1);
  const used = context.measureText(number).width + (wide ? 4 : 2);
  // Away from the next head's number; where there is room for a sign only, right behind its own.
  const right = Math.max(size, grid.pitch - (wide ? 6 : 1));
  if (cell.chip && !dim) chip(context, cell.chip, left + used, left + right, under, wide, colours);
  if (grid.values && !dim) {
    context.font = `11px ${FONT}`;
    context.fillStyle = colours("muted");
    context.fillText(cell.value, left, under + TEXT, grid.pitch - 3);
  }
}

/** Frames of the heads collected, on a surface of their own. */
export function paintMarks(
  context: CanvasRenderingContext2D,
  grid: Grid,
  pinned: readonly Place[],
  colours: Colours,
): void {
  context.lineWidth = 2.5;
  context.strokeStyle = context.fillStyle = colours("stroke-query");
  const size = grid.cell;
  for (const place of pinned) {
    const [left, top] = cornerOf(grid, place);
    context.strokeRect(left - 1, top - 1, size + 2, size + 2);
    // A mark besides the colour.
    const corner = Math.max(3, Math.min(11, size / 3));
    context.beginPath();
    context.moveTo(left + size - corner, top);
    context.lineTo(left + size, top);
    context.lineTo(left + size, top + corner);
    context.fill();
  }
}
