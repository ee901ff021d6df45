/** What every saved picture has: the colours of paper, captions, columns of tokens. */

import { type Palette, readPalette } from "../paint/palette";
import { fates } from "../picture/fates";
import { KINDS, percents } from "../scene";
import type { Token } from "../types";
import type { View } from "../view";
import { textWidth } from "../views/labels";
import { kindName } from "../views/shares";
import { FONT, type Letters, textAt } from "./svg";

/** Longer tokens are cut. */
const LONGEST = 24;
const LINE = 17;
export const SMALL = 11.5;

export interface Paper {
  palette: Palette;
  ink: string;
  muted: string;
  rule: string;
  /** Of text, by kind of token; they are darker than those of strokes. */
  cls: string;
  sep: string;
  query: string;
}

/** The light theme, whatever the page shows: saved pictures are for paper. `inside` is any node of the view. */
export function paper(inside: Node): Paper {
  const probe = document.createElement("div");
  probe.className = "attnwidget";
  probe.dataset.theme = "light";
  probe.hidden = true;
  const root = inside.getRootNode();
  (root instanceof ShadowRoot ? root : document.body).append(probe);
  const style = getComputedStyle(probe);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const found = {
    palette: readPalette(probe),
    ink: of("ink"),
    muted: of("muted"),
    rule: of("rule"),
    cls: of("cls"),
    sep: of("sep"),
    query: of("query"),
  };
  probe.remove();
  return found;
}

export function label(token: Token | undefined): string {
  const text = [...(token?.text ?? "")];
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1).join("")}…` : text.join("");
}

/** Width of the widest label. */
export function widest(tokens: readonly Token[]): number {
  return Math.ceil(tokens.reduce((most, token) => Math.max(most, textWidth(label(token))), 24) * 1.06);
}

/** How a token is written: chosen ones and, under that highlight, special ones in their colour. */
export function letters(token: Token | undefined, special: boolean, chosen: boolean, look: Paper): Letters {
  if (chosen) return { colour: look.query, bold: true };
  if (special && token?.kind === "cls") return { colour: look.cls, bold: true };
  if (special && token?.kind === "sep") return { colour: look.sep, bold: true };
  return { colour: look.ink };
}

/** Model, heads, and the two lines of the ledger: what a reader of the picture alone has to know. */
export function captions(view: View, extra = ""): string[] {
  const { store, signals } = view;
  const t = store.t.value;
  const picture = signals.picture.value;
  const written = signals.measure.value === "contribution";
  const lines = [[store.synced.title.value, view.what.value, extra].filter((part) => part !== "").join(" · ")];
  if (!picture) return lines;
  const { fate, kinds } = picture.ledger;
  const parts = fates(fate, store.synced.mode.value, picture.unheld).filter(
    ([name, share]) => name === "drawn" || share > 0,
  );
  const shares = percents(parts.map(([, share]) => share));
  const said = parts.map(([name], index) => `${t(`fate.${name}`)} ${shares[index]} %`);
  const line = (of: string, parts: readonly string[]) => lines.push(t("ledger.line", { of, parts: parts.join(" · ") }));
  line(t(written ? "ledger.fate.written" : "ledger.fate"), said);
  const percent = percents(KINDS.map((kind) => kinds[kind]));
  const to = KINDS.map((kind, index) => [kindName(kind, signals.axes.value.keys, t), percent[index] ?? 0] as const);
  const goes = to.filter(([, share]) => share > 0).map(([name, share]) => `${name} ${share} %`);
  line(t(written ? "ledger.kind.written" : "ledger.kind"), goes);
  return lines;
}

/** Words with the blanks behind them; of Japanese, runs of katakana and single other characters with closing marks. */
const PIECES =
  /[\u30a0-\u30ff]+[、。，．）」』]*|[\u3000-\u9fff\uff00-\uffef][、。，．）」』]*|[^\s\u3000-\u9fff\uff00-\uffef]+\s*|\s+/g;

/** Breaks where there is room for no more; scripts without blanks break anywhere. */
function wrapped(line: string, width: number): string[] {
  const font = `${SMALL}px ${FONT}`;
  const out: string[] = [];
  let now = "";
  for (const piece of line.match(PIECES) ?? []) {
    if (now !== "" && textWidth(now + piece.trimEnd(), font) * 1.04 > width) {
      out.push(now.trimEnd());
      now = piece.trimStart();
    } else now += piece;
  }
  return [...out, now.trimEnd()];
}

/** Lines of text under a picture, and how far down they reach. */
export function caption(lines: readonly string[], top: number, width: number, look: Paper): [string[], number] {
  const all = lines.flatMap((line) => wrapped(line, width - 24));
  const out = all.map((line, at) => textAt(12, top + LINE * (at + 0.5), line, { size: SMALL, colour: look.muted }));
  return [out, top + LINE * all.length + 10];
}
