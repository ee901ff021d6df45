import { describe, expect, test } from "vitest";
import { NoKernelError, Requests } from "../src/wire/messages";

const LAYER = { what: "layer", stack: "encoder", layer: 3 } as const;

function setUp(): { sent: Record<string, unknown>[]; requests: Requests } {
  const sent: Record<string, unknown>[] = [];
  let next = 0;
  const requests = new Requests(
    (content) => sent.push(content as Record<string, unknown>),
    () => `id${next++}`,
  );
  return { sent, requests };
}

describe("requests", () => {
  test("are answered by id, with the buffers as bytes", async () => {
    const { sent, requests } = setUp();
    const [first, second] = [requests.ask(LAYER), requests.ask({ ...LAYER, layer: 4 })];
    expect(sent).toEqual([
      { kind: "request", id: "id0", ...LAYER },
      { kind: "request", id: "id1", ...LAYER, layer: 4 },
    ]);
    const buffer = new Uint8Array([0, 1, 2, 3]).buffer;
    requests.receive({ kind: "reply", id: "id1", ok: true }, [new DataView(buffer, 1, 2)]);
    requests.receive({ kind: "reply", id: "id0", ok: true }, [buffer]);
    expect((await first.promise).map((bytes) => [...bytes])).toEqual([[0, 1, 2, 3]]);
    expect((await second.promise).map((bytes) => [...bytes])).toEqual([[1, 2]]);
  });

  test("fail with the kernel's words", async () => {
    const { requests } = setUp();
    const [first, second] = [requests.ask(LAYER), requests.ask(LAYER)];
    requests.receive({ kind: "reply", id: "id0", ok: false, error: "released: run again" });
    requests.receive({ kind: "reply", id: "id1" });
    await expect(first.promise).rejects.toThrow("released: run again");
    await expect(second.promise).rejects.toThrow("the kernel could not answer");
  });

  test("are cancelled once, and a late reply is passed over", async () => {
    const { sent, requests } = setUp();
    const { promise, cancel } = requests.ask(LAYER);
    cancel();
    cancel();
    requests.receive({ kind: "reply", id: "id0", ok: true }, [new ArrayBuffer(1)]);
    expect(sent.slice(1)).toEqual([{ kind: "cancel", id: "id0" }]);
    await expect(promise).rejects.toMatchObject({ name: "AbortError" });
  });

  test("are cancelled without a word where nobody is there to be told", async () => {
    let alive = true;
    const requests = new Requests(
      () => {
        if (!alive) throw new NoKernelError("nobody");
      },
      () => "id",
    );
    const { promise, cancel } = requests.ask(LAYER);
    alive = false;
    cancel();
    await expect(promise).rejects.toMatchObject({ name: "AbortError" });
  });

  test("follow an AbortSignal", async () => {
    const { sent, requests } = setUp();
    const controller = new AbortController();
    const { promise } = requests.ask(LAYER, controller.signal);
    controller.abort();
    await expect(promise).rejects.toMatchObject({ name: "AbortError" });
    expect(sent.at(-1)).toEqual({ kind: "cancel", id: "id0" });
    await expect(requests.ask(LAYER, controller.signal).promise).rejects.toMatchObject({ name: "AbortError" });
    expect(sent).toHaveLength(2);
  });

  test("answered ones no longer listen to their signal", async () => {
    const { sent, requests } = setUp();
    const controller = new AbortController();
    const { promise } = requests.ask(LAYER, controller.signal);
    requests.receive({ kind: "reply", id: "id0", ok: true }, []);
    expect(await promise).toEqual([]);
    controller.abort();
    expect(sent).toHaveLength(1);
  });

  test("all end together with the page", async () => {
    const { sent, requests } = setUp();
    const pending = [requests.ask(LAYER), requests.ask(LAYER)];
    requests.abortAll("the view was closed");
    for (const { promise } of pending) await expect(promise).rejects.toThrow("the view was closed");
    expect(sent).toHaveLength(2);
  });

  test("a host that cannot send fails the request, not the page", async () => {
    const requests = new Requests(
      () => {
        throw new Error("no kernel");
      },
      () => "id",
    );
    await expect(requests.ask(LAYER).promise).rejects.toThrow("no kernel");
  });

  test("other messages are passed over", () => {
    const { requests } = setUp();
    for (const content of [null, 3, "reply", [], { kind: "reply" }, { kind: "reply", id: "other", ok: true }]) {
      requests.receive(content, []);
    }
  });
});
