import { signal } from "@preact/signals";
import { describe, expect, it } from "vitest";
import type { AnswerState } from "../src/answers";
import { affordable, placesIn, type Source, stepFor, TILE_COLUMNS, TILE_ROWS } from "../src/tile_places";
import { Tiles, type TileWanted, wantedFor } from "../src/tiles";
import { encodeWeight, VALUES } from "../src/wire/codec";
import { Container } from "../src/wire/container";
import { aWhile, eventually } from "./eventually";

const SOURCE: Source = { stack: "decoder", layer: 3, heads: [], count: 12, queries: 4096, keys: 4096 };

/** A container as Python sends it: codes of one tile, uncompressed. */
function reply(wanted: TileWanted, weight: (query: number, key: number) => number): Container {
  const bins = ([first, end]: readonly [number, number]) => Math.ceil((end - first) / wanted.step);
  const [rows, columns] = [bins(wanted.queries), bins(wanted.keys)];
  const codes = Uint16Array.from({ length: rows * columns }, (_, at) =>
    encodeWeight(
      weight(wanted.queries[0] + Math.floor(at / columns) * wanted.step, wanted.keys[0] + (at % columns) * wanted.step),
    ),
  );
  const length = codes.byteLength;
  const entry = { offset: 0, length, size: length, codec: "raw", dtype: "u2", shape: [rows, columns] };
  const name = `tile/${wanted.stack}/${wanted.layer}`;
  const head = (offset: number) =>
    new TextEncoder().encode(JSON.stringify({ blocks: { [name]: { ...entry, offset } } }));
  let offset = 0;
  for (let i = 0; i < 4; i++) offset = Math.ceil((12 + head(offset).length) / 8) * 8;
  const header = head(offset);
  const bytes = new Uint8Array(offset + length);
  bytes.set([0x41, 0x54, 0x54, 0x4e, 1]);
  new DataView(bytes.buffer).setUint32(8, header.length, true);
  bytes.set(header, 12);
  bytes.set(new Uint8Array(codes.buffer), offset);
  return Container.read(bytes);
}

/** Python, which answers when told to. */
class Kernel {
  readonly asked: { wanted: TileWanted; state: ReturnType<typeof signal<AnswerState>> }[] = [];

  readonly ask = (wanted: TileWanted) => {
    const state = signal<AnswerState>({ status: "asked" });
    this.asked.push({ wanted, state });
    return state;
  };

  answer(at = this.asked.length - 1, weight = (query: number, key: number) => (query + key) / 8192): void {
    const { wanted, state } = this.asked[at] as (typeof this.asked)[number];
    state.value = { status: "ready", container: reply(wanted, weight) };
  }
}

describe("which tiles", () => {
  it("have bins of at most a pixel", () => {
    expect([30, 1, 0.99, 0.5, 0.26, 0.25, 0.1].map(stepFor)).toEqual([1, 1, 1, 2, 2, 4, 8]);
  });

  it("cover the part in view, the middle first, and end with the matrix", () => {
    const places = placesIn(SOURCE, 1, [200, 700], [900, 1300]);
    expect(new Set(places.map(({ row, column }) => `${row}/${column}`))).toEqual(
      new Set(["0/0", "0/1", "1/0", "1/1", "2/0", "2/1"]),
    );
    expect(places[0]?.row).toBe(1);
    const small = { ...SOURCE, queries: 300, keys: 1500 };
    const last = wantedFor(small, { step: 1, row: 1, column: 1 });
    expect([last.queries, last.keys]).toEqual([
      [TILE_ROWS, 300],
      [TILE_COLUMNS, 1500],
    ]);
    expect(placesIn(small, 1, [0, 9999], [0, 9999])).toHaveLength(4);
  });

  it("are asked for only where they cost Python little", () => {
    expect(affordable(SOURCE, 4)).toBe(true);
    const long = { ...SOURCE, queries: 16_384, keys: 16_384, count: 32 };
    expect(affordable(long, 1)).toBe(true);
    expect(affordable(long, 2)).toBe(false);
  });
});

describe("tiles", () => {
  it("are asked for one after another and hold the weights that were sent", async () => {
    const kernel = new Kernel();
    const tiles = new Tiles(kernel.ask);
    const places = placesIn(SOURCE, 1, [0, 300], [0, 100]);
    tiles.want(SOURCE, places);
    expect([kernel.asked.length, tiles.waiting.value]).toEqual([1, 2]);
    kernel.answer();
    await eventually(() => expect([kernel.asked.length, tiles.waiting.value, tiles.arrived.value]).toEqual([2, 1, 1]));
    kernel.answer();
    await eventually(() => expect([tiles.waiting.value, tiles.arrived.value]).toEqual([0, 2]));
    const tile = tiles.get(SOURCE, { step: 1, row: 1, column: 0 });
    expect([tile?.query, tile?.key, tile?.rows, tile?.columns]).toEqual([256, 0, 256, 1024]);
    expect(tile?.values[5 * 1024 + 7]).toBe(VALUES[encodeWeight((261 + 7) / 8192)]);
    tiles.want(SOURCE, places);
    expect(kernel.asked).toHaveLength(2);
  });

  it("of the weights before are not kept for those that took their place", async () => {
    const kernel = new Kernel();
    const tiles = new Tiles(kernel.ask);
    const [place] = placesIn(SOURCE, 1, [0, 10], [0, 10]);
    if (!place) throw new Error("no tile lies there");
    tiles.want(SOURCE, [place]);
    kernel.answer();
    // Its numbers are being read.
    await Promise.resolve();
    tiles.clear();
    await aWhile();
    expect(tiles.get(SOURCE, place)).toBeUndefined();
    tiles.want(SOURCE, [place]);
    kernel.answer();
    await eventually(() => expect(tiles.get(SOURCE, place)).toBeDefined());
  });

  it("that left the view are no longer waited for, and do not pile up", async () => {
    const kernel = new Kernel();
    const tiles = new Tiles(kernel.ask);
    for (let pan = 0; pan < 10; pan++) tiles.want(SOURCE, placesIn(SOURCE, 1, [pan * 256, pan * 256 + 10], [0, 10]));
    expect(kernel.asked).toHaveLength(10);
    expect(tiles.waiting.value).toBe(1);
    // The first answers come too late.
    for (let late = 0; late < 9; late++) kernel.answer(late);
    await aWhile();
    expect(tiles.arrived.value).toBe(0);
    kernel.answer(9);
    await eventually(() => expect(tiles.arrived.value).toBe(1));
    expect(tiles.get(SOURCE, { step: 1, row: 9, column: 0 })).toBeDefined();
    tiles.want(null, []);
    expect(tiles.waiting.value).toBe(0);
  });

  it("take no more memory than they may: what was not looked at for longest goes", async () => {
    const one = TILE_ROWS * TILE_COLUMNS * 4;
    const kernel = new Kernel();
    const tiles = new Tiles(kernel.ask, 3 * one);
    for (let row = 0; row < 8; row++) {
      tiles.want(SOURCE, [{ step: 1, row, column: 0 }]);
      kernel.answer();
      await eventually(() => expect(tiles.get(SOURCE, { step: 1, row, column: 0 })).toBeDefined());
      expect(tiles.bytes).toBeLessThanOrEqual(3 * one);
      // The first one is looked at again and again.
      expect(tiles.get(SOURCE, { step: 1, row: 0, column: 0 })).toBeDefined();
    }
    const kept = [0, 1, 2, 3, 4, 5, 6, 7].filter((row) => tiles.get(SOURCE, { step: 1, row, column: 0 }));
    expect(kept).toEqual([0, 6, 7]);
    tiles.clear();
    expect(tiles.bytes).toBe(0);
  });

  it("say why they do not come", async () => {
    const kernel = new Kernel();
    const tiles = new Tiles(kernel.ask);
    const places = placesIn(SOURCE, 1, [0, 300], [0, 10]);
    tiles.want(SOURCE, places);
    if (kernel.asked[0]) kernel.asked[0].state.value = { status: "failed", error: "released" };
    await eventually(() => expect(tiles.problem.value).toEqual({ error: "released" }));
    await eventually(() => expect(kernel.asked).toHaveLength(2));
    kernel.answer();
    await eventually(() => expect(tiles.problem.value).toBe(""));

    const alone = new Tiles(() => signal<AnswerState>({ status: "missing" }));
    alone.want(SOURCE, places);
    await eventually(() => expect(alone.waiting.value).toBe(0));
    alone.want(SOURCE, places);
    expect([alone.problem.value, alone.waiting.value]).toEqual(["missing", 0]);
  });

  it("of another shape than asked for are refused", async () => {
    const kernel = new Kernel();
    const tiles = new Tiles(kernel.ask);
    tiles.want(SOURCE, [{ step: 1, row: 0, column: 0 }]);
    const { wanted, state } = kernel.asked[0] as (typeof kernel.asked)[number];
    state.value = { status: "ready", container: reply({ ...wanted, keys: [0, 10] }, () => 0) };
    await eventually(() => expect(tiles.problem.value).toMatchObject({ error: expect.stringContaining("shape") }));
    expect(tiles.arrived.value).toBe(0);
  });
});
