/** Asks Python to run the model on another text. Python answers with new traits, and a reply that says it is done. */

import { signal } from "@preact/signals";

/** What the model read, or is to read: text where a field of that kind is there. */
export interface Inputs {
  text?: string;
  text_pair?: string | null;
  target?: string | null;
}

export class Runner {
  readonly running = signal(false);
  readonly error = signal("");
  #id: string | undefined;

  /** `send` is missing where there is no kernel. */
  constructor(
    private readonly send: ((content: object) => void) | undefined,
    private readonly newId: () => string,
  ) {}

  /** Whether there is anybody to ask; whether a model is there, the trait `can_run` tells. */
  get possible(): boolean {
    return this.send !== undefined;
  }

  /** One at a time: a kernel that is busy answers late, and a second press of the button would only queue up. */
  run(inputs: Inputs): void {
    if (this.send === undefined || this.running.peek()) return;
    const id = this.newId();
    this.#id = id;
    this.error.value = "";
    this.running.value = true;
    try {
      const { text = "", text_pair = null, target = null } = inputs;
      this.send({ kind: "run", id, text, text_pair, target });
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error));
    }
  }

  /** The kernel is gone: what was asked for will not come. */
  fail(error: string): void {
    if (this.#id !== undefined) this.#end(error);
  }

  /** Every custom message goes here; what is no reply to the run that goes on is passed over. */
  receive(content: unknown): void {
    if (typeof content !== "object" || content === null) return;
    const { kind, id, ok, error } = content as Record<string, unknown>;
    if (kind !== "reply" || this.#id === undefined || id !== this.#id) return;
    this.#end(ok === true ? "" : typeof error === "string" && error ? error : "the kernel could not answer");
  }

  #end(error: string): void {
    this.#id = undefined;
    this.error.value = error;
    this.running.value = false;
  }
}
