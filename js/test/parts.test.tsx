// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import en from "../../attnwidget/locale/en.json";
import { Data } from "../src/data";
import * as more from "../src/more";
import { mount } from "../src/mount";
import { Parts } from "../src/parts";
import { Store } from "../src/store";
import { NoKernelError } from "../src/wire/messages";
import { aWhile } from "./eventually";

const life = new AbortController();
afterEach(() => document.body.replaceChildren());

function opened(parts: Parts): { store: Store; root: ShadowRoot } {
  const store = new Store(() => {});
  const token = (text: string) => ({ text, role: "text", kind: "word" as const, segment: 0, word: 0 });
  store.receive("words", en);
  store.receive("tokens", { text: ["a", "b"].map(token) });
  store.receive("stacks", [
    { name: "encoder", queries: "text", keys: "text", layers: [{ heads: 2, source: "arrays", note: "" }] },
  ]);
  const el = document.createElement("div");
  document.body.append(el);
  mount(el, store, new Data(undefined), life.signal, parts);
  store.width.value = 900;
  return { store, root: el.shadowRoot as ShadowRoot };
}

const said = (root: ShadowRoot) => root.querySelector(".picture")?.textContent;

describe("the second part of the code", () => {
  it("is sent for once, when something of it is opened", async () => {
    let asked = 0;
    const parts = new Parts(() => {
      asked += 1;
    });
    const { store, root } = opened(parts);
    await aWhile();
    expect(asked).toBe(0);
    store.change({ mode: "steps" });
    await aWhile();
    store.change({ mode: "trace" });
    await vi.waitFor(() => expect(asked).toBe(1));
    await vi.waitFor(() => expect(said(root)).toBe(en["more.waiting"]));
    const sheets = root.adoptedStyleSheets.length;
    parts.take(more);
    await vi.waitFor(() => expect(root.querySelector(".trace")).not.toBeNull());
    expect(root.adoptedStyleSheets.length).toBe(sheets + 1);
  });

  it("says what would bring it where nobody is there to ask, and is sent for again once somebody is", async () => {
    let kernel = false;
    let asked = 0;
    const parts = new Parts(() => {
      if (!kernel) throw new NoKernelError("gone");
      asked += 1;
    });
    const { store, root } = opened(parts);
    store.change({ mode: "trace" });
    await vi.waitFor(() => expect(said(root)).toBe(en["more.missing"]));
    kernel = true;
    parts.reconnected();
    await vi.waitFor(() => expect(said(root)).toBe(en["more.waiting"]));
    expect(asked).toBe(1);
  });

  it("says why it cannot be read", async () => {
    const parts = new Parts(() => parts.fail(new Error("attnwidget was updated")));
    const { store, root } = opened(parts);
    store.change({ mode: "steps" });
    await vi.waitFor(() => expect(said(root)).toBe("attnwidget was updated"));
  });
});
