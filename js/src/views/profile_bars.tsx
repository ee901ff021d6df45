/** Two bars for each layer: how its weight is shared out over nine kinds of key, and how what it writes is. */

import { type Signal, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { percents } from "../scene";
import { PARTS, type Part, type Statistics } from "../statistics";
import type { Translate } from "../strings";
import type { View } from "../view";

export type Measured = "weight" | "contribution";

/** Shares of a layer by category, in the order of `PARTS`; null where they are not known. */
export function layerShares(statistics: Statistics, of: Measured, layer: number): number[] | null {
  const found = statistics.partition[`${of}_per_layer`];
  const shares = PARTS.map((part) => found[part]?.[layer] ?? null);
  return shares.every((share) => share === null) ? null : shares.map((share) => share ?? 0);
}

/** Categories that some layer, or chance, gives anything to. */
export function partsPresent(statistics: Statistics): Part[] {
  const { partition } = statistics;
  return PARTS.filter((part) =>
    [partition.weight_per_layer[part], partition.contribution_per_layer[part]].some((layers) =>
      layers?.some((share) => (share ?? 0) >= 0.0005),
    ),
  );
}

export function partName(part: Part, statistics: Statistics, t: Translate): string {
  return statistics.sinks[part] ?? t(`profile.part.${part}`);
}

/** Pixels that a number needs; narrower parts carry none: the line below the figure and the table do. */
const NUMBER = 20;

interface Here {
  layer: number;
  part: Part | null;
}

interface BarProps {
  shares: readonly number[] | null;
  layer: number;
  here: Signal<Here | null>;
  missing: string;
  printed: number;
}

function Bar({ shares, layer, here, missing, printed }: BarProps) {
  if (!shares) return <span class="part-bar part-missing">{missing}</span>;
  const focus = here.value?.layer === layer ? here.value.part : null;
  return (
    <span class="part-bar" aria-hidden="true">
      {PARTS.map((part, at) =>
        (shares[at] ?? 0) > 0 ? (
          <span
            key={part}
            data-part={part}
            data-here={focus === part ? "" : undefined}
            style={{ width: `${(shares[at] ?? 0) * 100}%` }}
            onPointerEnter={() => {
              here.value = { layer, part };
            }}
          >
            {(shares[at] ?? 0) >= printed ? Math.round((shares[at] ?? 0) * 100) : ""}
          </span>
        ) : null,
      )}
    </span>
  );
}

function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? "–" : `${(share * 100).toFixed(1)} %`;
}

/** All numbers of a layer in words, for a reader who hears them. */
function inWords(statistics: Statistics, layer: number, of: Measured, t: Translate): string {
  const shares = layerShares(statistics, of, layer);
  if (!shares) return "";
  const whole = percents(shares);
  const parts = PARTS.map((part, at) => (whole[at] ? `${partName(part, statistics, t)} ${whole[at]} %` : ""));
  return `${t(`profile.${of}`)}: ${parts.filter(Boolean).join(", ")}`;
}

interface Props {
  view: View;
  statistics: Statistics;
  /** Of one bar. */
  barWidth: number;
}

export function PartBars({ view, statistics, barWidth }: Props) {
  const { store } = view;
  const t = store.t.value;
  const here = useSignal<Here | null>(null);
  const rows = useRef<HTMLDivElement>(null);
  const layers = store.stack.value?.layers ?? [];
  const now = store.synced.layer.value;
  const present = partsPresent(statistics);
  const printed = NUMBER / Math.max(1, barWidth);
  const { uniform } = statistics.partition;
  const chance = PARTS.map((part) => uniform[part] ?? 0);
  const open = (layer: number) => store.change({ mode: "lines", layer, heads: [], pinned: [] });
  const onKeyDown = (event: KeyboardEvent, layer: number) => {
    const to = { ArrowDown: layer + 1, ArrowUp: layer - 1, Home: 0, End: layers.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const at = Math.max(0, Math.min(layers.length - 1, to));
    rows.current?.querySelector<HTMLElement>(`[data-layer="${at}"]`)?.focus();
  };
  const { texts, tokens, rows: read, text_rows } = statistics;
  const of =
    text_rows === null
      ? t(texts === 1 ? "profile.of.text" : "profile.of.corpus", { texts, tokens })
      : t("profile.of.rows", { rows: read, all: text_rows });
  const said = here.value;
  const shareOf = (of: Measured) =>
    said?.part ? statistics.partition[`${of}_per_layer`][said.part]?.[said.layer] : undefined;
  return (
    <figure class="parts" data-many={layers.length > 16 ? "" : undefined}>
      <figcaption>
        <strong>{t("profile.title")}</strong> <span class="muted">{of}</span>
      </figcaption>
      <ul class="part-legend">
        {present.map((part) => (
          <li key={part}>
            <span class="part-swatch" data-part={part} aria-hidden="true" />
            <bdi>{partName(part, statistics, t)}</bdi>
          </li>
        ))}
      </ul>
      <div
        class="part-rows"
        ref={rows}
        onPointerLeave={() => {
          here.value = null;
        }}
      >
        <div class="part-row part-header" aria-hidden="true">
          <span>{t("layer")}</span>
          <span>{t("profile.weight")}</span>
          <span>{t("profile.contribution")}</span>
        </div>
        {layers.map((info, layer) =>
          info.heads === 0 ? (
            <div key={layer} class="part-row part-empty">
              <span class="part-layer">{layer}</span>
              <span class="muted">{info.note || t("layer.noheads")}</span>
            </div>
          ) : (
            <button
              key={layer}
              type="button"
              class="part-row"
              data-layer={layer}
              aria-current={layer === now ? "true" : undefined}
              tabIndex={layer === now || (layer === 0 && !layers[now]?.heads) ? 0 : -1}
              onClick={() => open(layer)}
              onKeyDown={(event) => onKeyDown(event, layer)}
              onFocus={() => {
                here.value = { layer, part: null };
              }}
              onBlur={() => {
                here.value = null;
              }}
            >
              <span class="part-layer">{layer}</span>
              <Bar
                shares={layerShares(statistics, "weight", layer)}
                layer={layer}
                here={here}
                printed={printed}
                missing=""
              />
              <Bar
                shares={layerShares(statistics, "contribution", layer)}
                layer={layer}
                here={here}
                printed={printed}
                missing={t("profile.unknown")}
              />
            </button>
          ),
        )}
        {chance.some((share) => share > 0) && (
          <div class="part-row part-chance">
            <span class="part-layer">{t("profile.uniform")}</span>
            <Bar shares={chance} layer={-1} here={here} printed={printed} missing="" />
            <span class="muted part-note">{t("profile.uniform.text")}</span>
          </div>
        )}
        <div class="part-row part-axis" aria-hidden="true">
          <span />
          {["weight", "contribution"].map((of) => (
            <span key={of} class="part-ticks">
              <span>0</span>
              <span>50</span>
              <span>100 %</span>
            </span>
          ))}
        </div>
      </div>
      <p class="part-said number" aria-live="polite">
        {!said && <span class="muted">{t("profile.hint")}</span>}
        {said?.part && said.layer >= 0 && (
          <>
            <strong>
              {t("layer")} {said.layer} · <bdi>{partName(said.part, statistics, t)}</bdi>
            </strong>{" "}
            {t("profile.said", {
              weight: percent(shareOf("weight")),
              contribution: percent(shareOf("contribution")),
              uniform: percent(uniform[said.part]),
            })}
          </>
        )}
        {said?.part && said.layer < 0 && (
          <>
            <strong>
              {t("profile.uniform")} · <bdi>{partName(said.part, statistics, t)}</bdi>
            </strong>{" "}
            {percent(uniform[said.part])}
          </>
        )}
        {said && !said.part && inWords(statistics, said.layer, "weight", t)}
      </p>
    </figure>
  );
}
