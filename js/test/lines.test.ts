import { describe, expect, it } from "vitest";
import { byWeight, paintStrokes } from "../src/paint/lines";
import type { Palette } from "../src/paint/palette";
import type { Series } from "../src/scene";
import type { Token } from "../src/types";
import { directions } from "../src/views/lines_focus";
import { layout, rowsAt } from "../src/views/lines_layout";
import { beyond, ends, incomingStrokes } from "../src/views/lines_numbers";

const seriesOf = (rows: number[][]): Series => ({
  row: (query) => Float32Array.from(rows[query] as number[]),
  rowSum: () => 1,
});

describe("directions of the focus", () => {
  const focus = { side: "query" as const, indices: [3], locked: false };

  it("are both of one token where queries and keys are one sequence", () => {
    expect(directions(focus, [], true)).toEqual({ out: [3], into: [3] });
    expect(directions({ ...focus, side: "key" }, [], true)).toEqual({ out: [3], into: [3] });
  });

  it("are one where they are two sequences", () => {
    expect(directions(focus, [], false)).toEqual({ out: [3], into: [] });
    expect(directions({ ...focus, side: "key" }, [], false)).toEqual({ out: [], into: [3] });
  });

  it("are of the locked tokens of each side where both are locked", () => {
    expect(directions({ ...focus, locked: true }, [5, 6], true)).toEqual({ out: [3], into: [5, 6] });
    expect(directions(null, [], true)).toEqual({ out: [], into: [] });
  });
});

describe("strokes", () => {
  it("are painted from the lightest to the heaviest, equal ones in their order", () => {
    const weight = new Float32Array([9, 1, 0.25, 1e-8, 0.25, 0.7, 0, 5]).subarray(1);
    expect([...byWeight({ weight, count: 6 })]).toEqual([5, 2, 1, 3, 4, 0]);
  });
});

describe("strokes towards the focus", () => {
  const one = seriesOf([
    [0.5, 0.5, 0],
    [0, 0.25, 0.75],
    [1, 0, 0],
  ]);
  const two = seriesOf([
    [0, 1, 0],
    [0, 1, 0],
    [0, 0, 1],
  ]);

  it("are every weight to these keys, of the rows in range", () => {
    const found = incomingStrokes([one, two], [0, 2], [1]);
    const list = Array.from({ length: found.count }, (_, i) => [
      found.series[i],
      found.query[i],
      found.key[i],
      found.weight[i],
    ]);
    expect(list).toEqual([
      [0, 0, 1, 0.5],
      [0, 1, 1, 0.25],
      [1, 0, 1, 1],
      [1, 1, 1, 1],
    ]);
  });

  it("name the tokens that carry them, but not for a hundredth of the heaviest", () => {
    const rows = [[0.9], [0.008], [0.5]];
    expect(ends(incomingStrokes([seriesOf(rows)], [0, 3], [0]), "query")).toEqual(new Set([0, 2]));
  });
});

describe("keys out of view", () => {
  const row = Float32Array.from([0.5, 0.125, Number.NaN, 0.25]);

  it("are summed, with the strongest by name", () => {
    expect(beyond(row, [0, 2])).toEqual({ sum: 0.625, key: 0, weight: 0.5, partly: false });
    expect(beyond(row, [1, 9])).toEqual({ sum: 0.375, key: 3, weight: 0.25, partly: true });
  });

  it("are nothing where there is nothing", () => {
    expect(beyond(row, [0, 0])).toBeNull();
    expect(beyond(new Float32Array(3), [0, 3])).toBeNull();
  });
});

describe("layout", () => {
  const columns = [140, 140] as const;

  it("puts strips beside the columns where lines keep their room", () => {
    const wide = layout(642, 12, columns, 12);
    expect(wide.cell).toBe(6);
    expect(wide.middle).toBeGreaterThanOrEqual(104);
    expect(wide.left + wide.middle + wide.right + 2 * wide.strip).toBeLessThanOrEqual(642);
    expect(wide).toMatchObject({ map: 0, stripless: null });
  });

  it("says why there are none", () => {
    expect(layout(372, 12, columns, 12)).toMatchObject({ cell: 0, strip: 0, stripless: "narrow" });
    expect(layout(1400, 12, columns, 33)).toMatchObject({ cell: 0, strip: 0, stripless: "many" });
    expect(layout(1400, 12, columns, 1)).toMatchObject({ cell: 0, strip: 0, stripless: null });
  });

  it.each([7, 40, 4096, 16384])("of %i rows keeps everything inside its width", (rows) => {
    for (const width of [344, 372, 500, 642, 900, 1200]) {
      for (const heads of [1, 4, 12, 32, 64]) {
        const at = layout(width, rows, [125, 125], heads);
        const map = at.map > 0 ? at.map + 10 : 0;
        expect(at.left + at.middle + at.right + 2 * at.strip + map).toBeLessThanOrEqual(width);
        expect(at.map > 0).toBe(at.height > at.shown);
      }
    }
  });

  it("renders the rows in view and some beyond, never all of a long text", () => {
    const at = layout(642, 16384, columns, 12);
    const { seen, rendered } = rowsAt(at, 16384, 9000);
    expect(seen[0]).toBe(500);
    expect(seen[1] - seen[0]).toBeLessThan(50);
    expect(rendered[0]).toBeLessThan(seen[0]);
    expect(rendered[1] - rendered[0]).toBeLessThan(80);
    expect(rowsAt(at, 16384, 1e9).seen[1]).toBe(16384);
  });
});

describe("painting", () => {
  const ink = [1, 1, 1] as const;
  const palette = {
    paper: [0, 0, 0],
    ink,
    cls: [2, 2, 2],
    sep: [3, 3, 3],
    query: [4, 4, 4],
    heads: [
      [5, 5, 5],
      [6, 6, 6],
    ],
  } as unknown as Palette;
  const keys = [{ kind: "cls" }, { kind: "word" }, { kind: "word" }] as Token[];
  const look = { palette, keys, perHead: false, highlight: "none" as const, chosenQueries: new Set([0]) };
  const strokes = incomingStrokes([seriesOf([[0.6], [0.2], [0.4]])], [0, 3], [0]);

  function paint(more: object, scroll = 0): { colours: string[]; alphas: number[]; widths: number[] } {
    const colours: string[] = [];
    const alphas: number[] = [];
    const widths: number[] = [];
    const context = {
      beginPath: () => undefined,
      moveTo: () => undefined,
      bezierCurveTo: () => undefined,
      stroke() {
        colours.push((this as unknown as CanvasRenderingContext2D).strokeStyle as string);
        alphas.push((this as unknown as CanvasRenderingContext2D).globalAlpha);
        widths.push((this as unknown as CanvasRenderingContext2D).lineWidth);
      },
    };
    const frame = { width: 100, height: 60, rowHeight: 20, scroll };
    paintStrokes(context as unknown as CanvasRenderingContext2D, strokes, frame, { ...look, ...more }, 1);
    return { colours, alphas, widths };
  }
  const starts = (colours: string[], value: number) => colours.filter((one) => one.startsWith(`rgba(${value},`)).length;

  it("puts the heaviest on top, and makes it the widest", () => {
    const { widths } = paint({});
    expect(widths).toHaveLength(3);
    expect([...widths].sort((a, b) => a - b)).toEqual(widths);
  });

  it("tells the directions apart by colour", () => {
    expect(starts(paint({ direction: "out" }).colours, 4)).toBe(3);
    expect(starts(paint({ direction: "in" }).colours, 1)).toBe(3);
    expect(starts(paint({ direction: "out", highlight: "special" }).colours, 2)).toBe(3);
    expect(starts(paint({ direction: "out", perHead: true }).colours, 5)).toBe(3);
    expect(starts(paint({ highlight: "query" }).colours, 4)).toBe(1);
  });

  it("draws dimmed keys faintly", () => {
    const last = (more: object) => paint(more).alphas.at(-1) as number;
    expect(last({ dimmed: () => true })).toBeLessThan(last({}) / 4);
  });

  it("leaves out strokes of which no end is in view", () => {
    expect(paint({}, 1000).colours).toEqual([]);
  });
});
