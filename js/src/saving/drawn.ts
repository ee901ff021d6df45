/**
 * A picture that is made of elements, as vectors: its texts, boxes and canvases are read off the page one after the
 * other. Lines and matrices have drawings of their own.
 */

import { paintOf } from "../paint/canvas";
import type { Mode } from "../types";
import type { View } from "../view";
import { caption, type Paper } from "./figure";
import { filled, hex, PathContext, readColour, short, svgFile, textAt } from "./svg";

/** What of each mode is its picture; the rest are controls and words. */
const BLOCKS: Readonly<Record<Mode | "compare" | "ranking", readonly string[]>> = {
  lines: [],
  matrix: [],
  heads: [".atlas .legend", ".atlas-cells", ".atlas-notes"],
  profile: [".parts figcaption", ".part-legend", ".part-rows"],
  trace: [".trace-maps", ".trace-legend"],
  steps: [".steps-what", ".steps-shapes", ".steps-figure", ".steps-notes"],
  compare: [".cmp-sides", ".cmp-lines, .cmp-matrix", ".compare .ledger"],
  ranking: [".cmp-sides", ".cmp-heads"],
};

const MARGIN = 14;
const GAP = 10;

interface Bounds {
  top: number;
  bottom: number;
  right: number;
}

const seen = (colour: string): boolean => readColour(colour)[1] > 0;

class Reader {
  readonly out: string[] = [];
  /** How far to the right anything goes. */
  right = 0;
  private gradients = 0;
  private dx = 0;
  private dy = 0;

  /** Reads a block to a place below those before. Returns its height. */
  block(element: Element, y: number): number {
    const box = element.getBoundingClientRect();
    [this.dx, this.dy] = [MARGIN - box.left, y - box.top];
    this.element(element, { top: -1e6, bottom: 1e6, right: 1e6 });
    return box.height;
  }

  private rect(x: number, y: number, width: number, height: number, look: string): void {
    this.right = Math.max(this.right, x + width + this.dx);
    const place = `x="${short(x + this.dx)}" y="${short(y + this.dy)}"`;
    this.out.push(`<rect ${place} width="${short(width)}" height="${short(height)}" ${look}/>`);
  }

  private element(element: Element, within: Bounds): void {
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    if (style.display === "none" || style.visibility === "hidden") return;
    // What is only there to be heard.
    if (box.width <= 1 && style.overflowX === "hidden") return;
    const middle = (box.top + box.bottom) / 2;
    const inside = middle >= within.top && middle <= within.bottom;
    const faint = Number(style.opacity) < 1;
    if (faint) this.out.push(`<g opacity="${style.opacity}">`);
    if (inside && box.width > 0 && style.display !== "contents") this.box(element, box, style);
    if (element instanceof HTMLCanvasElement) this.canvas(element, box);
    const tall = style.overflowY !== "visible" && element.scrollHeight > element.clientHeight + 1;
    const cut = style.overflowX === "hidden" && element.scrollWidth > element.clientWidth + 1;
    const bounds = {
      top: tall ? Math.max(within.top, box.top) : within.top,
      bottom: tall ? Math.min(within.bottom, box.bottom) : within.bottom,
      right: cut ? Math.min(within.right, box.right) : within.right,
    };
    for (const child of element.childNodes) {
      if (child instanceof Text) this.text(child, element, style, bounds);
      else if (child instanceof Element) this.element(child, bounds);
    }
    if (faint) this.out.push("</g>");
  }

  private box(element: Element, box: DOMRect, style: CSSStyleDeclaration): void {
    const radius = Number.parseFloat(style.borderTopLeftRadius) || 0;
    const rx = radius > 0 ? ` rx="${short(Math.min(radius, box.height / 2))}"` : "";
    if (seen(style.backgroundColor) && style.backgroundColor !== "rgb(255, 255, 255)") {
      this.rect(box.left, box.top, box.width, box.height, filled(style.backgroundColor) + rx);
    }
    const stops = /^linear-gradient\(to right, (.*)\)$/.exec(style.backgroundImage)?.[1]?.match(/rgba?\([^)]*\)|#\w+/g);
    if (stops) {
      const id = `g${this.gradients++}`;
      const stop = (colour: string, at: number) =>
        `<stop offset="${short(at / Math.max(1, stops.length - 1))}" stop-color="${hex(readColour(colour)[0])}"/>`;
      this.out.push(`<linearGradient id="${id}">${stops.map(stop).join("")}</linearGradient>`);
      this.rect(box.left, box.top, box.width, box.height, `fill="url(#${id})"`);
    }
    this.borders(box, style, rx);
    const before = getComputedStyle(element, "::before");
    const sign = { width: Number.parseFloat(before.width), height: Number.parseFloat(before.height) || 0 };
    if (before.content === '""' && sign.width > 0) {
      const top = (box.top + box.bottom - sign.height) / 2;
      this.borders(new DOMRect(box.left, top, sign.width, sign.height), before, "");
    }
  }

  private borders(box: DOMRect, style: CSSStyleDeclaration, rx: string): void {
    const side = (name: "Top" | "Right" | "Bottom" | "Left") => {
      const width = style[`border${name}Style`] === "none" ? 0 : Number.parseFloat(style[`border${name}Width`]) || 0;
      const colour = style[`border${name}Color`];
      const dashes = style[`border${name}Style`] === "dashed" ? ' stroke-dasharray="4 3"' : "";
      return width > 0 && seen(colour)
        ? `stroke="${hex(readColour(colour)[0])}" stroke-width="${short(width)}"${dashes}`
        : "";
    };
    const [top, right, bottom, left] = (["Top", "Right", "Bottom", "Left"] as const).map(side);
    if (top && top === right && top === bottom && top === left) {
      const half = (Number.parseFloat(style.borderTopWidth) || 0) / 2;
      const [width, height] = [box.width - 2 * half, box.height - 2 * half];
      this.rect(box.left + half, box.top + half, Math.max(0, width), Math.max(0, height), `fill="none" ${top}${rx}`);
      return;
    }
    const [x, y] = [box.left + this.dx, box.top + this.dy];
    const line = (look: string | undefined, from: string) => look && this.out.push(`<path d="M${from}" ${look}/>`);
    line(top, `${short(x)} ${short(y)}h${short(box.width)}`);
    line(bottom, `${short(x)} ${short(y + box.height)}h${short(box.width)}`);
    line(left, `${short(x)} ${short(y)}v${short(box.height)}`);
    line(right, `${short(x + box.width)} ${short(y)}v${short(box.height)}`);
  }

  private canvas(canvas: HTMLCanvasElement, box: DOMRect): void {
    const recorder = new PathContext();
    paintOf(canvas)?.(recorder.context);
    this.right = Math.max(this.right, box.right + this.dx);
    const place = `${short(box.left + this.dx)} ${short(box.top + this.dy)}`;
    this.out.push(`<g transform="translate(${place})" fill="none">`, ...recorder.paths, "</g>");
  }

  /** Its lines as the page breaks them. */
  private text(node: Text, parent: Element, style: CSSStyleDeclaration, within: Bounds): void {
    const { data } = node;
    if (data.trim() === "") return;
    const range = document.createRange();
    const lines: { from: number; to: number; top: number }[] = [];
    for (let at = 0; at < data.length; ) {
      const size = (data.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
      range.setStart(node, at);
      range.setEnd(node, at + size);
      const [box] = range.getClientRects();
      const last = lines.at(-1);
      if (box && (box.width > 0 || !last)) {
        if (last && Math.abs(box.top - last.top) < 3) last.to = at + size;
        else if (data.slice(at, at + size).trim() !== "") lines.push({ from: at, to: at + size, top: box.top });
      }
      at += size;
    }
    const angle = turned(
      style.transform === "none" && parent.parentElement ? getComputedStyle(parent.parentElement) : style,
    );
    for (const { from, to } of angle === 0 ? lines : [{ from: 0, to: data.length }]) {
      const said = data.slice(from, to).replace(/[ \n]+$/, "");
      range.setStart(node, from);
      range.setEnd(node, from + said.length);
      const box = range.getBoundingClientRect();
      const middle = (box.top + box.bottom) / 2;
      if (middle < within.top || middle > within.bottom) continue;
      this.line(said, box, style, angle, within.right);
    }
  }

  private line(said: string, box: DOMRect, style: CSSStyleDeclaration, turn: number, right: number): void {
    const size = Number.parseFloat(style.fontSize);
    const letters = { size, bold: Number(style.fontWeight) >= 600, colour: hex(readColour(style.color)[0]) };
    if (turn !== 0) {
      // The middle of the side where the text begins, of a box that is known by what it takes when turned.
      const [sin, cos] = [Math.sin((-turn * Math.PI) / 180), Math.cos((turn * Math.PI) / 180)];
      const deep =
        Math.abs(sin * sin - cos * cos) > 0.1 ? (box.width * sin - box.height * cos) / (sin * sin - cos * cos) : size;
      const [x, y] = [box.left + (deep * sin) / 2 + this.dx, box.bottom - (deep * cos) / 2 + this.dy];
      this.right = Math.max(this.right, box.right + this.dx);
      this.out.push(textAt(x, y, said, { ...letters, turn }));
      return;
    }
    const over = box.right > right + 1 && box.width > 0;
    const kept = over ? Math.max(1, Math.floor(([...said].length * (right - box.left)) / box.width) - 1) : 0;
    const text = over ? `${[...said].slice(0, kept).join("")}…` : said;
    const anchor = over
      ? "start"
      : (({ end: "end", right: "end", center: "middle" } as const)[style.textAlign] ?? "start");
    const x = anchor === "end" ? box.right : anchor === "middle" ? (box.left + box.right) / 2 : box.left;
    this.right = Math.max(this.right, Math.min(box.right, right) + this.dx);
    this.out.push(textAt(x + this.dx, (box.top + box.bottom) / 2 + this.dy, text, { ...letters, anchor }));
  }
}

/** Degrees that an element is turned by; against the clock is negative. */
function turned(style: CSSStyleDeclaration): number {
  const [cos = 1, sin = 0] = (/^matrix\((.*)\)$/.exec(style.transform)?.[1] ?? "")
    .split(",")
    .filter(Boolean)
    .map(Number);
  return Math.round((Math.atan2(sin, cos) * 180) / Math.PI);
}

/** What a comparison, or a mode other than Lines and Matrix, shows; null where that is nothing. */
export function drawnSvg(view: View, root: Element, look: Paper): string | null {
  const { store } = view;
  const t = store.t.value;
  const mode = store.synced.mode.value;
  const comparing = root.querySelector(".compare") !== null;
  const blocks = BLOCKS[comparing ? (mode === "heads" ? "ranking" : "compare") : mode];
  const reader = new Reader();
  let y = MARGIN;
  for (const name of blocks) {
    const element = root.querySelector(name);
    if (element) y += reader.block(element, y) + GAP;
  }
  if (reader.out.length === 0) return null;
  const one = comparing && mode !== "heads";
  const what = comparing ? t("compare") : t(`mode.${mode}`);
  const lines = [[store.synced.title.value, what, one ? view.what.value : ""].filter(Boolean).join(" · ")];
  const width = Math.max(reader.right + MARGIN, 320);
  const [under, bottom] = caption(lines, y, width, look);
  return svgFile(width, bottom, store.synced.title.value, [...reader.out, ...under]);
}

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));

/** Does something while the page has the colours of paper. */
export async function onPaper<T>(view: View, root: HTMLElement, work: () => T): Promise<T> {
  const { dark } = view.store;
  if (!dark.peek()) return work();
  const { theme } = root.dataset;
  const seconds = async () => {
    // Effects paint after the frame that they are of.
    for (let at = 0; at < 3; at++) await frame();
    await new Promise((resolve) => setTimeout(resolve));
  };
  root.dataset.theme = "light";
  dark.value = false;
  try {
    await seconds();
    return work();
  } finally {
    root.dataset.theme = theme;
    dark.value = true;
  }
}
