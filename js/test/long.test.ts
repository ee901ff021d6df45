/** What keeps long texts bounded: rows in view, requests on their way, answers kept. */
import { describe, expect, it } from "vitest";
import { Answers } from "../src/answers";
import { Data } from "../src/data";
import { pictureSignals } from "../src/picture";
import { WantedRows } from "../src/rows";
import { Store } from "../src/store";
import type { Token } from "../src/types";
import type { Container } from "../src/wire/container";
import { Requests } from "../src/wire/messages";

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
