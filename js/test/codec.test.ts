import { describe, expect, test } from "vitest";
import { CODE_COUNT, encodeWeight, formatWeight, UNITS, VALUES } from "../src/wire/codec";
import { json } from "./fixtures";

interface CodecFixture {
  values: number[];
  texts: string[];
  weights: number[];
  codes: number[];
  norms: [number, string][];
}

const fixture = json<CodecFixture>("wire/codec.json");

describe("the decimal codec", () => {
  test("has the values of Python", () => {
    expect([...VALUES]).toEqual([...Float32Array.from(fixture.values)]);
  });

  test("draws its boundaries where Python does", () => {
    expect(fixture.weights.map(encodeWeight)).toEqual(fixture.codes);
  });

  test("prints what Python prints", () => {
    expect([...VALUES].map(formatWeight)).toEqual(fixture.texts);
    expect(fixture.weights.filter((w) => w > 0 && w < 1.0005).map(formatWeight)).toEqual(
      fixture.weights.flatMap((w, i) =>
        w > 0 && w < 1.0005 ? (fixture.texts[fixture.codes[i] as number] as string) : [],
      ),
    );
    for (const [norm, text] of fixture.norms) expect(formatWeight(norm)).toBe(text);
  });

  test("prints the correctly rounded digits, halves to even", () => {
    expect([0.3305, 0.33051, 0.0625, 0.1875, 0.00425001, 0.000115001].map(formatWeight)).toEqual([
      "0.330",
      "0.331",
      "0.062",
      "0.188",
      "0.0043",
      "0.00012",
    ]);
    expect([0, 1e-9, 2e-5, 9.4e-5, 9.6e-5, 1].map(formatWeight)).toEqual([
      "0",
      "0",
      "<0.0001",
      "<0.0001",
      "0.00010",
      "1.000",
    ]);
    expect([Number.NaN, -0, -0.25, 1e20].map(formatWeight)).toEqual(["NaN", "0", "-0.250", "100000000000000000000"]);
  });

  test("is idempotent and monotone", () => {
    expect([...VALUES].map(encodeWeight)).toEqual(Array.from({ length: CODE_COUNT }, (_, code) => code));
    for (let code = 1; code < CODE_COUNT; code++) {
      expect(VALUES[code]).toBeGreaterThan(VALUES[code - 1] as number);
      const value = VALUES[code] as number;
      expect(Math.abs((UNITS[code] as number) / 1e8 - value)).toBeLessThan(value * 1e-7);
    }
  });
});
