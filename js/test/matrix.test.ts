import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { barsOf, columnMeans } from "../src/paint/margins";
import {
  type Colouring,
  cellColour,
  cellNumber,
  colour,
  contrast,
  digitsFor,
  divergingRamp,
  extremes,
  FADED,
  type Field,
  fieldOf,
  halved,
  shading,
  textColour,
} from "../src/paint/matrix";
import { type Palette, type Rgb, ramp } from "../src/paint/palette";
import { labelled } from "../src/views/matrix_axis";
import {
  clampWindow,
  type Frame,
  frameFor,
  inFrame,
  isPart,
  LARGEST_CELL,
  movedBy,
  neighbourhood,
  revealing,
  type Window,
  wholeWindow,
  zoomedAt,
} from "../src/views/matrix_zoom";

const LIGHT = {
  paper: [255, 255, 255],
  ink: [36, 54, 92],
  cls: [12, 145, 96],
  sep: [122, 69, 238],
  query: [207, 98, 8],
  heads: [
    [37, 99, 201],
    [194, 46, 92],
  ],
} as unknown as Palette;
const DARK = {
  paper: [21, 25, 34],
  ink: [185, 202, 240],
  cls: [53, 207, 146],
  sep: [169, 138, 255],
  query: [255, 154, 61],
  heads: [
    [110, 165, 255],
    [255, 125, 163],
  ],
} as unknown as Palette;

/** A series of given rows; rows listed as partial hold zeros for what is not held. */
function series(rows: number[][], partial: number[] = []) {
  return {
    row: (query: number) => Float32Array.from(rows[query] ?? []),
    rowSum: (query: number) => (rows[query] ?? []).reduce((sum, weight) => sum + weight, 0),
    isWhole: (query: number) => !partial.includes(query),
  };
}

describe("the scales", () => {
  it("put the largest weight at the end, and print what the ticks stand for", () => {
    for (const name of ["linear", "sqrt", "log"] as const) {
      const { level, ticks } = shading(name, 0.64);
      expect(level(0.64, 0)).toBe(1);
      expect(level(0, 0)).toBe(0);
      expect(ticks.at(-1)).toEqual({ at: 1, text: "0.640" });
      for (const { at, text } of ticks) {
        if (/^[\d.]+$/.test(text) && Number(text) > 0) expect(level(Number(text), 0)).toBeCloseTo(at, 2);
      }
    }
    expect(shading("linear", 0.5).level(0.25, 0)).toBe(0.5);
    expect(shading("sqrt", 0.5).level(0.125, 0)).toBe(0.5);
    const log = shading("log", 1);
    expect(log.min).toBeCloseTo(1e-4, 12);
    expect(log.level(0.01, 0)).toBeCloseTo(0.5, 12);
    expect(log.level(1e-6, 0)).toBe(0);
    expect(log.ticks[0]?.text).toBe("≤0.0001");
  });

  it("relative: uniform is the middle, twice as much and half as much lie alike far from it", () => {
    const { level, ticks, diverging, max } = shading("relative", 0.5, 7);
    expect([diverging, max]).toEqual([true, 8]);
    expect(level(0.1, 0.1)).toBeCloseTo(0.5, 12);
    expect(level(0.2, 0.1) - 0.5).toBeCloseTo(0.5 - level(0.05, 0.1), 12);
    expect(level(0.8, 0.1)).toBe(1);
    expect(level(0, 0.1)).toBe(0);
    expect(ticks.map(({ text }) => text)).toEqual(["≤1/8×", "1×", "8×"]);
    expect(shading("relative", 1, 5000).ticks.at(-1)?.text).toBe("≥64×");
    // Nothing above uniform: still a scale.
    expect(shading("relative", 0.1, 1).max).toBe(2);
  });

  it("rise with the weight and never leave the scale", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("linear" as const, "sqrt" as const, "log" as const, "relative" as const),
        fc.double({ min: 1e-6, max: 1, noNaN: true }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 20 }),
        (name, max, weights) => {
          const { level } = shading(name, max, max * 10);
          const levels = weights.sort((a, b) => a - b).map((weight) => level(weight, 0.1));
          for (const [i, one] of levels.entries()) {
            expect(one).toBeGreaterThanOrEqual(levels[i - 1] ?? 0);
            expect(one).toBeLessThanOrEqual(1);
          }
        },
      ),
    );
  });

  it("survive a matrix without weight", () => {
    for (const name of ["linear", "sqrt", "log", "relative"] as const) {
      const { level, ticks } = shading(name, 0, 0);
      expect(level(0, 0)).toBe(0);
      expect(ticks.every(({ at, text }) => Number.isFinite(at) && !text.includes("NaN"))).toBe(true);
    }
  });
});

describe("numbers in cells", () => {
  it("have the digits that fit, and none where they would all be 0", () => {
    expect([25.9, 26, 33.9, 34].map(digitsFor)).toEqual([0, 2, 2, 3]);
    expect([0.4904, 0.05, 0.005, 0.0049, 0].map((weight) => cellNumber(weight, 2))).toEqual([
      ".49",
      ".05",
      ".01",
      "",
      "",
    ]);
    expect([0.4904, 0.0005, 0.9996, 1].map((weight) => cellNumber(weight, 3))).toEqual([
      ".490",
      ".001",
      "1.00",
      "1.00",
    ]);
    expect(cellNumber(0.996, 2)).toBe("1.0");
    expect(cellNumber(Number.NaN, 3)).toBe("");
  });

  it("are read on every colour, in both themes, on faded rows too", () => {
    for (const palette of [LIGHT, DARK]) {
      const [less, more] = palette.heads as [Rgb, Rgb];
      const ramps = [palette.ink, palette.cls, palette.sep].map((to) => ramp(palette, to));
      for (const steps of [...ramps, divergingRamp(palette, less, more)]) {
        for (let step = 0; step < 256; step++) {
          for (const alpha of [1, FADED]) {
            const background = cellColour(steps, step / 255, palette.paper, alpha);
            expect(contrast(background, textColour(background))).toBeGreaterThanOrEqual(4.5);
          }
        }
      }
    }
    expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21, 6);
  });
});

describe("the field", () => {
  const rows = [
    [0.1, 0.9, 0, 0, 0],
    [0.2, 0.3, 0.5, 0, 0],
    [0.4, 0.1, 0.1, 0.4, 0],
  ];

  it("holds every cell, or the largest of each bin", () => {
    expect([...fieldOf(series(rows), [0, 3], [0, 5]).values]).toEqual([...Float32Array.from(rows.flat())]);
    const pooled = fieldOf(series(rows), [0, 3], [0, 5], 2);
    expect([pooled.rows, pooled.columns]).toEqual([2, 3]);
    const expected = [0.9, 0.5, 0, 0.4, 0.4, 0];
    expect([...pooled.values]).toEqual([...Float32Array.from(expected)]);
    expect([...halved(fieldOf(series(rows), [0, 3], [0, 5])).values]).toEqual([...pooled.values]);
    expect([...fieldOf(series(rows), [1, 3], [2, 4]).values]).toEqual([...Float32Array.of(0.5, 0, 0.1, 0.4)]);
  });

  it("has gaps where a row is not held whole", () => {
    const { values } = fieldOf(series(rows, [1]), [0, 3], [0, 5]);
    expect([...values.subarray(5, 10)].map(Number.isNaN)).toEqual([false, false, false, true, true]);
    expect([...values.subarray(0, 5)].some(Number.isNaN)).toBe(false);
    const gap = halved(fieldOf(series([[0], [0]], [0, 1]), [0, 2], [0, 1]));
    expect(Number.isNaN(gap.values[0])).toBe(true);
  });

  it("knows its largest weight and the largest multiple of uniform", () => {
    const found = extremes(fieldOf(series(rows), [0, 3], [0, 5]), (query) => 1 / (query + 1));
    expect(found.max).toBeCloseTo(0.9, 6);
    expect(found.times).toBeCloseTo(1.2, 6);
  });

  it("is coloured by scale, kind of key, sight and what is left out", () => {
    const field: Field = fieldOf(series(rows, [2]), [0, 3], [0, 5]);
    const ink = ramp(LIGHT, LIGHT.ink);
    const green = ramp(LIGHT, LIGHT.cls);
    const colouring: Colouring = {
      shading: shading("linear", 0.9),
      ramps: [ink, green],
      keyRamps: Uint8Array.of(1, 0, 0, 0, 0),
      uniform: () => 0.2,
      faded: (query) => query === 1,
      dimmed: (key) => key === 1,
      unseen: (query) => query + 2,
      hidden: (key) => key === 4,
      blank: [1, 2, 3],
    };
    const pixels = colour(field, colouring);
    const at = (query: number, key: number) => [...pixels.subarray((query * 5 + key) * 4, (query * 5 + key) * 4 + 4)];
    const level = (weight: number) => Math.round((weight / 0.9) * 255) * 4;
    expect(at(0, 0)).toEqual([...green.subarray(level(0.1), level(0.1) + 4)]);
    expect(at(0, 1)).toEqual([...LIGHT.ink, 70]);
    expect(at(1, 2)[3]).toBe(70);
    expect(at(2, 2)).toEqual([...ink.subarray(level(0.1), level(0.1) + 4)]);
    expect(at(0, 2)).toEqual([1, 2, 3, 255]);
    expect(at(1, 4)).toEqual([1, 2, 3, 255]);
    expect(at(2, 4)).toEqual([1, 2, 3, 255]);
    field.values[0] = Number.NaN;
    expect(colour(field, colouring)[3]).toBe(0);
  });
});

describe("the margins", () => {
  it("mean the rows given", () => {
    const rows = [
      [1, 0],
      [0.5, 0.5],
      [0, 1],
    ];
    expect([...columnMeans(series(rows), [0, 1], 2)]).toEqual([0.75, 0.25]);
    expect([...columnMeans(series(rows), [], 2)]).toEqual([0, 0]);
  });

  it("draw a bar for each cell in the frame, none outside it, and the largest of cells under a pixel", () => {
    const bars = { side: "top", depth: 20, most: 1, start: 2.5, cell: 10, length: 35 } as const;
    const drawn = barsOf({ ...bars, values: Float64Array.of(1, 1, 0.5, 1, 0, 1, 0.25, 1, 1) });
    expect(drawn.map(([at]) => at)).toEqual([0, 6, 26, 36].filter((at) => at < 35));
    expect(drawn.map(([, , long]) => long)).toEqual([10, 20, 20]);
    for (const [at, wide] of drawn) expect(at + wide).toBeLessThanOrEqual(35);
    const fine = barsOf({
      ...bars,
      start: 0,
      cell: 0.25,
      length: 2,
      values: Float64Array.of(0, 0, 0.5, 0, 0, 0, 0, 1),
    });
    expect(fine).toEqual([
      [0, 1, 10],
      [1, 1, 20],
    ]);
    expect(barsOf({ ...bars, most: 0, values: Float64Array.of(0, 0) })).toEqual([]);
  });
});

const sizes = fc.record({
  queries: fc.integer({ min: 1, max: 20000 }),
  keys: fc.integer({ min: 1, max: 20000 }),
  room: fc.integer({ min: 80, max: 1600 }),
});
const frames = sizes.map(({ queries, keys, room }) => frameFor(queries, keys, room, 760, 40));

function inside(now: Window, frame: Frame): void {
  expect(now.key).toBeGreaterThanOrEqual(0);
  expect(now.query).toBeGreaterThanOrEqual(0);
  expect(now.key + frame.width / now.cell).toBeLessThanOrEqual(frame.keys + 1e-6);
  expect(now.query + frame.height / now.cell).toBeLessThanOrEqual(frame.queries + 1e-6);
  expect(now.cell).toBeGreaterThanOrEqual(frame.fit);
  expect(now.cell).toBeLessThanOrEqual(Math.max(LARGEST_CELL, frame.fit));
}

describe("zoom and pan", () => {
  it("never leave the matrix", () => {
    const moves = fc.array(
      fc.record({
        factor: fc.double({ min: 0.1, max: 10, noNaN: true }),
        x: fc.double({ min: -500, max: 2000, noNaN: true }),
        y: fc.double({ min: -500, max: 2000, noNaN: true }),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(frames, moves, (frame, list) => {
        let now = wholeWindow(frame);
        inside(now, frame);
        for (const { factor, x, y } of list) {
          now = zoomedAt(now, frame, factor, x, y);
          inside(now, frame);
          now = movedBy(now, frame, x - 700, y - 700);
          inside(now, frame);
        }
      }),
    );
  });

  it("keep what is under the pointer there", () => {
    const frame = frameFor(500, 500, 500, 760, 40);
    const now = zoomedAt(wholeWindow(frame), frame, 8, 250, 100);
    expect(now.cell).toBe(8);
    expect(now.key + 250 / 8).toBeCloseTo(250, 9);
    expect(now.query + 100 / 8).toBeCloseTo(100, 9);
    expect(zoomedAt(now, frame, 1 / 100, 3, 3)).toEqual(wholeWindow(frame));
    expect([isPart(wholeWindow(frame), frame), isPart(now, frame)]).toEqual([false, true]);
  });

  it("come to a cell and its neighbours, and bring a cell into view", () => {
    fc.assert(
      fc.property(frames, fc.nat(), fc.nat(), (frame, q, k) => {
        const [query, key] = [q % frame.queries, k % frame.keys];
        for (const go of [neighbourhood, revealing]) {
          const now = go(wholeWindow(frame), frame, query, key);
          inside(now, frame);
          const [first, end] = inFrame(now.key, frame.width, now.cell, frame.keys);
          expect(key).toBeGreaterThanOrEqual(first);
          expect(key).toBeLessThan(end);
          const rows = inFrame(now.query, frame.height, now.cell, frame.queries);
          expect(query).toBeGreaterThanOrEqual(rows[0]);
          expect(query).toBeLessThan(rows[1]);
        }
      }),
    );
    const frame = frameFor(100, 100, 400, 760, 40);
    const near = neighbourhood(wholeWindow(frame), frame, 50, 50);
    expect(near.key + frame.width / near.cell / 2).toBeCloseTo(50.5, 9);
    expect(frame.width / near.cell).toBeGreaterThanOrEqual(8);
  });

  it("keep cells that can be told apart where one side is much longer", () => {
    const frame = frameFor(3, 2000, 500, 760, 40);
    expect(frame.height).toBeGreaterThanOrEqual(48 - 1e-9);
    expect(isPart(wholeWindow(frame), frame)).toBe(true);
    expect(clampWindow({ key: 1e9, query: 0, cell: 0 }, frame).key).toBeCloseTo(2000 - 500 / frame.fit, 6);
  });
});

describe("labels", () => {
  it("never overlap, and keep those that are marked", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3000 }),
        fc.double({ min: 0.05, max: 40, noNaN: true }),
        fc.array(fc.nat({ max: 2999 }), { maxLength: 5 }),
        (count, cell, marks) => {
          const shown = labelled([0, count], cell, 13, marks);
          if (cell < 13) {
            for (const [i, at] of shown.entries()) {
              if (i > 0) expect((at - (shown[i - 1] as number)) * cell).toBeGreaterThanOrEqual(13 - 1e-9);
            }
          } else expect(shown.length).toBe(count);
          const [first] = marks.filter((mark) => mark < count);
          if (first !== undefined) expect(shown).toContain(first);
        },
      ),
    );
  });
});
