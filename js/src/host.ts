/** The little host of exported pages: a model that lives in the page alone. It has no kernel, hence no `send`. */

import { Pieces } from "./saving/dense";
import { translator, type Words } from "./strings";
import type { HostModel } from "./widget";

type Listener = (...args: never[]) => void;

/** Heads that a page was given, where it was not given all: stack → layer → heads. */
type HeldHeads = Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;

export class PageModel implements HostModel {
  private readonly state = new Map<string, unknown>();
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly held: HeldHeads;

  constructor(state: Record<string, unknown>) {
    for (const [name, value] of Object.entries(state)) this.state.set(name, value);
    this.held = (state.held_heads ?? {}) as HeldHeads;
    this.keepToHeld();
  }

  get(name: string): unknown {
    return this.state.get(name);
  }

  set(name: string, value: unknown): void {
    if (Object.is(this.state.get(name), value)) return;
    this.put(name, value);
    if (["stack", "layer", "heads", "pinned"].includes(name)) this.keepToHeld();
  }

  save_changes(): void {
    // Nobody to save to: the page is all there is.
  }

  on(event: string, callback: Listener): void {
    const known = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, known.add(callback));
  }

  off(event: string, callback: Listener): void {
    this.listeners.get(event)?.delete(callback);
  }

  /** All that is not bytes, as it is now. */
  plain(): Record<string, unknown> {
    return Object.fromEntries(
      [...this.state].filter(([, value]) => !(value instanceof Uint8Array || value instanceof Pieces)),
    );
  }

  private put(name: string, value: unknown): void {
    this.state.set(name, value);
    for (const listener of this.listeners.get(`change:${name}`) ?? []) listener();
  }

  /** No choice of heads means all of them, and a mean of all is not to be had from some: those held are chosen. */
  private keepToHeld(): void {
    const layers = this.held[String(this.state.get("stack"))];
    if (!layers) return;
    const layer = this.state.get("layer") as number;
    const here = layers[layer];
    const heads = this.state.get("heads") as number[];
    const pinned = this.state.get("pinned") as [number, number][];
    const left = pinned.filter(([at, head]) => layers[at]?.includes(head) ?? true);
    if (left.length < pinned.length) this.put("pinned", left);
    const known = here ? heads.filter((head) => here.includes(head)) : heads;
    const refused = known.length < heads.length || left.length < pinned.length;
    if (here && (refused || heads.length === 0)) this.put("heads", known.length > 0 ? known : [...here]);
    const t = translator((this.state.get("words") ?? {}) as Words);
    this.put("status", refused ? t("page.heads", { layer, heads: (here ?? []).join(", ") }) : "");
  }
}
