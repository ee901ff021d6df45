import { describe, expect, test } from "vitest";
import { KINDS, type Ledger, ledger, percents, type Series, strokes } from "../src/scene";
import { json } from "./fixtures";

interface Case {
  name: string;
  series: { rows: number[][]; sums: number[] }[];
  queries: number[];
  options: { budget: number; max_strokes: number; keys?: number[] };
  kind_sums: number[];
  left_out: number;
  strokes: {
    series: number[];
    query: number[];
    key: number[];
    weight: number[];
    wanted: number;
    drawn: number;
    left_out: number;
    row_drawn: number[];
  };
  ledger: Ledger;
}
interface SceneFixture {
  cases: Case[];
  percents: { shares: number[]; percents: number[] }[];
}

const fixture = json<SceneFixture>("scene/scenes.json");

function seriesOf(rows: number[][], sums: number[]): Series {
  const arrays = rows.map((row) => Float32Array.from(row));
  return { row: (query) => arrays[query] as Float32Array, rowSum: (query) => sums[query] as number };
}

function close(found: ArrayLike<number>, want: ArrayLike<number>): void {
  expect(found).toHaveLength(want.length);
  for (let i = 0; i < want.length; i++) expect(found[i]).toBeCloseTo(want[i] as number, 6);
}

describe("the scene is that of Python", () => {
  test.each(fixture.cases.map((one) => [one.name, one] as const))("%s", (_, one) => {
    const series = one.series.map(({ rows, sums }) => seriesOf(rows, sums));
    const { budget, max_strokes: maxStrokes, keys } = one.options;
    const found = strokes(series, one.queries, { budget, maxStrokes, ...(keys ? { keys } : {}) });
    expect([...found.series]).toEqual(one.strokes.series);
    expect([...found.query]).toEqual(one.strokes.query);
    expect([...found.key]).toEqual(one.strokes.key);
    expect(found.weight).toEqual(Float32Array.from(one.strokes.weight));
    expect([found.count, found.wanted]).toEqual([one.strokes.key.length, one.strokes.wanted]);
    expect(found.drawn).toBeCloseTo(one.strokes.drawn, 12);
    expect(found.leftOut).toBeCloseTo(one.strokes.left_out, 12);
    close(found.rowDrawn, one.strokes.row_drawn);
    const { fate, kinds } = ledger(found, one.kind_sums, one.left_out);
    close(
      [fate.drawn, fate.below, fate.left_out],
      [one.ledger.fate.drawn, one.ledger.fate.below, one.ledger.fate.left_out],
    );
    close(
      KINDS.map((kind) => kinds[kind]),
      KINDS.map((kind) => one.ledger.kinds[kind]),
    );
  });

  test.each(fixture.percents)("percents of $shares", ({ shares, percents: want }) => {
    expect(percents(shares)).toEqual(want);
  });
});

describe("strokes", () => {
  const random = (seed: number): (() => number) => {
    let state = seed;
    return () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
  };

  function rowsOf(count: number, keys: number, seed: number): number[][] {
    const next = random(seed);
    return Array.from({ length: count }, () => {
      const row = Array.from({ length: keys }, () => (next() < 0.2 ? 0 : next() ** 4));
      const sum = row.reduce((total, w) => total + w, 0) || 1;
      return row.map((w) => Math.fround(Math.round((w / sum) * 1000) / 1000));
    });
  }

  /** The rule, word by word. */
  function plain(rows: number[][], budget: number, most: number): string[] {
    const found: { query: number; key: number; weight: number }[] = [];
    rows.forEach((row, query) => {
      const mass = row.reduce((total, w) => total + w, 0);
      const cells = row
        .map((weight, key) => ({ query, key, weight }))
        .sort((a, b) => b.weight - a.weight || a.key - b.key);
      let sum = 0;
      for (const cell of cells) {
        if (mass === 0 || cell.weight === 0 || sum >= (budget - 1e-6) * mass) break;
        sum += cell.weight;
        found.push(cell);
      }
    });
    found.sort((a, b) => b.weight - a.weight || a.query - b.query || a.key - b.key);
    const kept = found.slice(0, most).sort((a, b) => a.query - b.query || a.key - b.key);
    return kept.map(({ query, key, weight }) => `${query} ${key} ${weight}`);
  }

  test.each(Array.from({ length: 60 }, (_, seed) => seed))("by the rule, with many ties, %i", (seed) => {
    const rows = rowsOf(1 + (seed % 9), 1 + ((seed * 7) % 40), seed);
    const sums = rows.map((row) => row.reduce((total, w) => total + w, 0));
    const budget = [0.1, 0.5, 0.7, 0.95, 1][seed % 5] as number;
    const maxStrokes = [3, 20, 1000][seed % 3] as number;
    const found = strokes(
      [seriesOf(rows, sums)],
      rows.map((_, query) => query),
      { budget, maxStrokes },
    );
    const said = [...found.key].map((key, i) => `${found.query[i]} ${key} ${found.weight[i]}`);
    expect(said).toEqual(plain(rows, budget, maxStrokes));
  });

  test("wrong options are named", () => {
    expect(() => strokes([], [], { budget: 0, maxStrokes: 1 })).toThrow("budget is 0");
    expect(() => strokes([], [], { budget: Number.NaN, maxStrokes: 1 })).toThrow("budget is NaN");
    expect(() => strokes([], [], { budget: 0.7, maxStrokes: -1 })).toThrow("maxStrokes is -1");
  });

  test("512 rows of 512 keys are chosen from", () => {
    const rows = rowsOf(512, 512, 3).map((row) => Float32Array.from(row, (w) => w + 1e-4));
    const sums = rows.map((row) => row.reduce((total, w) => total + w, 0));
    const series: Series = { row: (query) => rows[query] as Float32Array, rowSum: (query) => sums[query] as number };
    const queries = rows.map((_, query) => query);
    const found = strokes([series], queries, { budget: 0.7, maxStrokes: 2000 });
    expect(found.count).toBe(2000);
    expect(found.wanted).toBeGreaterThan(2000);
  });
});

test("percents always add to 100", () => {
  for (let seed = 1; seed < 200; seed++) {
    const shares = Array.from({ length: 1 + (seed % 9) }, (_, i) => ((seed * 7919 * (i + 1)) % 1009) / 1009);
    const sum = percents(shares).reduce((total, x) => total + x, 0);
    expect(sum).toBe(shares.some((x) => x > 0) ? 100 : 0);
  }
});
