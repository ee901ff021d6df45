/** State of one view: what Python sees too (synced), and what only the page knows. */

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { CHECKS, InvalidTrait, keyTokens, queryTokens, stackOf } from "./checks";
import { lock } from "./lock";
import { type Translate, translator } from "./strings";
import type { LayerInfo, Stack, Token, Traits } from "./types";

export type TraitName = keyof Traits;
export const TRAIT_NAMES = Object.keys(CHECKS) as TraitName[];

/** Order matters: a layer is checked against the stack, heads against the layer. */
const DEFAULTS: Traits = {
  tokens: {},
  stacks: [],
  stack: "",
  layer: 0,
  heads: [],
  pinned: [],
  mode: "lines",
  highlight: "none",
  selected_queries: [],
  selected_keys: [],
  budget: 0.7,
  max_strokes: 2000,
  measure: "weight",
  sinks: "show",
  scale: "sqrt",
  aggregate: "mean",
  unit: "pieces",
  pair: "all",
  sort: "",
  only: "",
  evidence: "text",
  lang: "en",
  words: {},
  theme: "auto",
  title: "",
  notes: [],
  status: "",
  can_run: false,
  inputs: {},
  comparison: {},
};

export interface Hover {
  side: "query" | "key";
  index: number;
  /** In the matrix the pointer names both. */
  key?: number;
}

type Synced = { [K in TraitName]: Signal<Traits[K]> };

export class Store {
  // ---- synced: Python holds the same
  readonly synced: Synced;
  // ---- page only
  readonly hover = signal<Hover | null>(null);
  readonly hoverHead = signal<number | null>(null);
  /** Rows that Lines has in its frame where a text is too long to draw them all: first, one after the last. */
  readonly rowWindow = signal<readonly [first: number, end: number] | null>(null);
  readonly width = signal(0);
  readonly dark = signal(false);
  /** While it is printed, see print.ts. */
  readonly paper = signal(false);
  /** Hosts may render into an element that is put into the document later. */
  readonly attached: ReadonlySignal<boolean> = computed(() => this.width.value > 0);
  readonly message = signal("");

  readonly t: ReadonlySignal<Translate> = computed(() => translator(this.synced.words.value));
  readonly stack: ReadonlySignal<Stack | undefined> = computed(() => stackOf(this.traits()));
  readonly queries: ReadonlySignal<Token[]> = computed(() => queryTokens(this.traits()));
  readonly keys: ReadonlySignal<Token[]> = computed(() => keyTokens(this.traits()));
  readonly layer: ReadonlySignal<LayerInfo | undefined> = computed(
    () => this.stack.value?.layers[this.synced.layer.value],
  );

  /** `push` carries a change made on the page to Python. */
  constructor(private readonly push: (changed: Partial<Traits>) => void) {
    this.synced = Object.fromEntries(TRAIT_NAMES.map((name) => [name, signal(DEFAULTS[name])])) as Synced;
  }

  private traits(): Pick<Traits, "stack" | "stacks" | "tokens"> {
    const { stack, stacks, tokens } = this.synced;
    return { stack: stack.value, stacks: stacks.value, tokens: tokens.value };
  }

  /** Everything as it is now, without subscribing. */
  peek(): Traits {
    return Object.fromEntries(TRAIT_NAMES.map((name) => [name, this.synced[name].peek()])) as unknown as Traits;
  }

  /** A value from Python. What the page cannot hold is refused in its message line. */
  receive<K extends TraitName>(name: K, value: unknown): void {
    try {
      const checked = CHECKS[name](value, this.peek());
      if (JSON.stringify(checked) !== JSON.stringify(this.synced[name].peek())) {
        // Of another text the pointer is on nothing.
        if (name === "tokens" || name === "stack" || name === "unit") this.hover.value = null;
        (this.synced[name] as Signal<Traits[K]>).value = checked;
      }
    } catch (error) {
      if (!(error instanceof InvalidTrait)) throw error;
      const { trait, got, valid } = error;
      this.message.value = this.t.peek()("invalid", { name: trait, got: JSON.stringify(got), valid });
    }
  }

  /** A change made by the reader of the page. */
  change(changes: Partial<Traits>): void {
    batch(() => {
      this.message.value = "";
      for (const name of TRAIT_NAMES) {
        if (name in changes) this.receive(name, changes[name]);
      }
    });
    const now = this.peek();
    this.push(Object.fromEntries(Object.keys(changes).map((name) => [name, now[name as TraitName]])));
  }

  // ---- gestures

  goToLayer(layer: number): void {
    const stack = this.stack.peek();
    if (!stack) return;
    const target = Math.max(0, Math.min(stack.layers.length - 1, layer));
    if (target === this.synced.layer.peek()) return;
    const heads = this.synced.heads.peek();
    const kept = heads.filter((head) => head < (stack.layers[target]?.heads ?? 0));
    this.hoverHead.value = null;
    this.change(kept.length === heads.length ? { layer: target } : { layer: target, heads: kept });
  }

  goToStack(name: string): void {
    this.change({ stack: name, layer: 0, heads: [], pinned: [], selected_queries: [], selected_keys: [] });
  }

  lockHead(head: number, shift: boolean): void {
    this.change({
      heads: lock(this.synced.heads.peek(), head, shift),
      ...(this.synced.pinned.peek().length ? { pinned: [] } : {}),
    });
  }

  lockToken(side: "query" | "key", index: number, shift: boolean): void {
    const name = side === "query" ? "selected_queries" : "selected_keys";
    this.change({ [name]: lock(this.synced[name].peek(), index, shift) });
  }

  /** Esc: nothing locked, heads and tokens alike. */
  clear(): void {
    this.hover.value = null;
    this.hoverHead.value = null;
    const nothing = { heads: [], pinned: [], selected_queries: [], selected_keys: [] };
    if (Object.keys(nothing).some((name) => this.synced[name as keyof typeof nothing].peek().length > 0)) {
      this.change(nothing);
    }
  }
}
