/** The mass ledger: two lines under the picture, each adding to 100 % of the rows in view. */

import type { Ledger as Accounts } from "../scene";
import { KINDS, percents } from "../scene";
import type { View } from "../view";
import { kindName } from "./shares";

const FATES = ["drawn", "below", "left_out"] as const;

export function Ledger({ view, accounts }: { view: View; accounts: Accounts | undefined }) {
  const t = view.store.t.value;
  const keys = view.store.keys.value;
  const lines = view.store.synced.mode.value === "lines";
  const fate = percents(FATES.map((name) => accounts?.fate[name] ?? 0));
  const kinds = percents(KINDS.map((name) => accounts?.kinds[name] ?? 0));
  return (
    <section class="ledger" aria-label={t("ledger")}>
      {lines && (
        <p>
          <span class="ledger-label">{t("ledger.fate")}</span>
          {FATES.map((name, index) => (
            <span key={name} class="ledger-item" data-fate={name}>
              {t(`fate.${name}`)} <strong class="number">{fate[index]} %</strong>
            </span>
          ))}
        </p>
      )}
      <p>
        <span class="ledger-label">{t("ledger.kind")}</span>
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
