/**
 * Rectangles of a long text's weights, asked of Python as they come into view. A tile is the mean over the chosen heads,
 * cell by cell or as the largest of step × step cells. What was not looked at for longest is forgotten first.
 */

import { effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { AnswerState } from "./answers";
import type { Field } from "./paint/matrix";
import { type Place, type Source, TILE_COLUMNS, TILE_ROWS } from "./tile_places";
import { VALUES } from "./wire/codec";
import type { Wanted } from "./wire/messages";
import { expectBlock, readNumbers } from "./wire/numbers";

/** Bytes of tiles kept. */
const MOST_BYTES = 32 * 2 ** 20;

export type TileWanted = Extract<Wanted, { what: "tile" }>;

export function wantedFor(source: Source, { step, row, column }: Place): TileWanted {
  const span = (at: number, size: number, count: number) => [at * size, Math.min(count, (at + 1) * size)] as const;
  return {
    what: "tile",
    stack: source.stack,
    layer: source.layer,
    heads: source.heads,
    queries: span(row, TILE_ROWS * step, source.queries),
    keys: span(column, TILE_COLUMNS * step, source.keys),
    step,
  };
}

export class Tiles {
  private kept = new Map<string, Field>();
  private queue: TileWanted[] = [];
  private current: { key: string; stop: () => void } | undefined;
  private size = 0;
  /** Grows with each tile that has come. */
  readonly arrived = signal(0);
  /** Tiles in view that have not come yet. */
  readonly waiting = signal(0);
  /** Why there are none: "missing" where there is no kernel to ask. */
  readonly problem: Signal<"" | "missing" | { error: string }> = signal("");

  /** `ask` answers one request at a time; asking for another tile gives up the one before. */
  constructor(
    private readonly ask: (wanted: TileWanted) => ReadonlySignal<AnswerState>,
    private readonly mostBytes = MOST_BYTES,
  ) {}

  /** Bytes that the kept tiles take. */
  get bytes(): number {
    return this.size;
  }

  get(source: Source, place: Place): Field | undefined {
    const key = JSON.stringify(wantedFor(source, place));
    const field = this.kept.get(key);
    if (field) {
      // Map order is age: put back at the young end.
      this.kept.delete(key);
      this.kept.set(key, field);
    }
    return field;
  }

  /** What is in view now, most wanted first; nothing else is asked for any longer. */
  want(source: Source | null, places: readonly Place[]): void {
    const wanted = source ? places.map((place) => wantedFor(source, place)) : [];
    this.queue = wanted.filter((one) => !this.kept.has(JSON.stringify(one)));
    this.waiting.value = this.problem.peek() === "missing" ? 0 : this.queue.length;
    if (this.current && !this.queue.some((one) => JSON.stringify(one) === this.current?.key)) this.giveUp();
    this.next();
  }

  /** All weights are other ones now. */
  clear(): void {
    this.giveUp();
    // Not emptied: a tile of before that is still being read would go into it.
    this.kept = new Map();
    this.queue = [];
    this.size = 0;
    this.problem.value = "";
    this.waiting.value = 0;
  }

  private giveUp(): void {
    this.current?.stop();
    this.current = undefined;
  }

  private next(): void {
    const [first] = this.queue;
    if (this.current || !first || this.problem.peek() === "missing") return;
    const key = JSON.stringify(first);
    const state = this.ask(first);
    let stop = (): void => undefined;
    const current = { key, stop: () => stop() };
    this.current = current;
    let settled = false;
    stop = effect(() => {
      const now = state.value;
      if (settled || now.status === "asked" || this.current !== current) return;
      settled = true;
      // Signals may not be written, nor other effects begun, while this one runs.
      queueMicrotask(() => void this.settle(current, first, now));
    });
    if (this.current !== current) stop();
  }

  private async settle(
    current: { key: string; stop: () => void },
    wanted: TileWanted,
    now: AnswerState,
  ): Promise<void> {
    const { kept } = this;
    try {
      if (now.status === "ready") {
        const field = await read(wanted, now);
        if (kept === this.kept) this.keep(current.key, field);
      } else this.problem.value = now.status === "failed" ? { error: now.error } : "missing";
    } catch (error) {
      this.problem.value = { error: error instanceof Error ? error.message : String(error) };
    }
    if (this.current !== current) return;
    this.giveUp();
    this.queue = this.queue.filter((one) => JSON.stringify(one) !== current.key);
    this.waiting.value = this.problem.peek() === "missing" ? 0 : this.queue.length;
    this.next();
  }

  private keep(key: string, field: Field): void {
    if (this.kept.has(key)) return;
    this.kept.set(key, field);
    this.size += field.values.byteLength;
    for (const [oldest, { values }] of this.kept) {
      if (this.size <= this.mostBytes || oldest === key) break;
      this.kept.delete(oldest);
      this.size -= values.byteLength;
    }
    if (this.problem.peek() !== "missing") this.problem.value = "";
    this.arrived.value += 1;
  }
}

async function read(
  wanted: TileWanted,
  { container }: { container: Parameters<typeof expectBlock>[0] },
): Promise<Field> {
  const name = `tile/${wanted.stack}/${wanted.layer}`;
  const bins = ([first, end]: readonly [number, number]) => Math.ceil((end - first) / wanted.step);
  const [rows, columns] = [bins(wanted.queries), bins(wanted.keys)];
  expectBlock(container, name, [rows, columns]);
  const codes = await readNumbers(container, name, [rows, columns]);
  const values = codes.map((code) => VALUES[code] ?? Number.NaN);
  return { query: wanted.queries[0], key: wanted.keys[0], rows, columns, step: wanted.step, values };
}
