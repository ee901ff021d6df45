/** What Python says of every head: statistics, labels, verdict; of the text in view, or of a corpus. */

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { AnswerState } from "./answers";
import type { Data } from "./data";
import type { Store } from "./store";
import type { Language } from "./types";
import { type Container, WireError } from "./wire/container";

type Words = Readonly<Record<Language, string>>;
/** [layer][head]; null where it is not defined. */
export type Grid = readonly (readonly (number | null)[])[];

export interface HeadLabel {
  layer: number;
  head: number;
  label: Label;
  /** Key of the rule's definition in `words`. */
  rule: string;
  title: Words;
  /** One sentence with the evidence. */
  text: Words;
  runner_up_title: Words;
  sink: "no-op" | "read-out" | "unclear" | "unverified" | null;
  certainty: Certainty;
  agreement: number | null;
  statistic: string | null;
  evidence: Readonly<Record<string, number | null>>;
}

export type Certainty = "describes" | "is" | "mostly" | "between";

/** Labels in the order of their rules. */
export const LABELS = [
  "induction",
  "previous",
  "next",
  "self",
  "cls_sink",
  "sep_sink",
  "punct_sink",
  "first_sink",
  "other_sink",
  "delimiters",
  "local",
  "broad",
  "mixed",
] as const;
export type Label = (typeof LABELS)[number];

/** Categories of keys that share out each row, in the order in which a bar shows them. */
export const PARTS = ["cls", "sep", "other", "punct", "first", "prev", "self", "next", "word"] as const;
export type Part = (typeof PARTS)[number];

export interface Definition {
  /** Keys of `words`. */
  title: string;
  text: string;
  unit: string;
  source: string;
}

export interface Verdict {
  kind: "ordinary" | "check" | "collapsed" | "untrained" | "invalid" | "describes";
  sink: string;
  sink_title: Words;
  signs: readonly ({ id: string } & Words)[];
  evidence: Readonly<Record<string, number | null>>;
  /** Paragraphs apart by a blank line; the first is the title. */
  text: Words;
}

type PerLayer = Readonly<Record<Part, readonly (number | null)[]>>;

/** Twin of `page_part` in attnwidget/answers/statistics.py. */
export interface Statistics {
  schema: number;
  model: string;
  stack: string;
  heads: readonly number[];
  texts: number;
  rows: number;
  /** Rows of the text, where only some were read. */
  text_rows: number | null;
  tokens: number;
  lengths: readonly [shortest: number, longest: number];
  faults: number;
  causal: boolean;
  has_values: boolean;
  enough: boolean;
  sinks: Readonly<Record<string, string>>;
  values: Readonly<Record<string, Grid>>;
  errors: Readonly<Record<string, Grid>>;
  baselines: Readonly<Record<string, number | null>>;
  nu: Readonly<Record<string, Grid>>;
  partition: {
    weight_per_layer: PerLayer;
    contribution_per_layer: PerLayer;
    weight_per_head: Readonly<Record<string, Grid>>;
    contribution_per_head: Readonly<Record<string, Grid>>;
    uniform: Readonly<Record<Part, number | null>>;
  };
  labels: readonly HeadLabel[];
  verdict: Verdict;
  /** How many texts could not be read, and the first of them: [number, beginning, why]. */
  failed: readonly [number, readonly (readonly [number, string, string])[]];
  definitions: Readonly<Record<string, Definition>>;
  words: Readonly<Record<Language, Readonly<Record<string, string>>>>;
}

const SCHEMA = 1;

/** The statistics of a stack; WireError where the block is none of ours. */
export async function readStatistics(container: Container, stack: string): Promise<Statistics> {
  const bytes = await container.bytes(`statistics/${stack}`);
  let found: Statistics;
  try {
    found = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Statistics;
  } catch {
    throw new WireError("the statistics are not valid JSON");
  }
  if (typeof found !== "object" || found === null || found.schema !== SCHEMA) {
    throw new WireError(`the statistics have another version than ${SCHEMA}, which this page reads`);
  }
  if (!Array.isArray(found.labels) || !Array.isArray(found.heads) || typeof found.values !== "object") {
    throw new WireError("the statistics lack labels, heads or values");
  }
  return found;
}

export function numberAt(grid: Grid | undefined, layer: number, head: number): number | null {
  return grid?.[layer]?.[head] ?? null;
}

/** Names to sort by: those that have a definition and a value anywhere. */
export function sortable(statistics: Statistics): string[] {
  return Object.keys(statistics.values).filter(
    (name) =>
      Object.hasOwn(statistics.definitions, name) &&
      statistics.values[name]?.some((layer) => layer.some((value) => value !== null)),
  );
}

/** Heads of a layer, largest first; undefined values last, ties by number. By number without a grid. */
export function orderHeads(count: number, layer: number, grid: Grid | undefined): number[] {
  const heads = Array.from({ length: count }, (_, head) => head);
  if (!grid) return heads;
  const key = (head: number) => numberAt(grid, layer, head) ?? Number.NEGATIVE_INFINITY;
  return heads.sort((a, b) => (key(b) > key(a) ? 1 : key(b) < key(a) ? -1 : a - b));
}

/** Labels by layer and head. */
export function labelGrid(statistics: Statistics): HeadLabel[][] {
  const out: HeadLabel[][] = statistics.heads.map(() => []);
  for (const label of statistics.labels) {
    const layer = out[label.layer];
    if (layer) layer[label.head] = label;
  }
  return out;
}

/** Heads by label, in the order of the rules; only labels that some head has. */
export function byLabel(statistics: Statistics): { label: Label; heads: HeadLabel[] }[] {
  return LABELS.map((label) => ({ label, heads: statistics.labels.filter((one) => one.label === label) })).filter(
    ({ heads }) => heads.length > 0,
  );
}

/** A statistic as it is printed: two digits below 1, three above. */
export function formatStatistic(value: number | null): string {
  if (value === null) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.0001) return `${value < 0 ? "−" : ""}<0.0001`;
  const digits = size < 1 ? 1 : 2;
  return value.toFixed(Math.max(0, Math.min(4, digits - Math.floor(Math.log10(size))))).replace("-", "−");
}

export function statisticTitle(statistics: Statistics, name: string, lang: Language): string {
  const key = statistics.definitions[name]?.title;
  return (key && statistics.words[lang]?.[key]) || name;
}

// ---- where they come from

export type StatisticsState =
  | { status: "ready"; statistics: Statistics; of: "text" | "corpus" }
  | { status: "reading" | "asked" | "missing" }
  | { status: "failed"; error: string };

export interface StatisticsSignals {
  /** Of the evidence chosen; reading it asks Python where the page lacks them. */
  state: ReadonlySignal<StatisticsState>;
  /** Of the corpus that came with the view. */
  corpus: ReadonlySignal<Statistics | undefined>;
  retry(): void;
}

type Parsed = { status: "ready"; statistics: Statistics } | { status: "reading" } | { status: "failed"; error: string };

const parsed = new WeakMap<Container, Map<string, ReadonlySignal<Parsed>>>();

function parse(container: Container, stack: string): ReadonlySignal<Parsed> {
  const known = parsed.get(container) ?? new Map<string, ReadonlySignal<Parsed>>();
  parsed.set(container, known);
  const before = known.get(stack);
  if (before) return before;
  const state = signal<Parsed>({ status: "reading" });
  known.set(stack, state);
  readStatistics(container, stack).then(
    (statistics) => {
      state.value = { status: "ready", statistics };
    },
    (error: Error) => {
      state.value = { status: "failed", error: error.message };
    },
  );
  return state;
}

const signals = new WeakMap<Data, StatisticsSignals>();

/** The statistics of a view; made once. */
export function statisticsOf(store: Store, data: Data): StatisticsSignals {
  const known = signals.get(data);
  if (known) return known;
  const attempt = signal(0);
  // Held here: a failed question is forgotten by `answers`, and must not be asked again at every look.
  let asked: { key: string; answer: ReadonlySignal<AnswerState> } | undefined;

  const ofCorpus = computed((): Parsed | undefined => {
    const stack = store.stack.value?.name ?? "";
    const container = data.profile.value;
    return container?.has(`statistics/${stack}`) ? parse(container, stack).value : undefined;
  });
  const state = computed((): StatisticsState => {
    const stack = store.stack.value?.name ?? "";
    if (store.synced.evidence.value === "corpus" && ofCorpus.value) {
      return ofCorpus.value.status === "ready" ? { ...ofCorpus.value, of: "corpus" } : ofCorpus.value;
    }
    const key = JSON.stringify([stack, data.version.value, attempt.value]);
    if (asked?.key !== key) {
      asked = { key, answer: data.answers.to({ what: "statistics", stack }, [`statistics/${stack}`]) };
    }
    const answer = asked.answer.value;
    if (answer.status !== "ready") return answer;
    const found = parse(answer.container, stack).value;
    return found.status === "ready" ? { ...found, of: "text" } : found;
  });
  const made: StatisticsSignals = {
    state,
    corpus: computed(() => (ofCorpus.value?.status === "ready" ? ofCorpus.value.statistics : undefined)),
    retry: () => {
      attempt.value += 1;
    },
  };
  signals.set(data, made);
  return made;
}
