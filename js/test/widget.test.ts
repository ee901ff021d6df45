// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import en from "../../attnwidget/locale/en.json";
import { PageModel } from "../src/host";
import widget, { type HostModel } from "../src/widget";
import { aWhile, eventually } from "./eventually";

const token = (text: string, kind = "word") => ({ text, role: "text", kind, segment: 0, word: 0 });
const TEXTS = ["[CLS]", "</script><img src=x onerror=alert(1)>", '"quoted"', "‮RTL", "🙂", "", "\u0007"];

function state(over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    tokens: { text: TEXTS.map((text, index) => token(text, index === 0 ? "cls" : "word")) },
    stacks: [
      {
        name: "encoder",
        queries: "text",
        keys: "text",
        layers: [1, 2].map((heads) => ({ heads, source: "arrays", note: "" })),
      },
    ],
    stack: "encoder",
    layer: 0,
    heads: [],
    pinned: [],
    mode: "lines",
    highlight: "special",
    selected_queries: [],
    selected_keys: [],
    budget: 0.7,
    max_strokes: 2000,
    lang: "en",
    words: en,
    theme: "light",
    title: "<b>model</b>",
    notes: [],
    status: "",
    attention: new Uint8Array(0),
    ...over,
  };
}

/** A host's model that counts its listeners, with or without a kernel behind it. */
class CountingModel extends PageModel implements HostModel {
  count = 0;
  readonly sent: object[] = [];
  readonly send: ((content: object) => void) | undefined;

  constructor(values: Record<string, unknown>, kernel = false) {
    super(values);
    if (kernel) this.send = (content) => this.sent.push(content);
  }

  override on(event: string, callback: (...args: never[]) => void): void {
    this.count += 1;
    super.on(event, callback);
  }

  override off(event: string, callback: (...args: never[]) => void): void {
    this.count -= 1;
    super.off(event, callback);
  }
}

/** A container that holds no layer at all. */
function emptyContainer(): Uint8Array {
  const header = new TextEncoder().encode('{"blocks":{}}');
  return Uint8Array.from([...new TextEncoder().encode("ATTN"), 1, 0, 0, 0, header.length, 0, 0, 0, ...header]);
}

function place(model: HostModel): { el: HTMLElement; root: ShadowRoot; close: () => void } {
  const el = document.createElement("div");
  document.body.append(el);
  const close = widget.render({ model, el });
  const root = el.shadowRoot;
  if (!root) throw new Error("no shadow root");
  return { el, root, close };
}

afterEach(() => {
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

describe("a mounted view", () => {
  it("mounts and unmounts twice in the same element, leaving no listener behind", () => {
    const model = new CountingModel(state());
    const documentListeners = vi.spyOn(document, "addEventListener");
    for (let round = 0; round < 2; round++) {
      const { root, close } = place(model);
      expect(root.querySelectorAll(".card")).toHaveLength(1);
      expect(model.count).toBeGreaterThan(0);
      close();
      expect(model.count).toBe(0);
      expect(root.childElementCount).toBe(0);
    }
    expect(documentListeners).not.toHaveBeenCalled();
    const { el, close } = place(model);
    close();
    const again = widget.render({ model, el });
    expect(el.shadowRoot?.querySelectorAll(".card")).toHaveLength(1);
    again();
  });

  it("shows user text as text", async () => {
    const { root } = place(new CountingModel(state({ mode: "matrix" })));
    await eventually(() => expect(root.textContent).toContain("<b>model</b>"));
    await aWhile();
    expect(root.querySelectorAll("script, img, b")).toHaveLength(0);
  });

  it("says which values are valid when Python or a saved file brings others", async () => {
    const model = new CountingModel(state());
    const { root } = place(model);
    model.set("mode", "pie");
    await eventually(() => expect(root.querySelector("[role=alert]")?.textContent).toContain("lines, matrix, heads"));
    expect(root.querySelector('[data-value="lines"]')?.getAttribute("aria-checked")).toBe("true");
  });

  it("says what is missing where there is no kernel, and asks where there is one", async () => {
    const container = emptyContainer();
    const { root } = place(new CountingModel(state({ attention: container })));
    await eventually(() => expect(root.querySelector(".absence")?.textContent).toContain("running kernel"));

    const model = new CountingModel(state({ attention: container }), true);
    const view = place(model);
    await eventually(() =>
      expect(model.sent).toMatchObject([{ kind: "request", what: "layer", stack: "encoder", layer: 0 }]),
    );
    view.close();
  });

  it("puts malformed data into its message line instead of going blank", async () => {
    const { root } = place(new CountingModel(state({ attention: new Uint8Array([1, 2, 3]) })));
    await eventually(() => expect(root.querySelector(".absence")?.textContent).toContain("too short"));
    expect(root.querySelector(".toolbar")).not.toBeNull();
  });

  it("keeps two views of one model in step", async () => {
    const model = new CountingModel(state());
    const [one, two] = [place(model), place(model)];
    one.root.querySelector<HTMLElement>('[aria-label="Next layer"]')?.click();
    await eventually(() => {
      for (const { root } of [one, two]) expect(root.querySelector(".stepper-value")?.textContent).toBe("1");
    });
    expect(model.get("layer")).toBe(1);
  });
});
