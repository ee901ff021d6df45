/** The head that Steps takes apart, as its vectors become known. */

import { effect, type ReadonlySignal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { blocksOf, type HeadParts, readParts } from "../steps";
import type { View } from "../view";
import type { Container } from "../wire/container";
import { readNumbers } from "../wire/numbers";

/**
 * "absent": the page does not hold this head and there is no kernel; "given", "unlike": there is nothing to take apart,
 * since only finished weights are known, or since they follow more than queries and keys.
 */
export type StepsStatus = "ready" | "working" | "asked" | "absent" | "given" | "unlike" | { error: string };

/** One head of one set of weights. */
export interface Place {
  stack: string;
  layer: number;
  head: number;
  version: number;
}

export interface Loaded extends Place {
  parts: HeadParts;
}

/** Milliseconds; a pointer on its way to somewhere else asks for nothing. */
const REST = 60;
const SOURCES_WITHOUT = ["arrays", "eager"];

export function sameHead(a: Place | null, b: Place): boolean {
  return a?.stack === b.stack && a.layer === b.layer && a.head === b.head && a.version === b.version;
}

async function whyAbsent(container: Container | undefined, { stack, layer }: Place): Promise<StepsStatus> {
  if (!container?.has(`steps/${stack}`)) return "absent";
  return (await readNumbers(container, `steps/${stack}`, [-1]))[layer] === 0 ? "unlike" : "absent";
}

export function useSteps(
  view: View,
  place: Place,
  query: number,
): { loaded: ReadonlySignal<Loaded | null>; status: ReadonlySignal<StepsStatus> } {
  const { store, data } = view;
  const loaded = useSignal<Loaded | null>(null);
  const status = useSignal<StepsStatus>("working");
  const { stack, layer, head, version } = place;
  const source = store.layer.value?.source ?? "";
  useEffect(() => {
    const now = loaded.peek();
    if (sameHead(now, place) && now?.parts.places.has(query)) {
      status.value = "ready";
      return;
    }
    if (SOURCES_WITHOUT.includes(source)) {
      status.value = "given";
      return;
    }
    let over = false;
    const fail = (error: Error) => {
      if (!over) status.value = { error: error.message };
    };
    let unfollow: (() => void) | undefined;
    const start = () => {
      const answer = data.answers.to({ what: "steps", stack, layer, head, query }, blocksOf(stack, layer, head));
      unfollow = effect(() => {
        const reply = answer.value;
        if (reply.status === "ready") {
          readParts(reply.container, stack, layer, head).then((parts) => {
            if (over) return;
            loaded.value = { ...place, parts };
            status.value = "ready";
          }, fail);
        } else if (reply.status === "missing") {
          whyAbsent(data.containerOf(stack, layer), place).then((why) => {
            if (!over) status.value = why;
          }, fail);
        } else {
          status.value = reply.status === "failed" ? { error: reply.error } : "asked";
        }
      });
    };
    const timer = setTimeout(start, now ? REST : 0);
    return () => {
      over = true;
      clearTimeout(timer);
      unfollow?.();
    };
  }, [stack, layer, head, version, query, source]);
  return { loaded, status };
}
