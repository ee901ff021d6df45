/** The strokes of Lines on a canvas: all of them, or faded behind those of the focus. */

import { useLayoutEffect, useRef } from "preact/hooks";
import { prepare } from "../paint/canvas";
import { type LinesFrame, type LinesLook, paintStrokes } from "../paint/lines";
import type { Picture } from "../picture";
import type { Strokes } from "../scene";
import type { View } from "../view";

/** How strong the strokes are drawn that are not the matter now. */
const BEHIND = 0.11;
const OTHER_DIRECTION = 0.8;

interface Props {
  view: View;
  picture: Picture | null;
  /** The other direction of the focus. */
  other: Strokes | null;
  width: number;
  height: number;
  rowHeight: number;
  scroll: number;
}

export function StrokesCanvas({ view, picture, other, width, height, rowHeight, scroll }: Props) {
  const { store, signals } = view;
  const t = store.t.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  /** All strokes, painted once there is a focus: from then on a hover only fades them. */
  const behind = useRef<{ canvas: HTMLCanvasElement; of: readonly unknown[] } | null>(null);
  const highlight = store.synced.highlight.value;
  const palette = view.palette.value;
  const { keys } = signals.axes.value;

  // Before the browser draws: later it would draw twice.
  useLayoutEffect(() => {
    if (!canvas.current) return;
    const context = prepare(canvas.current, width, height);
    if (!context || !picture) return;
    const { focus, strokes, focusStrokes, selection } = picture;
    const frame: LinesFrame = { width, height, rowHeight, scroll };
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
        const base = known ? null : prepare(behind.current.canvas, width, height);
        if (base) paintStrokes(base, strokes, frame, look, fade);
        behind.current.of = of;
        context.globalAlpha = focusStrokes ? BEHIND : 1;
        context.drawImage(behind.current.canvas, 0, 0, width, height);
        context.globalAlpha = 1;
      } else paintStrokes(context, strokes, frame, look, fade);
    }
    const own = focus?.side === "key" ? "in" : "out";
    if (other)
      paintStrokes(context, other, frame, { ...look, direction: own === "in" ? "out" : "in" }, OTHER_DIRECTION);
    if (focusStrokes) paintStrokes(context, focusStrokes, frame, { ...look, direction: own }, 1.25);
  }, [view, picture, other, width, height, rowHeight, scroll, palette, keys, highlight]);

  const count = picture ? (picture.focusStrokes ?? picture.strokes).count : 0;
  return (
    <canvas
      ref={canvas}
      class="strokes-canvas"
      style={{ top: `${scroll}px` }}
      role="img"
      data-strokes={count}
      aria-label={t("lines.label", { count, what: view.what.value })}
    />
  );
}
