import { beforeEach, describe, expect, it } from "vitest";
import en from "../../attnwidget/locale/en.json";
import { Store } from "../src/store";
import type { Token, Traits } from "../src/types";

const token = (text: string): Token => ({ text, role: "text", kind: "word", segment: 0, word: 0 });
const layer = (heads: number) => ({ heads, source: "arrays", note: heads ? "" : "linear attention, no weights" });

let pushed: Partial<Traits>[];
let store: Store;

beforeEach(() => {
  pushed = [];
  store = new Store((changed) => pushed.push(changed));
  store.receive("words", en);
  store.receive("tokens", { source: ["a", "b", "c"].map(token), target: ["x", "y"].map(token) });
  store.receive("stacks", [
    { name: "encoder", queries: "source", keys: "source", layers: [layer(4), layer(2), layer(0)] },
    { name: "cross", queries: "target", keys: "source", layers: [layer(4)] },
  ]);
  store.receive("stack", "encoder");
});

describe("values from Python", () => {
  it("are taken when valid, without being sent back", () => {
    store.receive("layer", 1);
    store.receive("heads", [0, 1]);
    store.receive("pinned", [[0, 3]]);
    expect(store.peek()).toMatchObject({ layer: 1, heads: [0, 1], pinned: [[0, 3]] });
    expect(pushed).toEqual([]);
  });

  it.each([
    ["layer", 3, "0 to 2"],
    ["layer", -1, "0 to 2"],
    ["layer", "1", "0 to 2"],
    ["heads", [4], "0 to 3"],
    ["pinned", [[2, 0]], "none"],
    ["mode", "pie", "lines, matrix, heads"],
    ["highlight", "SPECIAL", "none, special, query"],
    ["selected_queries", [3], "0 to 2"],
    ["measure", "weights", "weight, contribution"],
    ["sinks", "leave out", "show, dim, leave_out, renormalise"],
    ["scale", "square", "linear, sqrt, log, relative"],
    ["aggregate", "sum", "mean, max, rollout"],
    ["unit", "tokens", "pieces, words"],
    ["pair", "AB", "all, aa, ab, ba, bb"],
    ["stack", "decoder", "encoder, cross"],
    ["budget", 0, "above 0, up to 1"],
    ["budget", Number.NaN, "above 0, up to 1"],
  ] as const)("refuse %s = %j and name what is valid", (name, value, valid) => {
    const before = store.peek();
    store.receive(name, value);
    expect(store.peek()).toEqual(before);
    expect(store.message.value).toContain(valid);
    expect(store.message.value).toContain(name);
  });
});

describe("gestures", () => {
  it("step through layers, dropping heads that the next layer does not have", () => {
    store.change({ heads: [1, 3] });
    store.goToLayer(1);
    expect(store.peek()).toMatchObject({ layer: 1, heads: [1] });
    expect(pushed.at(-1)).toEqual({ layer: 1, heads: [1] });
    store.goToLayer(99);
    expect(store.peek()).toMatchObject({ layer: 2, heads: [] });
  });

  it("change stack and start there afresh", () => {
    store.change({ layer: 1, selected_queries: [2] });
    store.goToStack("cross");
    expect(store.peek()).toMatchObject({ stack: "cross", layer: 0, selected_queries: [] });
    expect(store.queries.value).toHaveLength(2);
    expect(store.keys.value).toHaveLength(3);
  });

  it("lock tokens and clear everything with Esc", () => {
    store.lockToken("query", 1, false);
    store.lockToken("query", 2, true);
    store.lockHead(0, false);
    expect(store.peek()).toMatchObject({ selected_queries: [1, 2], heads: [0] });
    store.clear();
    expect(store.peek()).toMatchObject({ selected_queries: [], heads: [] });
    const sent = pushed.length;
    store.clear();
    expect(pushed).toHaveLength(sent);
  });
});
