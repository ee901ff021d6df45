/** Below the keys of Steps: a learned sink, the keys that are not listed, and the output. */

import type { ComponentChildren } from "preact";
import { TokenText } from "../controls/tokens";
import { type Listed, printed, type Steps } from "../steps";
import type { Token } from "../types";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";
import type { Column, Ends } from "./steps_columns";
import { OUTPUT_ROW, ROW } from "./steps_strips";

interface Props {
  view: View;
  row: Steps;
  list: Listed;
  keys: readonly Token[];
  ends: Ends;
  columns: readonly Column[];
  weightCell(weight: number, kind?: string): ComponentChildren;
  vector(values: ArrayLike<number>): ComponentChildren;
}

export function Foot({ view, row, list, keys, ends, columns, weightCell, vector }: Props) {
  const t = view.store.t.value;
  const has = (name: Column["name"]) => columns.some((one) => one.name === name);
  /** Columns between the tokens and the weights; and whether the last of them is what softmax takes. */
  const before = columns.filter(({ name }) => name !== "label" && name !== "weight" && name !== "wv").length;
  const scored = has("sum");
  const own = ends.output.end !== ends.wv.end;
  const colour = t("steps.output.colour", { end: ends.output.end });
  return (
    <>
      {row.sink && (
        <tr data-key="sink" style={{ height: `${ROW}px` }}>
          <th scope="row" class="steps-cell steps-key muted">
            {keys[row.keys] ? <TokenText token={keys[row.keys] as Token} /> : t("steps.sink")}
          </th>
          {before > (scored ? 1 : 0) && (
            <td class="steps-cell muted" colSpan={before - (scored ? 1 : 0)}>
              {t("steps.sink.learned")}
            </td>
          )}
          {scored && (
            <td class="steps-cell steps-number number" data-final="">
              {printed(row.scores[row.keys] ?? 0)}
            </td>
          )}
          {has("weight") && weightCell(row.weights[row.keys] ?? 0, "other")}
          {has("wv") && <td class="steps-cell muted">{t("steps.sink.nothing")}</td>}
        </tr>
      )}
      {list.rest && (
        <tr data-key="rest" style={{ height: `${ROW}px` }}>
          <th scope="row" class="steps-cell steps-key muted">
            {t("steps.rest", { count: list.rest.count.toLocaleString("en") })}
          </th>
          {before > 0 && <td class="steps-cell" colSpan={before} />}
          {has("weight") && weightCell(list.rest.weight, "other")}
          {has("wv") && <td class="steps-cell">{vector(list.rest.value)}</td>}
        </tr>
      )}
      <tr class="steps-output" style={{ height: `${OUTPUT_ROW}px` }}>
        <th scope="row" class="steps-cell steps-key">
          <span class="steps-title">⑥ {t("steps.output")}</span>
        </th>
        {before > 0 && (
          <td class="steps-cell steps-sum" colSpan={before}>
            {has("wv") && t("steps.output.how")}
            {has("wv") && own && <span class="steps-below">{colour}</span>}
          </td>
        )}
        {has("weight") && (
          <td class="steps-cell steps-weight">
            <strong class="number">{formatWeight(row.weights.reduce((sum, weight) => sum + weight, 0))}</strong>
            {before === 0 && own && <span title={colour}> ±{ends.output.end}</span>}
          </td>
        )}
        {has("wv") && <td class="steps-cell">{vector(row.output)}</td>}
      </tr>
    </>
  );
}
