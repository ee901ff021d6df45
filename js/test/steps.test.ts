/** The page's arithmetic against plain Python's, on tests/fixtures/answers (made by tests/fixtures/make_answers.py). */

import { beforeAll, describe, expect, it } from "vitest";
import {
  blocksOf,
  type HeadParts,
  listed,
  printed,
  products,
  readParts,
  type Steps,
  scaleEnd,
  softmax,
  stepsOf,
  weigh,
} from "../src/steps";
import { Container } from "../src/wire/container";
import { bytes, json } from "./fixtures";

interface Row {
  layer: number;
  head: number;
  query: number;
  sums: number[];
  scores: (number | null)[];
  weights: number[];
  output: number[];
}

const container = Container.read(bytes("answers/steps.attn"));
const rows = json<Row[]>("answers/steps.json");

async function stepsAt({ layer, head, query }: Row): Promise<[HeadParts, Steps]> {
  const parts = await readParts(container, "encoder", layer, head);
  return [parts, stepsOf(parts, query) as Steps];
}

describe("one row", () => {
  it.each(rows)("layer $layer head $head query $query comes to what Python comes to", async (row) => {
    const [, steps] = await stepsAt(row);
    const close = (got: ArrayLike<number>, wanted: number[]) => {
      expect(got.length).toBe(wanted.length);
      wanted.forEach((x, i) => {
        expect(Math.abs((got[i] as number) - x)).toBeLessThan(1e-9);
      });
    };
    close(steps.sums, row.sums);
    close(steps.weights, row.weights);
    close(steps.output, row.output);
    row.scores.forEach((score, i) => {
      if (score === null) expect(steps.scores[i]).toBe(Number.NEGATIVE_INFINITY);
      else expect(steps.scores[i]).toBeCloseTo(score, 9);
    });
    expect(Array.from(steps.weights).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
  });

  it("adds up column by column", async () => {
    for (const row of rows) {
      const [parts, steps] = await stepsAt(row);
      for (let key = 0; key < steps.keys; key++) {
        const sum = products(steps, key).reduce((a, b) => a + b, 0);
        expect(sum).toBeCloseTo(steps.sums[key] as number, 12);
        expect((steps.scaled[key] as number) / parts.scale).toBeCloseTo(sum, 12);
        const final = (steps.capped ?? steps.scaled)[key] as number;
        const seen = steps.seen ? steps.seen[key] === 1 : true;
        if (seen) expect(steps.scores[key]).toBeCloseTo(final + (steps.bias?.[key] ?? 0), 12);
      }
    }
  });

  it("has a column for just what the architecture has", async () => {
    const [plain, all, gaps] = [0, 1, 2].map((layer) => rows.find((row) => row.layer === layer) as Row);
    const [parts, steps] = await stepsAt(plain as Row);
    expect([steps.capped, steps.bias, steps.seen, steps.sink]).toEqual([null, null, null, false]);
    expect([parts.groups, parts.width]).toEqual([2, null]);
    expect(parts.residual).toBeCloseTo(2.5e-7, 12);
    const [grouped, full] = await stepsAt({ ...(all as Row), head: 3 });
    expect([full.capped, full.bias, full.seen].map((column) => column?.length)).toEqual([8, 8, 8]);
    expect([full.sink, full.scores.length, grouped.group, grouped.groups]).toEqual([true, 9, 1, 2]);
    const [, blind] = await stepsAt({ ...(gaps as Row), query: 2 });
    expect(Array.from(blind.weights)).toEqual(new Array(8).fill(1 / 8));
  });

  it("is undefined for a query that did not come, and an error where blocks are missing", async () => {
    const parts = await readParts(container, "encoder", 0, 0);
    expect(stepsOf(parts, 99)).toBeUndefined();
    expect(blocksOf("encoder", 0, 1).every((name) => container.has(name))).toBe(true);
    await expect(readParts(container, "encoder", 0, 7)).rejects.toThrow('no block "steps/encoder/0/7/numbers"');
  });
});

describe("softmax", () => {
  it("leaves out what is masked, and does not overflow", () => {
    expect(Array.from(softmax(Float64Array.of(1000, Number.NEGATIVE_INFINITY, 1000)))).toEqual([0.5, 0, 0.5]);
  });
});

describe("the keys that are listed", () => {
  let steps: Steps;
  beforeAll(async () => {
    [, steps] = await stepsAt({ ...(rows[0] as Row), query: 5 });
  });

  it("come in order of position or of weight", () => {
    expect(listed(steps, "position", 40).keys).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    const weights = listed(steps, "weight", 40).keys.map((key) => steps.weights[key] as number);
    expect(weights).toEqual([...weights].sort((a, b) => b - a));
  });

  it("are the largest where there are too many, and the others are summed up", () => {
    const { keys, rest } = listed(steps, "weight", 3);
    expect(keys).toHaveLength(3);
    expect(rest?.count).toBe(5);
    const shown = keys.reduce((sum, key) => sum + (steps.weights[key] as number), 0);
    expect(shown + (rest?.weight ?? 0)).toBeCloseTo(1, 12);
    const output = weigh(steps, keys).map((x, i) => x + (rest?.value[i] ?? 0));
    output.forEach((x, i) => {
      expect(x).toBeCloseTo(steps.output[i] as number, 12);
    });
    expect(listed(steps, "position", 3).keys).toEqual([...keys].sort((a, b) => a - b));
  });

  it("keep a pinned key", () => {
    const least = listed(steps, "weight", 40).keys.at(-1) as number;
    const { keys, rest } = listed(steps, "weight", 3, [least]);
    expect(keys).toHaveLength(4);
    expect(keys.at(-1)).toBe(least);
    expect(rest?.count).toBe(4);
  });
});

describe("numbers and scales", () => {
  it("are printed with three decimals and a real minus", () => {
    expect([1.23456, -0.5, 0, -0.0001, 123.456, -4321.06, Number.NEGATIVE_INFINITY].map(printed)).toEqual([
      "1.235",
      "−0.500",
      "0.000",
      "0.000",
      "123.46",
      "−4321.1",
      "−∞",
    ]);
  });

  it("end at a number one can keep in mind, and say where some lie beyond", () => {
    expect(scaleEnd([0.4, -1.9, 0.1])).toEqual({ end: 2, clipped: false });
    expect(scaleEnd([0])).toEqual({ end: 1, clipped: false });
    const crowd = [...new Array(200).fill(0.031), 9];
    expect(scaleEnd(crowd)).toEqual({ end: 0.04, clipped: true });
  });
});
