/** Heads: every head of every layer as a small picture, all on one canvas. Click opens one, shift-click collects. */

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { prepare } from "../paint/canvas";
import { css } from "../paint/palette";
import { thumbImage } from "../paint/thumb";
import { KINDS, percents } from "../scene";
import type { View } from "../view";
import { Legend } from "./legend";
import { kindName } from "./shares";

interface Place {
  layer: number;
  head: number;
}

const LARGEST = 64;
const SMALLEST = 7;
const LABEL = 44;
/** Room under a picture for its bar and, where it fits, its number. */
const BAR = 7;
const NUMBER = 13;

interface Grid {
  cell: number;
  pitch: number;
  rowHeight: number;
  numbered: boolean;
}

function gridFor(width: number, columns: number): Grid {
  const pitch = Math.max(SMALLEST + 1, Math.min(LARGEST + 8, Math.floor((width - LABEL) / Math.max(1, columns))));
  const cell = pitch - (pitch > 24 ? 8 : pitch > 12 ? 3 : 1);
  const numbered = cell >= 22;
  return { cell, pitch, numbered, rowHeight: cell + BAR + (numbered ? NUMBER : 0) + (pitch > 24 ? 6 : 2) };
}

export function Atlas({ view, width }: { view: View; width: number }) {
  const { store, data } = view;
  const { synced } = store;
  const t = store.t.value;
  const stack = store.stack.value;
  const layers = stack?.layers ?? [];
  const canvas = useRef<HTMLCanvasElement>(null);
  const marks = useRef<HTMLCanvasElement>(null);
  const at = useSignal<Place | null>(null);
  data.version.value;
  const pictures = layers.map((_, layer) => (stack ? data.pictures(stack.name, layer).value : undefined));
  const shares = stack ? data.shares(stack.name, layers.length).value : [];
  const columns = Math.max(1, ...layers.map((layer) => layer.heads));
  const grid = useMemo(() => gridFor(width, columns), [width, columns]);
  const size = [LABEL + columns * grid.pitch, layers.length * grid.rowHeight + 2] as const;
  const palette = view.palette.value;
  const tints = view.tints.value;
  const corner = ({ layer, head }: Place) => [LABEL + head * grid.pitch, layer * grid.rowHeight + 2] as const;

  useEffect(() => {
    const context = canvas.current && prepare(canvas.current, size[0], size[1]);
    if (!context) return;
    context.imageSmoothingEnabled = false;
    context.textBaseline = "top";
    let before = 0;
    layers.forEach((info, layer) => {
      const [, top] = corner({ layer, head: 0 });
      context.fillStyle = css(palette.ink, 0.8);
      context.font = "12px system-ui, sans-serif";
      if (grid.rowHeight >= 12 || layer % Math.ceil(12 / grid.rowHeight) === 0) {
        context.fillText(`L${layer}`, 4, top + Math.max(0, grid.cell / 2 - 6));
      }
      if (info.heads === 0) context.fillText(info.note || t("layer.noheads"), LABEL, top + grid.cell / 2 - 6);
      const seen = pictures[layer];
      for (let head = 0; head < info.heads; head++) {
        const [left] = corner({ layer, head });
        if (seen) {
          const image = thumbImage(seen.overviews, seen.perLayer ? head : before + head, tints);
          const buffer = new OffscreenCanvas(image.width, image.height);
          buffer.getContext("2d")?.putImageData(image, 0, 0);
          context.drawImage(buffer, left, top, grid.cell, grid.cell);
        }
        context.strokeStyle = css(palette.ink, 0.18);
        context.lineWidth = 1;
        if (grid.cell > 12) context.strokeRect(left - 0.5, top - 0.5, grid.cell + 1, grid.cell + 1);
        const share = shares[layer]?.subarray(head * 5, head * 5 + 5);
        if (share && grid.cell > 12) {
          context.fillStyle = css(palette.ink, 0.12);
          context.fillRect(left, top + grid.cell + 2, grid.cell, 3);
          const cls = (share[0] ?? 0) * grid.cell;
          context.fillStyle = css(palette.cls);
          context.fillRect(left, top + grid.cell + 2, cls, 3);
          context.fillStyle = css(palette.sep);
          context.fillRect(left + cls, top + grid.cell + 2, (share[1] ?? 0) * grid.cell, 3);
        }
        if (grid.numbered) {
          context.fillStyle = css(palette.ink, 0.8);
          context.font = "11px system-ui, sans-serif";
          context.fillText(String(head), left, top + grid.cell + BAR);
        }
      }
      before += info.heads;
    });
  }, [...pictures, shares, layers, grid, palette, tints, t]);

  const pinned = synced.pinned.value;
  const here = at.value;
  useEffect(() => {
    const context = marks.current && prepare(marks.current, size[0], size[1]);
    if (!context) return;
    const frame = (place: Place, alpha: number) => {
      const [left, top] = corner(place);
      context.strokeStyle = css(palette.query, alpha);
      context.lineWidth = 2;
      context.strokeRect(left - 1.5, top - 1.5, grid.cell + 3, grid.cell + 3);
    };
    for (const [layer, head] of pinned) frame({ layer, head }, 1);
    if (here) frame(here, 0.6);
  }, [pinned, here, grid, layers, palette]);

  const placeAt = (event: MouseEvent): Place | null => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const layer = Math.floor((event.clientY - box.top) / grid.rowHeight);
    const head = Math.floor((event.clientX - box.left - LABEL) / grid.pitch);
    return head >= 0 && head < (layers[layer]?.heads ?? 0) ? { layer, head } : null;
  };
  const open = ({ layer, head }: Place, collect: boolean) => {
    if (!collect) {
      store.change({ mode: "lines", layer, heads: [head], pinned: [] });
      return;
    }
    const others = pinned.filter((pair) => pair[0] !== layer || pair[1] !== head);
    store.change({ pinned: others.length < pinned.length ? others : [...pinned, [layer, head]] });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const from = here ?? { layer: synced.layer.value, head: 0 };
    if (by) {
      event.preventDefault();
      const layer = Math.max(0, Math.min(layers.length - 1, from.layer + (by[0] ?? 0)));
      const most = Math.max(0, (layers[layer]?.heads ?? 0) - 1);
      at.value = { layer, head: Math.max(0, Math.min(most, from.head + (by[1] ?? 0))) };
    } else if ((event.key === "Enter" || event.key === " ") && here) {
      event.preventDefault();
      open(here, event.shiftKey);
    }
  };
  const share = here ? shares[here.layer]?.subarray(here.head * 5, here.head * 5 + 5) : undefined;
  const whole = share ? percents([...share]) : [];
  return (
    <div class="atlas">
      <div class="matrix-head">
        <div class="readout" aria-live="polite">
          {here ? (
            <>
              <strong>
                L{here.layer} H{here.head}
              </strong>{" "}
              {KINDS.map((kind, index) =>
                whole[index] ? (
                  <span key={kind} class="ledger-item" data-kind={kind}>
                    <span class="swatch" aria-hidden="true" />
                    <bdi>{kindName(kind, store.keys.value, t)}</bdi> <span class="number">{whole[index]} %</span>{" "}
                  </span>
                ) : null,
              )}
            </>
          ) : (
            <span class="muted">{t("heads.bars")}</span>
          )}
        </div>
        <Legend view={view} max={1} />
      </div>
      <div class="cells atlas-cells" style={{ width: `${size[0]}px`, height: `${size[1]}px` }}>
        <canvas
          ref={canvas}
          role="img"
          tabIndex={0}
          aria-label={t("heads.label", { layers: layers.length, heads: columns })}
          onKeyDown={onKeyDown}
          onPointerMove={(event) => {
            at.value = placeAt(event);
          }}
          onPointerLeave={() => {
            at.value = null;
          }}
          onBlur={() => {
            at.value = null;
          }}
          onClick={(event) => {
            const place = placeAt(event);
            if (place) open(place, event.shiftKey);
          }}
        />
        <canvas ref={marks} class="cross" />
      </div>
      {pinned.length > 0 && (
        <p class="collected">
          <strong>{t("heads.pinned", { count: pinned.length })}</strong>{" "}
          {pinned.map(([layer, head]) => `L${layer} H${head}`).join(", ")}{" "}
          <button type="button" class="plain" onClick={() => store.change({ mode: "lines" })}>
            {t("heads.show")}
          </button>{" "}
          <button type="button" class="plain" onClick={() => store.change({ pinned: [] })}>
            {t("heads.unpin")}
          </button>
        </p>
      )}
    </div>
  );
}
