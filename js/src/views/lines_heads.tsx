/** Around the columns of Lines: what each column is, whose numbers stand in it, and what lies out of view. */

import type { Translate } from "../strings";
import type { Token } from "../types";
import { formatWeight } from "../wire/codec";
import type { Split } from "./lines_focus";
import type { Beyond } from "./lines_numbers";

type Way = "from" | "to";

/** The tokens in focus by name: one by its text, several by their number. */
export function named(way: Way, indices: readonly number[], tokens: readonly Token[], t: Translate): string {
  const [only] = indices;
  if (only === undefined) return "";
  const count = { count: indices.length };
  if (indices.length > 1) return t(way === "to" ? "focus.keys" : "focus.queries", count);
  return `“${tokens[only]?.text ?? ""}”`;
}

/** Whose numbers a column shows: short, and in full. */
function caption(way: Way, indices: readonly number[], tokens: readonly Token[], t: Translate): [string, string] {
  const [only] = indices;
  if (only === undefined) return ["", ""];
  const count = { count: indices.length };
  if (indices.length > 1) return [t(`lines.${way}.many`, count), t(`lines.${way}.many.title`, count)];
  const token = named(way, indices, tokens, t);
  return [t(`lines.${way}`, { token: tokens[only]?.text ?? "" }), t(`lines.${way}.title`, { token })];
}

interface HeadsProps {
  t: Translate;
  split: Split;
  queries: readonly Token[];
  keys: readonly Token[];
  /** Titles of the strips; null where there are none, then `stripless` may say why. */
  strips: readonly [query: string, key: string] | null;
  stripCaption: string;
  stripless: string | undefined;
}

export function ColumnHeads({ t, split, queries, keys, strips, stripCaption, stripless }: HeadsProps) {
  const [into, intoTitle] = caption("to", split.inNumbers ? split.into : [], keys, t);
  const [from, fromTitle] = caption("from", split.outNumbers ? split.out : [], queries, t);
  const strip = (title: string) => (
    <div class="column-head strip-head" title={title}>
      {stripCaption}
    </div>
  );
  return (
    <>
      {strips && strip(strips[0])}
      <div class="column-head column-head-query" title={stripless}>
        <span class="column-value" data-direction="in" title={intoTitle || stripless}>
          <bdi>{into}</bdi>
        </span>
        <span>{t("query")}</span>
      </div>
      <div class="column-head column-head-middle" aria-hidden="true">
        →
      </div>
      <div class="column-head column-head-key" title={stripless}>
        <span>{t("key")}</span>
        <span class="column-value" data-direction="out" title={fromTitle || stripless}>
          <bdi>{from}</bdi>
        </span>
      </div>
      {strips && strip(strips[1])}
    </>
  );
}

interface EdgeProps {
  t: Translate;
  way: "above" | "under";
  /** Of the grid. */
  column: number;
  beyond: Beyond | null;
  keys: readonly Token[];
  onGo: (key: number) => void;
}

/** What the focus gives to keys out of view. Takes its room even when it says nothing, so that nothing jumps. */
export function Edge({ t, way, column, beyond, keys, onGo }: EdgeProps) {
  const style = { gridColumn: column };
  if (!beyond) return <div class="edge" style={style} />;
  const sum = `${beyond.partly ? "≥ " : ""}${formatWeight(beyond.sum)}`;
  const title = t("lines.edge.title", { token: keys[beyond.key]?.text ?? "", weight: formatWeight(beyond.weight) });
  return (
    <div class="edge" style={style}>
      <button type="button" title={title} onClick={() => onGo(beyond.key)}>
        {way === "above" ? "↑" : "↓"} {t(`lines.${way}`, { sum })}
      </button>
    </div>
  );
}
