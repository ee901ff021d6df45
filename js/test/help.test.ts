// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import en from "../../attnwidget/locale/en.json";
import { CAVEATS, caveatsHere, OF_COMPARISON } from "../src/caveats";
import { Data } from "../src/data";
import * as more from "../src/more";
import { mount } from "../src/mount";
import { Parts } from "../src/parts";
import { Runner } from "../src/run";
import { Store } from "../src/store";
import { cellsInView } from "../src/table";
import type { Traits } from "../src/types";
import { View } from "../src/view";
import { aWhile, eventually } from "./eventually";

const token = (text: string) => ({ text, role: "text", kind: "word" as const, segment: 0, word: 0 });
let store: Store;
let pushed: Partial<Traits>[];
let life: AbortController;

beforeEach(() => {
  pushed = [];
  life = new AbortController();
  store = new Store((changed) => pushed.push(changed));
  store.receive("words", en);
  store.receive("tokens", { text: ["a", "b"].map(token) });
  store.receive("stacks", [
    { name: "encoder", queries: "text", keys: "text", layers: [{ heads: 2, source: "arrays", note: "" }] },
  ]);
});

afterEach(() => {
  life.abort();
  document.body.replaceChildren();
});

function page(data: Data): ShadowRoot {
  const el = document.createElement("div");
  document.body.append(el);
  const parts = new Parts();
  parts.take(more);
  mount(el, store, data, life.signal, parts);
  if (!el.shadowRoot) throw new Error("no shadow root");
  return el.shadowRoot;
}

function found<T extends Element = HTMLElement>(root: ParentNode, selector: string): T {
  const element = root.querySelector<T>(selector);
  if (!element) throw new Error(`nothing is ${selector}`);
  return element;
}

async function eventuallyFound<T extends Element = HTMLElement>(root: ParentNode, selector: string): Promise<T> {
  await eventually(() => expect(root.querySelector(selector)).not.toBeNull());
  return found<T>(root, selector);
}

describe("caveats", () => {
  const here = () => caveatsHere(new View(store, new Data(undefined), document.createElement("div")));

  it.each([
    ["highlight", "special", "caveat.sinks"],
    ["sinks", "leave_out", "caveat.left_out"],
    ["sinks", "renormalise", "caveat.renormalise"],
    ["unit", "words", "caveat.words"],
  ] as const)("are said where %s is %s", (name, value, key) => {
    expect(here()).not.toContain(key);
    store.receive(name, value);
    expect(here()).toContain(key);
  });

  it("are said of a scale only where that is seen", () => {
    store.receive("scale", "relative");
    expect(here()).not.toContain("caveat.relative");
    store.receive("mode", "matrix");
    expect(here()).toContain("caveat.relative");
  });

  it("of lines and matrix are left to the panel beside them, elsewhere said below", () => {
    expect(here()).not.toContain("caveat");
    store.receive("mode", "heads");
    expect(here()).toContain("caveat");
  });

  it("of two layers speak of head numbers", () => {
    const data = new Data(undefined);
    data.compared.value = new Data(undefined);
    const view = new View(store, data, document.createElement("div"));
    store.receive("comparison", { a: "A", b: "B", layer: null });
    expect(caveatsHere(view)).not.toContain("caveat.compare.layers");
    store.receive("comparison", { a: "A", b: "B", layer: 0 });
    expect(caveatsHere(view)).toContain("caveat.compare.layers");
  });

  it("are all in the help", async () => {
    const root = page(new Data(undefined));
    (await eventuallyFound(root, ".help-button")).click();
    const listed = () => [...root.querySelectorAll(".help-caveats li")].map((item) => item.textContent);
    await eventually(() => expect(listed()).toEqual(CAVEATS.map(({ key }) => en[key])));
    expect(OF_COMPARISON.map(({ key }) => key in en)).not.toContain(false);
  });
});

describe("the help", () => {
  it("does not let its Esc unlock what is chosen behind it", async () => {
    store.receive("selected_queries", [1]);
    const root = page(new Data(undefined));
    const dialog = await eventuallyFound<HTMLDialogElement>(root, "dialog.help");
    dialog.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    expect(store.peek().selected_queries).toEqual([1]);
    found(root, ".card").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
    expect(store.peek().selected_queries).toEqual([]);
  });
});

describe("the input box", () => {
  const kernel = (sent: object[]) =>
    new Data(
      undefined,
      new Runner(
        (content) => sent.push(content),
        () => "1",
      ),
    );

  it("is there only where somebody can be asked and the model read text", async () => {
    store.receive("inputs", { text: "a b", text_pair: null, target: null });
    expect(page(new Data(undefined)).querySelector(".input-box")).toBeNull();
    expect(page(kernel([])).querySelector(".input-box")).not.toBeNull();
    store.receive("inputs", {});
    expect(page(kernel([])).querySelector(".input-box")).toBeNull();
  });

  it("sends the fields by Ctrl+Enter and says that it runs", async () => {
    const sent: object[] = [];
    store.receive("inputs", { text: "a b", text_pair: "c", target: null });
    store.receive("can_run", true);
    const data = kernel(sent);
    const root = page(data);
    (await eventuallyFound(root, ".input-head button")).click();
    const fields = () => [...root.querySelectorAll("textarea")];
    await eventually(() => expect(fields().map(({ value }) => value)).toEqual(["a b", "c"]));
    const [first] = fields();
    if (!first) throw new Error("no field");
    first.value = "x y";
    first.dispatchEvent(new Event("input", { bubbles: true }));
    await aWhile();
    first.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }));
    await eventually(() => expect(sent).toEqual([{ kind: "run", id: "1", text: "x y", text_pair: "c", target: null }]));
    expect(found(root, ".input-said").textContent).toBe(en["input.waiting"]);
    data.runner.receive({ kind: "reply", id: "1", ok: false, error: "<b>too long</b>" });
    await eventually(() =>
      expect(found(root, ".input-said").textContent).toBe("The model did not run: <b>too long</b>"),
    );
    expect(root.querySelector(".input-said b")).toBeNull();
  });

  it("says why it cannot run once the model is gone, and keeps what was typed", async () => {
    store.receive("inputs", { text: "a b", text_pair: null, target: null });
    store.receive("can_run", false);
    const sent: object[] = [];
    const root = page(kernel(sent));
    const button = await eventuallyFound(root, ".input-head button");
    await eventually(() => expect(button.getAttribute("aria-disabled")).toBe("true"));
    expect(found(root, ".input-reason").textContent).toBe(en["input.gone"]);
    button.click();
    await aWhile();
    expect(root.querySelector("textarea")).toBeNull();
    expect(sent).toEqual([]);
  });

  it("runs on no empty text", async () => {
    store.receive("inputs", { text: " ", text_pair: null, target: null });
    store.receive("can_run", true);
    const sent: object[] = [];
    const root = page(kernel(sent));
    (await eventuallyFound(root, ".input-head button")).click();
    (await eventuallyFound(root, ".input-run")).click();
    await eventually(() => expect(root.textContent).toContain(en["input.empty"]));
    expect(sent).toEqual([]);
  });
});

describe("the table of numbers", () => {
  const rows = [
    [0.5, 0.3, 0.2],
    [0.1, Number.NaN, 0.9],
  ];
  const rowOf = (query: number) => Float32Array.from(rows[query] ?? []);

  it("lists every held cell in reading order where they fit", () => {
    const { cells, all, largest } = cellsInView([0, 1], rowOf, 10);
    expect(cells.map(({ query, key }) => [query, key])).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
      [1, 0],
      [1, 2],
    ]);
    expect([all, largest]).toEqual([5, false]);
  });

  it("lists the largest of either sign where they do not, and counts the rest", () => {
    const { cells, all, largest } = cellsInView([0, 1], rowOf, 2);
    expect(cells.map(({ query, key }) => [query, key])).toEqual([
      [1, 2],
      [0, 0],
    ]);
    expect([all, largest]).toEqual([5, true]);
    const signed = cellsInView([0], () => Float32Array.of(-0.8, 0.1, 0.5), 2);
    expect(signed.cells.map(({ key }) => key)).toEqual([0, 2]);
  });

  it("finds the largest of many", () => {
    const many = (query: number) =>
      Float32Array.from({ length: 500 }, (_, key) => ((query * 7 + key * 13) % 997) / 997);
    const queries = Array.from({ length: 60 }, (_, query) => query);
    const all = queries.flatMap((query) => [...many(query)]).sort((a, b) => b - a);
    const { cells } = cellsInView(queries, many, 100);
    expect(cells.map(({ value }) => value)).toEqual(all.slice(0, 100));
  });
});
