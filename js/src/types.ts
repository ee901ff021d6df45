/** Plain data of a view, named as in Python (`attnwidget/view.py`). */

import type { Kind } from "./scene";

export interface Token {
  text: string;
  role: string;
  kind: Kind;
  segment: number;
  word: number | null;
  /** A blank that is part of the token: shown, but quietly. */
  space?: boolean;
}

export interface LayerInfo {
  /** 0 where the layer has no attention weights; then `note` says why. */
  heads: number;
  source: string;
  note: string;
}

export interface Stack {
  name: string;
  /** Names of the token sequences, keys of `tokens`. */
  queries: string;
  keys: string;
  layers: LayerInfo[];
}

export const MODES = ["lines", "matrix", "heads"] as const;
export const HIGHLIGHTS = ["none", "special", "query"] as const;
export const LANGUAGES = ["en", "ja"] as const;
export const THEMES = ["auto", "light", "dark"] as const;

export type Mode = (typeof MODES)[number];
export type Highlight = (typeof HIGHLIGHTS)[number];
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
  lang: Language;
  theme: Theme;
  title: string;
  notes: string[];
  status: string;
}
