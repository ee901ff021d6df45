/** The weights a page holds: read from the container it came with, the rest asked of Python. */

import { type Signal, signal } from "@preact/signals";
import { Answers, RETRY } from "./answers";
import { WantedRows } from "./rows";
import { Runner } from "./run";
import { Thumbnails } from "./thumbnails";
import { Container, type Source } from "./wire/container";
import { LayerWeights } from "./wire/layer";
import { NoKernelError, type Requests } from "./wire/messages";
import { readNumbers } from "./wire/numbers";

/** By layer: mean mass by kind of key of each head, [heads, 5], exact; undefined where the layer has not come. */
export type Shares = readonly (Float32Array | undefined)[];

export type LayerState =
  | { status: "ready"; weights: LayerWeights }
  | { status: "reading" }
  | { status: "asked" }
  | { status: "missing" }
  | { status: "failed"; error: string };

/** Decoded layers are about three times their bytes on the wire; the ones not seen for longest go first. */
export const DECODED_LIMIT = 96 * 2 ** 20;

/** Rows that one request may name. */
const MOST_ROWS = 64;

function plain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export class Data {
  /** What the page came with. */
  container: Container | undefined;
  private readonly layers = new Map<string, Signal<LayerState>>();
  private readonly sharesOf = new Map<string, Signal<Shares>>();
  /** Replies of the kernel, by layer. */
  private readonly received = new Map<string, Container>();
  /** When the request for a layer failed. */
  private readonly failedAt = new Map<string, number>();
  /** Layers that Python was asked for. */
  private readonly asked = new Map<string, { of: string; layer: number; cancel: () => void }>();
  /** Of these, those that nobody looks at yet. */
  private readonly ahead = new Set<string>();
  /** Those in view, which are never forgotten. */
  private inView: ReadonlySet<string> = new Set();
  private readonly wantedRows = new WantedRows();
  private generation = 0;
  readonly error = signal("");
  readonly version = signal(0);
  readonly rowsArrived = signal(0);

  readonly thumbnails = new Thumbnails(this);
  readonly answers: Answers;
  /** Of a HeadProfile that came with the view. */
  readonly profile = signal<Container | undefined>(undefined);
  /** The picture that the model looked at. */
  readonly image = signal<Uint8Array | undefined>(undefined);

  /** The other side of a comparison, whose weights are set against these. */
  readonly compared = signal<Data | undefined>(undefined);

  constructor(
    private readonly requests: Requests | undefined,
    /** Asks Python to run the model again; nobody to ask in an exported page. */
    readonly runner: Runner = new Runner(undefined, () => ""),
  ) {
    this.answers = new Answers(requests, () => this.container, Container.read);
  }

  /** Whether Python can be asked for what the page does not hold. */
  get asks(): boolean {
    return this.requests !== undefined;
  }

  /** Something that was to be read is wrong. */
  fail(error: unknown): void {
    this.error.value = plain(error);
  }

  /** The picture and the profile of a view; empty for none. */
  loadBeside(name: "image" | "profile", bytes: Source): void {
    const some = bytes.length > 0;
    if (name === "image") {
      this.image.value = some ? bytes.subarray(0, bytes.length) : undefined;
      return;
    }
    try {
      this.profile.value = some ? Container.read(bytes) : undefined;
    } catch (error) {
      this.fail(error);
    }
  }

  /** A new set of weights: everything decoded before is dropped. */
  load(bytes: Source): void {
    this.generation += 1;
    this.layers.clear();
    this.thumbnails.clear();
    this.sharesOf.clear();
    this.received.clear();
    this.failedAt.clear();
    for (const { cancel } of this.asked.values()) cancel();
    this.asked.clear();
    this.ahead.clear();
    this.answers.clear();
    this.container = undefined;
    this.error.value = "";
    try {
      if (bytes.length > 0) this.container = Container.read(bytes);
    } catch (error) {
      this.fail(error);
    }
    this.version.value += 1;
  }

  /** There is a kernel again: what was missing may be asked for. */
  reconnected(): void {
    for (const [name, state] of this.layers) {
      if (state.peek().status === "missing") this.layers.delete(name);
    }
    this.answers.forgetMissing();
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
    this.ahead.delete(name);
    const known = this.layers.get(name);
    if (known && Date.now() - (this.failedAt.get(name) ?? Number.POSITIVE_INFINITY) < RETRY) {
      // Map order is age: put back at the young end.
      this.layers.delete(name);
      this.layers.set(name, known);
      return known;
    }
    const held = this.containerOf(stack, layer);
    const state = signal<LayerState>({ status: held ? "reading" : this.requests ? "asked" : "missing" });
    this.layers.set(name, state);
    this.failedAt.delete(name);
    // Views call this while computing, where no signal may be written: the work starts after.
    queueMicrotask(() => {
      if (held) void this.read(held, stack, layer, state);
      else if (this.requests) void this.ask(this.requests, stack, layer, state);
    });
    return state;
  }

  /** Shares of every layer that has come. */
  shares(stack: string, layers: number): Signal<Shares> {
    let known = this.sharesOf.get(stack);
    if (!known) {
      known = signal<Shares>(new Array(layers).fill(undefined));
      this.sharesOf.set(stack, known);
      void this.readShares(
        stack,
        Array.from({ length: layers }, (_, layer) => layer),
        known,
      );
    }
    return known;
  }

  private async readShares(stack: string, layers: readonly number[], into: Signal<Shares>): Promise<void> {
    const read = async (layer: number) => {
      const container = this.containerOf(stack, layer);
      const name = `shares/${stack}/${layer}`;
      const shape = container?.block(name)?.shape;
      if (!container || !shape?.[0]) return undefined;
      try {
        return await readNumbers(container, name, shape);
      } catch (error) {
        this.fail(error);
      }
    };
    // Told all at once: what shows them is drawn anew each time.
    const come = new Map(await Promise.all(layers.map(async (layer) => [layer, await read(layer)] as const)));
    into.value = into.value.map((old, layer) => come.get(layer) ?? old);
  }

  /**
   * Ask for whole rows where only the largest cells of a layer are held; `rowsArrived` tells when they are here.
   * Returns that they are no longer wanted.
   */
  wantRows(stack: string, layer: number, weights: LayerWeights, queries: readonly number[]): () => void {
    const { requests } = this;
    if (!requests) return () => undefined;
    const { generation } = this;
    const ask = (from: number) => () => {
      const missing = queries.slice(from).filter((query) => !weights.isWhole(query));
      const now = missing.slice(0, MOST_ROWS);
      if (now.length === 0 || generation !== this.generation) return undefined;
      return requests
        .ask({ what: "rows", stack, layer, queries: now })
        .promise.then(([bytes]) => weights.addRows(Container.read(bytes ?? new Uint8Array(0)), stack, layer))
        .then(
          () => {
            this.rowsArrived.value += 1;
            // Each is asked for once: where there is no room for all, the last ones stay.
            if (!over && missing.length > MOST_ROWS)
              end = this.wantedRows.want(ask(queries.indexOf(missing[MOST_ROWS] as number)));
          },
          (error: Error) => {
            // There is nobody to ask, or no longer, or it was of the weights before: nothing is wrong.
            if (error.name === "AbortError" || error instanceof NoKernelError || generation !== this.generation) return;
            this.error.value = error.message;
          },
        );
    };
    let over = false;
    let end = this.wantedRows.want(ask(0));
    return () => {
      over = true;
      end();
    };
  }

  /** Of a stack only these layers are looked at: what is asked of others is given up. */
  onlyLayers(stack: string, layers: ReadonlySet<number>): void {
    this.inView = new Set([...layers].map((layer) => `${stack}/${layer}`));
    for (const [name, { of, layer }] of this.asked) if (of !== stack || !layers.has(layer)) this.giveUp(name);
  }

  /** Whether nothing is on its way from Python. */
  get idle(): boolean {
    return this.requests?.idle ?? true;
  }

  /** Sends for a layer that nobody looks at yet. Whether it came. */
  async bring(stack: string, layer: number): Promise<boolean> {
    const name = `${stack}/${layer}`;
    if (!this.requests || this.layers.has(name) || this.containerOf(stack, layer)) return true;
    const state = signal<LayerState>({ status: "asked" });
    this.layers.set(name, state);
    this.ahead.add(name);
    await this.ask(this.requests, stack, layer, state);
    return state.peek().status === "ready";
  }

  /** What nobody looks at is not waited for any longer. */
  stopBringing(): void {
    for (const name of this.ahead) this.giveUp(name);
    this.ahead.clear();
  }

  private giveUp(name: string): void {
    const asked = this.asked.get(name);
    if (!asked) return;
    this.asked.delete(name);
    this.layers.delete(name);
    asked.cancel();
  }

  private async read(container: Container, stack: string, layer: number, state: Signal<LayerState>): Promise<void> {
    const generation = this.generation;
    let now: LayerState;
    try {
      now = { status: "ready", weights: await LayerWeights.read(container, stack, layer) };
    } catch (error) {
      now = { status: "failed", error: plain(error) };
    }
    // Not in there: what goes wrong in drawing it says nothing of the layer.
    if (generation === this.generation) state.value = now;
    this.forget();
  }

  private async ask(requests: Requests, stack: string, layer: number, state: Signal<LayerState>): Promise<void> {
    const generation = this.generation;
    const name = `${stack}/${layer}`;
    try {
      const pending = requests.ask({ what: "layer", stack, layer });
      this.asked.set(name, { of: stack, layer, cancel: pending.cancel });
      const [bytes] = await pending.promise;
      this.asked.delete(name);
      if (generation !== this.generation) return;
      if (!bytes) throw new Error("Python's reply carried no data");
      const container = Container.read(bytes);
      this.received.set(name, container);
      this.thumbnails.come(container, stack, layer);
      const shares = this.sharesOf.get(stack);
      if (shares) void this.readShares(stack, [layer], shares);
      // Not waited for in here: what it throws comes from drawing the layer, which has come.
      return this.read(container, stack, layer, state);
    } catch (error) {
      // Given up: who comes back asks again.
      if (error instanceof Error && error.name === "AbortError") return;
      this.asked.delete(name);
      if (error instanceof NoKernelError) {
        state.value = { status: "missing" };
        return;
      }
      this.failedAt.set(name, Date.now());
      state.value = { status: "failed", error: plain(error) };
    }
  }

  private forget(): void {
    let held = 0;
    const ready = [...this.layers].filter(([, state]) => state.peek().status === "ready");
    for (const [name, state] of ready.reverse()) {
      const now = state.peek();
      if (now.status !== "ready") continue;
      held += now.weights.size;
      if (held > DECODED_LIMIT && name !== ready[0]?.[0] && !this.inView.has(name)) {
        this.layers.delete(name);
        this.received.delete(name);
      }
    }
  }
}
