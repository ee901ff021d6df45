import type { View } from "../view";

/** What the page cannot show, and what would bring it. */
export function Absence({ view }: { view: View }) {
  const { store, data, signals } = view;
  const t = store.t.value;
  const heads = signals.heads.value;
  const problem = data.error.value;
  let text = problem;
  if (!problem && "note" in heads) text = t("noweights", { layer: heads.layer, note: heads.note });
  if (!problem && "state" in heads) {
    const { layer, state } = heads;
    if (state.status === "failed") text = state.error;
    else if (state.status === "missing") text = t("nokernel", { layer });
    else if (state.status === "asked") text = t("waiting", { layer });
    else text = t("loading", { layer });
  }
  return text ? (
    <p class="absence" role="status">
      {text}
    </p>
  ) : null;
}
