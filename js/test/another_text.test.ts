/** What a text leaves behind when another one takes its place, and what many layers at once leave of each other. */

import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Data, DECODED_LIMIT } from "../src/data";
import { pictureSignals } from "../src/picture";
import { Store } from "../src/store";
import { Container } from "../src/wire/container";
import { LayerWeights } from "../src/wire/layer";
import { Requests } from "../src/wire/messages";
import { eventually } from "./eventually";

const BYTES = new Uint8Array(readFileSync(new URL("../../tests/fixtures/wire/top.attn", import.meta.url)));

/** Every request of a page. */
function heard() {
  const sent: { kind: string; id: string; queries?: number[] }[] = [];
  const requests = new Requests(
    (content) => sent.push(content as (typeof sent)[number]),
    () => String(sent.length),
  );
  const reply = (ok: boolean) => requests.receive({ kind: "reply", id: sent.at(-1)?.id, ok, error: "gone" }, [BYTES]);
  return { sent, data: new Data(requests), reply };
}

/** A layer of which no row is held whole until it has come. */
function partly(come: Set<number>): LayerWeights {
  return { isWhole: (query: number) => come.has(query), addRows: async () => undefined } as unknown as LayerWeights;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("rows that are wanted", () => {
  const queries = Array.from({ length: 100 }, (_, at) => at);

  it("come in several requests where they are many, each row asked for once", async () => {
    const { sent, data, reply } = heard();
    data.wantRows("text", 0, partly(new Set([3])), queries);
    expect(sent.map((one) => one.queries?.length)).toEqual([64]);
    reply(true);
    await eventually(() => expect(sent).toHaveLength(2));
    reply(true);
    await eventually(() => expect(data.rowsArrived.value).toBe(2));
    expect(sent.flatMap((one) => one.queries)).toEqual(queries.filter((at) => at !== 3));
  });

  it("are not asked for any further once they are no longer wanted", async () => {
    const { sent, data, reply } = heard();
    const end = data.wantRows("text", 0, partly(new Set()), queries);
    end();
    reply(true);
    await eventually(() => expect(data.rowsArrived.value).toBe(1));
    expect(sent).toHaveLength(1);
  });

  it("say nothing of the weights that came meanwhile", async () => {
    const { data, reply } = heard();
    data.wantRows("text", 0, partly(new Set()), [1]);
    data.load(BYTES);
    reply(false);
    data.wantRows("text", 0, partly(new Set()), [2]);
    await eventually(() => expect(data.idle).toBe(false));
    expect(data.error.value).toBe("");
    reply(false);
    await eventually(() => expect(data.error.value).toBe("gone"));
  });
});

describe("layers in view", () => {
  it("stay, however large they are together", async () => {
    const names = Container.read(BYTES).names();
    const [, stack = "", layer = ""] = names.find((name) => name.startsWith("weights/"))?.split("/") ?? [];
    const weights = await LayerWeights.read(Container.read(BYTES), stack, Number(layer));
    vi.spyOn(LayerWeights.prototype, "size", "get").mockReturnValue(DECODED_LIMIT / 2);
    vi.spyOn(LayerWeights, "read").mockResolvedValue(weights);
    const data = new Data(undefined);
    data.load(BYTES);
    vi.spyOn(Container.prototype, "has").mockReturnValue(true);
    const ready = () => [0, 1, 2, 3].map((at) => data.layer(stack, at).value.status);
    data.onlyLayers(stack, new Set([0, 1, 2, 3]));
    ready();
    await eventually(() => expect(ready()).toEqual(["ready", "ready", "ready", "ready"]));
    // One that is not looked at any longer goes first.
    data.onlyLayers(stack, new Set([2, 3]));
    data.layer(stack, 4);
    await eventually(() => expect(data.layer(stack, 4).value.status).toBe("ready"));
    const kept = [0, 1, 2, 3].map((at) => data.layer(stack, at).peek().status);
    expect(kept).toEqual(["reading", "reading", "ready", "ready"]);
  });

  it("are ready even if drawing them fails", async () => {
    const { data } = heard();
    data.load(BYTES);
    const names = Container.read(BYTES).names();
    const [, stack = "", layer = ""] = names.find((name) => name.startsWith("weights/"))?.split("/") ?? [];
    const state = data.layer(stack, Number(layer));
    const seen = vi.fn();
    process.once("unhandledRejection", seen);
    state.subscribe(({ status }) => {
      if (status === "ready") throw new RangeError("drawn of another text");
    });
    await eventually(() => expect(seen).toHaveBeenCalled());
    expect(state.peek().status).toBe("ready");
  });
});

describe("the pointer", () => {
  it("is on nothing of another text, stack or unit", () => {
    const store = new Store(() => undefined);
    const token = { text: "a", role: "text", kind: "word", segment: 0, word: 0, space: false };
    const { focus } = pictureSignals(store, new Data(undefined));
    const under = () => {
      store.hover.value = { side: "query", index: 7 };
      expect(focus.value?.indices).toEqual([7]);
    };
    under();
    store.receive("unit", "words");
    expect(focus.value).toBeNull();
    under();
    store.receive("tokens", { text: [token] });
    expect(focus.value).toBeNull();
  });
});
