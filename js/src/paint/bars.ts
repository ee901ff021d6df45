/** Paints the numbers of a column of tokens as bars, to lie under the tokens. */

import type { Numbers } from "../controls/tokens";
import type { Token } from "../types";
import type { LinesFrame } from "./lines";
import { css, kindColour, type Palette, type Rgb } from "./palette";

/** How strong bars are: every token is read on one, also where it is hovered or locked. */
export const STRENGTH = { out: 0.19, in: 0.14 };

/** Space between the bars of two rows. */
const BETWEEN = 3;

interface BarsFrame extends Omit<LinesFrame, "width"> {
  /** Where bars begin, and the width of the longest: to the left where negative. */
  from: number;
  width: number;
}

/** What a token looks at is in its colour, what looks at it in ink. */
export function paintBars(
  context: CanvasRenderingContext2D,
  numbers: Numbers | null,
  { height, rowHeight, scroll, from, width }: BarsFrame,
  palette: Palette,
  tokens: readonly Token[],
  special: boolean,
): void {
  if (!numbers) return;
  const { first, cells, top, direction } = numbers;
  const end = Math.min(first + cells.length, Math.ceil((scroll + height) / rowHeight));
  let last: Rgb | null = null;
  for (let index = Math.max(first, Math.floor(scroll / rowHeight)); index < end; index++) {
    const share = (cells[index - first] as number) / top;
    if (!(share > 0)) continue;
    const { kind } = tokens[index] as Token;
    const own = direction === "out" && special && (kind === "cls" || kind === "sep");
    const now = own ? kindColour(palette, kind) : direction === "out" ? palette.query : palette.ink;
    if (now !== last) context.fillStyle = css(now, STRENGTH[direction]);
    last = now;
    const long = Math.max(0.01, Math.min(1, share)) * width;
    context.fillRect(from, index * rowHeight - scroll + BETWEEN / 2, long, rowHeight - BETWEEN);
  }
}
