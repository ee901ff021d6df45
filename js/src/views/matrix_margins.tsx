/** In the margins of the matrix: what each key takes, how widely each query looks, and where the frame is. */

import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { prepare } from "../paint/canvas";
import { type Bars, barsOf, paintBars } from "../paint/margins";
import { css } from "../paint/palette";
import { Pictures } from "../paint/tiles";
import type { MatrixModel } from "./matrix_model";
import { centredOn } from "./matrix_zoom";

export const COLUMN_DEPTH = 30;
export const ENTROPY_DEPTH = 40;

function barsFor(model: MatrixModel, side: "top" | "right"): Bars | null {
  const { width, height } = model.frame.value;
  const { key, query, cell } = model.window.value;
  if (side === "top") {
    const values = model.means.value?.values;
    if (!values) return null;
    // Against the largest in the frame: far from a sink that takes most, the others still differ.
    const [first, end] = model.visible().keys;
    const most = values.subarray(first, end).reduce((largest, value) => Math.max(largest, value), 0);
    return { side, depth: COLUMN_DEPTH - 2, values, most, start: key, cell, length: width };
  }
  const entropy = model.entropy.value;
  if (!entropy) return null;
  // Of what is possible: a query that may see two keys cannot look widely.
  const values = entropy.nats.map((nats, at) => ((entropy.most[at] ?? 0) > 0 ? nats / (entropy.most[at] ?? 1) : 0));
  return { side, depth: ENTROPY_DEPTH - 2, values, most: 1, start: query, cell, length: height };
}

function paint(model: MatrixModel, side: "top" | "right", canvas: HTMLCanvasElement): void {
  const bars = barsFor(model, side);
  const top = side === "top";
  const { width, height } = model.frame.value;
  const context = prepare(canvas, top ? width : ENTROPY_DEPTH, top ? COLUMN_DEPTH - 2 : height);
  if (!context) return;
  const { palette } = model.view;
  canvas.dataset.bars = String(bars ? barsOf(bars).length : 0);
  if (bars) paintBars(context, bars, css(palette.value.ink, 0.62));
  const hover = model.view.store.hover.value;
  const index = top
    ? hover?.side === "key"
      ? hover.index
      : hover?.key
    : hover?.side === "query"
      ? hover.index
      : undefined;
  if (!bars || index === undefined) return;
  const single = barsOf({ ...bars, values: Float64Array.from(bars.values, (value, at) => (at === index ? value : 0)) });
  context.fillStyle = css(palette.value.query);
  for (const [at, wide, long] of single) {
    if (top) context.fillRect(at, bars.depth - long, Math.max(1, wide), long);
    else context.fillRect(0, at, long, Math.max(1, wide));
  }
}

export function Margin({ model, side }: { model: MatrixModel; side: "top" | "right" }) {
  const { store } = model.view;
  const t = store.t.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const bars = canvas.current;
    return bars ? effect(() => paint(model, side, bars)) : undefined;
  }, [model, side]);
  const title = t(side === "top" ? "matrix.column.title" : "matrix.entropy.title");
  return (
    <canvas
      ref={canvas}
      class={`margin margin-${side}`}
      role="img"
      aria-label={title}
      title={title}
      onPointerMove={(event) => {
        const { left, top } = (event.currentTarget as HTMLElement).getBoundingClientRect();
        const { key, query, cell } = model.window.peek();
        const { keys, queries } = model.frame.peek();
        const index =
          side === "top"
            ? Math.floor(key + (event.clientX - left) / cell)
            : Math.floor(query + (event.clientY - top) / cell);
        if (index < 0 || index >= (side === "top" ? keys : queries)) return;
        store.hover.value = { side: side === "top" ? "key" : "query", index };
      }}
      onPointerLeave={() => {
        store.hover.value = null;
      }}
    />
  );
}

/** The whole matrix small, with a frame round the part in view; a press brings that place into view. */
export function Minimap({ model, room }: { model: MatrixModel; room: readonly [width: number, height: number] }) {
  const { view } = model;
  const canvas = useRef<HTMLCanvasElement>(null);
  const { queries, keys } = model.frame.value;
  const scale = Math.min(room[0] / keys, room[1] / queries);
  const [wide, tall] = [Math.max(16, keys * scale), Math.max(16, queries * scale)];
  useEffect(() => {
    const pictures = new Pictures();
    return effect(() => {
      const context = canvas.current && prepare(canvas.current, wide, tall);
      const read = model.read.value;
      const colouring = model.colouring.value;
      if (!context || !read || !colouring) return;
      const { key, query, cell } = model.window.value;
      const frame = model.frame.value;
      const small = model.levelFor(read.field, Math.min(wide / frame.keys, tall / frame.queries), 1);
      const picture = pictures.of(small, colouring);
      context.imageSmoothingEnabled = false;
      context.drawImage(picture, 0, 0, wide, tall);
      const [x, y] = [(key / frame.keys) * wide, (query / frame.queries) * tall];
      const part = [frame.width / cell / frame.keys, frame.height / cell / frame.queries] as const;
      const size = [Math.max(4, Math.min(1, part[0]) * wide), Math.max(4, Math.min(1, part[1]) * tall)] as const;
      context.strokeStyle = css(view.palette.value.query);
      context.lineWidth = 2;
      context.strokeRect(Math.min(x, wide - size[0]) + 1, Math.min(y, tall - size[1]) + 1, size[0] - 2, size[1] - 2);
    });
  }, [model, view, wide, tall]);
  const go = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const frame = model.frame.peek();
    const at = (from: number, size: number, count: number) => ((from / size) * count) | 0;
    const query = at(event.clientY - box.top, box.height, frame.queries);
    model.look(centredOn(model.window.peek(), frame, query, at(event.clientX - box.left, box.width, frame.keys)));
  };
  return (
    <canvas
      ref={canvas}
      class="matrix-map"
      role="img"
      aria-label={view.store.t.value("matrix.map")}
      title={view.store.t.value("matrix.map")}
      onPointerDown={(event) => {
        (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
        go(event);
      }}
      onPointerMove={(event) => event.buttons > 0 && go(event)}
    />
  );
}
