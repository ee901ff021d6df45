import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { atlasGrid, cornerOf, type GridOptions, type Place, placeAt, step } from "../src/paint/atlas";
import { thumbShading } from "../src/paint/thumb";

const plain = (width: number, heads: number[]): GridOptions => ({
  width,
  heads,
  badges: false,
  sorted: false,
  brackets: false,
});
const options = fc.record({
  width: fc.integer({ min: 300, max: 1600 }),
  heads: fc.array(fc.integer({ min: 0, max: 64 }), { minLength: 1, maxLength: 40 }),
  badges: fc.boolean(),
  sorted: fc.boolean(),
  brackets: fc.boolean(),
});

function places(heads: readonly number[]): Place[] {
  return heads.flatMap((count, layer) => Array.from({ length: count }, (_, position) => ({ layer, position })));
}

describe("the grid of all heads", () => {
  test("finds every head where it was put, inside the width, none over another", () => {
    fc.assert(
      fc.property(options, (given) => {
        const grid = atlasGrid(given);
        expect(grid.width).toBeLessThanOrEqual(given.width);
        const seen = new Set<string>();
        for (const place of places(given.heads)) {
          const [left, top] = cornerOf(grid, place);
          expect(placeAt(grid, given.heads, left + grid.cell / 2, top + grid.cell / 2)).toEqual(place);
          expect(left + grid.cell).toBeLessThanOrEqual(grid.width);
          expect(top + grid.cell).toBeLessThanOrEqual(grid.tops.at(-1) ?? 0);
          seen.add(`${left} ${top}`);
        }
        expect(seen.size).toBe(given.heads.reduce((sum, count) => sum + count, 0));
        expect(placeAt(grid, given.heads, grid.margin - 2, grid.tops[0] ?? 0)).toBeNull();
        expect(placeAt(grid, given.heads, grid.margin + 1, (grid.tops.at(-1) ?? 0) + 1)).toBeNull();
      }),
      { numRuns: 60 },
    );
  });

  test("keeps a dozen heads side by side at 1000 px, and readable at 400 px", () => {
    const wide = atlasGrid(plain(940, new Array(6).fill(12)));
    expect(wide.across).toBe(12);
    expect(wide.cell).toBeGreaterThanOrEqual(60);
    const narrow = atlasGrid(plain(360, new Array(6).fill(12)));
    expect(narrow.across).toBe(6);
    expect(narrow.cell).toBeGreaterThanOrEqual(40);
    expect([wide.numbers, narrow.numbers]).toEqual([true, true]);
  });

  test("keeps 1,024 heads visible, in one line a layer where there is room", () => {
    expect(atlasGrid(plain(940, new Array(32).fill(32)))).toMatchObject({ across: 32, numbers: true });
    const narrow = atlasGrid(plain(360, new Array(32).fill(32)));
    expect(narrow.across).toBe(16);
    expect(narrow.cell).toBeGreaterThanOrEqual(14);
  });

  test("has a line for the statistic only while sorted", () => {
    const heads = [12, 12];
    const by = (sorted: boolean) => atlasGrid({ ...plain(940, heads), sorted }).line;
    expect(by(true)).toBeGreaterThan(by(false));
  });

  test("a layer without heads keeps a row of its own", () => {
    const { tops } = atlasGrid(plain(940, [12, 0, 12]));
    expect((tops[2] ?? 0) - (tops[1] ?? 0)).toBeGreaterThanOrEqual(20);
  });
});

describe("arrow keys", () => {
  const heads = [5, 0, 3];
  const grid = atlasGrid(plain(940, heads));
  test.each([
    [{ layer: 0, position: 0 }, "ArrowRight", { layer: 0, position: 1 }],
    [{ layer: 0, position: 4 }, "ArrowRight", { layer: 0, position: 4 }],
    [{ layer: 0, position: 0 }, "ArrowLeft", { layer: 0, position: 0 }],
    [{ layer: 0, position: 4 }, "ArrowDown", { layer: 2, position: 2 }],
    [{ layer: 2, position: 1 }, "ArrowUp", { layer: 0, position: 1 }],
    [{ layer: 2, position: 1 }, "ArrowDown", { layer: 2, position: 1 }],
    [{ layer: 0, position: 3 }, "ArrowUp", { layer: 0, position: 3 }],
    [{ layer: 0, position: 3 }, "Home", { layer: 0, position: 0 }],
    [{ layer: 0, position: 1 }, "End", { layer: 0, position: 4 }],
  ])("from %j %s leads to %j", (from, key, to) => {
    expect(step(grid, heads, from, key)).toEqual(to);
  });

  test("down through wrapped lines and layers visits every line once", () => {
    const many = [12, 12];
    const wrapped = atlasGrid(plain(360, many));
    let place: Place = { layer: 0, position: 1 };
    const seen = [place];
    for (let i = 0; i < 5; i++) {
      place = step(wrapped, many, place, "ArrowDown");
      seen.push(place);
    }
    expect(seen.map(({ layer, position }) => `${layer}/${position}`)).toEqual([
      "0/1",
      "0/7",
      "1/1",
      "1/7",
      "1/7",
      "1/7",
    ]);
  });

  test("never leave the grid", () => {
    const keys = fc.constantFrom("ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End");
    fc.assert(
      fc.property(options, fc.array(keys, { maxLength: 30 }), (given, pressed) => {
        const all = places(given.heads);
        const first = all[0];
        if (!first) return;
        const here = atlasGrid(given);
        let place = first;
        for (const key of pressed) {
          place = step(here, given.heads, place, key);
          expect(all).toContainEqual(place);
        }
      }),
      { numRuns: 40 },
    );
  });
});

test("pictures are as dark as their weight, on every scale they can have", () => {
  for (const scale of ["linear", "sqrt", "log"] as const) {
    const { level, ticks } = thumbShading(scale);
    expect([level(0, 0), level(1, 0)]).toEqual([0, 1]);
    expect(level(0.3, 0)).toBeGreaterThan(level(0.1, 0));
    expect(ticks.at(-1)?.text).toBe("1.000");
  }
  const relative = thumbShading("relative", [1, 1 / 2, 1 / 8]);
  expect(relative.level(1 / 8, 1 / 8)).toBe(0.5);
  expect(relative.level(1, 1 / 8)).toBe(1);
  expect(relative.ticks.map(({ text }) => text)).toEqual(["≤1/8×", "1×", "8×"]);
});
