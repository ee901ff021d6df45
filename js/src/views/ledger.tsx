/** The mass ledger: two lines under the picture, each adding to 100 % of the rows in view. */

import { fates } from "../picture/fates";
import { KINDS, percents } from "../scene";
import type { View } from "../view";
import { kindName } from "./shares";

export function Ledger({ view }: { view: View }) {
  const { store, signals } = view;
  const t = store.t.value;
  const { keys } = signals.axes.value;
  const shares = signals.measure.value === "contribution" ? (signals.selection.value?.normsOf ?? "written") : undefined;
  const picture = signals.picture.value;
  const [accounts, remaining] = [picture?.ledger, picture?.remaining];
  const none = { drawn: 0, below: 0, left_out: 0 };
  const shown = fates(accounts?.fate ?? none, store.synced.mode.value, picture?.unheld);
  const fate = percents(shown.map(([, share]) => share));
  const kinds = percents(KINDS.map((name) => accounts?.kinds[name] ?? 0));
  return (
    <section class="ledger" aria-label={t("ledger")}>
      <p>
        <span class="ledger-label">{t(shares ? `ledger.fate.${shares}` : "ledger.fate")}</span>
        {shown.map(([name], index) => (
          <span key={name} class="ledger-item" data-fate={name}>
            {t(`fate.${name}`)} <strong class="number">{fate[index]} %</strong>
          </span>
        ))}
        {remaining !== undefined && (
          <span class="ledger-item" data-remaining>
            {t("fate.renormalised", { percent: Math.round(remaining * 100) })}
          </span>
        )}
      </p>
      <p>
        <span class="ledger-label">{t(shares ? "ledger.kind.written" : "ledger.kind")}</span>
        {KINDS.map((name, index) => (
          <span key={name} class="ledger-item" data-kind={name}>
            <span class="swatch" aria-hidden="true" />
            <bdi>{kindName(name, keys, t)}</bdi> <strong class="number">{kinds[index]} %</strong>
          </span>
        ))}
      </p>
    </section>
  );
}
