import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { frameSpan, pooled, rowAt } from "../src/paint/minimap";
import { cellAt, cellWidth, shade } from "../src/paint/strips";
import { Scope } from "../src/picture/scope";
import { plainLook } from "../src/picture/select";
import { Rows } from "../src/picture/shown";
import { type HeadSeries, keyStrip, queryStrip } from "../src/views/lines_numbers";
import { Container } from "../src/wire/container";
import { LayerWeights } from "../src/wire/layer";
import type { Overviews } from "../src/wire/overview";

/** Two heads, three queries, four keys. */
const WEIGHTS = [
  [
    [1, 0, 0, 0],
    [0.5, 0.25, 0.25, 0],
    [0, 0, 0.75, 0.25],
  ],
  [
    [0.25, 0.25, 0.25, 0.25],
    [0, 1, 0, 0],
    [0.125, 0.125, 0.5, 0.25],
  ],
];

function heads(whole: (head: number, query: number) => boolean = () => true): HeadSeries[] {
  return WEIGHTS.map((rows, head) => ({
    layer: 0,
    head,
    series: {
      row: (query, out = new Float32Array(4)) => {
        out.set(rows[query] as number[]);
        return out;
      },
      rowSum: () => 1,
      isWhole: (query) => whole(head, query),
    },
  }));
}

describe("query strip", () => {
  it("holds each head's largest weight of the row", () => {
    const strip = queryStrip(heads(), [0, 3], null);
    expect([...strip.values]).toEqual([1, 0.25, 0.5, 1, 0.75, 0.5]);
    expect(strip).toMatchObject({ first: 0, heads: 2, top: 1 });
  });

  it("holds what each head gives to the chosen keys together", () => {
    expect([...queryStrip(heads(), [1, 3], [1, 2]).values]).toEqual([0.5, 1, 0.75, 0.625]);
  });

  it("does not take what is not held for zero", () => {
    const strip = queryStrip(
      heads((head) => head === 1),
      [0, 1],
      [3],
    );
    expect([...strip.values]).toEqual([Number.NaN, 0.25]);
  });
});

describe("key strip", () => {
  it("holds the mean that a key takes over the rows", () => {
    const strip = keyStrip(heads(), [0, 4], [0, 1]);
    expect([...strip.values]).toEqual([0.75, 0.125, 0.125, 0.625, 0.125, 0.125, 0, 0.125]);
    expect(strip.top).toBe(0.75);
  });

  it("holds the weights of one row for its focus, of the tokens in view alone", () => {
    const strip = keyStrip(heads(), [2, 4], [2]);
    expect([...strip.values]).toEqual([0.75, 0.5, 0.25, 0.25]);
    expect(strip.first).toBe(2);
  });

  it("does not take what is not held for zero", () => {
    const strip = keyStrip(
      heads((head) => head === 1),
      [1, 2],
      [0],
    );
    expect([...strip.values]).toEqual([Number.NaN, 0.25]);
  });
});

describe("cells", () => {
  it("are found under the pointer, scrolled or not", () => {
    const frame = { heads: 12, cell: 6, height: 100, rowHeight: 20, scroll: 0 };
    expect(cellAt(frame, 5, 0, 0)).toEqual({ head: 0, index: 0 });
    expect(cellAt(frame, 5, 71.9, 99)).toEqual({ head: 11, index: 4 });
    expect(cellAt({ ...frame, scroll: 30 }, 5, 13, 15)).toEqual({ head: 2, index: 2 });
    expect(cellAt(frame, 5, 72, 10)).toBeNull();
    expect(cellAt(frame, 4, 10, 90)).toBeNull();
    expect(cellAt(frame, 4, -1, 10)).toBeNull();
  });

  it("are as wide as fits, or not there", () => {
    expect(cellWidth(12, 200)).toBe(6);
    expect(cellWidth(12, 60)).toBe(5);
    expect(cellWidth(12, 35)).toBe(0);
    expect(cellWidth(2, 200)).toBe(11);
  });

  it("are darkest at the largest value", () => {
    expect(shade(0.5, 0.5)).toBe(1);
    expect(shade(0.125, 0.5)).toBe(0.5);
    expect(shade(0, 0.5)).toBe(0);
    expect(shade(0, 0)).toBe(0);
  });
});

describe("minimap", () => {
  it("frames the rows in view, large enough to be seen", () => {
    expect(frameSpan({ height: 600, rows: 100, first: 25, end: 50 })).toEqual([150, 150]);
    const [top, tall] = frameSpan({ height: 600, rows: 16384, first: 0, end: 37 });
    expect(top).toBe(0);
    expect(tall).toBe(8);
    expect(frameSpan({ height: 600, rows: 16384, first: 16347, end: 16384 })).toEqual([592, 8]);
  });

  it("says which row a height stands for", () => {
    const frame = { height: 600, rows: 4096 };
    expect([-5, 0, 300, 599.99, 700].map((y) => rowAt(frame, y))).toEqual([0, 0, 2048, 4095, 4095]);
  });

  it("shows of each bin the largest of the chosen heads", () => {
    const pictures = [
      [9, 0, 3, 4],
      [1, 2, 8, 4],
      [255, 255, 255, 255],
    ];
    const overviews = { size: [2, 2], heads: 3, head: (at: number) => Uint8Array.from(pictures[at] ?? []) };
    expect([...pooled(overviews as unknown as Overviews, [0, 1])]).toEqual([9, 2, 8, 4]);
    expect([...pooled(overviews as unknown as Overviews, [])]).toEqual([0, 0, 0, 0]);
  });
});

describe("strips of cells", () => {
  it.each(["top", "whole"])("are those of the rows (%s)", async (fixture) => {
    const bytes = readFileSync(new URL(`../../tests/fixtures/wire/${fixture}.attn`, import.meta.url));
    const container = Container.read(new Uint8Array(bytes));
    const name = container.names().find((block) => block.startsWith("weights/")) ?? "";
    const [, stack = "", layer = ""] = name.split("/");
    const weights = await LayerWeights.read(container, stack, Number(layer));
    const scope = new Scope(plainLook(weights.queries, weights.keys));
    const quick = Array.from({ length: weights.heads }, (_, head) => ({
      layer: 0,
      head,
      series: new Rows([{ head, weights }], scope),
    }));
    const plain: HeadSeries[] = quick.map(({ series, ...one }) => ({
      ...one,
      series: {
        row: (query, out) => series.row(query, out),
        rowSum: (query) => series.rowSum(query),
        isWhole: (query) => series.isWhole(query),
      },
    }));
    expect(quick.every(({ series }) => series.largestOf)).toBe(true);
    const last = Math.min(weights.queries, weights.keys);
    expect(queryStrip(quick, [1, last], null)).toEqual(queryStrip(plain, [1, last], null));
    expect(keyStrip(quick, [1, last], [0, 2])).toEqual(keyStrip(plain, [1, last], [0, 2]));
    const hidden = new Scope({ ...plainLook(weights.queries, weights.keys), sinks: "leave_out", sinkKeys: [0] });
    expect(new Rows([{ head: 0, weights }], hidden).largestOf).toBeUndefined();
  });
});
