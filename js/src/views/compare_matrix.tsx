/** Changes of weight as a query × key map: two colours from a neutral middle, with signs or numbers in the cells. */

import { useEffect, useMemo, useRef } from "preact/hooks";
import { TokenText } from "../controls/tokens";
import { paintOn } from "../paint/canvas";
import { changeColour, changeImage, paintSigns, readChangeColours } from "../paint/compare";
import { css } from "../paint/palette";
import { formatChange, sidesNow } from "../sides";
import type { ComparePicture, Pointed } from "./compare";
import { labelWidth } from "./labels";

const MAX_CELL = 34;
const MAX_HEIGHT = 760;
const SLANT = Math.PI / 3;

export function CompareMatrix({ view, width, now, pointed }: ComparePicture) {
  const { store } = view;
  const { synced } = store;
  const t = store.t.value;
  const { queries: tokens, keys } = view.signals.axes.value;
  const found = now.difference;
  const { scope } = now.a;
  const queries = useMemo(() => found.queries.map((query) => tokens[query]), [found, tokens]);
  const canvas = useRef<HTMLCanvasElement>(null);
  const cross = useRef<HTMLCanvasElement>(null);
  const legend = useRef<HTMLDivElement>(null);
  const root = synced.scale.value !== "linear";
  const limit = Math.max(56, Math.min(150, width * 0.22));
  const left = labelWidth(tokens, limit);
  const keyLabel = labelWidth(keys, limit);
  const [top, spill] = [Math.ceil(keyLabel * Math.sin(SLANT)) + 12, Math.ceil(keyLabel * Math.cos(SLANT)) + 8];
  const room = Math.max(80, width - left - spill);
  const cell = Math.max(1e-3, Math.min(MAX_CELL, room / keys.length, MAX_HEIGHT / Math.max(1, queries.length)));
  const [w, h] = [cell * keys.length, cell * queries.length];
  const palette = view.palette.value;
  const { queries: locked, keys: lockedKeys } = view.signals.locked.value;
  const { query, key } = pointed.value;

  useEffect(() => {
    if (!canvas.current) return;
    const colours = readChangeColours(canvas.current);
    const image = changeImage(found, colours, root, (key) => scope.dims(key));
    const buffer = new OffscreenCanvas(image.width, image.height);
    buffer.getContext("2d")?.putImageData(image, 0, 0);
    paintOn(canvas.current, w, h, (context) => {
      context.imageSmoothingEnabled = false;
      context.drawImage(buffer, 0, 0, buffer.width, buffer.height, 0, 0, w, h);
      if (cell >= 6) {
        context.strokeStyle = css(colours.panel, 0.8);
        context.lineWidth = 1;
        context.beginPath();
        for (let at = 1; at < keys.length; at++) context.rect(at * cell, 0, 0, h);
        for (let at = 1; at < queries.length; at++) context.rect(0, at * cell, w, 0);
        context.stroke();
      }
      paintSigns(context, found, cell, colours, root);
    });
    if (legend.current) {
      const stops = [-1, -0.5, 0, 0.5, 1].map((at) => css(changeColour(at, colours)));
      legend.current.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    }
  }, [found, root, w, h, cell, palette, keys, queries]);

  useEffect(() => {
    if (!cross.current) return;
    paintOn(cross.current, w, h, (context) => {
      const frame = (x: number, y: number, wide: number, tall: number, alpha: number) => {
        context.strokeStyle = css(palette.query, alpha);
        context.lineWidth = 1.5;
        context.strokeRect(x + 0.5, y + 0.5, Math.max(1, wide - 1), Math.max(1, tall - 1));
      };
      for (const at of locked) frame(0, found.queries.indexOf(at) * cell, w, cell, 1);
      for (const at of lockedKeys) frame(at * cell, 0, cell, h, 1);
      if (query !== undefined) frame(0, found.queries.indexOf(query) * cell, w, cell, 0.75);
      if (key !== undefined) frame(key * cell, 0, cell, h, 0.75);
    });
  }, [query, key, locked, lockedKeys, found, w, h, cell, palette]);

  const cellAt = (event: MouseEvent): Pointed | null => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * queries.length);
    const column = Math.floor(((event.clientX - box.left) / box.width) * keys.length);
    const position = found.queries[row];
    return position === undefined || column < 0 || column >= keys.length ? null : { query: position, key: column };
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const row = Math.max(0, found.queries.indexOf(query ?? locked[0] ?? 0));
    if (by) {
      event.preventDefault();
      const step = (from: number, add: number, count: number) => Math.max(0, Math.min(count - 1, from + add));
      const position = found.queries[query === undefined ? row : step(row, by[0] ?? 0, queries.length)];
      pointed.value = { query: position ?? 0, key: key === undefined ? 0 : step(key, by[1] ?? 0, keys.length) };
    } else if ((event.key === "Enter" || event.key === " ") && query !== undefined) {
      event.preventDefault();
      view.lockUnit("query", query, event.shiftKey);
    }
  };
  const every = (pitch: number) => (cell >= pitch ? 1 : Math.ceil(pitch / cell));
  const labels = (side: "query" | "key") => {
    const list = side === "query" ? queries : keys;
    const step = every(side === "query" ? 13 : 16);
    return list.map((token, at) => {
      const position = side === "query" ? (found.queries[at] ?? 0) : at;
      const marked = (side === "query" ? locked : lockedKeys).includes(position);
      const here = (side === "query" ? query : key) === position;
      if (!token || !(at % step === 0 || marked)) return null;
      return (
        <span
          key={position}
          class="cmp-label"
          data-marked={marked || here ? "" : undefined}
          style={side === "query" ? { top: `${(at + 0.5) * cell}px` } : { left: `${(at + 0.5) * cell}px` }}
        >
          <TokenText token={token} />
        </span>
      );
    });
  };
  const { b } = sidesNow(store);
  const middle = root ? found.largest / 4 : found.largest / 2;
  return (
    <div class="cmp-matrix">
      <div class="cmp-scale">
        <span class="muted">{t(root ? "legend.sqrt" : "legend.linear", { what: t(`compare.${now.measure}`) })}</span>
        <span class="cmp-sign" data-sign="less">
          − {t("compare.less", { b })}
        </span>
        <div class="cmp-scale-bar">
          <div ref={legend} />
          {[-found.largest, -middle, 0, middle, found.largest].map((change, at) => (
            <span key={at} class="legend-tick" style={{ left: `${at * 25}%` }}>
              {formatChange(change)}
            </span>
          ))}
        </div>
        <span class="cmp-sign" data-sign="more">
          + {t("compare.more", { b })}
        </span>
      </div>
      <div class="cmp-grid" style={{ gridTemplateColumns: `${left}px ${w}px ${spill}px` }}>
        <span />
        <div class="cmp-labels cmp-labels-key" aria-hidden="true" style={{ height: `${top}px`, width: `${w}px` }}>
          {labels("key")}
        </div>
        <span />
        <div class="cmp-labels cmp-labels-query" aria-hidden="true" style={{ height: `${h}px`, width: `${left}px` }}>
          {labels("query")}
        </div>
        <div class="cmp-cells" style={{ width: `${w}px`, height: `${h}px` }}>
          <canvas
            ref={canvas}
            role="img"
            tabIndex={0}
            data-largest={found.largest}
            aria-label={t("compare.matrix.label", {
              queries: queries.length,
              keys: keys.length,
              what: view.what.value,
            })}
            onKeyDown={onKeyDown}
            onPointerMove={(event) => {
              pointed.value = cellAt(event) ?? {};
            }}
            onPointerLeave={() => {
              pointed.value = {};
            }}
            onBlur={() => {
              pointed.value = {};
            }}
            onClick={(event) => {
              const at = cellAt(event)?.query;
              if (at !== undefined) view.lockUnit("query", at, event.shiftKey);
            }}
          />
          <canvas ref={cross} class="cmp-cross" />
        </div>
      </div>
    </div>
  );
}
