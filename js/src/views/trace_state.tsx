/** The trace of a pair as it becomes known: out of held weights, else out of Python's answer. */

import { effect, type ReadonlySignal, type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Data } from "../data";
import { heldBytes, readTrace, type Trace, traceHeld } from "../trace";
import type { View } from "../view";
import { LayerWeights } from "../wire/layer";

/** "missing": neither does the page hold what it takes nor is there a kernel. */
export type TraceStatus = "ready" | "working" | "asked" | "missing" | { error: string };

export interface TraceState {
  /** The last one of this text that became known: of another pair while the wanted one is on its way. */
  trace: Trace | null;
  status: ReadonlySignal<TraceStatus>;
}

/** Milliseconds; a pointer on its way to somewhere else asks for nothing. */
const REST = 60;

/** Layers that together take no more than this once decoded are kept for the next pair. */
const MOST_KEPT = 80 * 2 ** 20;

/** A layer's weights as the page keeps them. */
function kept(data: Data, stack: string, layer: number): Promise<LayerWeights> {
  return new Promise((resolve, reject) => {
    const state = data.layer(stack, layer);
    let done: (() => void) | undefined;
    done = effect(() => {
      const now = state.value;
      if (now.status === "ready") resolve(now.weights);
      else if (now.status === "failed") reject(new Error(now.error));
      else return;
      queueMicrotask(() => done?.());
    });
  });
}

export function useTrace(view: View, query: number, key: number): TraceState {
  const { store, data } = view;
  const known = useSignal<{ trace: Trace; stack: string; version: number } | null>(null);
  const status = useSignal<TraceStatus>("working");
  const stack = store.stack.value;
  const version = data.version.value;
  useEffect(() => {
    if (!stack) return;
    const life = new AbortController();
    const tokens = { queries: store.queries.peek(), keys: store.keys.peek() };
    const held = heldBytes(stack, (name, layer) => data.containerOf(name, layer));
    const read = (layer: number) => {
      const container = data.containerOf(stack.name, layer);
      return container && (held ?? 0) > MOST_KEPT
        ? LayerWeights.read(container, stack.name, layer)
        : kept(data, stack.name, layer);
    };
    const found = (trace: Trace) => {
      known.value = { trace, stack: stack.name, version };
    };
    let unfollow: (() => void) | undefined;
    const timer = setTimeout(
      () => {
        if (held !== undefined) {
          status.value = "working";
          settle(traceHeld(stack, tokens, read, { query, key }, life.signal), life.signal, found, status);
          return;
        }
        const answer = data.answers.to({ what: "trace", stack: stack.name, query, key }, []);
        unfollow = effect(() => {
          const now = answer.value;
          if (now.status === "ready") {
            settle(readTrace(now.container, stack, tokens), life.signal, found, status);
          } else {
            status.value = now.status === "failed" ? { error: now.error } : now.status;
          }
        });
      },
      known.peek() ? REST : 0,
    );
    return () => {
      clearTimeout(timer);
      life.abort();
      unfollow?.();
    };
  }, [stack, version, query, key]);
  const now = known.value;
  return { trace: now?.stack === stack?.name && now?.version === version ? now.trace : null, status };
}

function settle(
  work: Promise<Trace>,
  life: AbortSignal,
  found: (trace: Trace) => void,
  status: Signal<TraceStatus>,
): void {
  work.then(
    (trace) => {
      if (life.aborted) return;
      found(trace);
      status.value = "ready";
    },
    (error: Error) => {
      if (!life.aborted) status.value = { error: error.message };
    },
  );
}
