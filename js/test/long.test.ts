/** What keeps long texts bounded: rows in view, requests on their way, answers kept. */

import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { beside, bringAhead } from "../src/ahead";
import { Answers } from "../src/answers";
import { Data } from "../src/data";
import { pictureSignals } from "../src/picture";
import { WantedRows } from "../src/rows";
import { Store } from "../src/store";
import type { Mode, Token } from "../src/types";
import { Container } from "../src/wire/container";
import { Requests } from "../src/wire/messages";
import { Pace } from "../src/wire/pace";
import { aWhile, eventually } from "./eventually";

const turn = () => new Promise((go) => setTimeout(go));

/** Every message of a page, and its requests. */
function heard() {
  const sent: { kind: string; id: string; what?: string; layer?: number }[] = [];
  const requests = new Requests(
    (content) => sent.push(content as (typeof sent)[number]),
    () => String(sent.length),
  );
  return { sent, requests };
}

describe("rows in view", () => {
  const tokens = Array.from({ length: 1000 }, (_, at) => ({
    text: `${at}`,
    role: "text",
    kind: "word",
    segment: 0,
    word: at,
  }));
  const layer = { heads: 2, source: "arrays", note: "" };

  it("are few in Lines before its window is known, and all in Matrix", () => {
    const store = new Store(() => undefined);
    store.synced.tokens.value = { text: tokens as Token[] };
    store.synced.stacks.value = [
      { name: "encoder", queries: "text", keys: "text", layers: [layer], causal: false, sinks: [] },
    ] as unknown as typeof store.synced.stacks.value;
    store.synced.stack.value = "encoder";
    const { rows } = pictureSignals(store, new Data(undefined));
    expect(rows.value.length).toBeGreaterThan(0);
    expect(rows.value.length).toBeLessThan(100);
    store.rowWindow.value = [500, 530];
    expect(rows.value).toEqual(Array.from({ length: 30 }, (_, at) => 500 + at));
    store.rowWindow.value = null;
    store.synced.mode.value = "matrix";
    expect(rows.value).toHaveLength(1000);
  });
});

describe("wanted rows", () => {
  it("are asked for one request at a time, and only those still wanted", async () => {
    const wanted = new WantedRows();
    const asked: number[] = [];
    const answers: (() => void)[] = [];
    const want = (row: number) =>
      wanted.want(() => {
        asked.push(row);
        return new Promise<void>((resolve) => answers.push(resolve));
      });
    want(0);
    expect(asked).toEqual([0]);
    // A pointer that races over a hundred rows while the first is on its way.
    for (let row = 1; row < 100; row++) want(row)();
    want(100);
    expect(asked).toEqual([0]);
    answers[0]?.();
    await turn();
    expect(asked).toEqual([0, 100]);
    answers[1]?.();
    await turn();
    want(101);
    expect(asked).toEqual([0, 100, 101]);
  });

  it("go on after what is held already, and after a failure", async () => {
    const wanted = new WantedRows();
    const asked: string[] = [];
    wanted.want(() => undefined);
    wanted.want(() => {
      asked.push("fails");
      return Promise.reject(new Error("gone"));
    });
    wanted.want(() => {
      asked.push("next");
      return Promise.resolve();
    });
    await turn();
    expect(asked).toEqual(["fails", "next"]);
  });
});

describe("layers that are passed by", () => {
  it("are given up, and asked for again by whoever comes back", async () => {
    const { sent, requests } = heard();
    const data = new Data(requests);
    for (const layer of [1, 2, 3]) {
      data.layer("encoder", layer);
      await turn();
      data.onlyLayers("encoder", new Set([layer]));
    }
    const ids = sent.filter(({ kind }) => kind === "request").map(({ id }) => id);
    expect(sent.filter(({ kind }) => kind === "cancel").map(({ id }) => id)).toEqual(ids.slice(0, 2));
    expect(data.layer("encoder", 3).value.status).toBe("asked");
    data.layer("encoder", 1);
    await turn();
    expect(sent.filter(({ what, layer }) => what === "layer" && layer === 1)).toHaveLength(2);
    data.onlyLayers("cross", new Set([1]));
    expect(sent.filter(({ kind }) => kind === "cancel")).toHaveLength(4);
  });
});

describe("answers", () => {
  it("are kept up to a size, the ones not seen for longest go first", async () => {
    const { sent, requests } = heard();
    const answers = new Answers(
      requests,
      () => undefined,
      (bytes) => bytes as unknown as Container,
    );
    const ask = async (query: number) => {
      const state = answers.to({ what: "steps", stack: "decoder", layer: 0, head: 0, query }, []);
      await turn();
      requests.receive({ kind: "reply", id: sent.at(-1)?.id, ok: true }, [new Uint8Array(7 * 2 ** 20)]);
      await turn();
      expect(state.value.status).toBe("ready");
    };
    for (let query = 0; query < 9; query++) await ask(query);
    expect(answers.bytes).toBeLessThanOrEqual(32 * 2 ** 20);
    expect(answers.bytes).toBeGreaterThan(20 * 2 ** 20);
    const before = sent.length;
    answers.to({ what: "steps", stack: "decoder", layer: 0, head: 0, query: 8 }, []);
    await turn();
    expect(sent).toHaveLength(before);
    answers.to({ what: "steps", stack: "decoder", layer: 0, head: 0, query: 0 }, []);
    await turn();
    expect(sent).toHaveLength(before + 1);
  });
});

describe("layers beside the one in view", () => {
  const bytes = new Uint8Array(readFileSync(new URL("../../tests/fixtures/wire/top.attn", import.meta.url)));
  const name = Container.read(bytes)
    .names()
    .filter((block) => block.startsWith("weights/"))
    .at(-1);
  const [, stack = "", held = ""] = name?.split("/") ?? [];

  it("are the nearest with heads", () => {
    expect(beside(2, [8, 8, 8, 0, 8, 8], 3)).toEqual([1, 4, 0]);
    expect(beside(0, [8, 8], 9)).toEqual([1]);
    expect(beside(0, [8, 8], 0)).toEqual([]);
  });

  function shown(mode: Mode = "lines") {
    const { sent, requests } = heard();
    const data = new Data(requests);
    data.load(bytes);
    const layer = Number(held);
    const store = new Store(() => undefined);
    const one = { heads: 2, source: "arrays", note: "" };
    store.synced.stacks.value = [
      { name: stack, queries: "text", keys: "text", layers: Array.from({ length: layer + 3 }, () => one) },
    ] as unknown as typeof store.synced.stacks.value;
    store.synced.stack.value = stack;
    store.synced.layer.value = layer;
    store.synced.mode.value = mode;
    const { heads } = pictureSignals(store, data);
    const end = bringAhead(store, data, heads, 1);
    const asked = () => sent.filter(({ kind }) => kind === "request").map((one) => one.layer);
    const cancelled = () => sent.filter(({ kind }) => kind === "cancel").map(({ id }) => id);
    return { sent, requests, data, layer, store, heads, end, asked, cancelled };
  }

  it("are sent for while the reader rests, and given up for whatever the reader does", async () => {
    const { sent, data, layer, store, heads, end, asked, cancelled } = shown();
    await eventually(() => expect(asked()).toEqual([layer + 1]));
    store.hover.value = { side: "query", index: 1 };
    expect(cancelled()).toEqual([sent[0]?.id]);
    await eventually(() => expect(asked()).toEqual([layer + 1, layer + 1]));
    // Who goes there waits for what is on its way already.
    store.synced.layer.value = layer + 1;
    expect(heads.value).toMatchObject({ state: { status: "asked" } });
    await turn();
    expect(cancelled()).toHaveLength(1);
    expect(asked()).toHaveLength(2);
    expect(data.idle).toBe(false);
    end();
  });

  it("are not sent for while something else is on its way, nor where the layers are not shown", async () => {
    const { requests, store, heads, end, asked } = shown("heads");
    await eventually(() => expect(heads.value).toHaveProperty("heads"));
    await aWhile();
    expect(asked()).toEqual([]);
    const { cancel, promise } = requests.ask({ what: "statistics", stack });
    promise.catch(() => undefined);
    store.synced.mode.value = "lines";
    await aWhile();
    expect(asked()).toHaveLength(1);
    cancel();
    await eventually(() => expect(asked()).toHaveLength(2));
    end();
  });

  it("stop where Python has none to give", async () => {
    const { sent, requests, data, layer, end, asked } = shown();
    await eventually(() => expect(asked()).toEqual([layer + 1]));
    requests.receive({ kind: "reply", id: sent[0]?.id, ok: false, error: "gone" });
    await aWhile();
    expect(asked()).toHaveLength(1);
    expect(data.layer(stack, layer + 1).value.status).toBe("failed");
    end();
  });
});

describe("long work", () => {
  it("rests once its slice is spent", async () => {
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => now);
    const pace = new Pace();
    expect(pace.spent).toBe(false);
    now = 100;
    expect(pace.spent).toBe(true);
    let others = false;
    setTimeout(() => {
      others = true;
    });
    await pace.rest();
    expect(pace.spent).toBe(false);
    vi.restoreAllMocks();
    for (let turns = 0; turns < 1000 && !others; turns++) await pace.rest();
    expect(others).toBe(true);
  });
});
