/** Every colour of both themes against what it is drawn on, by the numbers of WCAG 2.2 (1.4.3 text, 1.4.11 the rest). */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { STRENGTH } from "../src/paint/bars";

const styles = (name: string) => readFileSync(new URL(`../src/styles/${name}.css`, import.meta.url), "utf8");
const sheet = styles("theme");

type Rgb = readonly number[];

function theme(start: string): Map<string, Rgb> {
  const body = sheet.slice(sheet.indexOf(start)).split("}")[0] ?? "";
  const found = [...body.matchAll(/--([\w-]+): #([0-9a-f]{6});/g)];
  return new Map(
    found.map(([, name = "", hex = ""]) => [name, [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16))]),
  );
}

const THEMES = { light: theme(".attnwidget {"), dark: theme('.attnwidget[data-theme="dark"] {') };

function luminance(colour: Rgb): number {
  const [red = 0, green = 0, blue = 0] = colour
    .map((channel) => channel / 255)
    .map((share) => (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: Rgb, other: Rgb): number {
  const [bright = 0, dim = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (bright + 0.05) / (dim + 0.05);
}

/** CSS color-mix(in srgb, colour share, paper). */
function mixed(colour: Rgb, paper: Rgb, share: number): Rgb {
  return colour.map((channel, at) => channel * share + (paper[at] ?? 0) * (1 - share));
}

/** What lies over the bars of hovered and of locked tokens: how much of which colour. */
function tint(colour: string): number {
  const [, percent] = new RegExp(`var\\(--${colour}\\) (\\d+)%, transparent`).exec(styles("lines")) ?? [];
  if (!percent) throw new Error(`lines.css mixes no --${colour} into nothing`);
  return Number(percent) / 100;
}
const TINTS = { ink: tint("ink"), "stroke-query": tint("stroke-query") };

const GROUNDS = ["paper", "panel", "hover"] as const;
const TEXT = ["ink", "muted", "cls", "sep", "query", "more", "less"];
const GRAPHICS = [
  ...["faint", "stroke-ink", "stroke-cls", "stroke-sep", "stroke-query"],
  ...["kind-cls", "kind-sep", "kind-punct", "kind-other", "kind-word"],
  ...[0, 1, 2, 3, 4, 5].map((head) => `head-${head}`),
];

describe.each(["light", "dark"] as const)("%s theme", (name) => {
  const colours = THEMES[name];
  const of = (colour: string): Rgb => {
    const found = colours.get(colour);
    if (!found) throw new Error(`theme.css has no --${colour}`);
    return found;
  };

  it("says what each of its colours is for", () => {
    const grounds = [...GROUNDS, "query-soft", "rule", "accent", "accent-ink"];
    expect([...colours.keys()].sort()).toEqual([...TEXT, ...GRAPHICS, ...grounds].sort());
  });

  it.each(TEXT.flatMap((text) => GROUNDS.map((ground) => [text, ground] as const)))(
    "text in %s can be read on %s",
    (text, ground) => expect(contrast(of(text), of(ground))).toBeGreaterThanOrEqual(4.5),
  );

  it.each([
    ["ink", "query-soft"],
    ["muted", "query-soft"],
    ["cls", "query-soft"],
    ["sep", "query-soft"],
    ["query", "query-soft"],
    ["accent-ink", "accent"],
  ])("text in %s can be read on %s", (text, ground) =>
    expect(contrast(of(text), of(ground))).toBeGreaterThanOrEqual(4.5),
  );

  it.each([
    // What a token looks at is in its own colour under the special highlight; what looks at it in ink, whatever it is.
    ["query", STRENGTH.out, ["ink", "muted"]],
    ["cls", STRENGTH.out, ["cls"]],
    ["sep", STRENGTH.out, ["sep"]],
    ["ink", STRENGTH.in, ["ink", "muted", "cls", "sep"]],
  ] as const)("tokens can be read over bars in %s, also where they are hovered or locked", (colour, share, texts) => {
    const bar = mixed(of(`stroke-${colour}`), of("paper"), share);
    for (const text of texts) {
      expect(contrast(of(text), bar)).toBeGreaterThanOrEqual(4.5);
      // A faint token that is hovered is in ink.
      const hovered = of(text === "muted" ? "ink" : text);
      expect(contrast(hovered, mixed(of("ink"), bar, TINTS.ink))).toBeGreaterThanOrEqual(4.5);
    }
    const locked = mixed(of("stroke-query"), bar, TINTS["stroke-query"]);
    expect(contrast(of("query"), locked)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(GRAPHICS.flatMap((mark) => ["paper", "panel"].map((ground) => [mark, ground] as const)))(
    "what is drawn in %s is seen on %s",
    (mark, ground) => expect(contrast(of(mark), of(ground))).toBeGreaterThanOrEqual(3),
  );

  it("rings what has the focus, on every ground and on a filled button", () => {
    for (const ground of [...GROUNDS, "query-soft"]) {
      expect(contrast(of("stroke-query"), of(ground))).toBeGreaterThanOrEqual(3);
    }
    expect(contrast(of("accent-ink"), of("accent"))).toBeGreaterThanOrEqual(3);
  });
});
