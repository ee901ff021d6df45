/** The figure of Steps: a real table of numbers with strips of colour painted over its empty cells. */

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Segmented } from "../controls/segmented";
import { TokenText } from "../controls/tokens";
import { paintOn } from "../paint/canvas";
import { css } from "../paint/palette";
import { type Box, paintMark, paintStrip, scaleOf } from "../paint/steps";
import { type HeadParts, type Listed, printed, products, range, type Steps, weighted } from "../steps";
import type { Token } from "../types";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";
import {
  barWidth,
  type Column,
  ColumnHead,
  columnsFor,
  endsFor,
  numberColumns,
  PADDING,
  STRETCHES,
  type Stretch,
  stretchOf,
  widthOf,
} from "./steps_columns";
import { Foot } from "./steps_foot";
import { OUTPUT_ROW, QUERY_ROW, ROW, stripsOf, TALL_STRIP } from "./steps_strips";

/** What the pointer is on: a key (or the query's own row), and a dimension where it is on a strip. */
export interface Point {
  key: number | null;
  dimension: number | null;
}

interface Props {
  view: View;
  parts: HeadParts;
  row: Steps;
  list: Listed;
  keys: readonly Token[];
  query: Token | undefined;
  width: number;
  label: number;
  point: Signal<Point | null>;
}

export function StepsTable(props: Props) {
  const { view, parts, row, list, keys, query, width, label, point } = props;
  const { store } = view;
  const t = store.t.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  const marks = useRef<HTMLCanvasElement>(null);
  const body = useRef<HTMLTableSectionElement>(null);
  const top = useSignal(0);
  const stretch = useSignal<Stretch>("weights");
  const all = useMemo(() => columnsFor(parts, width, label), [parts, width, label]);
  const narrow = widthOf(all) > width;
  const part = stretch.value;
  const columns = useMemo(() => (narrow ? stretchOf(all, part, width) : all), [all, narrow, part, width]);
  const has = (name: Column["name"]) => columns.some((one) => one.name === name);
  const numbers = useMemo(() => numberColumns(parts).filter(has), [parts, columns]);
  const total = widthOf(columns);
  const cells = useMemo(() => {
    const qk = list.keys.map((key) => products(row, key));
    const wv = list.keys.map((key) => weighted(row, key));
    return { qk, wv, ends: endsFor(row, list.keys, qk, wv) };
  }, [row, list]);
  const { ends } = cells;
  const extra = (row.sink ? 1 : 0) + (list.rest ? 1 : 0);
  const height = QUERY_ROW + (list.keys.length + extra) * ROW + OUTPUT_ROW;
  const strips = useMemo(() => stripsOf(row, list, cells, height), [row, list, cells, height]);

  const palette = view.palette.value;
  const dark = store.dark.value;
  const column = (name: Column["name"]) => columns.find((one) => one.name === name);
  const inside = (name: Column["name"]): Pick<Box, "x" | "width"> => {
    const { x = 0, width = 0 } = column(name) ?? {};
    return { x: x + PADDING, width: width - 2 * PADDING };
  };

  // Heads of columns wrap as they need to; the painted strips follow the rows.
  useEffect(() => {
    const found = body.current?.offsetTop ?? 0;
    if (found !== top.peek()) top.value = found;
  });
  const offset = top.value;

  useEffect(() => {
    if (!canvas.current) return;
    paintOn(canvas.current, total, height, (context) => {
      for (const { column, values, y, height: tall, own } of strips) {
        if (!has(column)) continue;
        const { end } = ends[own && own !== "query" ? "output" : column];
        const scale = scaleOf(end, palette, dark);
        const outline = own === "query" ? css(palette.query) : css(palette.ink, own === "output" ? 0.9 : 0.18);
        paintStrip(context, values, { ...inside(column), y, height: tall }, scale, outline);
      }
    });
  }, [strips, ends, palette, dark, total, height, columns]);

  const dimension = point.value?.dimension ?? null;
  const mark = (context: CanvasRenderingContext2D) => {
    if (dimension === null) return;
    const end = QUERY_ROW + list.keys.length * ROW;
    const first = (QUERY_ROW - TALL_STRIP) / 2;
    const colour = css(palette.query);
    if (dimension < row.d && has("k")) {
      paintMark(context, dimension, row.d, { ...inside("k"), y: first, height: end - first - 3 }, colour);
      paintMark(context, dimension, row.d, { ...inside("qk"), y: QUERY_ROW + 2, height: end - QUERY_ROW - 5 }, colour);
    }
    if (dimension < row.dv && has("wv")) {
      const tall = height - (OUTPUT_ROW - TALL_STRIP) / 2 - QUERY_ROW - 2;
      paintMark(context, dimension, row.dv, { ...inside("wv"), y: QUERY_ROW + 2, height: tall }, colour);
    }
  };
  useEffect(() => {
    if (marks.current) paintOn(marks.current, total, height, mark);
  }, [dimension, row, list, palette, total, height, columns]);

  const find = (event: PointerEvent): Point | null => {
    const box = canvas.current?.getBoundingClientRect();
    if (!box) return null;
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (y < 0 || y >= height) return null;
    const index = Math.floor((y - QUERY_ROW) / ROW);
    const key = y < QUERY_ROW ? null : (list.keys[index] ?? null);
    for (const name of (["k", "qk", "wv"] as const).filter(has)) {
      const { x: left, width: wide } = inside(name);
      const count = name === "wv" ? row.dv : row.d;
      const at = Math.floor(((x - left) / wide) * count);
      if (at >= 0 && at < count) return { key, dimension: at };
    }
    return { key, dimension: null };
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const now = point.peek();
    const index = list.keys.indexOf(now?.key ?? -1);
    if (by) {
      event.preventDefault();
      const [down = 0, right = 0] = by;
      const to = Math.max(0, Math.min(list.keys.length - 1, index < 0 ? 0 : index + down));
      const dimension = now?.dimension ?? null;
      const most = Math.max(row.d, row.dv) - 1;
      point.value = {
        key: list.keys[to] ?? null,
        dimension: dimension === null ? (right ? 0 : null) : Math.max(0, Math.min(most, dimension + right)),
      };
    } else if ((event.key === "Enter" || event.key === " ") && now?.key !== null && now?.key !== undefined) {
      event.preventDefault();
      store.lockToken("key", now.key, event.shiftKey);
    }
  };

  const longest = barWidth(columns);
  const largest = row.weights.reduce((most, weight) => Math.max(most, weight), 0);
  const locked = store.synced.selected_keys.value;
  const vector = (values: ArrayLike<number>) => {
    const [low, high] = range(values).map(printed);
    return <span class="hidden">{t("steps.range", { count: values.length, low: low ?? "", high: high ?? "" })}</span>;
  };
  const weightCell = (weight: number, kind?: string) => (
    <td class="steps-cell steps-weight">
      <strong class="number">{formatWeight(weight)}</strong>
      <span
        class="steps-bar"
        data-kind={kind}
        style={{ width: `${largest > 0 ? Math.min(1, weight / largest) * longest : 0}px` }}
      />
    </td>
  );
  const number = (name: string, key: number) => {
    if (name === "mask") {
      const on = row.seen?.[key] !== 0;
      return <span class={on ? "muted" : "steps-masked"}>{on ? "+ 0" : "−∞"}</span>;
    }
    const values = { sum: row.sums, scaled: row.scaled, capped: row.capped, bias: row.bias, score: row.scores }[name];
    return printed(values?.[key] ?? 0);
  };
  const finalName = numbers.at(-1);
  return (
    <>
      {narrow && (
        <Segmented
          label={t("steps.stretch")}
          value={part}
          options={STRETCHES.map((value) => ({ value, text: t(`steps.stretch.${value}`) }))}
          onChange={(value) => {
            stretch.value = value;
          }}
        />
      )}
      {total > width && <p class="steps-sideways">{t("steps.sideways")}</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: its cells are read by arrow keys */}
      <section class="steps-scroll" tabIndex={0} aria-label={t("steps.figure")} onKeyDown={onKeyDown}>
        <div class="steps-figure" style={{ width: `${total}px` }}>
          <table
            class="steps-table"
            onPointerMove={(event) => {
              const [next, now] = [find(event), point.peek()];
              if (next?.key !== now?.key || next?.dimension !== now?.dimension) point.value = next;
            }}
            onPointerLeave={() => {
              point.value = null;
            }}
          >
            <colgroup>
              {columns.map(({ name, width: wide }) => (
                <col key={name} style={{ width: `${wide}px` }} />
              ))}
            </colgroup>
            <thead>
              <tr>
                {columns.map((one) => (
                  <ColumnHead
                    key={one.name}
                    view={view}
                    column={one}
                    parts={parts}
                    ends={ends}
                    last={one.name === finalName}
                  />
                ))}
              </tr>
            </thead>
            <tbody ref={body}>
              <tr class="steps-query" style={{ height: `${QUERY_ROW}px` }}>
                <th scope="row" class="steps-cell steps-key" data-own="">
                  <span class="steps-q">q</span> {query && <TokenText token={query} />}
                </th>
                {has("k") && <td class="steps-cell">{vector(row.q)}</td>}
                <td class="steps-cell" colSpan={columns.length - (has("k") ? 2 : 1)} />
              </tr>
              {list.keys.map((key, index) => {
                const token = keys[key];
                return (
                  <tr
                    key={key}
                    data-key={key}
                    class="steps-row"
                    style={{ height: `${ROW}px` }}
                    data-masked={row.seen?.[key] === 0 ? "" : undefined}
                    data-on={point.value?.key === key ? "" : undefined}
                    data-locked={locked.includes(key) ? "" : undefined}
                    onClick={(event) => store.lockToken("key", key, event.shiftKey)}
                  >
                    <th
                      scope="row"
                      class="steps-cell steps-key"
                      data-kind={token?.kind}
                      title={`${key} ${token?.text ?? ""}`}
                    >
                      {list.rest && <span class="steps-place number">{key}</span>}
                      {token && <TokenText token={token} />}
                    </th>
                    {has("k") && <td class="steps-cell">{vector(row.k.subarray(key * row.d, (key + 1) * row.d))}</td>}
                    {has("qk") && <td class="steps-cell">{vector(cells.qk[index] ?? [])}</td>}
                    {numbers.map((name) => (
                      <td
                        key={name}
                        class="steps-cell steps-number number"
                        data-column={name}
                        data-final={name === finalName ? "" : undefined}
                      >
                        {number(name, key)}
                      </td>
                    ))}
                    {has("weight") && weightCell(row.weights[key] ?? 0, token?.kind)}
                    {has("wv") && <td class="steps-cell">{vector(cells.wv[index] ?? [])}</td>}
                  </tr>
                );
              })}
              <Foot {...{ view, row, list, keys, ends, columns, weightCell, vector }} />
            </tbody>
          </table>
          <canvas ref={canvas} class="steps-canvas" data-rows={list.keys.length} style={{ top: `${offset}px` }} />
          <canvas ref={marks} class="steps-canvas" style={{ top: `${offset}px` }} />
        </div>
      </section>
    </>
  );
}
