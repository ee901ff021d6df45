/** Heads in the order of how much they changed; a click opens one. */

import { useRef } from "preact/hooks";
import { rankedHeads } from "../compare";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";

const FEW = 12;
const MANY = 240;

export function CompareHeads({ view }: { view: View }) {
  const { store } = view;
  const list = useRef<HTMLOListElement>(null);
  const { synced } = store;
  const t = store.t.value;
  const comparison = synced.comparison.value;
  const layer = synced.layer.value;
  const fixed = comparison.layer ?? null;
  const alone = synced.mode.value === "heads";
  const ranked = rankedHeads(comparison, store.stack.value?.name ?? "").filter(
    (head) => fixed === null || head.layer === layer,
  );
  if (ranked.length === 0) return null;
  const shown = ranked.slice(0, alone ? MANY : FEW);
  const largest = ranked[0]?.divergence ?? 0;
  const isHere = (at: number, head: number) =>
    at === layer && synced.heads.value.length === 1 && synced.heads.value[0] === head;
  // One stop for Tab; arrows go on from there.
  const stop = Math.max(
    0,
    shown.findIndex((one) => isHere(one.layer, one.head)),
  );
  const onKeyDown = (event: KeyboardEvent) => {
    const buttons = [...(list.current?.querySelectorAll("button") ?? [])];
    const from = buttons.indexOf(event.target as HTMLButtonElement);
    const steps: Readonly<Record<string, number>> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const step = steps[event.key];
    const edge = event.key === "Home" ? 0 : event.key === "End" ? buttons.length - 1 : undefined;
    const to = step === undefined ? edge : from + step;
    if (to === undefined) return;
    event.preventDefault();
    buttons[Math.max(0, Math.min(buttons.length - 1, to))]?.focus();
  };
  return (
    <section class="cmp-heads" aria-label={t("compare.heads")}>
      <h3>{fixed === null ? t("compare.heads") : t("compare.heads.of", { layer, other: fixed })}</h3>
      <p class="muted">{t("compare.heads.is", { rows: comparison.rows ?? 0 })}</p>
      <ol ref={list} onKeyDown={onKeyDown}>
        {shown.map(({ layer: at, head, divergence, moved }, index) => {
          const name = `L${at} H${head}`;
          const percent = (moved * 100).toFixed(0);
          return (
            <li key={name}>
              <button
                type="button"
                data-address={`${at}/${head}`}
                tabIndex={index === stop ? 0 : -1}
                aria-current={isHere(at, head) ? "true" : undefined}
                title={t("compare.heads.open", {
                  head: name,
                  divergence: formatWeight(divergence),
                  moved: percent,
                })}
                onClick={() =>
                  store.change({ layer: at, heads: [head], pinned: [], ...(alone ? { mode: "lines" as const } : {}) })
                }
              >
                <strong>{name}</strong>
                <span class="cmp-heads-bar">
                  <span style={{ width: `${largest > 0 ? (divergence / largest) * 100 : 0}%` }} />
                </span>
                <span class="number">{formatWeight(divergence)}</span>
                <span class="number muted">{percent} %</span>
              </button>
            </li>
          );
        })}
      </ol>
      {ranked.length > shown.length && (
        <p class="muted">{t("compare.heads.more", { count: ranked.length - shown.length })}</p>
      )}
    </section>
  );
}
