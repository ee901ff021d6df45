/** Requests to the kernel over custom messages, twin of attnwidget/wire/messages.py. */
import { toBytes } from "./buffers";

/** What a page may ask for; each is answered with one container (see attnwidget/answers). */
export type Wanted = { stack: string } & (
  | { what: "layer"; layer: number }
  /** Whole rows of a layer of which the page holds only the largest cells: 1 to 64 queries. */
  | { what: "rows"; layer: number; queries: readonly number[] }
);

export type RequestMessage = Wanted & { kind: "request"; id: string };
export interface CancelMessage {
  kind: "cancel";
  id: string;
}
export type ReplyMessage =
  | { kind: "reply"; id: string; ok: true }
  | { kind: "reply"; id: string; ok: false; error: string };

export interface Pending {
  /** The buffers of the reply; rejects with the kernel's error, or an AbortError when cancelled. */
  promise: Promise<Uint8Array[]>;
  cancel: () => void;
}

interface Waiting {
  resolve: (buffers: Uint8Array[]) => void;
  reject: (error: Error) => void;
}

function aborted(reason: string): Error {
  return new DOMException(reason, "AbortError");
}

/**
 * One per view. There is no timeout: a busy kernel answers late, and a kernel that is gone is the host's to tell
 * (`abortAll`). Replies to the requests of other views of the same widget arrive here too and are passed over.
 */
export class Requests {
  readonly #waiting = new Map<string, Waiting>();

  constructor(
    private readonly send: (content: object) => void,
    private readonly newId: () => string,
  ) {}

  ask(what: Wanted, signal?: AbortSignal): Pending {
    const id = this.newId();
    const cancel = (): void => {
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) return;
      this.#waiting.delete(id);
      waiting.reject(aborted("the request was cancelled"));
      this.send({ kind: "cancel", id } satisfies CancelMessage);
    };
    const promise = new Promise<Uint8Array[]>((resolve, reject) => {
      if (signal?.aborted) {
        reject(aborted("the request was cancelled"));
        return;
      }
      const done = (): void => signal?.removeEventListener("abort", cancel);
      this.#waiting.set(id, {
        resolve: (buffers) => {
          done();
          resolve(buffers);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      });
      signal?.addEventListener("abort", cancel);
      try {
        this.send({ kind: "request", id, ...what } satisfies RequestMessage);
      } catch (error) {
        this.#settle(id, error instanceof Error ? error : new Error(String(error)));
      }
    });
    return { promise, cancel };
  }

  /** Every custom message goes here; those that are no reply to an open request are passed over. */
  receive(content: unknown, buffers: readonly (ArrayBuffer | ArrayBufferView)[] = []): void {
    if (typeof content !== "object" || content === null) return;
    const { kind, id, ok, error } = content as Record<string, unknown>;
    if (kind !== "reply" || typeof id !== "string" || !this.#waiting.has(id)) return;
    if (ok === true) this.#settle(id, buffers.map(toBytes));
    else this.#settle(id, new Error(typeof error === "string" ? error : "the kernel could not answer"));
  }

  abortAll(reason: string): void {
    for (const id of [...this.#waiting.keys()]) this.#settle(id, aborted(reason));
  }

  #settle(id: string, outcome: Uint8Array[] | Error): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    if (outcome instanceof Error) waiting.reject(outcome);
    else waiting.resolve(outcome);
  }
}
