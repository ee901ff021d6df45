/** Finding a token or word: what is searched for, where it occurs, which occurrence is shown. Page-only, one a view. */

import { computed, effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { Token } from "./types";
import type { View } from "./view";

type Side = "query" | "key";

export interface Hit {
  side: Side;
  /** Displayed position on that side. */
  index: number;
  /** Positions that the find covers: the pieces of a word, or the token alone. */
  covers: readonly number[];
}

/** As tokenizers write pieces: that go on a word, or that begin one after a blank. */
const MARK = /^(##|[\u0120\u2581])/;

/** Without regard to case, and to full- or half-width forms. */
export function folded(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

/** Runs of positions that are pieces of one word. */
function words(tokens: readonly Token[]): number[][] {
  const runs: number[][] = [];
  tokens.forEach((token, index) => {
    const last = tokens[index - 1];
    const continues =
      last !== undefined && token.word !== null && token.word === last.word && token.segment === last.segment;
    if (continues) runs.at(-1)?.push(index);
    else runs.push([index]);
  });
  return runs;
}

/**
 * Where `term` occurs: in the text of a token, as the tokenizer writes the piece (`##ing`, `Ġdog`, `▁dog`), or across
 * the pieces of one word (then the word's pieces are one find). In order of position.
 */
export function find(tokens: readonly Token[], term: string, side: Side): Hit[] {
  const wanted = folded(term.trim());
  if (wanted === "") return [];
  const [mark = ""] = MARK.exec(term.trim()) ?? [];
  const piece = folded(term.trim().slice(mark.length));
  const hits: Hit[] = [];
  for (const run of words(tokens)) {
    const found = run.filter((index) => {
      const { text, space } = tokens[index] as Token;
      if (folded(text).includes(wanted)) return true;
      const marked = mark === "##" ? index !== run[0] : mark !== "" && space === true;
      return marked && folded(text).startsWith(piece);
    });
    for (const index of found) hits.push({ side, index, covers: [index] });
    if (found.length > 0 || run.length === 1) continue;
    const whole = folded(run.map((index) => tokens[index]?.text ?? "").join(""));
    if (whole.includes(wanted)) hits.push({ side, index: run[0] as number, covers: run });
  }
  return hits;
}

export class Search {
  readonly term: Signal<string> = signal("");
  readonly hits: ReadonlySignal<readonly Hit[]>;
  /** Which of the finds is shown; -1 where there is none. Never beyond them, also when the tokens have changed. */
  readonly at: ReadonlySignal<number>;
  readonly current: ReadonlySignal<Hit | null>;
  /** Grows whenever a find is to be brought into view, be it the same one again. */
  readonly asked: Signal<number> = signal(0);
  private readonly chosen = signal(-1);
  private readonly marked: Record<Side, ReadonlySignal<ReadonlySet<number>>>;

  /** `same`: both sides show one sequence, so a find on one is a find on both. */
  constructor(
    queries: ReadonlySignal<readonly Token[]>,
    keys: ReadonlySignal<readonly Token[]>,
    same: ReadonlySignal<boolean>,
  ) {
    this.hits = computed(() => {
      const there = find(queries.value, this.term.value, "query");
      return same.value ? there : [...there, ...find(keys.value, this.term.value, "key")];
    });
    this.at = computed(() => Math.min(this.chosen.value, this.hits.value.length - 1));
    this.current = computed(() => this.hits.value[this.at.value] ?? null);
    const marks = (side: Side) =>
      computed(() => {
        const of = this.hits.value.filter((hit) => same.value || hit.side === side);
        return new Set(of.flatMap((hit) => hit.covers));
      });
    this.marked = { query: marks("query"), key: marks("key") };
  }

  marks(side: Side): ReadonlySet<number> {
    return this.marked[side].value;
  }

  /** Search for something else: its first find at or after `from` is shown. */
  look(term: string, from = 0): void {
    this.term.value = term;
    const hits = this.hits.value;
    const first = hits.findIndex((hit) => hit.index >= from);
    this.chosen.value = hits.length === 0 ? -1 : Math.max(0, first);
    this.asked.value += 1;
  }

  /** The next find, or the previous one (`by` = -1); after the last comes the first. */
  step(by: 1 | -1): void {
    const count = this.hits.value.length;
    if (count === 0) return;
    this.chosen.value = this.at.value < 0 ? (by > 0 ? 0 : count - 1) : (this.at.value + by + count) % count;
    this.asked.value += 1;
  }

  clear(): void {
    this.term.value = "";
    this.chosen.value = -1;
  }
}

const searches = new WeakMap<View, Search>();

/** The search of a view: the same whichever mode asks for it. */
export function searchFor(view: View): Search {
  let search = searches.get(view);
  if (!search) {
    const { store } = view;
    const same = computed(() => store.stack.value?.queries === store.stack.value?.keys);
    const axes = view.signals.axes;
    search = new Search(
      computed(() => axes.value.queries),
      computed(() => axes.value.keys),
      same,
    );
    searches.set(view, search);
  }
  return search;
}

/** Calls `show` with each find that is to be brought into view. Returns the end of it. */
export function followSearch(search: Search, show: (hit: Hit) => void): () => void {
  let seen = search.asked.peek();
  return effect(() => {
    const asked = search.asked.value;
    if (asked === seen) return;
    seen = asked;
    const hit = search.current.peek();
    if (hit) show(hit);
  });
}
