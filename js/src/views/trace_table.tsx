/** The numbers of a trace as a table, made when it is opened. */

import { Disclosed } from "../controls/disclosed";
import { firstCells, formatRatio, type Trace } from "../trace";
import type { Stack } from "../types";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";
import { ends } from "./trace";

export function TraceTable({ view, stack, traced }: { view: View; stack: Stack; traced: Trace }) {
  const { store } = view;
  const t = store.t.value;
  const first = firstCells(stack);
  return (
    <Disclosed name="trace-table" label={t("trace.table")}>
      {() =>
        ([0, 1] as const)
          .filter((which) => traced.ways[which].state === "shown")
          .map((which) => {
            const way = traced.ways[which];
            const [from, to] = ends(traced, which, store.queries.value, store.keys.value);
            return (
              <div key={which} class="trace-scroll">
                <table>
                  <caption>
                    {from} → {to}
                  </caption>
                  <thead>
                    <tr>
                      {(
                        [
                          "layer",
                          "trace.head",
                          "weight",
                          "trace.column.rank",
                          "trace.column.ratio",
                          "trace.column.drawn",
                        ] as const
                      ).map((key) => (
                        <th key={key} scope="col">
                          {t(key)}
                        </th>
                      ))}
                    </tr>
                  </thead>
                  <tbody>
                    {stack.layers.flatMap((info, layer) =>
                      Array.from({ length: info.heads }, (_, head) => {
                        const cell = (first[layer] ?? 0) + head;
                        const times = [way.ratio[cell] ?? Number.NaN, way.drawn[cell] ?? Number.NaN];
                        return (
                          <tr key={cell} data-cell={cell}>
                            <td>{layer}</td>
                            <td>{head}</td>
                            <td>{Number.isNaN(way.weight[cell]) ? "–" : formatWeight(way.weight[cell] ?? 0)}</td>
                            <td>{way.rank[cell] || "–"}</td>
                            {times.map((ratio, index) => (
                              <td key={index}>{Number.isNaN(ratio) ? "–" : formatRatio(ratio)}</td>
                            ))}
                          </tr>
                        );
                      }),
                    )}
                  </tbody>
                </table>
              </div>
            );
          })
      }
    </Disclosed>
  );
}
