/** The little host of exported pages: a model that lives in the page alone. It has no kernel, hence no `send`. */

import type { HostModel } from "./widget";

type Listener = (...args: never[]) => void;

export class PageModel implements HostModel {
  private readonly state = new Map<string, unknown>();
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(state: Record<string, unknown>) {
    for (const [name, value] of Object.entries(state)) this.state.set(name, value);
  }

  get(name: string): unknown {
    return this.state.get(name);
  }

  set(name: string, value: unknown): void {
    if (Object.is(this.state.get(name), value)) return;
    this.state.set(name, value);
    for (const listener of this.listeners.get(`change:${name}`) ?? []) listener();
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
}
