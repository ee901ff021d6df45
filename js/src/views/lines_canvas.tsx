/** The strokes of Lines on a canvas: all of them, or faded behind those of the focus; and the bars under the tokens. */

import { useLayoutEffect, useRef } from "preact/hooks";
import { paintBars } from "../paint/bars";
import { prepare } from "../paint/canvas";
import { type LinesFrame, type LinesLook, paintStrokes } from "../paint/lines";
import type { Picture } from "../picture";
import type { View } from "../view";
import type { Split } from "./lines_focus";
import { type Layout, NUMBER_WIDTH } from "./lines_layout";

/** How strong the strokes are drawn that are not the matter now. */
const BEHIND = 0.11;
const OTHER_DIRECTION = 0.8;

interface Props {
  view: View;
  picture: Picture | null;
  split: Split;
  at: Layout;
  scroll: number;
}

export function StrokesCanvas({ view, picture, split, at, scroll }: Props) {
  const { middle: width, shown: height, rowHeight } = at;
  const [left, right] = [at.left - NUMBER_WIDTH, at.right - NUMBER_WIDTH];
  const { store, signals } = view;
  const t = store.t.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  /** All strokes, painted once there is a focus: from then on a hover only fades them. */
  const behind = useRef<{ canvas: HTMLCanvasElement; of: readonly unknown[] } | null>(null);
  const highlight = store.synced.highlight.value;
  const palette = view.palette.value;
  const { queries, keys } = signals.axes.value;

  // Before the browser draws: later it would draw twice.
  useLayoutEffect(() => {
    if (!canvas.current) return;
    const context = prepare(canvas.current, left + width + right, height);
    if (!context || !picture) return;
    const frame: LinesFrame = { width, height, rowHeight, scroll };
    const special = highlight === "special";
    context.translate(left, 0);
    paintBars(context, split.inNumbers, { ...frame, from: 0, width: -left }, palette, queries, special);
    paintBars(context, split.outNumbers, { ...frame, from: width, width: right }, palette, keys, special);
    const { focus, strokes, focusStrokes, selection } = picture;
    const chosenQueries = new Set(focus?.side === "query" ? focus.indices : []);
    const look: LinesLook = {
      palette,
      keys,
      perHead: selection.perHead,
      highlight,
      chosenQueries,
      dimmed: picture.dimmed,
    };
    if (strokes !== focusStrokes) {
      // Under the query highlight the chosen queries' strokes have their own colour, here as well.
      const of = [strokes, width, height, rowHeight, scroll, palette, keys, highlight, highlight === "query" && focus];
      const fade = focusStrokes || highlight !== "query" ? 1 : 0.5;
      behind.current ??= { canvas: document.createElement("canvas"), of: [] };
      const known = of.every((part, at) => part === behind.current?.of[at]);
      if (known || focusStrokes) {
        const base = known ? null : prepare(behind.current.canvas, width, height, canvas.current);
        if (base) paintStrokes(base, strokes, frame, look, fade);
        behind.current.of = of;
        context.globalAlpha = focusStrokes ? BEHIND : 1;
        context.drawImage(behind.current.canvas, 0, 0, width, height);
        context.globalAlpha = 1;
      } else paintStrokes(context, strokes, frame, look, fade);
    }
    const { other } = split;
    const own = focus?.side === "key" ? "in" : "out";
    if (other)
      paintStrokes(context, other, frame, { ...look, direction: own === "in" ? "out" : "in" }, OTHER_DIRECTION);
    if (focusStrokes) paintStrokes(context, focusStrokes, frame, { ...look, direction: own }, 1.25);
  }, [view, picture, split, left, width, right, height, rowHeight, scroll, palette, queries, keys, highlight]);

  const count = picture ? (picture.focusStrokes ?? picture.strokes).count : 0;
  return (
    <canvas
      ref={canvas}
      class="strokes-canvas"
      style={{ top: `${scroll}px`, left: `${-left}px` }}
      role="img"
      data-strokes={count}
      aria-label={t("lines.label", { count, what: view.what.value })}
    />
  );
}
