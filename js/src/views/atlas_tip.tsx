/** What is known of the head under the pointer or in focus. */

import { cornerOf, type Grid, type Place } from "../paint/atlas";
import { percents } from "../scene";
import { formatStatistic, type HeadLabel, numberAt, type Part, type Statistics, statisticTitle } from "../statistics";
import type { Translate } from "../strings";
import type { Language, LayerInfo } from "../types";
import type { View } from "../view";

const SHOWN: readonly Part[] = ["cls", "sep", "punct", "other", "first"];

/** Heads that share keys and values with this one, without it. */
export function sharing(info: LayerInfo | undefined, head: number): number[] {
  if (!info?.kv_heads) return [];
  const each = info.heads / info.kv_heads;
  const first = Math.floor(head / each) * each;
  return Array.from({ length: each }, (_, at) => first + at).filter((other) => other !== head);
}

/** The share of each kind of key, in words that carry a number. */
export function shareWords(statistics: Statistics, layer: number, head: number, t: Translate): string {
  const shares = SHOWN.map((part) => numberAt(statistics.partition.weight_per_head[part], layer, head) ?? 0);
  const words = Math.max(0, 1 - shares.reduce((sum, share) => sum + share, 0));
  const whole = percents([...shares, words]);
  return [...SHOWN, "word" as const]
    .map((part, at) => ({ name: statistics.sinks[part] ?? t(`profile.part.${part}`), percent: whole[at] ?? 0 }))
    .filter(({ percent }) => percent > 0)
    .map(({ name, percent }) => `${name} ${percent} %`)
    .join(" · ");
}

interface SaidProps {
  statistics: Statistics;
  label: HeadLabel | undefined;
  sort: string;
  lang: Language;
  layer: number;
  head: number;
}

export function sortedValue({ statistics, sort, lang, layer, head }: Omit<SaidProps, "label">): string {
  const value = numberAt(statistics.values[sort], layer, head);
  const error = numberAt(statistics.errors[sort], layer, head);
  const unit = statistics.definitions[sort]?.unit ?? "";
  const spread = error === null || value === null ? "" : ` ± ${formatStatistic(error)}`;
  return `${statisticTitle(statistics, sort, lang)}: ${formatStatistic(value)}${spread} (${unit})`;
}

interface Props {
  view: View;
  grid: Grid;
  place: Place;
  head: number;
  statistics: Statistics | undefined;
  label: HeadLabel | undefined;
  sort: string;
}

const WIDTH = 320;

export function Tip({ view, grid, place, head, statistics, label, sort }: Props) {
  const { store } = view;
  const t = store.t.value;
  const lang = store.synced.lang.value;
  const { layer } = place;
  const info = store.stack.value?.layers[layer];
  const [left, top] = cornerOf(grid, place);
  const width = Math.min(WIDTH, grid.width);
  const height = grid.tops.at(-1) ?? 0;
  const x = Math.max(0, Math.min(grid.width - width, left + grid.cell / 2 - width / 2));
  const below = top + grid.line / 2 < height / 2 || top < 130;
  const y = below ? { top: `${top + grid.line + 2}px` } : { bottom: `${height - top + 8}px` };
  const others = sharing(info, head);
  return (
    <div class="tip" style={{ left: `${x}px`, width: `${width}px`, ...y }} data-tip>
      <div>
        <strong class="number">
          L{layer} H{head}
        </strong>{" "}
        {label?.text[lang]}
      </div>
      {statistics && sort && <div class="number">{sortedValue({ statistics, sort, lang, layer, head })}</div>}
      {statistics && <div class="muted number">{shareWords(statistics, layer, head, t)}</div>}
      {others.length > 0 && <div class="muted">{t("heads.kv", { heads: others.join(", ") })}</div>}
    </div>
  );
}
