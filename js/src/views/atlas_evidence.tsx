/** What the labels and statistics rest on: this text or a corpus, and what is missing where there are none. */

import { Segmented } from "../controls/segmented";
import { type StatisticsState, statisticsOf } from "../statistics";
import type { View } from "../view";

/** This text | 200 texts; nothing where no profile came with the view. */
export function EvidenceSwitch({ view }: { view: View }) {
  const { store, data } = view;
  const t = store.t.value;
  const corpus = statisticsOf(store, data).corpus.value;
  if (!corpus) return null;
  return (
    <Segmented
      label={t("heads.evidence")}
      value={store.synced.evidence.value}
      options={[
        { value: "text", text: t("heads.evidence.text") },
        { value: "corpus", text: t("heads.evidence.corpus", { count: corpus.texts }) },
      ]}
      onChange={(evidence) => store.change({ evidence })}
    />
  );
}

/** Why there are no statistics, or on how little they rest. */
export function Gate({ view, state }: { view: View; state: StatisticsState }) {
  const { store, data } = view;
  const t = store.t.value;
  const { corpus, retry } = statisticsOf(store, data);
  if (state.status === "ready") {
    const { texts, rows, text_rows, tokens, enough, failed, lengths } = state.statistics;
    const [bad, [first]] = failed;
    return (
      <p class="gate" data-enough={enough ? "" : undefined} role="status">
        {enough
          ? t("heads.gate.enough", { texts, tokens, shortest: lengths[0], longest: lengths[1] })
          : t(state.of === "text" ? "heads.gate.text" : "heads.gate.few", { texts, rows })}
        {text_rows !== null && ` ${t("heads.gate.rows", { rows, all: text_rows })}`}
        {!corpus.value && (
          <>
            {" "}
            <code>AttnView(model, text, profile=profile(model, texts))</code>
          </>
        )}
        {bad > 0 && first && ` ${t("heads.gate.failed", { count: bad, number: first[0], why: first[2] })}`}
      </p>
    );
  }
  return (
    <p class="gate" role="status">
      {state.status === "failed" ? state.error : t(`heads.stats.${state.status}`)}{" "}
      {state.status === "failed" && (
        <button type="button" class="plain" onClick={retry}>
          {t("heads.stats.retry")}
        </button>
      )}
    </p>
  );
}
