import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  account,
  changesDrawn,
  changesOfKeys,
  changesOfQueries,
  difference,
  largestChanges,
  rankedHeads,
} from "../src/compare";
import { changeColour, position } from "../src/paint/compare";
import type { Look } from "../src/picture/scope";
import { plainLook, type Selection, select } from "../src/picture/select";
import { formatChange, sidesOf } from "../src/sides";
import type { LayerWeights } from "../src/wire/layer";

/** Weights [head][query][key]; rows in `partial` are known by their largest cells only, the others read as 0. */
function held(cells: number[][][], partial: readonly number[] = [], norms?: number[]): LayerWeights {
  const of = (head: number, query: number) => Float32Array.from(cells[head]?.[query] ?? []);
  return {
    heads: cells.length,
    queries: cells[0]?.length ?? 0,
    keys: cells[0]?.[0]?.length ?? 0,
    form: partial.length > 0 ? "top" : "dense",
    normsOf: norms && "written",
    isWhole: (query: number) => !partial.includes(query),
    add: (head: number, query: number, out: Float32Array, factors?: Float32Array) => {
      of(head, query).forEach((weight, key) => {
        out[key] = (out[key] ?? 0) + weight * (factors?.[key] ?? 1);
      });
    },
    rowSum: (head: number, query: number) => of(head, query).reduce((sum, weight) => sum + weight, 0),
    valueNorms: () => norms && Float32Array.from(norms),
    written: () => undefined,
    kindSums: () => new Float32Array(5),
  } as unknown as LayerWeights;
}

function side(weights: LayerWeights, ...heads: number[]): Selection {
  return select(heads.map((head) => ({ layer: 0, head, weights })));
}

const A = held([
  [
    [0.5, 0.25, 0.25],
    [1, 0, 0],
  ],
  [
    [0.25, 0.5, 0.25],
    [0, 1, 0],
  ],
]);
const B = held([
  [
    [0.25, 0.25, 0.5],
    [1, 0, 0],
  ],
  [
    [0.25, 0.5, 0.25],
    [0, 0.5, 0.5],
  ],
]);

describe("a difference", () => {
  it("is b − a of the mean over the heads", () => {
    const one = difference(side(A, 0), side(B, 0), [0, 1]);
    expect([...one.change]).toEqual([-0.25, 0, 0.25, 0, 0, 0]);
    expect([...one.moved]).toEqual([0.25, 0]);
    expect(one.largest).toBe(0.25);
    const both = difference(side(A, 0, 1), side(B, 0, 1), [1]);
    expect([...both.a]).toEqual([0.5, 0.5, 0]);
    expect([...both.change]).toEqual([0, -0.25, 0.25]);
  });

  it("weighs heads of several layers alike", () => {
    const two = (one: LayerWeights, other: LayerWeights) =>
      select([
        { layer: 0, head: 0, weights: one },
        { layer: 0, head: 1, weights: one },
        { layer: 1, head: 0, weights: other },
      ]);
    const found = difference(two(A, A), two(B, B), [0]);
    expect(found.a[0]).toBeCloseTo((0.5 + 0.25 + 0.5) / 3, 6);
    expect(found.change[2]).toBeCloseTo((0.25 + 0 + 0.25) / 3, 6);
  });

  it("leaves cells open that one side does not hold", () => {
    const top = held([[[0.9, 0, 0]]], [0]);
    const whole = held([[[0.5, 0.5, 0]]]);
    const found = difference(side(top, 0), side(whole, 0), [0]);
    expect(found.change[0]).toBeCloseTo(-0.4, 6);
    expect([...found.change].slice(1)).toEqual([Number.NaN, Number.NaN]);
    expect(found.unknown).toBe(2);
    expect(account(found).moved).toBeNaN();
  });

  it("moves as much up as down where both rows add up to 1, and never more than all", () => {
    const row = fc.array(fc.double({ min: 0.001, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 });
    const share = (cells: number[]) => cells.map((cell) => cell / cells.reduce((sum, x) => sum + x, 0));
    fc.assert(
      fc.property(row, row, (one, two) => {
        const found = difference(side(held([[share(one)]]), 0), side(held([[share(two)]]), 0), [0]);
        const { up, down, moved } = account(found);
        expect(up).toBeCloseTo(down, 5);
        expect(moved).toBeCloseTo(up, 5);
        expect(moved).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("is accounted for over the rows in view", () => {
    const found = difference(side(A, 0), side(B, 0), [0, 1]);
    expect(account(found).moved).toBeCloseTo(0.125, 6);
    expect(account(found, (query) => query === 0).moved).toBeCloseTo(0.25, 6);
  });
});

describe("a difference of what is shown", () => {
  const seen = (weights: LayerWeights, look: Partial<Look>) =>
    select([{ layer: 0, head: 0, weights }], { ...plainLook(2, 3), ...look });

  it("is of contributions, as shares of what each side writes", () => {
    const [one, two] = [held([[[0.5, 0.25, 0.25]]], [], [1, 2, 0]), held([[[0.5, 0.25, 0.25]]], [], [1, 0, 2])];
    const written = { measure: "contribution" } as const;
    const found = difference(seen(one, written), seen(two, written), [0]);
    expect([...found.change]).toEqual([0, -0.5, 0.5]);
    expect(account(found).moved).toBeCloseTo(0.5, 6);
  });

  it("leaves special keys out, or scales up what is left", () => {
    const [one, two] = [held([[[0.5, 0.25, 0.25]]]), held([[[0.5, 0.5, 0]]])];
    const of = (sinks: Look["sinks"]) => {
      const look = { sinks, sinkKeys: [0] };
      return [...difference(seen(one, look), seen(two, look), [0]).change];
    };
    expect(of("leave_out")).toEqual([0, 0.25, -0.25]);
    expect(of("renormalise")).toEqual([0, 0.5, -0.5]);
    expect(of("dim")).toEqual(of("show"));
  });
});

describe("lines of a difference", () => {
  const found = difference(side(A, 0, 1), side(B, 0, 1), [0, 1]);

  it("are the largest changes first, of either sign", () => {
    const cells = largestChanges(found, 10);
    expect(cells.map(({ query, key, change }) => [query, key, change])).toEqual([
      [1, 1, -0.25],
      [1, 2, 0.25],
      [0, 0, -0.125],
      [0, 2, 0.125],
    ]);
    expect(largestChanges(found, 10, (query) => query === 0)).toHaveLength(2);
    expect(largestChanges(found, 1)).toHaveLength(1);
  });

  it("reach the budget with as few as it takes", () => {
    const cells = largestChanges(found, 10);
    expect(changesDrawn(cells, 0.6, 10).map((x) => (typeof x === "number" ? x : x.length))).toEqual([2, 2 / 3]);
    expect(changesDrawn(cells, 1, 10)[0]).toHaveLength(4);
    expect(changesDrawn(cells, 1, 3)[1]).toBeCloseTo(5 / 6, 9);
    expect(changesDrawn([], 0.7, 10)).toEqual([[], 0]);
  });
});

describe("a focus", () => {
  const found = difference(side(A, 0), side(B, 0), [0, 1]);

  it("on queries is the mean of their rows", () => {
    const row = changesOfQueries(found, [0, 1]);
    expect([...row.a]).toEqual([0.75, 0.125, 0.125]);
    expect([...row.change]).toEqual([-0.125, 0, 0.125]);
  });

  it("on keys is what every query gives to them together", () => {
    const column = changesOfKeys(found, [0, 2], 3);
    expect([...column.b]).toEqual([0.75, 1, Number.NaN]);
    expect([...column.change].slice(0, 2)).toEqual([0, 0]);
  });
});

it("prints a change with its sign", () => {
  expect([0.1234, -0.5, 0.0004, 0, Number.NaN].map(formatChange)).toEqual(["+0.123", "−0.500", "0", "0", "…"]);
});

it("ranks heads by their divergence, whatever the layer", () => {
  const ranked = rankedHeads(
    { divergence: { encoder: [[0.1, 0.3], [0.2]] }, moved: { encoder: [[0, 0.5], [0.25]] } },
    "encoder",
  );
  expect(ranked).toEqual([
    { layer: 0, head: 1, divergence: 0.3, moved: 0.5 },
    { layer: 1, head: 0, divergence: 0.2, moved: 0.25 },
    { layer: 0, head: 0, divergence: 0.1, moved: 0 },
  ]);
  expect(rankedHeads({}, "encoder")).toEqual([]);
});

it("calls two layers by their numbers, unless they have names", () => {
  expect(sidesOf({ a: "A", b: "B", layer: 4 }, 1)).toEqual({ a: "L1", b: "L4" });
  expect(sidesOf({ a: "early", b: "late", layer: 4 }, 1)).toEqual({ a: "early", b: "late" });
  expect(sidesOf({ a: "A", b: "B", layer: null }, 1)).toEqual({ a: "A", b: "B" });
});

describe("the colour of a change", () => {
  const colours = {
    paper: [255, 255, 255],
    ink: [0, 0, 0],
    panel: [200, 200, 200],
    more: [178, 24, 43],
    less: [31, 102, 173],
  } as const;

  it("is the paper where nothing changed, and as far from it both ways", () => {
    expect(changeColour(0, colours)).toEqual([255, 255, 255]);
    expect(changeColour(1, colours)).toEqual([178, 24, 43]);
    expect(changeColour(-1, colours)).toEqual([31, 102, 173]);
  });

  it("lies on a scale that is the same both ways", () => {
    expect(position(0.2, 0.8, true)).toBe(0.5);
    expect(position(-0.2, 0.8, true)).toBe(-0.5);
    expect(position(0.2, 0.8, false)).toBe(0.25);
    expect(position(0.2, 0, true)).toBe(0);
  });
});
