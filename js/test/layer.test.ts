import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Data } from "../src/data";
import { focusRow, select } from "../src/picture";
import { fates, unheld } from "../src/picture/fates";
import { VALUES } from "../src/wire/codec";
import { Container } from "../src/wire/container";
import { LayerWeights } from "../src/wire/layer";
import { eventually } from "./eventually";

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../tests/fixtures/wire/${name}.attn`, import.meta.url)));

/** Stack and layer of the first weights in a container. */
function first(container: Container): [stack: string, layer: number] {
  const name = container.names().find((block) => block.startsWith("weights/")) ?? "";
  const [, stack = "", layer = ""] = name.split("/");
  return [stack, Number(layer)];
}

describe("a layer that holds only the largest cells", () => {
  it("does not print what it does not hold", async () => {
    const container = Container.read(fixture("top"));
    const [stack, layer] = first(container);
    const weights = await LayerWeights.read(container, stack, layer);
    expect(weights.form).toBe("top");
    expect(weights.isWhole(0)).toBe(false);
    expect(weights.listed).toBeLessThan(weights.keys);
    const one = focusRow(select([{ layer, head: 0, weights }]), [0], weights.keys);
    const listed = [...one].filter((weight) => !Number.isNaN(weight));
    expect(listed.length).toBeLessThanOrEqual(weights.listed);
    expect(listed.length).toBeGreaterThan(0);
    const two = focusRow(
      select([
        { layer, head: 0, weights },
        { layer, head: 1, weights },
      ]),
      [0],
      weights.keys,
    );
    expect([...two].every(Number.isNaN)).toBe(true);
  });

  it("says how much of the rows it does not hold", async () => {
    const container = Container.read(fixture("top"));
    const [stack, layer] = first(container);
    const weights = await LayerWeights.read(container, stack, layer);
    const heads = [0, 1].map((head) => ({ layer, head, weights }));
    const rows = [0, 2];
    let held = 0;
    for (const { head } of heads) for (const row of rows) held += weights.row(head, row).reduce((a, b) => a + b, 0);
    const absent = unheld(select(heads), rows) as number;
    expect(absent).toBeCloseTo(1 - held / 4, 5);
    expect(absent).toBeGreaterThan(0.01);
    const fate = { drawn: 0.6, below: 0.3, left_out: 0.1 };
    expect(fates(fate, "lines", 0.25).map(([name]) => name)).toEqual(["drawn", "below", "unheld", "left_out"]);
    for (const mode of ["lines", "matrix"] as const) {
      for (const share of [undefined, 0, 0.25, 1]) {
        const parts = fates(fate, mode, share);
        expect(parts.reduce((sum, [, part]) => sum + part, 0)).toBeCloseTo(1, 9);
        expect(Math.min(...parts.map(([, part]) => part))).toBeGreaterThanOrEqual(0);
      }
    }
    expect(fates({ drawn: 1, below: 0, left_out: 0 }, "matrix", 0.25)).toContainEqual(["unheld", 0.25]);
  });

  /** Whole rows as Python sends them, uncompressed. */
  function rowsOf(path: string, shape: number[], queries: number[], codes: Uint16Array): Container {
    const asked = Uint8Array.from(queries);
    const header = new TextEncoder().encode(
      JSON.stringify({
        blocks: {
          [`rows/${path}`]: {
            offset: 512,
            length: codes.byteLength,
            size: codes.byteLength,
            codec: "raw",
            dtype: "u2",
            shape,
          },
          [`queries/${path}`]: {
            offset: 504,
            length: asked.length,
            size: asked.length,
            codec: "raw",
            dtype: "u1",
            shape: [asked.length],
          },
        },
      }),
    );
    const bytes = new Uint8Array(512 + codes.byteLength);
    bytes.set([0x41, 0x54, 0x54, 0x4e, 1]);
    new DataView(bytes.buffer).setUint32(8, header.length, true);
    bytes.set(header, 12);
    bytes.set(asked, 504);
    bytes.set(new Uint8Array(codes.buffer), 512);
    return Container.read(bytes);
  }

  it("takes in whole rows that come later, and refuses what is none", async () => {
    const container = Container.read(fixture("top"));
    const [stack, layer] = first(container);
    const weights = await LayerWeights.read(container, stack, layer);
    const { heads, keys } = weights;
    const shape = [heads, 2, keys];
    const codes = Uint16Array.from({ length: heads * 2 * keys }, (_, at) => (at * 7) % 500);
    await weights.addRows(rowsOf(`${stack}/${layer}`, shape, [3, 1], codes), stack, layer);
    expect([0, 1, 2, 3].map((query) => weights.isWhole(query))).toEqual([false, true, false, true]);
    for (const [query, at] of [
      [3, 0],
      [1, 1],
    ] as const) {
      for (let head = 0; head < heads; head++) {
        const start = (head * 2 + at) * keys;
        const expected = [...codes.subarray(start, start + keys)].map((code) => VALUES[code] as number);
        expect([...weights.row(head, query)]).toEqual(expected);
        expect(weights.largest(head, query)).toBe(Math.max(...expected));
      }
    }
    codes[keys] = 5000;
    await expect(weights.addRows(rowsOf(`${stack}/${layer}`, shape, [0, 2], codes), stack, layer)).rejects.toThrow(
      "invalid cell",
    );
  });

  it("is whole where it is dense", async () => {
    const container = Container.read(fixture("whole"));
    const [stack, layer] = first(container);
    const weights = await LayerWeights.read(container, stack, layer);
    expect(weights.isWhole(0)).toBe(true);
    expect(unheld(select([{ layer, head: 0, weights }]), [0])).toBeUndefined();
    const row = focusRow(select([{ layer, head: 0, weights }]), [0], weights.keys);
    expect(row.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 1);
  });
});

describe("data", () => {
  it("reads layers once, and shares of every layer without them", async () => {
    const data = new Data(undefined);
    data.load(fixture("whole"));
    const [stack, layer] = first(Container.read(fixture("whole")));
    expect(data.layer(stack, layer)).toBe(data.layer(stack, layer));
    const shares = data.shares(stack, 2);
    const pictures = data.thumbnails.of(stack, layer);
    await eventually(() => expect(data.layer(stack, layer).value.status).toBe("ready"));
    const share = () => shares.value[layer]?.subarray(0, 5).reduce((sum, part) => sum + part, 0);
    await eventually(() => expect(share()).toBeCloseTo(1, 3));
    expect(data.layer(stack, 999).value.status).toBe("missing");
    await eventually(() => expect(pictures.value?.perLayer).toBe(false));
  });
});
