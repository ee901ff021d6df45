/** Answers to the page's questions: found in what the page came with, else asked of Python, and kept for a while. */

import { type Signal, signal } from "@preact/signals";
import type { Container } from "./wire/container";
import { NoKernelError, type Pending, type Requests, type Wanted } from "./wire/messages";

export type AnswerState =
  | { status: "ready"; container: Container }
  | { status: "asked" }
  /** Neither held here nor is there a kernel to ask. */
  | { status: "missing" }
  | { status: "failed"; error: string };

/** Milliseconds. Whoever comes back to what failed asks again; but the failure itself is looked at, and must not. */
export const RETRY = 1000;

/** Answers kept, and their bytes: enough to go back and forth; the ones not seen for longest go first. */
const MOST_KEPT = 48;
const MOST_BYTES = 32 * 2 ** 20;

export class Answers {
  private readonly known = new Map<string, Signal<AnswerState>>();
  private readonly failedAt = new Map<string, number>();
  private readonly sizes = new WeakMap<Signal<AnswerState>, number>();
  private readonly pending = new Map<Wanted["what"], Pending>();

  constructor(
    private readonly requests: Requests | undefined,
    private readonly held: () => Container | undefined,
    private readonly read: (bytes: Uint8Array) => Container,
  ) {}

  /** Everything known is of other weights now. */
  clear(): void {
    this.known.clear();
    this.failedAt.clear();
    for (const { cancel } of this.pending.values()) cancel();
    this.pending.clear();
  }

  /** There is a kernel again: what was missing may be asked for. */
  forgetMissing(): void {
    for (const [key, state] of this.known) {
      if (state.peek().status === "missing") this.known.delete(key);
    }
  }

  /**
   * The state of an answer; asks Python where the page's own container lacks one of the `blocks`. Whoever asks for
   * something else of the same kind no longer wants the older answer if it has not come: that request is cancelled.
   */
  to(wanted: Wanted, blocks: readonly string[]): Signal<AnswerState> {
    const key = JSON.stringify(wanted);
    const known = this.known.get(key);
    if (known && Date.now() - (this.failedAt.get(key) ?? Number.POSITIVE_INFINITY) < RETRY) {
      this.known.delete(key);
      this.known.set(key, known);
      return known;
    }
    const held = this.held();
    const whole = held && blocks.length > 0 && blocks.every((name) => held.has(name));
    const state = signal<AnswerState>(
      whole ? { status: "ready", container: held } : { status: this.requests ? "asked" : "missing" },
    );
    this.known.set(key, state);
    this.failedAt.delete(key);
    // Views ask while computing, where no signal may be written: the work starts after.
    if (!whole && this.requests) queueMicrotask(() => void this.ask(key, wanted, state));
    this.forget(state);
    return state;
  }

  /** Bytes of the answers kept. */
  get bytes(): number {
    let sum = 0;
    for (const state of this.known.values()) sum += this.sizes.get(state) ?? 0;
    return sum;
  }

  private forget(newest: Signal<AnswerState>): void {
    let held = this.bytes;
    for (const [key, oldest] of this.known) {
      if ((this.known.size <= MOST_KEPT && held <= MOST_BYTES) || oldest === newest) break;
      this.known.delete(key);
      held -= this.sizes.get(oldest) ?? 0;
    }
  }

  private async ask(key: string, wanted: Wanted, state: Signal<AnswerState>): Promise<void> {
    if (!this.requests) return;
    this.pending.get(wanted.what)?.cancel();
    const pending = this.requests.ask(wanted);
    this.pending.set(wanted.what, pending);
    try {
      const [bytes] = await pending.promise;
      if (!bytes) throw new Error("Python's reply carried no data");
      this.sizes.set(state, bytes.byteLength);
      state.value = { status: "ready", container: this.read(bytes) };
      this.forget(state);
    } catch (error) {
      if (error instanceof NoKernelError) {
        state.value = { status: "missing" };
        return;
      }
      // Forgotten, so that the next visit asks again.
      if (error instanceof Error && error.name === "AbortError") {
        if (this.known.get(key) === state) this.known.delete(key);
        return;
      }
      this.failedAt.set(key, Date.now());
      state.value = { status: "failed", error: error instanceof Error ? error.message : String(error) };
    } finally {
      if (this.pending.get(wanted.what) === pending) this.pending.delete(wanted.what);
    }
  }
}
