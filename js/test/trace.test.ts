/** A trace out of held weights against Python's answers, on tests/fixtures/answers; and what is made of it. */

import { describe, expect, it } from "vitest";
import {
  formatRatio,
  heldBytes,
  isFar,
  likelyPair,
  placeOf,
  plans,
  settingOf,
  signed,
  strongest,
  type Trace,
  traceHeld,
} from "../src/trace";
import type { Stack, Token } from "../src/types";
import { Container } from "../src/wire/container";
import { LayerWeights } from "../src/wire/layer";
import { bytes, json } from "./fixtures";

interface Pair {
  query: number;
  key: number;
  ways: number[][];
  weight: number[][];
  rank: number[][];
  ratio: (number | null)[][];
  drawn: (number | null)[][];
}
interface Expected {
  layers: number[];
  tokens: string[];
  pairs: Pair[];
}

const STATES = ["shown", "cross", "causal", "absent"];
const token = (text: string, kind: Token["kind"] = "word", role = "text"): Token => ({
  ...{ text, kind, role, segment: 0, word: 0 },
});

async function traced(name: string, pair: { query: number; key: number }): Promise<Trace> {
  const expected = json<Expected>(`answers/${name}.json`);
  const container = Container.read(bytes(`answers/${name}.attn`));
  const stack = stackOf(expected.layers);
  const tokens = expected.tokens.map((text) => token(text));
  const read = (layer: number) => LayerWeights.read(container, "encoder", layer);
  return traceHeld(stack, { queries: tokens, keys: tokens }, read, pair, new AbortController().signal);
}

function stackOf(heads: number[], name = "encoder"): Stack {
  return { name, queries: "q", keys: "k", layers: heads.map((n) => ({ heads: n, source: "arrays", note: "" })) };
}

describe.each(["trace", "trace_causal"])("%s", (name) => {
  const { pairs } = json<Expected>(`answers/${name}.json`);
  it.each(pairs)("from $query to $key is what Python answers, to the last digit", async (pair) => {
    const { ways } = await traced(name, pair);
    ways.forEach((way, at) => {
      const described = [STATES.indexOf(way.state), way.seen, way.averaged, way.pairs];
      if (way.state !== "causal") expect(described).toEqual(pair.ways[at]);
      else expect(described[0]).toBe(pair.ways[at]?.[0]);
      expect(Array.from(way.weight)).toEqual(pair.weight[at]);
      expect(Array.from(way.rank)).toEqual(pair.rank[at]);
      for (const name of ["ratio", "drawn"] as const)
        expect(Array.from(way[name], (x) => (Number.isNaN(x) ? null : x))).toEqual(pair[name][at]);
    });
  });
});

describe("a trace", () => {
  it("needs every layer", () => {
    const container = Container.read(bytes("answers/trace.attn"));
    expect(heldBytes(stackOf([3, 0, 2]), (_, layer) => (layer === 0 ? container : undefined))).toBeUndefined();
    expect(heldBytes(stackOf([3, 2]), () => container)).toBe(2 * 5 * 8 * 8);
  });

  it("stops when nobody wants it any more", async () => {
    const container = Container.read(bytes("answers/trace.attn"));
    const life = new AbortController();
    const tokens = json<Expected>("answers/trace.json").tokens.map((text) => token(text));
    const read = (layer: number) => LayerWeights.read(container, "encoder", layer);
    const work = traceHeld(stackOf([3, 2]), { queries: tokens, keys: tokens }, read, { query: 1, key: 2 }, life.signal);
    life.abort();
    await expect(work).rejects.toThrow("abort");
  });

  it("lists its largest cells of both ways", async () => {
    const found = await traced("trace", { query: 5, key: 2 });
    const top = strongest(found, 5);
    const weights = top.map(({ way, cell }) => found.ways[way].weight[cell] as number);
    expect(weights).toEqual([...weights].sort((a, b) => b - a));
    expect(weights[0]).toBe(Math.max(...found.ways[0].weight, ...found.ways[1].weight));
    expect(strongest(found, 100).length).toBeLessThanOrEqual(10);
    expect(placeOf(stackOf([3, 2]), 4)).toEqual({ layer: 1, head: 1 });
    expect(() => placeOf(stackOf([3, 2]), 5)).toThrow(RangeError);
  });

  it("rings what is three times the mean at its distance, and above an even spread", async () => {
    const { ways } = await traced("trace", { query: 5, key: 2 });
    const [way] = ways;
    const cell = 0;
    const at = (weight: number, ratio: number) =>
      isFar({ ...way, weight: Float32Array.of(weight), ratio: Float32Array.of(ratio) }, cell);
    expect(at(0.5, 3)).toBe(true);
    expect(at(0.5, 2.9)).toBe(false);
    expect(at(0.1, 50)).toBe(false);
    expect(at(0.5, Number.NaN)).toBe(false);
  });
});

describe("ways", () => {
  const tokens = [..."abcdef"].map((text) => token(text));
  it("of two texts are one", () => {
    const setting = settingOf(stackOf([1], "cross"), tokens.slice(0, 3), tokens, false);
    expect(plans(setting, 1, 4).map(({ state }) => state)).toEqual(["shown", "cross"]);
  });

  it("behind a cache count positions of the same text", () => {
    const setting = settingOf(stackOf([1]), tokens.slice(0, 2), tokens, true);
    const [there, back] = plans(setting, 1, 4);
    expect([there.distance, there.seen, there.state]).toEqual([-1, 6, "shown"]);
    expect([back.row, back.key, back.state]).toEqual([0, 5, "causal"]);
    expect(plans(setting, 1, 2)[1].state).toBe("absent");
  });

  it("take evenly spaced pairs of a long text", () => {
    const setting = { queries: 3000, keys: 3000, shift: 0, causal: false };
    const [{ others, averaged, pairs }] = plans(setting, 10, 20);
    expect([averaged, pairs]).toEqual([87, 2989]);
    expect(new Set(others).size).toBe(87);
    expect(others).not.toContain(10);
  });
});

describe("a pair to begin with", () => {
  it("is two words of some length, apart, the later one as the query", () => {
    const text = ["[CLS]", "the", "dog", "chased", "the", "cat", "because", "it", "was", "hungry", ".", "[SEP]"];
    const tokens = text.map((t) =>
      token(t, t === "[CLS]" ? "cls" : t === "[SEP]" ? "sep" : t === "." ? "punct" : "word"),
    );
    expect(likelyPair(tokens, tokens, true)).toEqual({ query: 9, key: 3 });
  });

  it("is there for any text", () => {
    const one = [token("猫")];
    expect(likelyPair(one, one, true)).toEqual({ query: 0, key: 0 });
    const marks = [token("[CLS]", "cls"), token("[SEP]", "sep")];
    expect(likelyPair(marks, marks, true)).toEqual({ query: 1, key: 0 });
  });
});

describe("printed", () => {
  it("ratios and distances", () => {
    const ratios = [4.08, 12.3, 0.02, 0, 9.96, 999, 1e5];
    expect(ratios.map(formatRatio)).toEqual(["4.1", "12", "<0.1", "0", "10", "999", ">999"]);
    expect([-3, 0, 2].map(signed)).toEqual(["−3", "0", "+2"]);
  });
});
