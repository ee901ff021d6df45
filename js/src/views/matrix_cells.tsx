/** The cells of the matrix: painted on a canvas, looked over by pointer, touch and keys. */

import { effect } from "@preact/signals";
import { useEffect, useId, useMemo, useRef } from "preact/hooks";
import { prepare } from "../paint/canvas";
import { fieldOf } from "../paint/matrix";
import { css } from "../paint/palette";
import { type Part, Pictures, paintField, paintGrid, paintNumbers } from "../paint/tiles";
import { affordable, placesIn } from "../tile_places";
import { formatWeight } from "../wire/codec";
import { listen, onKey } from "./matrix_gestures";
import type { MatrixModel } from "./matrix_model";

/** From this size on single cells are told apart, and those that are held are drawn one by one. */
const TOLD_APART = 8;
const MOST_STEP = 64;

function paintCells(model: MatrixModel, canvas: HTMLCanvasElement, pictures: Pictures): void {
  const { view } = model;
  const { width, height } = model.frame.value;
  const now = model.window.value;
  const palette = view.palette.value;
  const colouring = model.colouring.value;
  const read = model.read.value;
  view.data.rowsArrived.value;
  const tiles = model.tiles.value;
  tiles?.arrived.value;
  const context = prepare(canvas, width, height);
  if (!context || !colouring || !read || !model.isOfNow(read.selection)) return;
  const part: Part = { ...now, width, height };
  const visible = model.visible();
  const ratio = Math.min(globalThis.devicePixelRatio || 1, 3);
  const whole = model.levelFor(read.field, now.cell, ratio);
  paintField(context, pictures.of(whole, colouring), whole, part);

  const { joint } = read.selection;
  const source = model.source.value;
  const partial = read.partial || read.field.step > 1;
  if (partial && now.cell >= TOLD_APART) {
    const near = fieldOf(joint, visible.queries, visible.keys);
    // Of several heads together only whole rows are known cell by cell.
    if (read.selection.heads.length === 1 || read.field.step > 1) {
      paintField(context, pictures.of(near, colouring), near, part);
    }
  }
  if (source) {
    // Coarser tiles first: they stand in for finer ones that are on their way.
    for (let step = MOST_STEP; step >= model.step.value; step /= 2) {
      if (!affordable(source, step)) continue;
      for (const place of placesIn(source, step, visible.queries, visible.keys)) {
        const tile = tiles?.get(source, place);
        if (tile) paintField(context, pictures.of(tile, colouring), tile, part);
      }
    }
  }
  pictures.sweep();
  paintGrid(context, part, palette);
  canvas.dataset.numbers = String(
    paintNumbers(context, part, visible, (query, key) => model.value(query, key), colouring, palette),
  );
}

function paintCross(model: MatrixModel, canvas: HTMLCanvasElement): void {
  const { view } = model;
  const { width, height } = model.frame.value;
  const { key: x0, query: y0, cell } = model.window.value;
  const { queries, keys } = view.signals.locked.value;
  const hover = view.store.hover.value;
  const palette = view.palette.value;
  const context = prepare(canvas, width, height);
  if (!context) return;
  const frame = (key: number, query: number, wide: number, tall: number, alpha: number) => {
    context.strokeStyle = css(palette.query, alpha);
    context.lineWidth = 1.5;
    const [x, y] = [(key - x0) * cell, (query - y0) * cell];
    context.strokeRect(x + 0.75, y + 0.75, Math.max(1, wide - 1.5), Math.max(1, tall - 1.5));
  };
  const row = (query: number, alpha: number) => frame(x0, query, width, cell, alpha);
  const column = (key: number, alpha: number) => frame(key, y0, cell, height, alpha);
  for (const query of queries) row(query, 1);
  for (const key of keys) column(key, 1);
  if (!hover) return;
  if (hover.side === "query") row(hover.index, 0.75);
  const key = hover.side === "key" ? hover.index : hover.key;
  if (key !== undefined) column(key, 0.75);
  if (hover.side === "query" && key !== undefined && cell >= 6) {
    context.lineWidth = 2.5;
    context.strokeStyle = css(palette.query);
    context.strokeRect((key - x0) * cell, (hover.index - y0) * cell, cell, cell);
  }
}

/** What keys move over and screen readers read: of all cells only the one in focus is there. */
function Keys({ model }: { model: MatrixModel }) {
  const { view } = model;
  const { store, signals } = view;
  const id = useId();
  const { queries, keys } = signals.axes.value;
  const locked = signals.locked.value;
  const { query, key } = model.cursor.value;
  model.read.value;
  model.tiles.value?.arrived.value;
  view.data.rowsArrived.value;
  const value = model.value(query, key);
  return (
    <div
      role="listbox"
      class="cells-keys"
      tabIndex={0}
      aria-label={`${view.what.value}. ${store.t.value("matrix.keys")}`}
      aria-multiselectable="true"
      aria-activedescendant={id}
      onKeyDown={(event) => onKey(model, event)}
      onFocus={(event) => {
        if ((event.currentTarget as HTMLElement).matches(":focus-visible")) model.point(model.cursor.peek());
      }}
      onBlur={() => {
        store.hover.value = null;
      }}
    >
      <div
        role="option"
        id={id}
        tabIndex={-1}
        aria-posinset={query * keys.length + key + 1}
        aria-setsize={queries.length * keys.length}
        aria-selected={locked.queries.includes(query) && locked.keys.includes(key)}
      >
        {queries[query]?.text} → {keys[key]?.text} {Number.isNaN(value) ? "…" : formatWeight(value)}
      </div>
    </div>
  );
}

export function Cells({ model }: { model: MatrixModel }) {
  const { view } = model;
  const t = view.store.t.value;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const cross = useRef<HTMLCanvasElement>(null);
  const pictures = useMemo(() => new Pictures(), []);
  useEffect(() => {
    const [cells, lines] = [canvas.current, cross.current];
    if (!cells || !lines) return;
    const stops = [effect(() => paintCells(model, cells, pictures)), effect(() => paintCross(model, lines))];
    return () => {
      for (const stop of stops) stop();
    };
  }, [model, pictures]);
  useEffect(() => {
    const life = new AbortController();
    if (box.current) listen(model, box.current, life.signal);
    return () => life.abort();
  }, [model]);
  const { width, height, queries, keys } = model.frame.value;
  const part = model.isPart.value;
  const gaps = model.read.value?.partial;
  return (
    <div
      ref={box}
      class="cells"
      data-held={model.source.value ? "part" : gaps ? "gaps" : undefined}
      data-part={part ? "" : undefined}
      style={{ width: `${width}px`, height: `${height}px` }}
    >
      <canvas
        ref={canvas}
        role="img"
        data-max={model.shading.value.max}
        aria-label={t("matrix.label", { queries, keys, what: view.what.value })}
      />
      <canvas ref={cross} class="cross" />
      <Keys model={model} />
    </div>
  );
}
