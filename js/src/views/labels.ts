/** Widths of token labels, measured as the page will draw them, so that nothing jumps once it is drawn. */

import type { Token } from "../types";

const FONT =
  '13px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Hiragino Sans", "Noto Sans CJK JP", sans-serif';
let context: CanvasRenderingContext2D | null | undefined;

export function textWidth(text: string, font = FONT): number {
  context ??= document.createElement("canvas").getContext("2d");
  if (!context) return text.length * 8;
  context.font = font;
  return context.measureText(text).width;
}

/** Width of the widest label, up to `limit`; special tokens are set in bold. */
export function labelWidth(tokens: readonly Token[], limit: number): number {
  let widest = 24;
  for (const { text } of tokens) {
    if (widest >= limit) break;
    widest = Math.max(widest, textWidth(text, `bold ${FONT}`));
  }
  return Math.ceil(Math.min(widest, limit)) + 14;
}
