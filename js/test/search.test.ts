import { signal } from "@preact/signals";
import { describe, expect, it } from "vitest";
import { find, folded, followSearch, Search } from "../src/search";
import type { Token } from "../src/types";

const token = (text: string, word: number | null = null): Token => ({
  text,
  role: "text",
  kind: "word",
  segment: 0,
  word,
});

/** "The unbelievable cat sat. the CAT", in pieces. */
const TOKENS = [
  { ...token("[CLS]"), role: "cls", kind: "cls" as const },
  token("The", 0),
  token("un", 1),
  token("believ", 1),
  token("able", 1),
  token("cat", 2),
  token("sat", 3),
  token("the", 4),
  token("CAT", 5),
];

const at = (term: string) => find(TOKENS, term, "query").map(({ index }) => index);

describe("find", () => {
  it("disregards case, and full-width forms", () => {
    expect(at("the")).toEqual([1, 7]);
    expect(at("Cat")).toEqual([5, 8]);
    expect(at("ＣＡＴ")).toEqual([5, 8]);
    expect(folded("ﾊﾞ")).toBe(folded("バ"));
  });

  it("finds parts of tokens, and special tokens by their name", () => {
    expect(at("at")).toEqual([5, 6, 8]);
    expect(at("[cls]")).toEqual([0]);
  });

  it("finds a word across its pieces, as one find that covers them", () => {
    expect(find(TOKENS, "unbeliev", "key")).toEqual([{ side: "key", index: 2, covers: [2, 3, 4] }]);
    expect(at("believ")).toEqual([3]);
    expect(at("ablecat")).toEqual([]);
  });

  it("does not join pieces of two segments that have the same word number", () => {
    const pair = [token("foot", 0), { ...token("ball", 0), segment: 1 }];
    expect(find(pair, "football", "query")).toEqual([]);
  });

  it("takes pieces as the tokenizer writes them", () => {
    expect(at("##able")).toEqual([4]);
    expect(at("##ab")).toEqual([4]);
    expect(at("##un")).toEqual([]);
    expect(at("##cat")).toEqual([]);
    const spaced = [token("dog", 0), { ...token("dog", 1), space: true }, { ...token("do", 2), space: true }];
    for (const term of ["\u0120dog", "\u2581dog"]) {
      expect(find(spaced, term, "query").map(({ index }) => index)).toEqual([1]);
    }
    // A text may contain the marks themselves.
    expect(find([token("##", 0)], "##", "query")).toHaveLength(1);
  });

  it("finds nothing for nothing", () => {
    expect(at("")).toEqual([]);
    expect(at("  ")).toEqual([]);
    expect(at("dog")).toEqual([]);
  });
});

describe("search", () => {
  const make = (same = true) => {
    const queries = signal<readonly Token[]>(TOKENS);
    const keys = signal<readonly Token[]>(same ? TOKENS : [token("cat", 0)]);
    return { queries, search: new Search(queries, keys, signal(same)) };
  };

  it("counts a token once where both sides are one sequence, and marks it on both", () => {
    const { search } = make();
    search.look("cat");
    expect(search.hits.value).toHaveLength(2);
    expect([...search.marks("query")]).toEqual([5, 8]);
    expect([...search.marks("key")]).toEqual([5, 8]);
  });

  it("tells the sides apart where they are two", () => {
    const { search } = make(false);
    search.look("cat");
    expect(search.hits.value.map(({ side, index }) => [side, index])).toEqual([
      ["query", 5],
      ["query", 8],
      ["key", 0],
    ]);
    expect([...search.marks("key")]).toEqual([0]);
  });

  it("goes round in both directions", () => {
    const { search } = make();
    search.look("the");
    expect(search.current.value?.index).toBe(1);
    search.step(1);
    expect(search.current.value?.index).toBe(7);
    search.step(1);
    expect(search.current.value?.index).toBe(1);
    search.step(-1);
    expect(search.current.value?.index).toBe(7);
  });

  it("begins at what is in view", () => {
    const { search } = make();
    search.look("cat", 6);
    expect(search.at.value).toBe(1);
    search.look("cat", 9);
    expect(search.at.value).toBe(0);
  });

  it("stays where there is nothing to step to, and follows other tokens", () => {
    const { search, queries } = make();
    search.look("dog");
    search.step(1);
    expect([search.at.value, search.current.value]).toEqual([-1, null]);
    search.look("cat");
    search.step(1);
    queries.value = [token("a cat", 0)];
    expect(search.hits.value).toHaveLength(1);
    expect(search.current.value?.index).toBe(0);
    search.clear();
    expect(search.hits.value).toEqual([]);
  });

  it("asks for each find to be shown, the only one again too", () => {
    const { search } = make();
    const shown: number[] = [];
    const end = followSearch(search, ({ index }) => shown.push(index));
    search.look("sat");
    search.step(1);
    search.look("dog");
    end();
    search.look("cat");
    expect(shown).toEqual([6, 6]);
  });
});
