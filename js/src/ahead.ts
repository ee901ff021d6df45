/** Layers of a long text that nobody looks at yet: sent for while the reader rests, nearest first. */

import { effect, type ReadonlySignal } from "@preact/signals";
import { type Data, DECODED_LIMIT } from "./data";
import type { HeadsShown } from "./picture";
import type { Store } from "./store";

/** Milliseconds without anything done by the reader, or come for them. */
const REST = 700;

/** Of the room for decoded layers, the share that these and the one in view may take. */
const ROOM = 0.75;

/** The layers beside this one, nearest first: `most` of those that have heads. */
export function beside(layer: number, heads: readonly number[], most: number): number[] {
  const found: number[] = [];
  for (let far = 1; far < heads.length; far++) {
    for (const at of [layer + far, layer - far]) if (found.length + 1 <= most && heads[at]) found.push(at);
  }
  return found;
}

/** Returns the end of it. */
export function bringAhead(store: Store, data: Data, heads: ReadonlySignal<HeadsShown>, rest = REST): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = effect(() => {
    clearTimeout(timer);
    const { mode, layer, aggregate, status } = store.synced;
    const [stack, at, shown] = [store.stack.value, layer.value, heads.value];
    store.hover.value;
    store.rowWindow.value;
    data.rowsArrived.value;
    // What is on its way would now stand in the way of what the reader asks for.
    data.stopBringing();
    if (!data.asks || !stack || !("heads" in shown) || aggregate.value === "rollout") return;
    if (mode.value !== "lines" && mode.value !== "matrix") return;
    // Released: Python has none to give.
    if (status.value) return;
    const size = shown.heads[0]?.weights.size ?? DECODED_LIMIT;
    const counts = stack.layers.map((one) => one.heads);
    let over = false;
    const go = async (): Promise<void> => {
      if (globalThis.document?.hidden || !data.idle) {
        timer = setTimeout(go, rest);
        return;
      }
      const looked = new Set(shown.heads.map((one) => one.layer)).size;
      for (const next of beside(at, counts, (ROOM * DECODED_LIMIT) / size - looked)) {
        if (over || !(await data.bring(stack.name, next))) return;
      }
    };
    timer = setTimeout(go, rest);
    return () => {
      over = true;
    };
  });
  return () => {
    clearTimeout(timer);
    end();
  };
}
