/** Rollouts as the page reads them: answers decoded once, whoever asks. */

import { type Signal, signal } from "@preact/signals";
import type { Data, LayerState } from "../data";
import type { Container } from "../wire/container";
import { LayerWeights } from "../wire/layer";

const decoded = new WeakMap<Container, Map<string, Signal<LayerState>>>();

/** The rollout from the first layer to this one; asks Python where the page lacks it. */
export function rolloutOf(data: Data, stack: string, layer: number): LayerState {
  const path = `${stack}/${layer}`;
  const answer = data.answers.to({ what: "rollout", stack, layer }, [`rollout/${path}`]).value;
  if (answer.status !== "ready") return answer;
  const { container } = answer;
  const known = decoded.get(container) ?? new Map<string, Signal<LayerState>>();
  decoded.set(container, known);
  let state = known.get(path);
  if (!state) {
    const fresh = signal<LayerState>({ status: "reading" });
    state = fresh;
    known.set(path, fresh);
    LayerWeights.read(container, stack, layer, "rollout").then(
      (weights) => {
        fresh.value = { status: "ready", weights };
      },
      (error: unknown) => {
        fresh.value = { status: "failed", error: error instanceof Error ? error.message : String(error) };
      },
    );
  }
  return state.value;
}
