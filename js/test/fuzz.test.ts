// @vitest-environment happy-dom
/** Whatever comes in, from Python, a saved file or a damaged wire: a word about it, never a blank page or an exception. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { PageModel } from "../src/host";
import { TRAIT_NAMES } from "../src/store";
import widget, { type HostModel } from "../src/widget";
import { Container, WireError } from "../src/wire/container";
import { LayerWeights } from "../src/wire/layer";
import { NoKernelError, Requests } from "../src/wire/messages";
import { Overviews } from "../src/wire/overview";
import { eventually } from "./eventually";

const FIXTURES = ["odd", "whole", "part", "reply", "top"].map(
  (name) => new Uint8Array(readFileSync(join(import.meta.dirname, "../../tests/fixtures/wire", `${name}.attn`))),
);
const decoder = new TextDecoder();
const encoder = new TextEncoder();

interface Header {
  blocks: Record<string, Record<string, unknown>>;
}

function headerOf(data: Uint8Array): [header: Header, rest: Uint8Array] {
  const length = new DataView(data.buffer, data.byteOffset).getUint32(8, true);
  return [JSON.parse(decoder.decode(data.subarray(12, 12 + length))) as Header, data.subarray(12 + length)];
}

function withHeader(data: Uint8Array, header: unknown): Uint8Array {
  const [, rest] = headerOf(data);
  const text = encoder.encode(JSON.stringify(header));
  const out = new Uint8Array(12 + text.length + rest.length);
  out.set(data.subarray(0, 12));
  new DataView(out.buffer).setUint32(8, text.length, true);
  out.set(text, 12);
  out.set(rest, 12 + text.length);
  return out;
}

const anything = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>;
const count = fc.oneof(fc.integer({ min: -2, max: 40 }), fc.integer(), fc.double(), anything);
const FIELDS = ["offset", "length", "size", "codec", "dtype", "shape", "shuffle", "bits", "large", "classes", "keys"];
const value = fc.oneof(count, fc.array(count, { maxLength: 30 }), fc.constantFrom("raw", "deflate", "u1", "f4", "top"));

/** A container, damaged in one of the ways that files and wires are. */
const damaged: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.tuple(fc.constantFrom(...FIXTURES), fc.nat()).map(([data, end]) => data.slice(0, end % data.length)),
  fc
    .tuple(fc.constantFrom(...FIXTURES), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 9 }))
    .map(([data, flips]) => {
      const out = data.slice();
      for (const [at, byte] of flips) out[at % out.length] = byte;
      return out;
    }),
  fc
    .tuple(fc.constantFrom(...FIXTURES), fc.nat(), fc.constantFrom(...FIELDS), value)
    .map(([data, at, field, instead]) => {
      const [header] = headerOf(data);
      const names = Object.keys(header.blocks);
      const block = header.blocks[names[at % names.length] as string];
      if (block) block[field] = instead;
      return withHeader(data, header);
    }),
  // Two blocks that have changed places: each is whole, neither is what it says.
  fc.tuple(fc.constantFrom(...FIXTURES), fc.nat(), fc.nat()).map(([data, one, other]) => {
    const [header] = headerOf(data);
    const names = Object.keys(header.blocks);
    const [a, b] = [names[one % names.length], names[other % names.length]] as [string, string];
    const { [a]: first, [b]: second } = header.blocks;
    return withHeader(data, { blocks: { ...header.blocks, [a]: second, [b]: first } });
  }),
  fc.tuple(fc.constantFrom(...FIXTURES), anything).map(([data, header]) => withHeader(data, header)),
);

async function refusal(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}

function expectPlain(error: unknown): void {
  if (error === undefined) return;
  expect(error).toBeInstanceOf(WireError);
  expect((error as Error).message.length).toBeGreaterThan(10);
}

describe("damaged containers", () => {
  it("are read, or refused in plain words", async () => {
    await fc.assert(
      fc.asyncProperty(damaged, async (data) => {
        const read: Container[] = [];
        expectPlain(await refusal(() => read.push(Container.read(data))));
        const [container] = read;
        if (!container) return;
        for (const name of container.names()) {
          const [what = "", stack = "", layer = ""] = name.split("/");
          expectPlain(await refusal(() => container.bytes(name)));
          if (what === "weights") expectPlain(await refusal(() => LayerWeights.read(container, stack, Number(layer))));
          if (what === "overview" || what === "weights") {
            expectPlain(await refusal(() => Overviews.read(container, stack, layer ? Number(layer) : undefined)));
            expectPlain(await refusal(() => Overviews.read(container, stack)));
          }
        }
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});

describe("messages", () => {
  it("settle a request once or not at all, whatever they hold", async () => {
    const reply = fc.record(
      {
        kind: fc.oneof(fc.constant("reply"), anything),
        id: fc.oneof(fc.constantFrom("0", "1"), anything),
        ok: anything,
        error: anything,
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(reply, anything), { maxLength: 12 }),
        fc.uint8Array(),
        async (messages, data) => {
          let next = 0;
          const requests = new Requests(
            () => undefined,
            () => String(next++),
          );
          const asked = [0, 1].map((layer) => requests.ask({ what: "layer", stack: "encoder", layer }).promise);
          const outcomes: unknown[] = [];
          for (const promise of asked)
            promise.then(
              (got) => outcomes.push(got),
              (error) => outcomes.push(error),
            );
          for (const message of messages) requests.receive(message, [data]);
          requests.failAll(new NoKernelError("no kernel"));
          await Promise.allSettled(asked);
          expect(outcomes).toHaveLength(2);
          for (const outcome of outcomes) expect(Array.isArray(outcome) || outcome instanceof Error).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });
});

// ---- the whole page

class Kernel extends PageModel implements HostModel {
  readonly sent: object[] = [];
  readonly send = (content: object): void => {
    this.sent.push(content);
  };
  private readonly hears = new Set<(...args: never[]) => void>();

  override on(event: string, callback: (...args: never[]) => void): void {
    if (event === "msg:custom") this.hears.add(callback);
    super.on(event, callback);
  }

  /** A reply to a request, of whatever content and bytes. */
  reply(request: object, content: unknown, buffers: unknown): void {
    const told =
      typeof content === "object" && content !== null ? { ...content, id: (request as { id: string }).id } : content;
    for (const callback of this.hears) (callback as (...args: unknown[]) => void)(told, buffers);
  }
}

const token = (text: string) => ({ text, role: "text", kind: "word", segment: 0, word: 0 });

function sane(): Record<string, unknown> {
  const layers = [2, 3].map((heads) => ({ heads, source: "arrays", note: "" }));
  return {
    tokens: { text: ["the", "dog", "chased"].map(token) },
    stacks: [{ name: "encoder", queries: "text", keys: "text", layers }],
    stack: "encoder",
    layer: 0,
    title: "sane",
    attention: FIXTURES[0],
  };
}

const names = [...TRAIT_NAMES, "attention", "profile", "image", "compared"];
const wrong = fc.dictionary(fc.constantFrom(...names), fc.oneof(anything, damaged), { minKeys: 1, maxKeys: 4 });
/** Descriptions of tokens and stacks that are nearly right. */
const nearly = fc.record(
  {
    tokens: fc.dictionary(
      fc.constantFrom("text", "other"),
      fc.oneof(anything, fc.array(fc.oneof(anything, fc.constant(token("a"))))),
    ),
    stacks: fc.array(
      fc.oneof(
        anything,
        fc.record({
          name: fc.oneof(fc.constant("encoder"), anything),
          queries: fc.oneof(fc.constant("text"), anything),
          keys: fc.oneof(fc.constant("text"), anything),
          layers: fc.oneof(fc.array(fc.oneof(anything, fc.constant({ heads: 1, source: "", note: "" }))), anything),
        }),
      ),
      { maxLength: 3 },
    ),
    attention: damaged,
  },
  { requiredKeys: [] },
);

const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

/** Nothing on the page is worse than a page that says nothing. */
function toSpeak(el: HTMLElement): Promise<void> {
  const root = el.shadowRoot;
  return eventually(() => {
    expect(root?.querySelector(".card")).toBeTruthy();
    expect((root?.textContent ?? "").trim().length).toBeGreaterThan(10);
  });
}

describe("a mounted view", () => {
  const uncaught: unknown[] = [];
  const note = (error: unknown) => uncaught.push(error instanceof Error ? error.stack : error);
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);

  // A page without any width draws nothing, and there is no canvas here: let it draw into nowhere.
  const nowhere: object = new Proxy(() => nowhere, {
    get: (_, name) => (name === Symbol.toPrimitive ? () => 1 : name === "data" ? new Uint8ClampedArray(4) : nowhere),
    set: () => true,
    apply: () => nowhere,
  });
  beforeAll(() => {
    vi.spyOn(HTMLElement.prototype, "getBoundingClientRect").mockReturnValue(new DOMRect(0, 0, 900, 400));
    vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(nowhere as never);
  });

  afterAll(() => {
    vi.restoreAllMocks();
  });

  afterEach(() => {
    document.body.replaceChildren();
  });

  async function lives(
    first: Record<string, unknown>,
    later: Record<string, unknown>,
    message: unknown,
  ): Promise<void> {
    uncaught.length = 0;
    const el = document.createElement("div");
    document.body.append(el);
    const model = new Kernel({ ...sane(), ...first });
    const close = widget.render({ model, el });
    await settle();
    await toSpeak(el);
    for (const [name, now] of Object.entries(later)) model.set(name, now);
    for (const request of model.sent.slice(0, 3)) model.reply(request, message, [FIXTURES[3]]);
    await settle();
    await toSpeak(el);
    for (const button of el.shadowRoot?.querySelectorAll<HTMLElement>("[data-value]") ?? []) button.click();
    await settle();
    await toSpeak(el);
    close();
    expect(el.shadowRoot?.childElementCount).toBe(0);
    expect(uncaught).toEqual([]);
  }

  it("takes any values at the start and later", async () => {
    await fc.assert(
      fc.asyncProperty(wrong, wrong, anything, (first, later, message) => lives(first, later, message)),
      { numRuns: 40 },
    );
  }, 120_000);

  it("takes descriptions that are nearly right", async () => {
    await fc.assert(
      fc.asyncProperty(nearly, nearly, (first, later) => lives(first, later, { kind: "reply", ok: true })),
      { numRuns: 40 },
    );
  }, 120_000);
});
