import { describe, expect, test } from "vitest";
import { toBytes } from "../src/wire/buffers";
import { encodeWeight, UNITS, VALUES } from "../src/wire/codec";
import { Container, WireError } from "../src/wire/container";
import { LayerWeights } from "../src/wire/layer";
import { Overviews } from "../src/wire/overview";
import { bytes, json } from "./fixtures";

interface LayerFixture {
  shape: [number, number, number];
  form: "dense" | "top";
  codes: number[];
  sums: number[];
  entropy: number[];
  value_norms: number[] | null;
}
interface WireFixture {
  layers: Record<string, LayerFixture>;
  overviews: Record<string, { size: [number, number]; codes: number[] }>;
}

const NAMES = ["odd", "whole", "part", "reply", "top"];

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

async function readLayer(name: string, address: string): Promise<LayerWeights> {
  const [stack = "", layer = ""] = address.split("/");
  return LayerWeights.read(Container.read(bytes(`wire/${name}.attn`)), stack, Number(layer));
}

describe.each(NAMES)("container %s", (name) => {
  const fixture = json<WireFixture>(`wire/${name}.json`);

  test.each(Object.keys(fixture.layers))("layer %s is what Python reads", async (address) => {
    const want = fixture.layers[address] as LayerFixture;
    const layer = await readLayer(name, address);
    const [heads, queries, keys] = want.shape;
    expect([layer.heads, layer.queries, layer.keys, layer.form]).toEqual([...want.shape, want.form]);
    const rows = range(heads).flatMap((head) => range(queries).map((query) => [head, query] as const));
    const cells = rows.flatMap(([head, query]) => [...layer.row(head, query)]);
    expect(cells.map(encodeWeight)).toEqual(want.codes);
    expect(rows.flatMap(([head, query]) => range(keys).map((key) => layer.weight(head, query, key)))).toEqual(cells);
    expect(rows.flatMap(([head, query]) => [...layer.kindSums([head], query)].map((x) => x * 2 ** 16))).toEqual(
      want.sums,
    );
    expect(rows.map(([head, query]) => layer.entropy(head, query) * 2 ** 12)).toEqual(want.entropy);
    for (const [head, query] of rows) {
      const sum = layer.row(head, query).reduce((total, w) => total + w, 0);
      expect(layer.held(head, query)).toBeCloseTo(sum, 5);
      const kinds = layer.kindSums([head], query).reduce((total, x) => total + x, 0);
      expect(layer.rowSum(head, query)).toBeCloseTo(kinds, 5);
    }
    const norms = range(heads).flatMap((head) => range(keys).map((key) => layer.valueNorms(head)?.[key]));
    expect(norms).toEqual(want.value_norms ? [...Float32Array.from(want.value_norms)] : norms.map(() => undefined));
  });

  test("every block has its place and no other bytes", () => {
    const container = Container.read(bytes(`wire/${name}.attn`));
    const places = container.names().map((block) => container.block(block));
    for (const place of places) expect((place?.offset ?? 1) % 8).toBe(0);
    expect(container.names().filter((block) => container.has(block))).toEqual(container.names());
  });
});

describe("overviews", () => {
  test.each(["odd", "whole", "part", "top"])("of %s, stored or made from the weights", async (name) => {
    const container = Container.read(bytes(`wire/${name}.attn`));
    for (const [stack, want] of Object.entries(json<WireFixture>(`wire/${name}.json`).overviews)) {
      const overviews = await Overviews.read(container, stack);
      const cells = want.size[0] * want.size[1];
      expect(overviews.size).toEqual(want.size);
      expect(overviews.heads * cells).toBe(want.codes.length);
      const roots = range(overviews.heads).flatMap((head) =>
        [...overviews.head(head)].map((level) => Math.sqrt(overviews.level(level))),
      );
      // Stored ones have 31 steps of the square root.
      const step = container.has(`overview/${stack}`) ? 0.5 / 31 + 0.5 / 255 : 0.5 / 255;
      want.codes.forEach((code, i) => {
        const root = Math.sqrt(VALUES[code] as number);
        expect(Math.abs(root - (roots[i] as number))).toBeLessThanOrEqual(step + 1e-3);
      });
    }
  });

  test("a head that is not there is named", async () => {
    const overviews = await Overviews.read(Container.read(bytes("wire/whole.attn")), "encoder");
    expect(() => overviews.head(3)).toThrow("there are 3 overviews");
    await expect(Overviews.read(Container.read(bytes("wire/whole.attn")), "nowhere")).rejects.toThrow(WireError);
  });
});

describe("a layer", () => {
  test("averages heads", async () => {
    const layer = await readLayer("whole", "encoder/0");
    const [one, two] = [layer.kindSums([0], 4), layer.kindSums([1], 4)];
    layer.kindSums([0, 1], 4).forEach((sum, kind) => {
      expect(sum).toBeCloseTo(((one[kind] as number) + (two[kind] as number)) / 2, 6);
    });
  });

  test("keeps the exact mass where it lists only the largest cells", async () => {
    const [top, whole] = [await readLayer("top", "encoder/0"), await readLayer("whole", "encoder/0")];
    for (const query of range(top.queries)) {
      expect(top.kindSums([0, 1], query)).toEqual(whole.kindSums([0, 1], query));
      expect(top.held(0, query)).toBeLessThanOrEqual(whole.held(0, query));
      const listed = [...top.row(0, query)].filter((w) => w > 0);
      expect([...listed].sort()).toEqual(
        [...whole.row(0, query)]
          .sort((x, y) => y - x)
          .slice(0, listed.length)
          .sort(),
      );
    }
  });

  test("names what is not there", async () => {
    const layer = await readLayer("odd", "decoder/0");
    expect(() => layer.row(3, 0)).toThrow("there are 3 heads");
    expect(() => layer.weight(0, 0, 7)).toThrow("there are 7 keys");
    await expect(readLayer("odd", "decoder/1")).rejects.toThrow("holds no block");
  });
});

describe("hosts hand over bytes in their own ways", () => {
  const data = bytes("wire/odd.attn");

  test("any view, at any offset", async () => {
    const padded = new Uint8Array(data.length + 13);
    padded.set(data, 3);
    const views = [
      data.slice().buffer,
      new DataView(padded.buffer, 3, data.length),
      padded.subarray(3, 3 + data.length),
      new Uint8ClampedArray(padded.buffer, 3, data.length),
    ];
    const want = await readLayer("odd", "decoder/0");
    for (const view of views) {
      const layer = await LayerWeights.read(Container.read(toBytes(view)), "decoder", 0);
      expect(layer.row(1, 1)).toEqual(want.row(1, 1));
      expect(layer.valueNorms(1)?.[1]).toBe(want.valueNorms(1)?.[1]);
    }
  });

  test("nothing is no bytes, and no container", () => {
    expect(toBytes(null)).toHaveLength(0);
    expect(toBytes(undefined)).toHaveLength(0);
    expect(() => Container.read(toBytes(null))).toThrow(WireError);
  });
});

describe("malformed bytes give one WireError", () => {
  /** Read all there is; whatever is thrown must be a WireError. */
  async function readAll(data: Uint8Array): Promise<"read" | "refused"> {
    try {
      const container = Container.read(data);
      for (const name of container.names()) {
        const [what, stack = "", layer] = name.split("/");
        if (what === "weights") await LayerWeights.read(container, stack, Number(layer));
        if (what === "overview") await Overviews.read(container, stack);
      }
      return "read";
    } catch (error) {
      expect(error).toBeInstanceOf(WireError);
      return "refused";
    }
  }

  test.each(["odd", "part", "top"])("%s, cut off anywhere", async (name) => {
    const data = bytes(`wire/${name}.attn`);
    for (let length = 0; length < data.length; length += length < 64 ? 1 : 29) {
      expect(await readAll(data.subarray(0, length))).toBe("refused");
    }
  });

  test.each(["odd", "part", "top"])("%s, with any byte changed", async (name) => {
    const data = bytes(`wire/${name}.attn`);
    for (let at = 0; at < data.length; at += 7) {
      const changed = data.slice();
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      await readAll(changed);
    }
  });

  /** A container with this header and these bytes after it. */
  function made(header: string, tail = new Uint8Array(64)): Uint8Array {
    const text = new TextEncoder().encode(header);
    const out = new Uint8Array(12 + text.length + tail.length);
    out.set([0x41, 0x54, 0x54, 0x4e, 1]);
    new DataView(out.buffer).setUint32(8, text.length, true);
    out.set(text, 12);
    out.set(tail, 12 + text.length);
    return out;
  }

  const good = { offset: 0, length: 8, size: 8, codec: "raw", dtype: "u1", shape: [8] };

  test.each([
    ["no JSON", "{"],
    ["no blocks", "{}"],
    ["blocks as a list", '{"blocks":[]}'],
    ["a null header", "null"],
    ...[
      { offset: 4 },
      { offset: -8 },
      { length: 1e9 },
      { length: 1.5 },
      { size: "8" },
      { size: 9 },
      { codec: "brotli" },
      { dtype: "f8" },
      { dtype: "toString" },
      { shape: 8 },
      { shape: [-8] },
      { shape: [0, 1e12] },
      { codec: "deflate", size: 1e9 },
      { shuffle: 1 },
      { bits: -1 },
      { large: null },
      { classes: ["a"] },
      { keys: 0.5 },
    ].map((change): [string, string] => [
      JSON.stringify(change),
      JSON.stringify({ blocks: { x: { ...good, ...change } } }),
    ]),
  ])("%s", (_, header) => {
    expect(() => Container.read(made(header))).toThrow(WireError);
  });

  test("a layer with an axis of 0 and a long one takes no time", async () => {
    const empty = { offset: 1024, length: 0, size: 0, codec: "raw", dtype: "u1", shape: [0, 4e9, 0] };
    const blocks = {
      "weights/e/0": { ...empty, classes: new Array(84).fill(0) },
      "sums/e/0": { ...empty, shape: [5, 0, 4e9] },
      "kinds/e": { ...empty, shape: [0] },
    };
    const container = Container.read(made(JSON.stringify({ blocks }), new Uint8Array(1024)));
    expect((await LayerWeights.read(container, "e", 0)).heads).toBe(0);
  });

  test("the good header of these is read", async () => {
    const container = Container.read(made(JSON.stringify({ blocks: { x: good } })));
    expect(await container.bytes("x")).toHaveLength(8);
  });

  test("a version from the future is named", () => {
    const data = bytes("wire/odd.attn");
    data[4] = 9;
    expect(() => Container.read(data)).toThrow("has version 9; this page reads version 1");
  });

  test("a block that inflates beyond what it announces is not followed", async () => {
    const { readable, writable } = new CompressionStream("deflate");
    const writer = writable.getWriter();
    writer.write(new Uint8Array(1 << 22)).catch(() => undefined);
    writer.close().catch(() => undefined);
    const bomb = new Uint8Array(await new Response(readable).arrayBuffer());
    const entry = { ...good, offset: 128, length: bomb.length, size: 8, codec: "deflate" };
    const header = JSON.stringify({ blocks: { x: entry } }).padEnd(116);
    await expect(Container.read(made(header, bomb)).bytes("x")).rejects.toThrow("more than the 8 bytes announced");
  });
});

test("3.1 million cells are decoded", async () => {
  const { decodeDense } = await import("../src/wire/codec");
  const [heads, queries, keys] = [12, 512, 512];
  const data = new Uint8Array(heads * queries + heads * queries * keys).fill(120);
  // Rows of one level, no guess is ever wrong: two cells until a row is known to be calm, then all in one class.
  const level = Math.round(32 * Math.log10((UNITS[120] as number) / 1e8)) + 256;
  data.fill(level, 0, heads * queries);
  const classes = new Array<number>(84).fill(0);
  classes[3 * (level >> 3)] = heads * queries * (keys - 2);
  classes[3 * (level >> 3) + 1] = heads * queries * 2;
  const codes = decodeDense(data, [heads, queries, keys], 0, classes);
  expect(codes.every((code) => code === 120)).toBe(true);
});
