/**
 * The only file that knows a notebook host: an anywidget front-end module (AFM).
 * `change:*` callbacks get different arguments in different hosts, so the model is read again each time.
 */

import { Data } from "./data";
import { mount } from "./mount";
import { Store, TRAIT_NAMES } from "./store";
import type { Traits } from "./types";
import { toBytes } from "./wire/buffers";
import { Requests } from "./wire/messages";

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

function render({ model, el }: RenderContext): () => void {
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
  for (const name of TRAIT_NAMES) store.receive(name, model.get(name) ?? undefined);
  for (const name of TRAIT_NAMES) listen(`change:${name}`, () => store.receive(name, model.get(name)));

  const requests = model.send ? new Requests((content) => model.send?.(content), newId) : undefined;
  if (requests) {
    listen("msg:custom", (content: unknown, buffers?: readonly (ArrayBuffer | ArrayBufferView)[]) =>
      requests.receive(content, buffers ?? []),
    );
    signal.addEventListener("abort", () => requests.abortAll("the view was closed"));
  }

  const data = new Data(requests);
  const bytesOf = (name: string) => toBytes((model.get(name) ?? null) as ArrayBuffer | ArrayBufferView | null);
  const loads: Record<string, () => void> = {
    attention: () => data.load(bytesOf("attention")),
    profile: () => data.loadBeside("profile", bytesOf("profile")),
    image: () => data.loadBeside("image", bytesOf("image")),
  };
  for (const [name, load] of Object.entries(loads)) {
    load();
    listen(`change:${name}`, load);
  }

  mount(el, store, data, signal);
  return () => life.abort();
}

export default { render };
