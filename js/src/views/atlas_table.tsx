/** The same heads as a real table, made when it is opened. */

import { Disclosed } from "../controls/disclosed";
import { formatStatistic, type HeadLabel, numberAt, type Statistics, statisticTitle } from "../statistics";
import type { Language } from "../types";
import type { View } from "../view";

interface Props {
  view: View;
  statistics: Statistics;
  orders: readonly (readonly number[])[];
  labels: readonly (readonly HeadLabel[])[];
  sort: string;
  only: string;
  lang: Language;
}

const PERCENTS = ["cls", "sep", "punct"] as const;

export function HeadsTable({ view, statistics, orders, labels, sort, only, lang }: Props) {
  const t = view.store.t.value;
  const percent = (name: string, layer: number, head: number) => {
    const value = numberAt(statistics.partition.weight_per_head[name], layer, head);
    return value === null ? "–" : `${(value * 100).toFixed(1)} %`;
  };
  return (
    <Disclosed name="heads-table" scroll="heads-table-scroll" label={t("heads.table")}>
      {() => (
        <table>
          <thead>
            <tr>
              <th scope="col">{t("heads.table.head")}</th>
              {PERCENTS.map((name) => (
                <th key={name} scope="col">
                  {statistics.sinks[name] ?? t(`profile.part.${name}`)}
                </th>
              ))}
              {sort && <th scope="col">{statisticTitle(statistics, sort, lang)}</th>}
              <th scope="col">{t("heads.table.label")}</th>
            </tr>
          </thead>
          <tbody>
            {orders.map((order, layer) =>
              order
                .filter((head) => only === "" || labels[layer]?.[head]?.label === only)
                .map((head) => (
                  <tr key={`${layer}/${head}`}>
                    <th scope="row" class="number">
                      L{layer} H{head}
                    </th>
                    {PERCENTS.map((name) => (
                      <td key={name} class="number">
                        {percent(name, layer, head)}
                      </td>
                    ))}
                    {sort && <td class="number">{formatStatistic(numberAt(statistics.values[sort], layer, head))}</td>}
                    <td>{labels[layer]?.[head]?.text[lang]}</td>
                  </tr>
                )),
            )}
          </tbody>
        </table>
      )}
    </Disclosed>
  );
}
