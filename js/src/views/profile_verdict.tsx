/** The verdict in words, and the numbers it rests on, each with what it means and who defined it. */

import type { ComponentChildren } from "preact";
import { formatStatistic, type Statistics, statisticTitle } from "../statistics";
import type { View } from "../view";

interface DefinedProps {
  view: View;
  statistics: Statistics;
  name: ComponentChildren;
  value: string;
  /** A statistic with a definition. */
  statistic?: string;
  /** Or the key of a rule, or a text. */
  rule?: string;
  text?: string;
}

/** A number that opens to its definition. */
export function Defined({ view, statistics, name, value, statistic, rule, text }: DefinedProps) {
  const { store } = view;
  const t = store.t.value;
  const lang = store.synced.lang.value;
  const words = statistics.words[lang];
  const definition = statistic ? statistics.definitions[statistic] : undefined;
  const said = text ?? (rule ? words[rule] : definition && words[definition.text]);
  return (
    <details class="defined">
      <summary>
        <span class="defined-name">{name}</span> <strong class="number">{value}</strong>
        <span class="defined-what">{t("profile.what")}</span>
      </summary>
      <p>
        {definition && statistic && <strong>{statisticTitle(statistics, statistic, lang)}. </strong>}
        {said}
        {definition && (
          <span class="muted"> {t("profile.source", { unit: definition.unit, source: definition.source })}</span>
        )}
      </p>
    </details>
  );
}

function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return "–";
  return `${(share * 100).toFixed(share >= 0.0995 ? 0 : 1)} %`;
}

export function Evidence({ view, statistics }: { view: View; statistics: Statistics }) {
  const { store } = view;
  const t = store.t.value;
  const { verdict, has_values } = statistics;
  const { evidence, sink } = verdict;
  const name = verdict.sink_title[store.synced.lang.value];
  const of = (count: number | null | undefined, all: number | null | undefined) =>
    t("profile.of", { count: count ?? "–", all: all ?? "–" });
  const kappa = t("profile.kappa");
  const common = { view, statistics };
  return (
    <section class="evidence" aria-label={t("profile.evidence")}>
      <h4>{t("profile.evidence")}</h4>
      <Defined
        {...common}
        statistic={sink}
        name={t("profile.evidence.share", { name })}
        value={`${percent(evidence.share)} ${t("profile.against", { base: percent(evidence.base) })}`}
      />
      <Defined
        {...common}
        statistic={sink}
        name={t("profile.evidence.top", { layer: evidence.top_layer ?? "–" })}
        value={percent(evidence.top_share)}
      />
      <Defined
        {...common}
        text={kappa}
        name={t("profile.evidence.leaning", { name })}
        value={of(evidence.leaning, evidence.heads)}
      />
      <Defined
        {...common}
        rule={`rule.${sink}_sink`}
        name={t("profile.evidence.sinks", { name })}
        value={of(evidence.sinks, evidence.heads)}
      />
      {(evidence.valued ?? 0) > 0 && (
        <>
          <Defined
            {...common}
            statistic={`norm_${sink}`}
            name={t("profile.evidence.written", { share: percent(evidence.leaning_share) })}
            value={percent(evidence.leaning_norm)}
          />
          <Defined
            {...common}
            statistic="nu"
            name={t("profile.evidence.nu")}
            value={formatStatistic(evidence.nu ?? null)}
          />
          <Defined
            {...common}
            rule={`rule.${sink}_sink`}
            name={t("profile.evidence.noop")}
            value={of(evidence.no_op, evidence.valued)}
          />
        </>
      )}
      <Defined
        {...common}
        statistic="entropy_norm"
        name={t("profile.evidence.uniform")}
        value={percent(evidence.uniform_heads)}
      />
      <Defined
        {...common}
        statistic="mi"
        name={t("profile.evidence.collapsed")}
        value={percent(evidence.collapsed_heads)}
      />
      {!has_values && <p class="gate">{statistics.words[store.synced.lang.value]["caveat.no_values"]}</p>}
    </section>
  );
}

export function Findings({ view, statistics }: { view: View; statistics: Statistics }) {
  const { store } = view;
  const t = store.t.value;
  const { verdict } = statistics;
  const [title = "", ...paragraphs] = verdict.text[store.synced.lang.value].split("\n\n");
  return (
    <section class="verdict" aria-label={t("profile.verdict")}>
      <h3 data-kind-of={verdict.kind}>{title}</h3>
      {paragraphs.map((paragraph) => (
        <p key={paragraph}>{paragraph}</p>
      ))}
    </section>
  );
}
