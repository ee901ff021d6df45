/** Plain data of a view, named as in Python (`attnwidget/view.py`). */

import type { Comparison } from "./compare";
import type { Inputs } from "./run";
import type { Kind } from "./scene";
import type { Words } from "./strings";

export interface Token {
  text: string;
  role: string;
  kind: Kind;
  segment: number;
  word: number | null;
  /** A blank that is part of the token: shown, but quietly. */
  space?: boolean;
  /** Row and column of an image patch, from the top left. */
  place?: readonly [row: number, column: number];
  /** On the first piece of a word of several: what the whole word is called. */
  whole?: { text: string; role: string; kind: Kind };
}

export interface LayerInfo {
  /** 0 where the layer has no attention weights; then `note` says why. */
  heads: number;
  source: string;
  note: string;
  /** Where several heads share keys and values. */
  kv_heads?: number;
  /** Where a query sees at most so many keys, in a window that moves with it or in fixed chunks. */
  window?: number;
  chunk?: number;
}

export interface Stack {
  name: string;
  /** Names of the token sequences, keys of `tokens`. */
  queries: string;
  keys: string;
  /** Whether every row sees only the keys up to its own position. */
  causal?: boolean;
  /** Positions of the keys that the sinks switch is about. */
  sinks?: number[];
  layers: LayerInfo[];
}

export const MODES = ["lines", "matrix", "heads", "profile", "trace", "steps"] as const;
export const HIGHLIGHTS = ["none", "special", "query"] as const;
export const MEASURES = ["weight", "contribution"] as const;
/** What becomes of special keys: four different things. */
export const SINKS = ["show", "dim", "leave_out", "renormalise"] as const;
export const SCALES = ["linear", "sqrt", "log", "relative"] as const;
export const AGGREGATES = ["mean", "max", "rollout"] as const;
export const UNITS = ["pieces", "words"] as const;
/** Of a text pair: from which segment to which; "all" for everything. */
export const PAIRS = ["all", "aa", "ab", "ba", "bb"] as const;
export const EVIDENCES = ["text", "corpus"] as const;
export const LANGUAGES = ["en", "ja"] as const;
export const THEMES = ["auto", "light", "dark"] as const;

export type Mode = (typeof MODES)[number];
export type Highlight = (typeof HIGHLIGHTS)[number];
export type Measure = (typeof MEASURES)[number];
export type Sinks = (typeof SINKS)[number];
export type Scale = (typeof SCALES)[number];
export type Aggregate = (typeof AGGREGATES)[number];
export type Unit = (typeof UNITS)[number];
export type PairFilter = (typeof PAIRS)[number];
export type Evidence = (typeof EVIDENCES)[number];
export type Language = (typeof LANGUAGES)[number];
export type Theme = (typeof THEMES)[number];
export type HeadAddress = readonly [layer: number, head: number];

/** The small synced traits; the weights themselves travel as bytes. */
export interface Traits {
  tokens: Record<string, Token[]>;
  stacks: Stack[];
  stack: string;
  layer: number;
  heads: number[];
  pinned: HeadAddress[];
  mode: Mode;
  highlight: Highlight;
  selected_queries: number[];
  selected_keys: number[];
  budget: number;
  max_strokes: number;
  measure: Measure;
  sinks: Sinks;
  scale: Scale;
  aggregate: Aggregate;
  unit: Unit;
  pair: PairFilter;
  /** Heads mode: order within layers by this statistic; by number where empty. */
  sort: string;
  /** Heads mode: only heads of this label; all where empty. */
  only: string;
  evidence: Evidence;
  lang: Language;
  /** Every text of the page in that language. */
  words: Words;
  theme: Theme;
  title: string;
  notes: string[];
  status: string;
  /** Whether Python can run the model again on another text. */
  can_run: boolean;
  /** What the model read; empty where that was no text. */
  inputs: Inputs;
  /** Of `AttnView.compare`: both sides; empty where the view compares nothing. */
  comparison: Partial<Comparison>;
}
