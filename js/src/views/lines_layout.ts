/** Where everything of Lines stands, by the room there is. */

import { cellWidth } from "../paint/strips";
import type { Token } from "../types";
import { labelWidth } from "./labels";
import type { Range } from "./lines_numbers";

/** Taller texts scroll inside the view. */
const MAX_HEIGHT = 680;
/** Kept free beside both columns, so that numbers appear without pushing a token aside. */
const VALUE_WIDTH = 56;
/** Of that: the number and its gap; what is left of a column is its tokens' and their bars'. */
export const NUMBER_WIDTH = 54;
/** Lines need this much room before strips may stand beside the columns. */
const LEAST_MIDDLE = 104;
const NARROWEST = 40;
const MOST_MIDDLE = 520;
/** Where lines have more room than this, columns take what the captions over their numbers need. */
const AMPLE_MIDDLE = 170;
const CAPTION = 44;
export const GAP = 10;
/** A few heads still need room for their caption. */
const LEAST_STRIP = 40;
/** With more heads the cells would be too narrow to tell apart, or leave no room for the lines. */
export const MOST_STRIP_HEADS = 32;
/** Tokens rendered beyond those in view. */
const MARGIN = 2;

export interface Layout {
  rowHeight: number;
  /** Of the whole columns, and of what is seen of them. */
  height: number;
  shown: number;
  /** Widths: token columns, lines, one cell of a strip and all of it with its gap (0 where there is none), minimap. */
  left: number;
  middle: number;
  right: number;
  cell: number;
  strip: number;
  map: number;
  /** Why there are no strips where there could be some. */
  stripless: "many" | "narrow" | null;
}

export function rowHeightFor(tokens: number): number {
  return tokens <= 28 ? 26 : tokens <= 60 ? 21 : 18;
}

/** Widths of the token columns. In a long text the longest word would decide for thousands of short ones. */
export function columnWidths(queries: readonly Token[], keys: readonly Token[], width: number): [number, number] {
  const rows = Math.max(queries.length, keys.length);
  const [least, share] = rows * rowHeightFor(rows) > MAX_HEIGHT ? [48, 0.145] : [64, 0.2];
  const limit = Math.max(least, Math.min(170, width * share));
  const left = labelWidth(queries, limit) + VALUE_WIDTH;
  return [left, keys === queries ? left : labelWidth(keys, limit) + VALUE_WIDTH];
}

/** `heads`: how many a strip has cells for. */
export function layout(width: number, rows: number, [left, right]: readonly [number, number], heads: number): Layout {
  const rowHeight = rowHeightFor(rows);
  const height = rows * rowHeight;
  const shown = Math.min(height, Math.floor(MAX_HEIGHT / rowHeight) * rowHeight);
  const map = height > shown ? (width >= 520 ? 44 : 22) : 0;
  const rest = width - left - right - (map > 0 ? map + GAP : 0);
  const room = (rest - LEAST_MIDDLE) / 2 - GAP;
  const many = heads > MOST_STRIP_HEADS;
  const cell = heads > 1 && !many && room >= LEAST_STRIP ? cellWidth(heads, room) : 0;
  const strip = cell > 0 ? Math.max(cell * heads, LEAST_STRIP) + GAP : 0;
  const free = Math.max(NARROWEST, rest - 2 * strip);
  const aside = Math.max(0, Math.min(CAPTION, Math.floor((free - AMPLE_MIDDLE) / 2)));
  const middle = Math.min(MOST_MIDDLE, free - 2 * aside);
  const stripless = cell > 0 || heads <= 1 ? null : many ? "many" : "narrow";
  const sides = { left: left + aside, right: right + aside };
  return { rowHeight, height, shown, ...sides, middle, cell, strip, map, stripless };
}

/** Rows in view at this scroll position, and those rendered. */
export function rowsAt({ rowHeight, shown }: Layout, rows: number, scroll: number): { seen: Range; rendered: Range } {
  const first = Math.max(0, Math.floor(scroll / rowHeight));
  const end = Math.min(rows, Math.ceil((scroll + shown) / rowHeight));
  return { seen: [first, end], rendered: [Math.max(0, first - MARGIN), Math.min(rows, end + MARGIN)] };
}
