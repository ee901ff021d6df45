import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import en from "../../attnwidget/locale/en.json";
import { PARTS, readStatistics } from "../src/statistics";
import { translator } from "../src/strings";
import { layerShares, partName, partsPresent } from "../src/views/profile_bars";
import { Container } from "../src/wire/container";
import { bytes } from "./fixtures";

const t = translator(en);
const read = () => readStatistics(Container.read(bytes("statistics_text.attn")), "encoder");

describe("bars of a layer", () => {
  test("share out everything", async () => {
    const statistics = await read();
    for (const layer of [0, 2]) {
      const shares = layerShares(statistics, "weight", layer);
      expect(shares).toHaveLength(PARTS.length);
      expect(shares?.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
    }
    const chance = PARTS.map((part) => statistics.partition.uniform[part] ?? 0);
    expect(chance.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 3);
  });

  test("are not drawn for what is not known", async () => {
    const statistics = await read();
    expect(layerShares(statistics, "contribution", 0)).toBeNull();
    expect(layerShares(statistics, "weight", 1)).toBeNull();
  });

  test("have a legend of what there is, by the names of this text", async () => {
    const statistics = await read();
    const present = partsPresent(statistics);
    expect(present).toEqual(["cls", "sep", "punct", "prev", "self", "next", "word"]);
    expect(present.map((part) => partName(part, statistics, t)).slice(0, 3)).toEqual(["[CLS]", "[SEP]", "punctuation"]);
  });
});

describe.each([
  ["light", ".attnwidget {"],
  ["dark", '.attnwidget[data-theme="dark"] {'],
])("colours of the %s theme", (_, start) => {
  const colours = new Map<string, number[]>();
  for (const sheet of ["theme", "atlas", "profile"]) {
    const text = readFileSync(new URL(`../src/styles/${sheet}.css`, import.meta.url), "utf8");
    const body = text.slice(text.indexOf(start)).split("}")[0] ?? "";
    for (const [, name = "", hex = ""] of body.matchAll(/--([\w-]+): #([0-9a-f]{6});/g)) {
      colours.set(
        name,
        [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255),
      );
    }
  }
  const luminance = (name: string): number => {
    const found = colours.get(name);
    if (!found) throw new Error(`there is no --${name}`);
    const [red = 0, green = 0, blue = 0] = found.map((share) =>
      share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one: string, other: string): number => {
    const [bright = 0, dim = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (bright + 0.05) / (dim + 0.05);
  };
  const BARS: Record<string, string> = {
    ...{ cls: "bar-cls", sep: "bar-sep", first: "bar-first", other: "kind-other", punct: "kind-punct" },
    ...{ prev: "part-prev", self: "part-self", next: "part-next", word: "kind-word" },
  };

  test.each(PARTS)("numbers in a part of %s can be read", (part) => {
    expect(contrast(`on-${part}`, BARS[part] ?? "")).toBeGreaterThanOrEqual(4.5);
  });

  test.each(["cls", "sep", "punct", "first", "other", "position", "plain"])("chips of %s can be read", (family) => {
    expect(contrast(`chip-${family}`, `chip-soft-${family}`)).toBeGreaterThanOrEqual(4.5);
    expect(contrast("paper", `chip-${family}`)).toBeGreaterThanOrEqual(4.5);
  });

  test("positions differ from each other and from words by more than their hue", () => {
    for (const [one, other] of [
      ["part-prev", "part-self"],
      ["part-self", "part-next"],
      ["part-next", "kind-word"],
    ] as const) {
      expect(contrast(one, other), `${one}, ${other}`).toBeGreaterThan(1.1);
    }
  });
});
