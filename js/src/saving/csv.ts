/** What is shown as a table: one line for each head in view, query and key. */

import type { ChosenHead } from "../picture";
import type { Token } from "../types";

/** More lines than this open in no spreadsheet. */
export const MOST_LINES = 1_000_000;

/** How a formula begins: Japanese spreadsheets know the wide forms, and none minds blanks and what is not seen. */
const FORMULA = /^[\s\p{C}"]*[=+\-@\uff1d\uff0b\uff0d\uff20]/u;

/**
 * Text as a field. What a spreadsheet would run as a formula gets an apostrophe before it, also behind what those of
 * other countries take for the end of a field; the position, in the column before, still says exactly which token it is.
 */
export function field(text: string): string {
  const parts = text.split(/([;,|\t\r\n])/).map((part) => (FORMULA.test(part) ? `'${part}` : part));
  const safe = (/^[\t\r]/.test(text) ? "'" : "") + parts.join("");
  return /[",\r\n';\t|]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export interface Table {
  heads: readonly ChosenHead[];
  /** The one "head" is layers multiplied, up to this one. */
  rollout: boolean;
  /** Positions. */
  queries: readonly number[];
  keys: readonly number[];
  queryTokens: readonly Token[];
  keyTokens: readonly Token[];
}

export function linesOf({ heads, queries, keys }: Table): number {
  return heads.length * queries.length * keys.length;
}

/** A number as short as it is exact: weights are held rounded to a few digits. */
function number(value: number): string {
  return String(Number(value.toPrecision(7)));
}

/** Rows of texts, numbers, and what is not known, which stays empty. */
export function csvText(rows: readonly (readonly (string | number | null | undefined)[])[]): string {
  const cell = (value: string | number | null | undefined) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "";
    return typeof value === "number" ? number(value) : field(value);
  };
  return `\ufeff${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

/** RFC 4180; a byte order mark first, or spreadsheets take UTF-8 for something else. */
export function csvOf(table: Table): string {
  const { heads, rollout, queries, keys, queryTokens, keyTokens } = table;
  // ‖v·W_O‖, or where W_O is not known ‖v‖: then the name says so.
  const norms = heads[0]?.weights.normsOf === "value" ? "weighted_value_norm" : "contribution";
  const lines = [`layer,head,query,query_token,key,key_token,weight,${norms}`];
  const names = keys.map((key) => `${key},${field(keyTokens[key]?.text ?? "")}`);
  for (const { layer, head, weights } of heads) {
    const row = new Float32Array(weights.keys);
    const norm = rollout ? undefined : weights.valueNorms(head);
    for (const query of queries) {
      weights.row(head, query, row);
      const whole = weights.isWhole(query);
      const start = `${layer},${rollout ? "rollout" : head},${query},${field(queryTokens[query]?.text ?? "")}`;
      keys.forEach((key, at) => {
        const weight = row[key] ?? 0;
        // Where only the largest weights of a row are held, a zero is not known to be one.
        const known = whole || weight > 0;
        const written = known && norm ? number(weight * (norm[key] ?? 0)) : "";
        lines.push(`${start},${names[at]},${known ? number(weight) : ""},${written}`);
      });
    }
  }
  return `\ufeff${lines.join("\r\n")}\r\n`;
}
