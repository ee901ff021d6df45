/** Matrix: a query × key heat map with labels on both sides, a crosshair, and numbers in its legend. */

import { useComputed } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { TokenText } from "../controls/tokens";
import { prepare } from "../paint/canvas";
import { drawMatrix, largest, matrixImage } from "../paint/matrix";
import { css } from "../paint/palette";
import { focusRow, meanSeries } from "../picture";
import type { Token } from "../types";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";
import { labelWidth } from "./labels";
import { Legend } from "./legend";

const MAX_CELL = 30;
const MAX_HEIGHT = 760;
/** A label needs this much of an axis to be read. */
const LABEL_PITCH = { query: 13, key: 17 } as const;
const SLANT = Math.PI / 3;

interface AxisProps {
  view: View;
  side: "query" | "key";
  tokens: readonly Token[];
  cell: number;
  marked: readonly number[];
  hovered: number | undefined;
  depth: number;
}

/** Token labels along one side; where cells are narrower than text, only every few, and always the marked ones. */
function Axis({ view, side, tokens, cell, marked, hovered, depth }: AxisProps) {
  const { store } = view;
  const special = store.synced.highlight.value === "special";
  const pitch = LABEL_PITCH[side];
  const every = cell >= 13 ? 1 : Math.ceil(pitch / cell);
  const near = (index: number, other: number) => every > 1 && index !== other && Math.abs(index - other) * cell < pitch;
  const always = [...marked, ...(hovered === undefined ? [] : [hovered])];
  const shown = tokens
    .map((token, index) => ({ token, index }))
    .filter(
      ({ index }) => always.includes(index) || (index % every === 0 && !always.some((other) => near(index, other))),
    );
  return (
    <div
      class={`axis axis-${side}`}
      role="listbox"
      aria-label={store.t.value(side === "query" ? "queries" : "keys")}
      aria-multiselectable="true"
      style={
        side === "query"
          ? { width: `${depth}px`, height: `${tokens.length * cell}px` }
          : { height: `${depth}px`, width: `${tokens.length * cell}px` }
      }
    >
      {shown.map(({ token, index }) => {
        const middle = `${(index + 0.5) * cell}px`;
        return (
          <div
            role="option"
            key={index}
            class="axis-label"
            data-index={index}
            data-kind={special ? token.kind : undefined}
            data-hovered={hovered === index ? "" : undefined}
            aria-selected={marked.includes(index)}
            tabIndex={index === (marked[0] ?? 0) ? 0 : -1}
            style={side === "query" ? { top: middle } : { left: middle }}
            title={`${index} ${token.text}`}
            onClick={(event) => store.lockToken(side, index, event.shiftKey)}
            onKeyDown={(event) => {
              if (event.key !== "Enter" && event.key !== " ") return;
              event.preventDefault();
              store.lockToken(side, index, event.shiftKey);
            }}
          >
            <TokenText token={token} />
          </div>
        );
      })}
    </div>
  );
}

export function Matrix({ view, width }: { view: View; width: number }) {
  const { store, signals } = view;
  const { synced } = store;
  const t = store.t.value;
  const queries = store.queries.value;
  const keys = store.keys.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  const cross = useRef<HTMLCanvasElement>(null);

  const series = useComputed(() => {
    const heads = signals.heads.value;
    return "heads" in heads ? meanSeries(heads.heads) : null;
  });
  const max = useComputed(() => (series.value ? largest(series.value, store.queries.value.length) : 0));

  const limit = Math.max(56, Math.min(150, width * 0.22));
  const left = useMemo(() => labelWidth(queries, limit), [queries, limit]);
  const keyLabel = useMemo(() => labelWidth(keys, limit), [keys, limit]);
  const top = Math.ceil(keyLabel * Math.sin(SLANT)) + 12;
  const spill = Math.ceil(keyLabel * Math.cos(SLANT)) + 8;
  const room = Math.max(80, width - left - spill);
  const cell = Math.max(
    Math.min(MAX_CELL, room / keys.length, Math.max(MAX_HEIGHT / queries.length, 80 / queries.length)),
    1e-3,
  );
  const [w, h] = [cell * keys.length, cell * queries.length];

  const locked = synced.selected_queries.value;
  const lockedKeys = synced.selected_keys.value;
  const hover = store.hover.value;
  const fade = synced.highlight.value === "query" && locked.length > 0;
  const { ramps, keyRamps } = view.tints.value;
  const palette = view.palette.value;
  const now = series.value;
  const scale = max.value;

  const image = useMemo(() => {
    const chosen = new Set(locked);
    return now && keys.length > 0 && queries.length > 0
      ? matrixImage(
          now,
          queries.length,
          keys.length,
          scale,
          ramps,
          keyRamps,
          (query) => fade && !chosen.has(query),
          1600,
        )
      : null;
  }, [now, queries, keys, scale, ramps, keyRamps, fade, locked]);

  useEffect(() => {
    const context = canvas.current && prepare(canvas.current, w, h);
    if (!context) return;
    if (image) drawMatrix(context, image, w, h);
    if (cell < 6) return;
    context.strokeStyle = css(palette.paper, 0.9);
    context.lineWidth = 1;
    context.beginPath();
    for (let key = 1; key < keys.length; key++) {
      context.moveTo(key * cell, 0);
      context.lineTo(key * cell, h);
    }
    for (let query = 1; query < queries.length; query++) {
      context.moveTo(0, query * cell);
      context.lineTo(w, query * cell);
    }
    context.stroke();
  }, [image, w, h, cell, palette, keys, queries]);

  useEffect(() => {
    const context = cross.current && prepare(cross.current, w, h);
    if (!context) return;
    const frame = (x: number, y: number, wide: number, tall: number, alpha: number) => {
      context.strokeStyle = css(palette.query, alpha);
      context.lineWidth = 1.5;
      context.strokeRect(x + 0.5, y + 0.5, Math.max(1, wide - 1), Math.max(1, tall - 1));
    };
    for (const query of locked) frame(0, query * cell, w, cell, 1);
    for (const key of lockedKeys) frame(key * cell, 0, cell, h, 1);
    if (!hover) return;
    if (hover.side === "query") frame(0, hover.index * cell, w, cell, 0.75);
    const key = hover.side === "key" ? hover.index : hover.key;
    if (key !== undefined) frame(key * cell, 0, cell, h, 0.75);
  }, [hover, locked, lockedKeys, w, h, cell, palette]);

  const cellAt = (event: PointerEvent | MouseEvent): { query: number; key: number } | null => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const query = Math.floor(((event.clientY - box.top) / box.height) * queries.length);
    const key = Math.floor(((event.clientX - box.left) / box.width) * keys.length);
    return query >= 0 && query < queries.length && key >= 0 && key < keys.length ? { query, key } : null;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const from =
      hover?.side === "query" ? { query: hover.index, key: hover.key ?? 0 } : { query: locked[0] ?? 0, key: -1 };
    if (by) {
      event.preventDefault();
      const query = Math.max(0, Math.min(queries.length - 1, from.query + (by[0] ?? 0)));
      const key = Math.max(0, Math.min(keys.length - 1, from.key + (by[1] ?? 0)));
      store.hover.value = { side: "query", index: query, key };
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      store.lockToken("query", from.query, event.shiftKey);
    }
  };
  const picture = signals.picture.value;
  const hoverKey = hover?.side === "key" ? hover.index : hover?.key;
  const readout =
    now && hover?.side === "query" && hover.key !== undefined
      ? {
          query: queries[hover.index],
          key: keys[hover.key],
          weight: (picture && focusRow(picture.selection, [hover.index], keys.length)[hover.key]) ?? Number.NaN,
        }
      : null;
  return (
    <div class="matrix">
      <div class="matrix-head">
        <div class="readout" aria-live="polite">
          {readout ? (
            <>
              <bdi>{readout.query?.text}</bdi> → <bdi>{readout.key?.text}</bdi>{" "}
              <strong class="number">{Number.isNaN(readout.weight) ? "…" : formatWeight(readout.weight)}</strong>
            </>
          ) : (
            <span class="muted">
              {t("query")} ↓ · {t("key")} →
            </span>
          )}
        </div>
        <Legend view={view} max={scale} />
      </div>
      <div class="matrix-grid" style={{ gridTemplateColumns: `${left}px ${w}px ${spill}px` }}>
        <span />
        <Axis view={view} side="key" tokens={keys} cell={cell} marked={lockedKeys} hovered={hoverKey} depth={top} />
        <span />
        <Axis
          view={view}
          side="query"
          tokens={queries}
          cell={cell}
          marked={locked}
          hovered={hover?.side === "query" ? hover.index : undefined}
          depth={left}
        />
        <div class="cells" style={{ width: `${w}px`, height: `${h}px` }}>
          <canvas
            ref={canvas}
            role="img"
            tabIndex={0}
            data-max={scale}
            aria-label={t("matrix.label", { queries: queries.length, keys: keys.length, what: view.what.value })}
            onKeyDown={onKeyDown}
            onPointerMove={(event) => {
              const at = cellAt(event);
              store.hover.value = at && { side: "query", index: at.query, key: at.key };
            }}
            onPointerLeave={() => {
              store.hover.value = null;
            }}
            onBlur={() => {
              store.hover.value = null;
            }}
            onClick={(event) => {
              const at = cellAt(event);
              if (at) store.lockToken("query", at.query, event.shiftKey);
            }}
          />
          <canvas ref={cross} class="cross" />
        </div>
      </div>
    </div>
  );
}
