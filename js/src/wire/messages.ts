/** Requests to the kernel over custom messages, twin of attnwidget/wire/messages.py. */
import { toBytes } from "./buffers";

/** What a page may ask for; each is answered with one container (see attnwidget/answers). */
export type Wanted = { stack: string } & (
  | { what: "layer"; layer: number }
  /** Overviews of every head of a layer, without its weights. */
  | { what: "pictures"; layer: number }
  /** Statistics, labels and verdict of every head of the text. */
  | { what: "statistics" }
  /** Whole rows of a layer of which the page holds only the largest cells: 1 to 64 queries. */
  | { what: "rows"; layer: number; queries: readonly number[] }
  /** A rectangle of the mean over some heads (none: all); of each step × step cells the largest. */
  | {
      what: "tile";
      layer: number;
      heads: readonly number[];
      queries: readonly [first: number, end: number];
      keys: readonly [first: number, end: number];
      step: number;
    }
  /** Attention rollout from the first layer to this one. */
  | { what: "rollout"; layer: number }
  /** What the weights of one row are made of. */
  | { what: "steps"; layer: number; head: number; query: number }
  /** A pair of tokens over all layers and heads. */
  | { what: "trace"; query: number; key: number }
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

/** Nobody is there to ask: the kernel was restarted, or the notebook was opened from its file. */
export class NoKernelError extends Error {
  override name = "NoKernelError";
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

  /** Whether no reply is waited for. */
  get idle(): boolean {
    return this.#waiting.size === 0;
  }

  ask(what: Wanted, signal?: AbortSignal): Pending {
    const id = this.newId();
    const cancel = (): void => {
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) return;
      this.#waiting.delete(id);
      waiting.reject(aborted("the request was cancelled"));
      try {
        this.send({ kind: "cancel", id } satisfies CancelMessage);
      } catch {
        // There is nobody to be told, nor to answer.
      }
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
    this.failAll(aborted(reason));
  }

  failAll(error: Error): void {
    for (const id of [...this.#waiting.keys()]) this.#settle(id, error);
  }

  #settle(id: string, outcome: Uint8Array[] | Error): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    if (outcome instanceof Error) waiting.reject(outcome);
    else waiting.resolve(outcome);
  }
}
