/** The numbers in view as a table, for reading, for copying, and for those who do not see the picture. */

import type { ComponentChildren } from "preact";
import { Disclosed } from "../controls/disclosed";
import { MOST_READ } from "../picture";
import { formatChange, sidesNow } from "../sides";
import { cellsInView } from "../table";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";

interface Content {
  caption: string;
  head: readonly { text: string; numeric?: boolean }[];
  rows: { id: string; heads: ComponentChildren[]; numbers: string[] }[];
  more: string;
}

function ofCells(view: View): Content | null {
  const { store, signals } = view;
  const t = store.t.value;
  const compared = view.compared.value;
  const selection = signals.selection.value;
  const { queries, keys } = signals.axes.value;
  if (compared && !("difference" in compared)) return null;
  const found = compared?.difference;
  const locked = signals.locked.value.queries;
  if (!found && !selection) return null;
  const row = new Float32Array(keys.length);
  const listed = found
    ? cellsInView(
        found.queries
          .map((_, at) => at)
          .filter((at) => locked.length === 0 || locked.includes(found.queries[at] ?? -1)),
        (at) => found.change.subarray(at * found.keys, (at + 1) * found.keys),
      )
    : cellsInView(signals.rows.value, (query) => {
        selection?.joint.row(query, row);
        return selection?.joint.isWhole(query) ? row : row.map((value) => (value > 0 ? value : Number.NaN));
      });
  const names = sidesNow(store);
  const measure = compared
    ? t(`compare.${compared.measure}`)
    : t(signals.measure.value === "contribution" ? "measure.contribution" : "weight");
  const values = { measure, what: view.what.value, count: listed.cells.length, all: listed.all };
  return {
    caption: t(listed.largest ? "table.caption.largest" : "table.caption", values),
    head: [
      { text: t("query") },
      { text: t("key") },
      ...(found
        ? [names.a, names.b, t("compare.change")].map((text) => ({ text, numeric: true }))
        : [{ text: measure, numeric: true }]),
    ],
    rows: listed.cells.map(({ query, key, value }) => {
      const position = found ? (found.queries[query] ?? 0) : query;
      const at = found ? query * found.keys + key : 0;
      return {
        id: `${query}/${key}`,
        heads: [
          <>
            <span class="muted">{position}</span> <bdi class="token-text">{queries[position]?.text}</bdi>
          </>,
          <>
            <span class="muted">{key}</span> <bdi class="token-text">{keys[key]?.text}</bdi>
          </>,
        ],
        numbers: found
          ? [formatWeight(found.a[at] ?? 0), formatWeight(found.b[at] ?? 0), formatChange(value)]
          : [formatWeight(value)],
      };
    }),
    more: listed.largest ? t("table.more", { count: listed.all - listed.cells.length }) : "",
  };
}

function Table({ content }: { content: Content }) {
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys */}
      <section class="numbers-scroll" tabIndex={0} aria-label={content.caption}>
        <table>
          <caption>{content.caption}</caption>
          <thead>
            <tr>
              {content.head.map(({ text, numeric }) => (
                <th key={text} scope="col" class={numeric ? "numeric" : undefined}>
                  <bdi>{text}</bdi>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {content.rows.map(({ id, heads, numbers }) => (
              <tr key={id}>
                {heads.map((text, at) => (
                  <th key={at} scope="row">
                    {text}
                  </th>
                ))}
                {numbers.map((number, at) => (
                  <td key={at} class="numeric">
                    {number}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {content.more && <p class="muted">{content.more}</p>}
    </>
  );
}

export function NumbersTable({ view }: { view: View }) {
  const { store } = view;
  const t = store.t.value;
  const mode = store.synced.mode.value;
  // The other pictures bring tables of their own.
  if (mode !== "lines" && mode !== "matrix") return null;
  return (
    <Disclosed name="numbers" label={t("table")}>
      {() => {
        const { rows, axes } = view.signals;
        if (!view.compared.value && rows.value.length * axes.value.keys.length > MOST_READ) {
          return <p class="muted">{t("table.long")}</p>;
        }
        const content = ofCells(view);
        return content?.rows.length ? <Table content={content} /> : <p class="muted">{t("table.none")}</p>;
      }}
    </Disclosed>
  );
}
