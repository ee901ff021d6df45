/** What the heads are called, counted: each label opens to its rule and its heads. */

import { byLabel, type HeadLabel, type Label, type Statistics } from "../statistics";
import type { View } from "../view";
import { Chip, chipName } from "./atlas_labels";

/** Heads named in an open label; the rest is seen in Heads. */
const MOST_NAMED = 48;

interface GroupProps {
  view: View;
  statistics: Statistics;
  label: Label;
  heads: readonly HeadLabel[];
}

function Group({ view, statistics, label, heads }: GroupProps) {
  const { store } = view;
  const t = store.t.value;
  const lang = store.synced.lang.value;
  const count = t("profile.of", { count: heads.length, all: statistics.labels.length });
  const [first] = heads;
  return (
    <details class="defined" data-label={label}>
      <summary>
        <span class="defined-name">
          <Chip
            label={label}
            name={chipName(label, statistics, t)}
            certainty={statistics.enough ? "is" : "describes"}
          />
        </span>{" "}
        <strong class="number">{count}</strong>
        <span class="defined-what">{t("profile.what")}</span>
      </summary>
      <p>{first && statistics.words[lang][first.rule]}</p>
      <p class="defined-heads">
        {heads.slice(0, MOST_NAMED).map(({ layer, head, text }) => (
          <button
            key={`${layer}/${head}`}
            type="button"
            class="plain number"
            title={text[lang]}
            onClick={() => store.change({ mode: "lines", layer, heads: [head], pinned: [] })}
          >
            L{layer} H{head}
          </button>
        ))}
        {heads.length > MOST_NAMED && (
          <span class="muted">{t("profile.more", { count: heads.length - MOST_NAMED })}</span>
        )}
        <button type="button" class="plain" onClick={() => store.change({ mode: "heads", only: label })}>
          {t("profile.show")}
        </button>
      </p>
    </details>
  );
}

export function Labels({ view, statistics }: { view: View; statistics: Statistics }) {
  const t = view.store.t.value;
  return (
    <section class="labels" aria-label={t("profile.labels")}>
      <h4>{t("profile.labels")}</h4>
      {byLabel(statistics).map(({ label, heads }) => (
        <Group key={label} {...{ view, statistics, label, heads }} />
      ))}
    </section>
  );
}
