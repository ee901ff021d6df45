import { effect } from "@preact/signals";
import { afterEach, describe, expect, test, vi } from "vitest";
import en from "../../attnwidget/locale/en.json";
import { Data } from "../src/data";
import {
  byLabel,
  formatStatistic,
  labelGrid,
  numberAt,
  orderHeads,
  PARTS,
  readStatistics,
  type Statistics,
  type StatisticsState,
  sortable,
  statisticsOf,
  statisticTitle,
} from "../src/statistics";
import { Store } from "../src/store";
import { Container } from "../src/wire/container";
import { Requests } from "../src/wire/messages";
import { aWhile, eventually } from "./eventually";
import { bytes, json } from "./fixtures";

interface Expected {
  labels: string[];
  order: number[][];
  shares: Record<string, (number | null)[]>;
  verdict: { en: string; ja: string };
  certainty: string[];
}
const expected = json<Expected>("statistics.json");
const TEXT = bytes("statistics_text.attn");
const CORPUS = bytes("statistics_corpus.attn");

const read = (data: Uint8Array): Promise<Statistics> => readStatistics(Container.read(data), "encoder");

describe("statistics that Python wrote", () => {
  test("are read as they are", async () => {
    const found = await read(TEXT);
    expect(found.heads).toEqual([4, 0, 2]);
    expect(found.labels.map(({ label }) => label)).toEqual(expected.labels);
    expect(found.verdict.text).toEqual(expected.verdict);
    expect([found.texts, found.enough, found.has_values]).toEqual([1, false, false]);
    expect(found.sinks.cls).toBe("[CLS]");
    for (const part of PARTS) {
      const wanted = expected.shares[part] ?? [];
      found.partition.weight_per_layer[part].forEach((share, layer) => {
        const want = wanted[layer] ?? null;
        if (want === null) expect(share).toBeNull();
        else expect(share).toBeCloseTo(want, 6);
      });
    }
  });

  test("have a place for every head, and none for a layer without", async () => {
    const grid = labelGrid(await read(TEXT));
    expect(grid.map((layer) => layer.length)).toEqual([4, 0, 2]);
    grid.forEach((layer, at) => {
      layer.forEach((label, head) => {
        expect([label.layer, label.head]).toEqual([at, head]);
      });
    });
  });

  test("sort heads within their layer, largest first", async () => {
    const { values, heads } = await read(TEXT);
    expect(heads.map((count, layer) => orderHeads(count, layer, values.entropy))).toEqual(expected.order);
    expect(orderHeads(4, 0, undefined)).toEqual([0, 1, 2, 3]);
    expect(orderHeads(4, 0, [[null, 0.5, null, 0.5]])).toEqual([1, 3, 0, 2]);
    expect(orderHeads(2, 7, values.entropy)).toEqual([0, 1]);
  });

  test("offer to sort by what is defined here, by its title", async () => {
    const found = await read(TEXT);
    const names = sortable(found);
    expect(names).toContain("entropy");
    expect(names).not.toContain("norm_cls");
    expect(statisticTitle(found, "entropy", "en")).toBe("entropy");
    expect(statisticTitle(found, "entropy", "ja")).not.toBe("entropy");
    expect(statisticTitle(found, "unheard", "en")).toBe("unheard");
    for (const name of names) expect(statisticTitle(found, name, "ja"), name).not.toBe(name);
  });

  test("count heads by label, in the order of the rules", async () => {
    const groups = byLabel(await read(TEXT));
    expect(groups.map(({ label }) => label)).toEqual(
      ["previous", "self", "cls_sink", "broad", "mixed"].filter((x) => expected.labels.includes(x)),
    );
    expect(groups.reduce((sum, { heads }) => sum + heads.length, 0)).toBe(6);
  });

  test("of a corpus say how sure they are, with errors of the mean", async () => {
    const found = await read(CORPUS);
    expect([found.texts, found.enough]).toEqual([30, true]);
    expect([...new Set(found.labels.map(({ certainty }) => certainty))].sort()).toEqual(expected.certainty);
    expect(numberAt(found.errors.entropy, 0, 3)).toBeGreaterThan(0);
    expect(numberAt(found.errors.entropy, 1, 0)).toBeNull();
  });

  test.each([
    ["{", "not valid JSON"],
    ['{"schema":2}', "another version than 1"],
    ["null", "another version than 1"],
    ['{"schema":1}', "lack labels"],
  ])("that are %s are refused", async (text, message) => {
    const container = { bytes: async () => new TextEncoder().encode(text) } as unknown as Container;
    await expect(readStatistics(container, "encoder")).rejects.toThrow(message);
  });
});

test.each([
  [null, "–"],
  [0, "0"],
  [1, "1.00"],
  [0.9134, "0.91"],
  [0.0456, "0.046"],
  [0.00421, "0.0042"],
  [0.00001, "<0.0001"],
  [-0.5, "−0.50"],
  [2.2345, "2.23"],
  [12.34, "12.3"],
  [1234.5, "1235"],
])("%s is printed as %s", (value, text) => {
  expect(formatStatistic(value)).toBe(text);
});

describe("where they come from", () => {
  afterEach(() => {
    vi.useRealTimers();
  });
  function setUp(kernel: boolean) {
    const sent: { id: string; what: string }[] = [];
    const requests = new Requests(
      (content) => {
        const message = content as { kind: string; id: string; what: string };
        if (message.kind === "request") sent.push(message);
      },
      () => `id${sent.length}`,
    );
    const data = new Data(kernel ? requests : undefined);
    const store = new Store(() => undefined);
    store.receive("words", en);
    const token = { text: "a", role: "text", kind: "word", segment: 0, word: 0 };
    store.receive("tokens", { text: [token] });
    const layers = [4, 0, 2].map((heads) => ({ heads, source: "arrays", note: "" }));
    store.receive("stacks", [{ name: "encoder", queries: "text", keys: "text", layers }]);
    store.receive("stack", "encoder");
    const seen: StatisticsState[] = [];
    const watch = () => effect(() => void seen.push(statisticsOf(store, data).state.value));
    const reply = (content: object, buffers: Uint8Array<ArrayBuffer>[] = []) =>
      requests.receive({ kind: "reply", id: sent.at(-1)?.id, ...content }, buffers);
    return { data, store, sent, seen, watch, reply };
  }
  test("nobody is asked before somebody looks", async () => {
    const { data, store, sent, seen, watch, reply } = setUp(true);
    statisticsOf(store, data);
    await aWhile();
    expect(sent).toEqual([]);
    const end = watch();
    await eventually(() => expect(sent.map(({ what }) => what)).toEqual(["statistics"]));
    expect(seen.at(-1)?.status).toBe("asked");
    reply({ ok: true }, [TEXT as Uint8Array<ArrayBuffer>]);
    await eventually(() => expect(seen.at(-1)).toMatchObject({ status: "ready", of: "text" }));
    end();
    watch()();
    expect(sent).toHaveLength(1);
  });

  test("what the page holds is not asked for", async () => {
    const { data, sent, seen, watch } = setUp(true);
    data.load(TEXT);
    const end = watch();
    await eventually(() => expect(seen.at(-1)).toMatchObject({ status: "ready", of: "text" }));
    expect(sent).toEqual([]);
    end();
  });

  test("without a kernel they are missing, and said so", async () => {
    const { seen, watch } = setUp(false);
    const end = watch();
    await eventually(() => expect(seen.at(-1)).toEqual({ status: "missing" }));
    end();
  });

  test("a failure is told once, and asked again only when told to", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { data, store, sent, seen, watch, reply } = setUp(true);
    const end = watch();
    await eventually(() => expect(sent).toHaveLength(1));
    reply({ ok: false, error: "released: run again" });
    await eventually(() => expect(seen.at(-1)).toEqual({ status: "failed", error: "released: run again" }));
    expect(sent).toHaveLength(1);
    // What failed a moment ago would fail again: nobody presses the button that fast.
    vi.setSystemTime(Date.now() + 60_000);
    statisticsOf(store, data).retry();
    await eventually(() => expect(sent).toHaveLength(2));
    reply({ ok: true }, [TEXT as Uint8Array<ArrayBuffer>]);
    await eventually(() => expect(seen.at(-1)?.status).toBe("ready"));
    end();
  });

  test("evidence chooses between the text and the corpus that came", async () => {
    const { data, store, seen, watch } = setUp(false);
    data.load(TEXT);
    data.loadBeside("profile", CORPUS);
    store.receive("evidence", "corpus");
    const end = watch();
    await eventually(() => expect(seen.at(-1)).toMatchObject({ of: "corpus", statistics: { texts: 30 } }));
    store.change({ evidence: "text" });
    await eventually(() => expect(seen.at(-1)).toMatchObject({ of: "text", statistics: { texts: 1 } }));
    expect(statisticsOf(store, data).corpus.value?.texts).toBe(30);
    end();
  });

  test("evidence of a corpus that never came is that of the text", async () => {
    const { data, store, seen, watch } = setUp(false);
    data.load(TEXT);
    store.receive("evidence", "corpus");
    const end = watch();
    await eventually(() => expect(seen.at(-1)).toMatchObject({ of: "text" }));
    expect(statisticsOf(store, data).corpus.value).toBeUndefined();
    end();
  });
});
