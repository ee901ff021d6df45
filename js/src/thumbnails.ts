/** Small pictures of heads: as they came, or made of a layer's weights. */

import { effect, type Signal, signal } from "@preact/signals";
import type { Data } from "./data";
import type { Container } from "./wire/container";
import type { LayerWeights } from "./wire/layer";
import { Overviews } from "./wire/overview";

/** Overviews of all heads of a stack in order, or of the heads of one layer. */
export interface Pictures {
  overviews: Overviews;
  perLayer: boolean;
}

export class Thumbnails {
  private readonly known = new Map<string, Signal<Pictures | undefined>>();

  constructor(private readonly data: Data) {}

  clear(): void {
    this.known.clear();
  }

  /** A layer that was asked for is here. */
  come(container: Container, stack: string, layer: number): void {
    const into = this.known.get(`${stack}/${layer}`);
    if (into) void this.read(container, stack, layer, into);
  }

  /** Of the whole stack, or, for a long text, of this layer once it is here. */
  of(stack: string, layer: number): Signal<Pictures | undefined> {
    const names = this.data.container?.names() ?? [];
    // Long texts bring the pictures of a layer with the layer; short ones none, they are read from the weights.
    const perLayer =
      !names.includes(`overview/${stack}`) && names.some((name) => name.startsWith(`overview/${stack}/`));
    const key = perLayer ? `${stack}/${layer}` : stack;
    let known = this.known.get(key);
    if (!known) {
      known = signal<Pictures | undefined>(undefined);
      this.known.set(key, known);
      const sources = [`overview/${stack}`, `weights/${stack}/`];
      const container = perLayer ? this.data.containerOf(stack, layer) : this.data.container;
      const pictured = container?.names().some((name) => sources.some((source) => name.startsWith(source)));
      if (container && pictured) void this.read(container, stack, perLayer ? layer : undefined, known);
    }
    return known;
  }

  /**
   * Of one layer, at least. Where only weights came, they are made from those of this layer as soon as it is decoded: to
   * decode all layers for a row of thumbnails would hold up the first picture.
   */
  ofLayer(stack: string, layer: number): Signal<Pictures | undefined> {
    const name = `${stack}/${layer}`;
    const ofWeights =
      this.data.container?.block(`weights/${name}`)?.form !== "top" && this.data.container?.has(`weights/${name}`);
    const pictured = this.data.container?.names().some((one) => one.startsWith(`overview/${stack}`));
    if (!ofWeights || pictured || this.known.get(stack)?.peek()) return this.of(stack, layer);
    let known = this.known.get(name);
    if (!known) {
      const state = this.data.layer(stack, layer);
      const ready = state.peek();
      const of = (weights: LayerWeights): Pictures => ({ overviews: Overviews.ofWeights(weights), perLayer: true });
      // Where the layer is there already they are there at once: else all that shows them would be drawn twice.
      const made = signal(ready.status === "ready" ? of(ready.weights) : undefined);
      this.known.set(name, made);
      known = made;
      if (made.peek()) return made;
      const end = effect(() => {
        const now = state.value;
        if (now.status !== "ready" && now.status !== "failed") return;
        // Not from within the effect, which has no name yet when it runs for the first time.
        queueMicrotask(() => {
          end();
          if (now.status === "ready") made.value = of(now.weights);
        });
      });
    }
    return known;
  }

  private async read(
    container: Container,
    stack: string,
    layer: number | undefined,
    into: Signal<Pictures | undefined>,
  ): Promise<void> {
    try {
      into.value = { overviews: await Overviews.read(container, stack, layer), perLayer: layer !== undefined };
    } catch (error) {
      this.data.fail(error);
    }
  }
}
