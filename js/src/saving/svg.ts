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

/** A colour as CSS writes it: three parts of 255, and how much of it there is. */
export function readColour(text: string): readonly [colour: Rgb, alpha: number] {
  const code = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(text.trim());
  if (code) return [code.slice(1).map((part) => Number.parseInt(part, 16)) as unknown as Rgb, 1];
  const [red = 0, green = 0, blue = 0, alpha = 1] = (text.match(/[\d.]+/g) ?? []).map(Number);
  return [[red, green, blue], alpha];
}

/** `fill="#…"`, with its opacity where it is not whole. */
export function filled(colour: string): string {
  const [rgb, alpha] = readColour(colour);
  return `fill="${hex(rgb)}"${alpha < 1 ? ` fill-opacity="${short(alpha)}"` : ""}`;
}

/** Pixels of a picture within a vector picture, at least: some programs blur what they enlarge. */
const SHARP = 128;

/** What painters use of a canvas, as SVG. */
export class PathContext {
  lineCap = "butt";
  lineWidth = 1;
  strokeStyle = "#000000";
  fillStyle = "#000000";
  font = "13px sans-serif";
  textAlign = "start";
  textBaseline = "alphabetic";
  imageSmoothingEnabled = true;
  readonly paths: string[] = [];
  private path = "";
  private dashes = "";

  beginPath(): void {
    this.path = "";
  }

  moveTo(x: number, y: number): void {
    this.path += `M${short(x)} ${short(y)}`;
  }

  lineTo(x: number, y: number): void {
    this.path += `L${short(x)} ${short(y)}`;
  }

  bezierCurveTo(...points: number[]): void {
    this.path += `C${points.map(short).join(" ")}`;
  }

  rect(x: number, y: number, width: number, height: number): void {
    this.path += `M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}z`;
  }

  roundRect(x: number, y: number, width: number, height: number, radius: number): void {
    const [w, h] = [width - 2 * radius, height - 2 * radius].map(short);
    const [r, back] = [short(radius), short(-radius)];
    const turn = (to: string) => `a${r} ${r} 0 0 1 ${to}`;
    const top = `M${short(x + radius)} ${short(y)}h${w}${turn(`${r} ${r}`)}v${h}${turn(`${back} ${r}`)}`;
    this.path += `${top}h-${w}${turn(`${back} ${back}`)}v-${h}${turn(`${r} ${back}`)}z`;
  }

  /** Whole circles; painters draw no other arcs. */
  arc(x: number, y: number, radius: number): void {
    const [r, across] = [short(radius), short(2 * radius)];
    this.path += `M${short(x - radius)} ${short(y)}a${r} ${r} 0 1 0 ${across} 0a${r} ${r} 0 1 0 -${across} 0z`;
  }

  setLineDash(lengths: readonly number[]): void {
    this.dashes = lengths.length > 0 ? ` stroke-dasharray="${lengths.join(" ")}"` : "";
  }

  stroke(): void {
    const [rgb, alpha] = readColour(this.strokeStyle);
    const line = `stroke="${hex(rgb)}" stroke-opacity="${alpha.toFixed(3)}"${this.dashes}`;
    this.paths.push(`<path d="${this.path}" ${line} stroke-width="${short(this.lineWidth)}"/>`);
  }

  fill(): void {
    this.paths.push(`<path d="${this.path}" ${filled(this.fillStyle)}/>`);
  }

  strokeRect(x: number, y: number, width: number, height: number): void {
    this.path = "";
    this.rect(x, y, width, height);
    this.stroke();
  }

  fillRect(x: number, y: number, width: number, height: number): void {
    const place = `x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}"`;
    this.paths.push(`<rect ${place} ${filled(this.fillStyle)} shape-rendering="crispEdges"/>`);
  }

  measureText(text: string): TextMetrics {
    const context = document.createElement("canvas").getContext("2d") as CanvasRenderingContext2D;
    context.font = this.font;
    return context.measureText(text);
  }

  fillText(text: string, x: number, y: number, most = Number.POSITIVE_INFINITY): void {
    const whole = Number.parseFloat(/([\d.]+)px/.exec(this.font)?.[1] ?? "13");
    const size = Number.isFinite(most) ? whole * Math.min(1, most / (this.measureText(text).width || 1)) : whole;
    const middle = { top: size / 2, middle: 0 }[this.textBaseline] ?? -0.35 * size;
    const anchor = this.textAlign === "center" ? "middle" : this.textAlign === "end" ? "end" : "start";
    const bold = /^(bold|[6-9]00)/.test(this.font);
    const colour = hex(readColour(this.fillStyle)[0]);
    this.paths.push(textAt(x, y + middle, text, { anchor, bold, colour, size: Math.round(size * 100) / 100 }));
  }

  /** A part of a picture, to a place. */
  drawImage(source: CanvasImageSource, ...[sx, sy, sw, sh, x, y, width, height]: number[]): void {
    const times = Math.ceil(SHARP / Math.max(1, Math.min(sw ?? 1, sh ?? 1)));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [(sw ?? 1) * times, (sh ?? 1) * times];
    const context = canvas.getContext("2d");
    if (!context) return;
    context.imageSmoothingEnabled = this.imageSmoothingEnabled;
    context.drawImage(source, sx ?? 0, sy ?? 0, sw ?? 1, sh ?? 1, 0, 0, canvas.width, canvas.height);
    const place = `x="${short(x ?? 0)}" y="${short(y ?? 0)}" width="${short(width ?? 0)}" height="${short(height ?? 0)}"`;
    this.paths.push(`<image ${place} preserveAspectRatio="none" href="${canvas.toDataURL()}"/>`);
  }

  /** Painters round to pixels of the screen; here are as many as they like. */
  getTransform(): { a: number } {
    return { a: 100 };
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
