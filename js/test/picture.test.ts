import { effect } from "@preact/signals";
import { beforeAll, describe, expect, test, vi } from "vitest";
import en from "../../attnwidget/locale/en.json";
import { Data } from "../src/data";
import { cellNumbers, focusRow, kindShares, type Selection, select, shareOfKeys } from "../src/picture";
import { hasWords, TokenAxes } from "../src/picture/axes";
import { hasPair, type Look } from "../src/picture/scope";
import { strokesToKeys } from "../src/picture/select";
import { KINDS, ledger, percents, strokes } from "../src/scene";
import { Store } from "../src/store";
import type { Aggregate, Measure, PairFilter, Sinks, Stack, Token, Traits, Unit } from "../src/types";
import { View } from "../src/view";
import { Container } from "../src/wire/container";
import { LayerWeights } from "../src/wire/layer";
import { bytes, json } from "./fixtures";

interface State {
  queries: number[];
  keys: number[];
  budget: number;
  max_strokes: number;
  measure: Measure;
  sinks: Sinks;
  aggregate: Aggregate;
  unit: Unit;
  pair: PairFilter;
}
interface Case {
  name: string;
  stack: string;
  heads: number[];
  state: State;
  rows: number[][];
  sums: number[];
  whole: number[];
  kept: number[];
  hidden: number[];
  dimmed: number[];
  in_view: number[];
  baseline: number[];
  chosen: number[];
  keys: number[];
  strokes: { series: number[]; query: number[]; key: number[]; weight: number[] };
  fate: Record<"drawn" | "below" | "left_out", number>;
  kinds: Record<(typeof KINDS)[number], number>;
  remaining: number | null;
}

const fixture = json<{ tokens: Record<string, Token[]>; stacks: Stack[]; cases: Case[] }>("scene/shown.json");
const layers = new Map<string, LayerWeights>();
/** The same layers with the largest cells of each row alone, which here are all that there are. */
const tops = new Map<string, LayerWeights>();

beforeAll(async () => {
  for (const [file, into] of [
    ["shown", layers],
    ["shown_top", tops],
  ] as const) {
    const container = Container.read(bytes(`scene/${file}.attn`));
    for (const { name } of fixture.stacks) into.set(name, await LayerWeights.read(container, name, 0));
  }
});

/** Sums are held to 1.5e-5. */
function near(found: ArrayLike<number>, want: ArrayLike<number>, digits = 4): void {
  expect(found).toHaveLength(want.length);
  for (let i = 0; i < want.length; i++) expect(found[i]).toBeCloseTo(want[i] as number, digits);
}

function lookOf(name: string, state: Partial<State> = {}): Look {
  const stack = fixture.stacks.find((one) => one.name === name) as Stack;
  const [queries, keys] = [fixture.tokens[stack.queries] ?? [], fixture.tokens[stack.keys] ?? []];
  return {
    axes: new TokenAxes(queries, keys, state.unit ?? "pieces"),
    measure: state.measure ?? "weight",
    aggregate: state.aggregate ?? "mean",
    sinks: state.sinks ?? "show",
    pair: state.pair ?? "all",
    sinkKeys: stack.sinks ?? [],
    causal: stack.causal ?? false,
  };
}

function chosen(name: string, heads: readonly number[], state?: Partial<State>): Selection {
  const weights = layers.get(name) as LayerWeights;
  return select(
    heads.map((head) => ({ layer: 0, head, weights })),
    lookOf(name, state),
  );
}

const indicesWhere = (length: number, test: (index: number) => boolean) =>
  Array.from({ length }, (_, index) => index).filter(test);

describe("single cells are those of their rows", () => {
  test.each(fixture.cases.map((one) => [one.name, one] as const))("%s", (_, one) => {
    for (const from of [layers, tops]) {
      const weights = from.get(one.stack) as LayerWeights;
      const heads = one.heads.map((head) => ({ layer: 0, head, weights }));
      const { joint, scope } = select(heads, lookOf(one.stack, one.state));
      // Of another look at the same: cells read first are not those of a row that is kept.
      const cells = select(heads, lookOf(one.stack, one.state)).joint;
      const { queries, keys } = scope.look.axes;
      // What whole rows write comes rounded to 12 bits.
      const digits = from === tops && scope.look.measure === "contribution" ? 3 : 6;
      queries.forEach((_, query) => {
        const shown = keys.map((_, key) => cells.at(query, key));
        near(shown, joint.row(query), digits);
        if (!joint.direct) return;
        const row = new Float32Array(keys.length);
        expect(cells.massBefore(query)).toBeCloseTo(joint.before(query, row), 5);
        const visited = new Float64Array(keys.length);
        cells.eachBefore(query, (key, value) => {
          visited[key] = (visited[key] ?? 0) + value;
        });
        near(visited, row, digits);
        near(
          keys.map((_, key) => cells.cellBefore(query, key)),
          row,
          digits,
        );
      });
    }
  });
});

describe("the rows shown are those of Python", () => {
  test.each(fixture.cases.map((one) => [one.name, one] as const))("%s", (_, one) => {
    const now = chosen(one.stack, one.heads, one.state);
    const { joint, scope } = now;
    const { axes } = scope.look;
    const [queries, keys] = [axes.queries.length, axes.keys.length];
    const all = indicesWhere(queries, () => true);
    expect(indicesWhere(queries, (query) => scope.shows(query))).toEqual(one.in_view);
    expect(indicesWhere(keys, (key) => scope.hides(key))).toEqual(one.hidden);
    expect(indicesWhere(keys, (key) => scope.dims(key))).toEqual(one.dimmed);
    near(
      all.map((query) => scope.baseline(query)),
      one.baseline,
      7,
    );
    one.rows.forEach((row, query) => {
      near(joint.row(query), row);
    });
    near(
      all.map((query) => joint.rowSum(query)),
      one.sums,
    );
    near(
      all.map((query) => joint.whole(query)),
      one.whole,
    );
    near(
      all.map((query) => joint.kept(query)),
      one.kept,
    );

    const locked = axes.indices("query", one.state.queries);
    const rows = locked.length > 0 ? locked : one.in_view;
    expect(rows).toEqual(one.chosen);
    const lockedKeys = axes.indices("key", one.state.keys);
    expect(lockedKeys).toEqual(one.keys);
    const { budget, max_strokes: maxStrokes } = one.state;
    const found =
      lockedKeys.length > 0
        ? strokesToKeys(now, rows, lockedKeys, maxStrokes)
        : strokes(now.series, rows, { budget, maxStrokes });
    expect([...found.series]).toEqual(one.strokes.series);
    expect([...found.query]).toEqual(one.strokes.query);
    expect([...found.key]).toEqual(one.strokes.key);
    near(found.weight, one.strokes.weight);

    const shown = lockedKeys.filter((key) => !scope.hides(key));
    const leftOut = lockedKeys.length > 0 ? 1 - shareOfKeys(now, rows, shown) : found.leftOut;
    const { fate, kinds } = ledger(found, kindShares(now, rows), leftOut);
    near([fate.drawn, fate.below, fate.left_out], [one.fate.drawn, one.fate.below, one.fate.left_out]);
    near(
      KINDS.map((kind) => kinds[kind]),
      KINDS.map((kind) => one.kinds[kind]),
    );
    expect(percents(Object.values(fate)).reduce((sum, share) => sum + share, 0)).toBe(100);
    if (one.remaining !== null) {
      const sum = (of: (query: number) => number) => rows.reduce((total, query) => total + of(query), 0);
      const [removed, whole] = [sum((query) => joint.removed(query)), sum((query) => joint.whole(query))];
      expect(1 - removed / whole).toBeCloseTo(one.remaining, 4);
    }
  });
});

describe("axes", () => {
  const { axes } = lookOf("encoder", { unit: "words" });

  test("list words with all their tokens, special tokens alone", () => {
    expect(axes.queries.map(({ text }) => text)).toEqual([
      "[CLS]",
      "a",
      "strawberry",
      ".",
      "[SEP]",
      "no",
      "blueberry",
      "[SEP]",
    ]);
    expect(axes.positions("query", 2)).toEqual([2, 3]);
    expect(axes.index("key", 3)).toBe(2);
    expect(axes.index("key", 9)).toBe(7);
    expect(axes.indices("query", [8, 3, 2])).toEqual([2, 6]);
  });

  test("are tokens themselves in pieces", () => {
    const pieces = lookOf("encoder").axes;
    expect(pieces.queries).toBe(fixture.tokens[fixture.stacks[0]?.queries ?? ""]);
    expect(pieces.positions("key", 3)).toEqual([3]);
    expect(pieces.index("key", 3)).toBe(3);
  });

  test("offer words and pairs only where there are any", () => {
    const { queries, keys } = lookOf("encoder").axes;
    expect([hasWords(queries, keys), hasPair(queries, keys)]).toEqual([true, true]);
    const first = queries.slice(0, 2);
    expect([hasWords(first, first), hasPair(first, first)]).toEqual([false, false]);
  });
});

describe("words", () => {
  test("rows still sum to 1", () => {
    for (const name of layers.keys()) {
      const { joint } = chosen(name, [0, 1, 2], { unit: "words" });
      const { queries } = joint.scope.look.axes;
      queries.forEach((_, query) => {
        expect(joint.row(query).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
      });
    }
  });
});

describe("contribution", () => {
  test("of one head is weight × norm, as a share of its row", () => {
    const weights = layers.get("encoder") as LayerWeights;
    const row = focusRow(chosen("encoder", [1], { measure: "contribution" }), [3], 10);
    const written = Array.from(row, (_, key) => weights.weight(1, 3, key) * (weights.valueNorms(1)?.[key] ?? 0));
    const total = written.reduce((sum, value) => sum + value, 0);
    near(
      row,
      written.map((value) => value / total),
      6,
    );
  });

  test("both numbers of a cell are at hand whatever is left out", () => {
    const state: Partial<State> = { measure: "contribution", sinks: "leave_out" };
    const now = chosen("encoder", [0, 1, 2], state);
    const weight = focusRow(chosen("encoder", [0, 1, 2]), [3], 10)[0] as number;
    const written = focusRow(chosen("encoder", [0, 1, 2], { measure: "contribution" }), [3], 10)[0] as number;
    expect(focusRow(now, [3], 10)[0]).toBe(0);
    expect(cellNumbers(now, 3, 0)).toEqual({ weight, written });
  });
});

describe("where only the largest cells are held", () => {
  test.each(fixture.cases.filter(({ state }) => state.aggregate !== "max").map((one) => [one.name, one] as const))(
    "%s",
    (_, one) => {
      const weights = tops.get(one.stack) as LayerWeights;
      expect(weights.form).toBe("top");
      const heads = one.heads.map((head) => ({ layer: 0, head, weights }));
      const { joint } = select(heads, lookOf(one.stack, one.state));
      one.rows.forEach((row, query) => {
        near(joint.row(query), row, 3);
      });
    },
  );

  test("what they are shares of is known exactly", () => {
    const [dense, top] = [layers, tops].map((of) => of.get("encoder") as LayerWeights);
    const moved = (key: number) => (dense?.weight(1, 3, key) ?? 0) * (dense?.valueNorms(1)?.[key] ?? 0);
    const sum = Array.from({ length: 10 }, (_, key) => moved(key)).reduce((total, value) => total + value, 0);
    expect(dense?.written(1, 3)).toBeUndefined();
    expect((top?.written(1, 3) ?? 0) / sum).toBeCloseTo(1, 3);
  });
});

test("a head with all its weight on sinks has nothing left to renormalise", () => {
  const { joint } = chosen("encoder", [0], { sinks: "renormalise" });
  expect(joint.row(4).every((value) => value === 0)).toBe(true);
  expect([joint.whole(4), joint.kept(4), joint.rowSum(4)]).toEqual([1, 0, 0]);
});

describe("what a view derives", () => {
  async function view(state: Partial<Traits> = {}): Promise<{ view: View; pushed: Partial<Traits>[] }> {
    const pushed: Partial<Traits>[] = [];
    const store = new Store((changed) => pushed.push(changed));
    store.receive("words", en);
    const traits = { tokens: fixture.tokens, stacks: fixture.stacks, stack: "encoder", ...state };
    for (const [name, value] of Object.entries(traits)) store.receive(name as keyof Traits, value);
    const data = new Data(undefined);
    data.load(bytes("scene/shown.attn"));
    const made = new View(store, data, {} as Element);
    const end = effect(() => void made.signals.picture.value);
    if (state.aggregate !== "rollout") await vi.waitFor(() => expect(made.signals.picture.value).not.toBeNull());
    end();
    return { view: made, pushed };
  }

  test("a word is locked with all its tokens, added and freed as one", async () => {
    const { view: now, pushed } = await view({ unit: "words" });
    now.lockUnit("query", 2, false);
    expect(pushed.at(-1)).toEqual({ selected_queries: [2, 3] });
    expect(now.signals.locked.value.queries).toEqual([2]);
    expect(now.signals.focus.value).toEqual({ side: "query", indices: [2], locked: true });
    now.lockUnit("query", 6, true);
    expect(pushed.at(-1)).toEqual({ selected_queries: [2, 3, 7, 8] });
    expect(now.signals.rows.value).toEqual([2, 6]);
    now.lockUnit("query", 2, true);
    expect(pushed.at(-1)).toEqual({ selected_queries: [7, 8] });
    now.lockUnit("query", 6, false);
    expect(pushed.at(-1)).toEqual({ selected_queries: [] });
  });

  test("a token that Python chose stands for its word", async () => {
    const { view: now } = await view({ unit: "words", selected_keys: [3] });
    expect(now.signals.locked.value.keys).toEqual([2]);
    expect(now.signals.picture.value?.focus?.side).toBe("key");
  });

  test("its picture says which keys are dimmed, hidden, and what is even", async () => {
    const { view: now } = await view({ sinks: "dim" });
    const picture = now.signals.picture.value;
    expect([0, 1, 5].map((key) => picture?.dimmed(key))).toEqual([true, false, true]);
    expect(picture?.hiddenKeys.size).toBe(0);
    expect(picture?.baseline(4)).toBeCloseTo(0.1, 9);
    now.store.change({ sinks: "leave_out" });
    expect([...(now.signals.picture.value?.hiddenKeys ?? [])]).toEqual([0, 5, 9]);
    expect(now.signals.picture.value?.remaining).toBeUndefined();
    now.store.change({ sinks: "renormalise" });
    const { remaining = 0, ledger: accounts } = now.signals.picture.value ?? {};
    expect(remaining + (accounts?.fate.left_out ?? 0)).toBeCloseTo(1, 6);
    expect(now.signals.picture.value?.baseline(4)).toBeCloseTo(1 / 7, 9);
  });

  test("rows in view follow the pair filter and the frame of a long text", async () => {
    const { view: now } = await view({ pair: "ba" });
    expect(now.signals.rows.value).toEqual([6, 7, 8]);
    now.store.change({ pair: "all" });
    now.store.rowWindow.value = [4, 7];
    expect(now.signals.rows.value).toEqual([4, 5, 6]);
    expect(new Set(now.signals.picture.value?.strokes.query)).toEqual(new Set([4, 5, 6]));
  });

  test("contributions are shown where norms are known", async () => {
    const { view: now } = await view({ measure: "contribution" });
    expect(now.signals.measure.value).toBe("contribution");
    expect(now.signals.selection.value?.normsOf).toBe("written");
  });

  test("a rollout that no page holds is named, not left blank", async () => {
    const { view: now } = await view({ aggregate: "rollout" });
    expect(now.signals.picture.value).toBeNull();
    expect(now.signals.heads.value).toMatchObject({
      layer: 0,
      note: expect.stringContaining("rollout is not in this page"),
    });
    expect(now.what.value).toContain("Rollout over layers 0 to 0");
  });
});
