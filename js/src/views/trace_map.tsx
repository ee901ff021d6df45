/** One way of a trace: layers down, heads across. */

import type { Signal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { paintOn } from "../paint/canvas";
import { type MapFrame, NUMBERED, paintCursor, paintMap } from "../paint/trace";
import { firstCells, isFar, type Way } from "../trace";
import type { LayerInfo } from "../types";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";

export interface Cursor {
  way: 0 | 1;
  layer: number;
  head: number;
}

const LEFT = 32;
const TOP = 18;
const [SMALLEST, WIDEST, TALLEST] = [7, 46, 27];
/** Weights below are left to the colour: in all, and of the largest. */
const PRINTED = 0.03;
const PRINTED_SHARE = 0.15;

function frameFor(width: number, layers: number, heads: number): MapFrame {
  const cell = Math.max(SMALLEST, Math.min(WIDEST, Math.floor((width - LEFT - 2) / Math.max(1, heads))));
  return { left: LEFT, top: TOP, cell, tall: Math.max(SMALLEST, Math.min(TALLEST, cell, layers > 40 ? 12 : TALLEST)) };
}

interface Props {
  view: View;
  layers: readonly LayerInfo[];
  way: Way;
  which: 0 | 1;
  width: number;
  max: number;
  label: string;
  cursor: Signal<Cursor | null>;
  onOpen(at: Cursor): void;
}

export function TraceMap({ view, layers, way, which, width, max, label, cursor, onOpen }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const marks = useRef<HTMLCanvasElement>(null);
  const heads = Math.max(1, ...layers.map((layer) => layer.heads));
  const frame = useMemo(() => frameFor(width, layers.length, heads), [width, layers.length, heads]);
  const { cell, tall } = frame;
  const size = [LEFT + heads * cell + 2, TOP + layers.length * tall + 2] as const;
  const palette = view.palette.value;
  const ramp = view.tints.value.ramps[0];
  const at = cursor.value?.way === which ? cursor.value : null;

  useEffect(() => {
    if (!canvas.current || !ramp) return;
    const least = Math.min(PRINTED, max * PRINTED_SHARE);
    const first = firstCells({ name: "", queries: "", keys: "", layers: [...layers] });
    const cells = layers.flatMap((info, layer) =>
      Array.from({ length: info.heads }, (_, head) => {
        const index = (first[layer] ?? 0) + head;
        const weight = way.weight[index] ?? 0;
        return {
          layer,
          head,
          weight,
          far: isFar(way, index),
          text: Number.isNaN(weight)
            ? "–"
            : weight === 0 || weight < least
              ? ""
              : cell >= NUMBERED
                ? formatWeight(weight)
                : weight.toFixed(2).replace(/^0/, ""),
        };
      }),
    );
    paintOn(canvas.current, size[0], size[1], (context) => paintMap(context, cells, frame, max, ramp, palette));
  }, [way, layers, frame, max, ramp, palette, cell, ...size]);

  useEffect(() => {
    if (!marks.current) return;
    paintOn(marks.current, size[0], size[1], (context) => at && paintCursor(context, at, frame, palette));
  }, [at, frame, palette, ...size]);

  const place = (event: MouseEvent): Cursor | null => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const head = Math.floor((event.clientX - box.left - LEFT) / cell);
    const layer = Math.floor((event.clientY - box.top - TOP) / tall);
    const there = layer >= 0 && head >= 0 && head < (layers[layer]?.heads ?? 0);
    return there ? { way: which, layer, head } : null;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const from = at ?? { way: which, layer: layers.findIndex((info) => info.heads > 0), head: 0 };
    if (by) {
      event.preventDefault();
      const [down = 0, right = 0] = by;
      let layer = from.layer + (at ? down : 0);
      // Layers without attention are stepped over.
      while (layers[layer]?.heads === 0) layer += down || 1;
      if (!layers[layer]) return;
      const head = Math.max(0, Math.min((layers[layer]?.heads ?? 1) - 1, from.head + (at ? right : 0)));
      cursor.value = { way: which, layer, head };
    } else if ((event.key === "Enter" || event.key === " ") && at) {
      event.preventDefault();
      onOpen(at);
    }
  };
  const everyHead = Math.ceil(16 / cell);
  const everyLayer = Math.ceil(12 / tall);
  return (
    <div class="trace-map" style={{ width: `${size[0]}px`, height: `${size[1]}px` }}>
      {Array.from({ length: Math.ceil(heads / everyHead) }, (_, i) => i * everyHead).map((head) => (
        <span
          key={`h${head}`}
          class="trace-tick trace-tick-head number"
          data-on={at?.head === head ? "" : undefined}
          style={{ left: `${LEFT + (head + 0.5) * cell}px` }}
        >
          {everyHead === 1 && cell >= NUMBERED ? `H${head}` : head}
        </span>
      ))}
      {layers.map(
        (info, layer) =>
          layer % everyLayer === 0 && (
            <span
              key={`l${layer}`}
              class="trace-tick trace-tick-layer number"
              data-on={at?.layer === layer ? "" : undefined}
              style={{ top: `${TOP + (layer + 0.5) * tall}px` }}
              title={info.note || undefined}
            >
              L{layer}
            </span>
          ),
      )}
      <canvas
        ref={canvas}
        class="trace-cells"
        role="img"
        tabIndex={0}
        data-way={which}
        data-cell={cell}
        data-tall={tall}
        aria-label={label}
        onKeyDown={onKeyDown}
        onPointerMove={(event) => {
          if (event.pointerType === "touch") return;
          const next = place(event);
          const now = cursor.peek();
          if (next?.layer !== now?.layer || next?.head !== now?.head || next?.way !== now?.way) cursor.value = next;
        }}
        onPointerLeave={(event) => {
          if (event.pointerType !== "touch") cursor.value = null;
        }}
        onBlur={() => {
          cursor.value = null;
        }}
        onClick={(event) => {
          const to = place(event);
          const now = cursor.peek();
          const again = to?.layer === now?.layer && to?.head === now?.head && to?.way === now?.way;
          // A finger cannot hover: it first reads a cell, and opens it when it touches it again.
          if ((event as unknown as PointerEvent).pointerType === "touch" && !again) cursor.value = to;
          else if (to) onOpen(to);
        }}
      />
      <canvas ref={marks} class="trace-marks" />
    </div>
  );
}
