/** What the pictures of all heads need: those that the page has not seen, asked for one after the other; even shares. */

import { effect, type ReadonlySignal, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { AnswerState } from "../answers";
import { TokenAxes } from "../picture/axes";
import { Scope } from "../picture/scope";
import { plainLook } from "../picture/select";
import type { Pictures } from "../thumbnails";
import type { View } from "../view";
import type { Container } from "../wire/container";
import { Overviews } from "../wire/overview";

/** The container once it is here; undefined where it will not come, or once `life` has ended. */
function arrived(answer: ReadonlySignal<AnswerState>, life: AbortSignal): Promise<Container | undefined> {
  return new Promise((resolve) => {
    const end = effect(() => {
      const state = answer.value;
      if (state.status === "asked" && !life.aborted) return;
      // Not from within the effect, which has no name yet when it runs for the first time.
      queueMicrotask(() => end());
      resolve(state.status === "ready" && !life.aborted ? state.container : undefined);
    });
    life.addEventListener("abort", () => {
      end();
      resolve(undefined);
    });
  });
}

interface Missing {
  /** By layer; only of layers that `held` lacks. */
  found: ReadonlySignal<ReadonlyMap<number, Pictures>>;
  /** Whether more are on their way. */
  coming: ReadonlySignal<boolean>;
}

export function useMissingPictures(view: View, held: readonly (Pictures | undefined)[]): Missing {
  const { store, data } = view;
  const found = useSignal<ReadonlyMap<number, Pictures>>(new Map());
  const coming = useSignal(false);
  const stack = store.stack.value;
  const version = data.version.value;
  // Pictures of a shorter text all came together, and are only being read.
  const long = held.some((seen) => seen?.perLayer);
  useEffect(() => {
    if (!long) return;
    const life = new AbortController();
    found.value = new Map();
    const bring = async () => {
      for (const [layer, info] of (stack?.layers ?? []).entries()) {
        if (life.signal.aborted || !stack) return;
        if (held[layer] || info.heads === 0) continue;
        const { name } = stack;
        const answer = data.answers.to({ what: "pictures", stack: name, layer }, [`overview/${name}/${layer}`]);
        const container = await arrived(answer, life.signal);
        if (!container) return;
        const overviews = await Overviews.read(container, name, layer);
        if (!life.signal.aborted) found.value = new Map(found.value).set(layer, { overviews, perLayer: true });
      }
    };
    coming.value = true;
    bring()
      .catch((error: Error) => {
        data.error.value = error.message;
      })
      .finally(() => {
        if (!life.signal.aborted) coming.value = false;
      });
    return () => life.abort();
  }, [stack, version, long]);
  return { found, coming };
}

/** Queries of a picture, at most. */
const ROWS = 32;

/** The even share of each row of a picture: of its first query, which sees the fewest keys. */
export function useEvenShares({ store }: View): number[] {
  const [queries, keys] = [store.queries.value, store.keys.value];
  const causal = store.stack.value?.causal ?? false;
  return useMemo(() => {
    const axes = new TokenAxes(queries, keys, "pieces");
    const scope = new Scope({ ...plainLook(0, 0), axes, causal });
    const rows = Math.min(ROWS, queries.length);
    return Array.from({ length: rows }, (_, row) => scope.baseline(Math.floor((row * queries.length) / rows)));
  }, [queries, keys, causal]);
}
