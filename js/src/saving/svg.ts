/** Vector pictures as text: what goes into them, escaped, and a context that records what a painter draws. */

import type { Rgb } from "../paint/palette";

export const FONT =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Hiragino Sans", "Noto Sans CJK JP", "Yu Gothic UI", sans-serif';

/** Text of a token may be anything; in XML some of it would be markup, and some is not allowed at all. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A length with two decimals at most. */
export function short(value: number): string {
  return String(Math.round(value * 100) / 100);
}

export function hex(colour: Rgb): string {
  return `#${colour.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

export interface Letters {
  anchor?: "start" | "middle" | "end";
  size?: number;
  bold?: boolean;
  colour: string;
  /** Degrees around the point given. */
  turn?: number;
}

/** One line of text; y is its middle. */
export function textAt(x: number, y: number, text: string, { anchor, size = 13, bold, colour, turn }: Letters): string {
  const turned = turn ? ` transform="rotate(${turn} ${short(x)} ${short(y)})"` : "";
  const weight = bold ? ' font-weight="bold"' : "";
  // Not dominant-baseline, which many a program ignores.
  const place = `x="${short(x)}" y="${short(y)}" dy="0.35em" text-anchor="${anchor ?? "start"}"`;
  // Blanks of a token stay; a token in another direction does not turn its neighbours around.
  const kept = 'xml:space="preserve" unicode-bidi="isolate"';
  return `<text ${place} ${kept} font-size="${size}"${weight} fill="${colour}"${turned}>${escapeXml(text)}</text>`;
}

/** What the painter of strokes uses of a canvas, as SVG paths. */
export class PathContext {
  lineCap = "butt";
  lineWidth = 1;
  strokeStyle = "";
  readonly paths: string[] = [];
  private path = "";

  beginPath(): void {
    this.path = "";
  }

  moveTo(x: number, y: number): void {
    this.path += `M${short(x)} ${short(y)}`;
  }

  bezierCurveTo(...points: number[]): void {
    this.path += `C${points.map(short).join(" ")}`;
  }

  stroke(): void {
    const [red = 0, green = 0, blue = 0, alpha = 1] = (this.strokeStyle.match(/[\d.]+/g) ?? []).map(Number);
    const line = `stroke="${hex([red, green, blue])}" stroke-opacity="${alpha.toFixed(3)}"`;
    this.paths.push(`<path d="${this.path}" ${line} stroke-width="${short(this.lineWidth)}"/>`);
  }

  /** As the painters know it. They use no more of it than there is. */
  get context(): CanvasRenderingContext2D {
    return this as unknown as CanvasRenderingContext2D;
  }
}

/** Pixels [rows, columns] as squares, one path a colour; what is transparent is left out. */
export function squares(pixels: Uint8ClampedArray, columns: number, size: number): string[] {
  const paths = new Map<string, string[]>();
  for (let at = 0; at * 4 < pixels.length; at++) {
    const [red = 0, green = 0, blue = 0, alpha = 0] = pixels.subarray(at * 4, at * 4 + 4);
    if (alpha === 0) continue;
    const fill = `fill="${hex([red, green, blue])}"${alpha < 255 ? ` fill-opacity="${(alpha / 255).toFixed(3)}"` : ""}`;
    const [x, y] = [(at % columns) * size, Math.floor(at / columns) * size];
    const path = paths.get(fill) ?? [];
    path.push(`M${short(x)} ${short(y)}h${short(size)}v${short(size)}h-${short(size)}z`);
    paths.set(fill, path);
  }
  return [...paths].map(([fill, path]) => `<path ${fill} d="${path.join("")}"/>`);
}

/** The whole file. */
export function svgFile(width: number, height: number, title: string, content: readonly string[]): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" font-family="${escapeXml(FONT)}">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${w}" height="${h}" fill="#ffffff"/>`,
    ...content,
    "</svg>",
    "",
  ].join("\n");
}
