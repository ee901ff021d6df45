/** The whole layer beside a long text: a scroll bar that shows what is where. */

import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { prepare } from "../paint/canvas";
import { frameSpan, overviewImage, paintMinimap, rowAt } from "../paint/minimap";
import type { View } from "../view";
import { Overviews } from "../wire/overview";

interface Props {
  view: View;
  width: number;
  height: number;
  /** Rows of the longer column: what is scrolled through. */
  rows: number;
  /** Rows in view, end exclusive. */
  first: number;
  end: number;
  /** Rows and keys in focus, finds of the search. */
  queriesMarked: readonly number[];
  keysMarked: readonly number[];
  finds: ReadonlySet<number>;
  /** Put this row at the top. */
  onMove: (first: number, dragged: boolean) => void;
}

function drawn(...of: Parameters<typeof overviewImage>): HTMLCanvasElement {
  const image = overviewImage(...of);
  const small = document.createElement("canvas");
  [small.width, small.height] = [image.width, image.height];
  small.getContext("2d")?.putImageData(image, 0, 0);
  return small;
}

export function Minimap(props: Props) {
  const { view, width, height, rows, first, end, queriesMarked, keysMarked, finds, onMove } = props;
  const { store, data, signals } = view;
  const t = store.t.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  const stack = store.stack.value;
  const layer = store.synced.layer.value;
  data.version.value;
  const rolled = store.synced.aggregate.value === "rollout";
  const pictures = stack && !rolled ? data.thumbnails.ofLayer(stack.name, layer).value : undefined;
  const shown = signals.heads.value;
  const tints = view.tints.value;
  const palette = view.palette.value;
  const axes = signals.axes.value;
  const [queries, keys] = [axes.queries.length, axes.keys.length];

  const picture = useMemo(() => {
    if (!stack || !("heads" in shown)) return null;
    if (!pictures) {
      const [only] = shown.heads;
      // A rollout has no small pictures of its own.
      if (!rolled || only?.weights.form !== "dense") return null;
      return drawn(Overviews.ofWeights(only.weights), [0], tints, keys);
    }
    const before = (at: number) => stack.layers.slice(0, at).reduce((sum, info) => sum + info.heads, 0);
    const indices = shown.heads
      .filter((one) => !pictures.perLayer || one.layer === layer)
      .map((one) => (pictures.perLayer ? one.head : before(one.layer) + one.head))
      .filter((index) => index < pictures.overviews.heads);
    return drawn(pictures.overviews, indices, tints, keys);
  }, [pictures, rolled, shown, stack, layer, tints, keys]);

  useLayoutEffect(() => {
    const context = canvas.current && prepare(canvas.current, width, height);
    if (!context) return;
    const frame = { width, height, rows, queries, keys, first, end };
    paintMinimap(context, picture, frame, { rows: queriesMarked, keys: keysMarked, finds }, palette);
  }, [picture, width, height, rows, queries, keys, first, end, queriesMarked, keysMarked, finds, palette]);

  const inView = end - first;
  const go = (to: number, dragged = false) => onMove(Math.max(0, Math.min(rows - inView, to)), dragged);
  const start = useRef(0);
  const drag = (event: PointerEvent, begin: boolean) => {
    const target = event.currentTarget as HTMLElement;
    const y = event.clientY - target.getBoundingClientRect().top;
    const row = rowAt({ height, rows }, y);
    if (begin) {
      target.setPointerCapture(event.pointerId);
      const [top, tall] = frameSpan({ height, rows, first, end });
      // Taken by its frame, the frame stays under the pointer; elsewhere it comes to the pointer.
      start.current = y >= top && y <= top + tall ? row - first : Math.floor(inView / 2);
    }
    go(row - start.current, true);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const to = {
      ArrowDown: first + 1,
      ArrowUp: first - 1,
      PageDown: first + inView,
      PageUp: first - inView,
      Home: 0,
      End: rows,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(to);
  };
  return (
    <canvas
      ref={canvas}
      class="minimap"
      role="slider"
      aria-orientation="vertical"
      aria-label={t("minimap")}
      aria-valuemin={0}
      aria-valuemax={Math.max(0, rows - inView)}
      aria-valuenow={first}
      aria-valuetext={t("lines.rows", { first, last: end - 1, count: rows })}
      title={`${t("minimap")}\n${t("minimap.keys")}`}
      tabIndex={0}
      onPointerDown={(event) => event.button === 0 && drag(event, true)}
      onPointerMove={(event) => {
        if ((event.currentTarget as HTMLElement).hasPointerCapture(event.pointerId)) drag(event, false);
      }}
      onKeyDown={onKeyDown}
    />
  );
}
