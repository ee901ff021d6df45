/** The weights a page holds: read from the container it came with, the rest asked of Python. */

import { type Signal, signal } from "@preact/signals";
import { Container } from "./wire/container";
import { LayerWeights } from "./wire/layer";
import type { Requests } from "./wire/messages";
import { readNumbers } from "./wire/numbers";
import { Overviews } from "./wire/overview";

export type LayerState =
  | { status: "ready"; weights: LayerWeights }
  | { status: "reading" }
  | { status: "asked" }
  | { status: "missing" }
  | { status: "failed"; error: string };

/** Decoded layers are about three times their bytes on the wire; the ones not seen for longest go first. */
const DECODED_LIMIT = 96 * 2 ** 20;

/** Mean over the heads of [heads, 5] shares by kind of key. */
function meanShares(shares: Float32Array): Float64Array {
  const heads = shares.length / 5;
  const mean = new Float64Array(5);
  shares.forEach((share, at) => {
    mean[at % 5] = (mean[at % 5] ?? 0) + share / heads;
  });
  return mean;
}

export class Data {
  private container: Container | undefined;
  private readonly layers = new Map<string, Signal<LayerState>>();
  private readonly overviews = new Map<string, Signal<Overviews | undefined>>();
  private readonly sharesOf = new Map<string, Signal<(Float64Array | undefined)[]>>();
  /** Replies of the kernel, by layer. */
  private readonly received = new Map<string, Container>();
  private generation = 0;
  readonly error = signal("");
  readonly version = signal(0);

  constructor(private readonly requests: Requests | undefined) {}

  /** A new set of weights: everything decoded before is dropped. */
  load(bytes: Uint8Array): void {
    this.generation += 1;
    this.layers.clear();
    this.overviews.clear();
    this.sharesOf.clear();
    this.received.clear();
    this.container = undefined;
    this.error.value = "";
    try {
      if (bytes.byteLength > 0) this.container = Container.read(bytes);
    } catch (error) {
      this.error.value = String(error instanceof Error ? error.message : error);
    }
    this.version.value += 1;
  }

  /** The container that holds this layer, if the page has it. */
  containerOf(stack: string, layer: number): Container | undefined {
    const name = `${stack}/${layer}`;
    if (this.container?.has(`weights/${name}`)) return this.container;
    return this.received.get(name);
  }

  /** State of a layer; asking for one the page lacks sends for it. */
  layer(stack: string, layer: number): Signal<LayerState> {
    const name = `${stack}/${layer}`;
    const known = this.layers.get(name);
    if (known) {
      // Map order is age: put back at the young end.
      this.layers.delete(name);
      this.layers.set(name, known);
      return known;
    }
    const held = this.containerOf(stack, layer);
    const state = signal<LayerState>({ status: held ? "reading" : this.requests ? "asked" : "missing" });
    this.layers.set(name, state);
    // Views call this while computing, where no signal may be written: the work starts after.
    queueMicrotask(() => {
      if (held) void this.read(held, stack, layer, state);
      else if (this.requests) void this.ask(this.requests, stack, layer, state);
    });
    return state;
  }

  overview(stack: string): Signal<Overviews | undefined> {
    let known = this.overviews.get(stack);
    if (!known) {
      const fresh = signal<Overviews | undefined>(undefined);
      known = fresh;
      this.overviews.set(stack, fresh);
      // Short texts carry no overviews: they are read from the weights, where those are all there.
      const sources = [`overview/${stack}`, `weights/${stack}/`];
      const pictured = this.container?.names().some((name) => sources.some((source) => name.startsWith(source)));
      if (this.container && pictured) void this.readOverviews(this.container, stack, fresh);
    }
    return known;
  }

  /** Mean share by kind of key of every layer of the container, exact; undefined for layers it does not bring. */
  shares(stack: string, layers: number): Signal<(Float64Array | undefined)[]> {
    let known = this.sharesOf.get(stack);
    if (!known) {
      known = signal<(Float64Array | undefined)[]>([]);
      this.sharesOf.set(stack, known);
      if (this.container) void this.readShares(this.container, stack, layers, known);
    }
    return known;
  }

  private async readShares(
    container: Container,
    stack: string,
    layers: number,
    into: Signal<(Float64Array | undefined)[]>,
  ): Promise<void> {
    const read = async (layer: number) => {
      const name = `shares/${stack}/${layer}`;
      const shape = container.block(name)?.shape;
      return shape?.[0] ? meanShares(await readNumbers(container, name, shape)) : undefined;
    };
    try {
      into.value = await Promise.all(Array.from({ length: layers }, (_, layer) => read(layer)));
    } catch (error) {
      this.error.value = error instanceof Error ? error.message : String(error);
    }
  }

  private async readOverviews(container: Container, stack: string, into: Signal<Overviews | undefined>): Promise<void> {
    try {
      into.value = await Overviews.read(container, stack);
    } catch (error) {
      this.error.value = error instanceof Error ? error.message : String(error);
    }
  }

  private async read(container: Container, stack: string, layer: number, state: Signal<LayerState>): Promise<void> {
    const generation = this.generation;
    try {
      const weights = await LayerWeights.read(container, stack, layer);
      if (generation === this.generation) state.value = { status: "ready", weights };
      this.forget();
    } catch (error) {
      state.value = { status: "failed", error: error instanceof Error ? error.message : String(error) };
    }
  }

  private async ask(requests: Requests, stack: string, layer: number, state: Signal<LayerState>): Promise<void> {
    const generation = this.generation;
    const name = `${stack}/${layer}`;
    try {
      const [bytes] = await requests.ask({ what: "layer", stack, layer }).promise;
      if (generation !== this.generation) return;
      if (!bytes) throw new Error("Python's reply carried no data");
      const container = Container.read(bytes);
      this.received.set(name, container);
      await this.read(container, stack, layer, state);
    } catch (error) {
      // Forgotten, so that the next visit asks again.
      this.layers.delete(name);
      state.value = { status: "failed", error: error instanceof Error ? error.message : String(error) };
    }
  }

  private forget(): void {
    let held = 0;
    const ready = [...this.layers].filter(([, state]) => state.peek().status === "ready");
    for (const [name, state] of ready.reverse()) {
      const now = state.peek();
      if (now.status !== "ready") continue;
      held += now.weights.heads * now.weights.queries * now.weights.keys * 2;
      if (held > DECODED_LIMIT && ready.length > 1 && name !== ready[0]?.[0]) {
        this.layers.delete(name);
        this.received.delete(name);
      }
    }
  }
}
