// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";
import { PageModel } from "../src/host";
import { Runner } from "../src/run";
import widget from "../src/widget";
import { aWhile, eventually } from "./eventually";

function runner(send?: (content: object) => void): { one: Runner; sent: Record<string, unknown>[] } {
  const sent: Record<string, unknown>[] = [];
  let count = 0;
  const one = new Runner(send ?? ((content) => sent.push(content as Record<string, unknown>)), () => `id${++count}`);
  return { one, sent };
}

describe("running again", () => {
  it("sends what is in the fields, and waits for the reply of that id", () => {
    const { one, sent } = runner();
    one.run({ text: "a cat", text_pair: "a dog" });
    expect(sent).toEqual([{ kind: "run", id: "id1", text: "a cat", text_pair: "a dog", target: null }]);
    expect(one.running.value).toBe(true);
    for (const other of [null, "x", { kind: "reply", id: "other", ok: true }, { kind: "request", id: "id1" }]) {
      one.receive(other);
    }
    expect(one.running.value).toBe(true);
    one.receive({ kind: "reply", id: "id1", ok: true });
    expect(one.running.value).toBe(false);
    expect(one.error.value).toBe("");
  });

  it("asks once at a time", () => {
    const { one, sent } = runner();
    one.run({ text: "a" });
    one.run({ text: "b" });
    expect(sent).toHaveLength(1);
    one.receive({ kind: "reply", id: "id1", ok: true });
    one.run({ text: "b" });
    expect(sent[1]).toMatchObject({ id: "id2", text: "b" });
  });

  it.each([
    [{ ok: false, error: "out of memory" }, "out of memory"],
    [{ ok: false }, "the kernel could not answer"],
    [{ ok: "true", error: "" }, "the kernel could not answer"],
  ])("keeps the error %j for the page, until the next run", (reply, error) => {
    const { one } = runner();
    one.run({ text: "a" });
    one.receive({ kind: "reply", id: "id1", ...reply });
    expect([one.running.value, one.error.value]).toEqual([false, error]);
    one.run({ text: "a" });
    expect(one.error.value).toBe("");
  });

  it("says what went wrong where the message cannot be sent", () => {
    const { one } = runner(() => {
      throw new Error("the comm is closed");
    });
    one.run({ text: "a" });
    expect([one.running.value, one.error.value]).toEqual([false, "the comm is closed"]);
  });

  it("does nothing where there is nobody to ask", () => {
    const one = new Runner(undefined, () => "id");
    one.run({ text: "a" });
    expect([one.possible, one.running.value]).toEqual([false, false]);
  });

  it("passes over a reply that comes a second time", () => {
    const { one } = runner();
    one.run({ text: "a" });
    one.receive({ kind: "reply", id: "id1", ok: true });
    one.receive({ kind: "reply", id: "id1", ok: false, error: "late" });
    expect(one.error.value).toBe("");
  });
});

/** A host that takes a message of many values as backbone does: all are set, then each is told of. */
class BatchingModel extends PageModel {
  private told = new Map<string, () => void>();

  override on(event: string, callback: (...args: never[]) => void): void {
    this.told.set(event, callback as () => void);
  }

  all(values: Record<string, unknown>): void {
    // No listener is known to the parent, so nothing is told while they are set.
    for (const [name, value] of Object.entries(values)) this.set(name, value);
    for (const name of Object.keys(values)) this.told.get(`change:${name}`)?.();
  }
}

it("takes a new capture as one, in whatever order the host tells of its values", async () => {
  const token = (text: string) => ({ text, role: "text", kind: "word", segment: 0, word: 0 });
  const stacks = (layers: number) => [
    {
      name: "encoder",
      queries: "text",
      keys: "text",
      layers: Array.from({ length: layers }, () => ({ heads: 2, source: "arrays", note: "" })),
    },
  ];
  const texts = (count: number) => ({ text: Array.from({ length: count }, (_, at) => token(`t${at}`)) });
  const model = new BatchingModel({ tokens: texts(2), stacks: stacks(1), stack: "encoder", layer: 0, title: "one" });
  const el = document.createElement("div");
  document.body.append(el);
  const close = widget.render({ model, el });
  const message = () => el.shadowRoot?.querySelector("p.message[role=alert]")?.textContent ?? "";
  const before = message();
  // The positions and the layer exist in the new text alone.
  model.all({ selected_queries: [6], layer: 4, stacks: stacks(5), tokens: texts(7), title: "two" });
  await eventually(() => expect(el.shadowRoot?.querySelector(".stepper-value")?.textContent).toBe("4"));
  await aWhile();
  expect(message()).toBe(before);
  expect(el.shadowRoot?.querySelector(".card")?.getAttribute("aria-label")).toContain("two");
  close();
  el.remove();
});
