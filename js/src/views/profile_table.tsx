/** The figure's numbers as a table, made when it is opened. */

import { Disclosed } from "../controls/disclosed";
import type { Statistics } from "../statistics";
import type { View } from "../view";
import { type Measured, partName, partsPresent } from "./profile_bars";

const BOTH: readonly Measured[] = ["weight", "contribution"];

export function PartTable({ view, statistics }: { view: View; statistics: Statistics }) {
  const t = view.store.t.value;
  const parts = partsPresent(statistics);
  const shown = BOTH.filter((of) => statistics.has_values || of === "weight");
  const cell = (share: number | null | undefined) =>
    share === null || share === undefined ? "–" : (share * 100).toFixed(1);
  return (
    <Disclosed name="heads-table" scroll="heads-table-scroll" label={t("profile.table")}>
      {() => (
        <table class="part-table">
          <thead>
            <tr>
              <th scope="col">{t("layer")}</th>
              {shown.map((of) =>
                parts.map((part) => (
                  <th key={`${of}/${part}`} scope="col">
                    {t(`profile.${of}.short`)}: <bdi>{partName(part, statistics, t)}</bdi>
                  </th>
                )),
              )}
            </tr>
          </thead>
          <tbody>
            {statistics.heads.map((_, layer) => (
              <tr key={layer}>
                <th scope="row">{layer}</th>
                {shown.map((of) =>
                  parts.map((part) => (
                    <td key={`${of}/${part}`} class="number">
                      {cell(statistics.partition[`${of}_per_layer`][part]?.[layer])}
                    </td>
                  )),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Disclosed>
  );
}
