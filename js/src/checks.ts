/** What each trait may hold; the page refuses the rest by the same rules as Python. */

import {
  AGGREGATES,
  EVIDENCES,
  type HeadAddress,
  HIGHLIGHTS,
  LANGUAGES,
  MEASURES,
  MODES,
  PAIRS,
  SCALES,
  SINKS,
  type Stack,
  THEMES,
  type Token,
  type Traits,
  UNITS,
} from "./types";

export class InvalidTrait extends Error {
  constructor(
    readonly trait: string,
    readonly got: unknown,
    readonly valid: string,
  ) {
    super(`${trait}: ${JSON.stringify(got)} is not valid. Valid: ${valid}`);
  }
}

export type Checks = { [K in keyof Traits]: (value: unknown, now: Traits) => Traits[K] };

function oneOf<T extends string>(trait: string, options: readonly T[]) {
  return (value: unknown): T => {
    const found = options.find((option) => option === value);
    if (found === undefined) throw new InvalidTrait(trait, value, options.join(", "));
    return found;
  };
}

function whole(trait: string, value: unknown, count: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value >= count) {
    throw new InvalidTrait(trait, value, count > 0 ? `0 to ${count - 1}` : "none");
  }
  return value;
}

function positions(trait: string, value: unknown, count: number): number[] {
  if (!Array.isArray(value)) throw new InvalidTrait(trait, value, `a list of 0 to ${count - 1}`);
  return value.map((item) => whole(trait, item, count));
}

function text(trait: string) {
  return (value: unknown): string => {
    if (typeof value !== "string") throw new InvalidTrait(trait, value, "text");
    return value;
  };
}

/** Python alone writes these. */
function plain<T extends object>(value: unknown): T {
  return (typeof value === "object" && value !== null ? value : {}) as T;
}

export function stackOf(traits: Pick<Traits, "stack" | "stacks">): Stack | undefined {
  return traits.stacks.find((stack) => stack.name === traits.stack) ?? traits.stacks[0];
}

export function queryTokens(traits: Pick<Traits, "stack" | "stacks" | "tokens">): Token[] {
  return traits.tokens[stackOf(traits)?.queries ?? ""] ?? [];
}

export function keyTokens(traits: Pick<Traits, "stack" | "stacks" | "tokens">): Token[] {
  return traits.tokens[stackOf(traits)?.keys ?? ""] ?? [];
}

function layerCount(now: Traits): number {
  return stackOf(now)?.layers.length ?? 0;
}

/** More heads than any model has; each of them gets a button. */
const MOST_HEADS = 4096;

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function isToken(value: unknown): value is Token {
  const { text, role, kind } = record(value);
  return [text, role, kind].every((part) => typeof part === "string");
}

function isLayer(value: unknown): boolean {
  const { heads, source, note } = record(value);
  const counted = typeof heads === "number" && Number.isInteger(heads) && heads >= 0 && heads <= MOST_HEADS;
  return counted && typeof source === "string" && typeof note === "string";
}

function isStack(value: unknown): value is Stack {
  const { name, queries, keys, layers, sinks = [] } = record(value);
  const named = [name, queries, keys].every((part) => typeof part === "string");
  return named && Array.isArray(layers) && layers.every(isLayer) && Array.isArray(sinks);
}

export const CHECKS: Checks = {
  tokens: (value) => {
    const lists = Object.values(record(value));
    const wrong = lists.find((list) => !Array.isArray(list) || !list.every(isToken));
    if (
      wrong !== undefined ||
      lists.length < Object.keys(Object(value)).length ||
      typeof value !== "object" ||
      !value
    ) {
      throw new InvalidTrait("tokens", wrong ?? value, "lists of tokens, by name");
    }
    return value as Traits["tokens"];
  },
  stacks: (value) => {
    if (!Array.isArray(value)) throw new InvalidTrait("stacks", value, "a list of stacks");
    for (const stack of value) if (!isStack(stack)) throw new InvalidTrait("stacks", stack, "stacks with their layers");
    return value;
  },
  stack: (value, now) =>
    oneOf(
      "stack",
      now.stacks.map((stack) => stack.name),
    )(value),
  layer: (value, now) => whole("layer", value, layerCount(now)),
  heads: (value, now) => positions("heads", value, stackOf(now)?.layers[now.layer]?.heads ?? 0),
  pinned: (value, now) => {
    if (!Array.isArray(value)) throw new InvalidTrait("pinned", value, "a list of [layer, head]");
    return value.map((item): HeadAddress => {
      if (!Array.isArray(item) || item.length !== 2) throw new InvalidTrait("pinned", item, "[layer, head]");
      const layer = whole("pinned", item[0], layerCount(now));
      return [layer, whole("pinned", item[1], stackOf(now)?.layers[layer]?.heads ?? 0)];
    });
  },
  mode: oneOf("mode", MODES),
  highlight: oneOf("highlight", HIGHLIGHTS),
  selected_queries: (value, now) => positions("selected_queries", value, queryTokens(now).length),
  selected_keys: (value, now) => positions("selected_keys", value, keyTokens(now).length),
  budget: (value) => {
    if (typeof value !== "number" || !(value > 0 && value <= 1))
      throw new InvalidTrait("budget", value, "above 0, up to 1");
    return value;
  },
  max_strokes: (value) => whole("max_strokes", value, 1e6),
  measure: oneOf("measure", MEASURES),
  sinks: oneOf("sinks", SINKS),
  scale: oneOf("scale", SCALES),
  aggregate: oneOf("aggregate", AGGREGATES),
  unit: oneOf("unit", UNITS),
  pair: oneOf("pair", PAIRS),
  sort: text("sort"),
  only: text("only"),
  evidence: oneOf("evidence", EVIDENCES),
  lang: oneOf("lang", LANGUAGES),
  words: (value) => Object.fromEntries(Object.entries(value ?? {}).filter(([, word]) => typeof word === "string")),
  theme: oneOf("theme", THEMES),
  title: text("title"),
  notes: (value) => (Array.isArray(value) ? value.map(String) : []),
  status: text("status"),
  can_run: (value) => value === true,
  inputs: plain<Traits["inputs"]>,
  comparison: plain<Traits["comparison"]>,
};
