/**
 * The only file that knows a notebook host: an anywidget front-end module (AFM).
 * `change:*` callbacks get different arguments in different hosts, so the model is read again each time.
 */

import { batch } from "@preact/signals";
import { build, core } from "./core";
import { Data } from "./data";
import { KERNEL } from "./kernel";
import { mount } from "./mount";
import { type More, Parts } from "./parts";
import { Runner } from "./run";
import { Store, TRAIT_NAMES, type TraitName } from "./store";
import type { Translate } from "./strings";
import type { Traits } from "./types";
import { toSource } from "./wire/buffers";
import { NoKernelError, Requests } from "./wire/messages";

/** The part of anywidget's model that every host gives. */
export interface HostModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, callback: (...args: never[]) => void): void;
  off(event: string, callback: (...args: never[]) => void): void;
  send?(content: object): void;
}

export interface RenderContext {
  model: HostModel;
  el: HTMLElement;
}

/** crypto.randomUUID is missing on pages served over plain http. */
function newId(): string {
  const parts = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(parts, (part) => part.toString(36)).join("-");
}

/** The second part of the code; the first hands it what they share. */
let imported: Promise<More> | undefined;

function importMore(text: string, t: Translate): Promise<More> {
  imported ??= (async () => {
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    try {
      const part = (await import(/* @vite-ignore */ url)) as { build: string; default: (core: unknown) => More };
      if (part.build !== build) throw new Error(t("more.updated"));
      return part.default(core);
    } finally {
      URL.revokeObjectURL(url);
    }
  })();
  imported.catch(() => {
    imported = undefined;
  });
  return imported;
}

/** `more` is given where both parts of the code came together. */
function render({ model, el }: RenderContext, more?: More): () => void {
  const life = new AbortController();
  const { signal } = life;
  const listen = (event: string, callback: (...args: never[]) => void) => {
    model.on(event, callback);
    signal.addEventListener("abort", () => model.off(event, callback));
  };

  // JupyterLab takes keys before the page does, except under this mark.
  el.setAttribute("data-lm-suppress-shortcuts", "true");

  const store = new Store((changed: Partial<Traits>) => {
    for (const [name, value] of Object.entries(changed)) model.set(name, value);
    model.save_changes();
  });
  // Saved states may leave out what is as by default.
  const receive = (name: TraitName) => {
    const value = model.get(name);
    if (value !== undefined) store.receive(name, value);
  };
  for (const name of TRAIT_NAMES) receive(name);

  // ipywidgets marks the elements of views that were drawn from a file: there `send` goes nowhere, without a word. Once
  // their kernel was restarted, it throws.
  const cut = () => el.classList.contains("jupyter-widgets-disconnected");
  const nobody = () => new NoKernelError(store.t.peek()("cut"));
  const send =
    KERNEL && model.send
      ? (content: object) => {
          if (cut()) throw nobody();
          try {
            model.send?.(content);
          } catch {
            throw nobody();
          }
        }
      : undefined;
  const requests = send && new Requests(send, newId);
  const ofOther = send && new Requests((content) => send({ ...content, of: "b" }), newId);
  const runner = new Runner(send, newId);
  if (requests && ofOther) {
    listen("msg:custom", (content: unknown, buffers?: readonly (ArrayBuffer | ArrayBufferView)[]) => {
      for (const receiver of [requests, ofOther, runner]) receiver.receive(content, buffers ?? []);
    });
    signal.addEventListener("abort", () => {
      for (const asked of [requests, ofOther]) asked.abortAll("the view was closed");
    });
  }

  const data = new Data(requests, runner);
  const parts = new Parts(() => {
    if (more) return parts.take(more);
    if (!send) throw nobody();
    send({ kind: "more" });
  });
  if (requests && ofOther) {
    // The mark is set by another listener of the same event.
    const look = () => {
      if (signal.aborted) return;
      const gone = cut() ? nobody() : undefined;
      for (const asked of [requests, ofOther]) if (gone) asked.failAll(gone);
      if (gone) runner.fail(gone.message);
      else {
        parts.reconnected();
        for (const side of [data, data.compared.peek()]) side?.reconnected();
      }
    };
    listen("comm_live_update", () => queueMicrotask(look));
  }
  const bytesOf = (name: string) => toSource(model.get(name));
  const loads: Record<string, () => void> = {
    attention: () => data.load(bytesOf("attention")),
    profile: () => data.loadBeside("profile", bytesOf("profile")),
    image: () => data.loadBeside("image", bytesOf("image")),
    more: () => {
      const text = model.get("more");
      if (typeof text !== "string" || text === "" || parts.more.peek()) return;
      importMore(text, store.t.peek()).then(
        (part) => parts.take(part),
        (error) => parts.fail(error),
      );
    },
    compared: () => {
      const bytes = bytesOf("compared");
      const other = bytes.length > 0 ? new Data(ofOther) : undefined;
      other?.load(bytes);
      data.compared.value = other;
    },
  };
  const names = [...TRAIT_NAMES, ...Object.keys(loads)];
  const seen = new Map(names.map((name) => [name, model.get(name)]));
  for (const load of Object.values(loads)) load();
  // Python's message of a new capture sets many values, and a host tells of them one by one: between two of them the
  // tokens would be of one text and the weights of another. All are in when the first is told, so all are taken then.
  const take = (told: string) =>
    batch(() => {
      for (const name of names) {
        const value = model.get(name);
        if (name !== told && value === seen.get(name)) continue;
        seen.set(name, value);
        if (Object.hasOwn(loads, name)) loads[name]?.();
        else receive(name as TraitName);
      }
    });
  for (const name of names) listen(`change:${name}`, () => take(name));

  mount(el, store, data, signal, parts);
  return () => life.abort();
}

export default { render };
