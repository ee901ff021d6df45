/**
 * The second part of the page's code, brought when it is first needed: every widget that is displayed and every
 * notebook that is saved carries the first, and most readers never open what is in the second.
 */

import { signal } from "@preact/signals";

export type More = typeof import("./more");

export class Parts {
  readonly more = signal<More | undefined>(undefined);
  /** Why it cannot be had. */
  readonly failed = signal<Error | undefined>(undefined);
  #asked = false;

  /** `ask` sends for it, and throws where nobody is there to ask. */
  constructor(private readonly ask?: () => void) {}

  want(): void {
    if (this.more.peek() || this.#asked || !this.ask) return;
    this.#asked = true;
    try {
      this.ask();
    } catch (error) {
      this.fail(error);
    }
  }

  take(more: More): void {
    this.failed.value = undefined;
    this.more.value = more;
  }

  fail(error: unknown): void {
    this.failed.value = error instanceof Error ? error : new Error(String(error));
  }

  /** There is a kernel again. */
  reconnected(): void {
    this.#asked = false;
    this.failed.value = undefined;
  }
}
