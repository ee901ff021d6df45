/** Lines: query column left, key column right, a curve for every weight within the stroke budget. */

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Tokens } from "../controls/tokens";
import { prepare } from "../paint/canvas";
import { paintStrokes } from "../paint/lines";
import { focusColumn, focusRow } from "../picture";
import type { Token } from "../types";
import type { View } from "../view";
import { labelWidth } from "./labels";

/** Taller texts scroll inside the view. */
const MAX_HEIGHT = 680;
/** Kept free beside both columns, so that numbers appear without pushing a token aside. */
const VALUE_WIDTH = 58;

export function rowHeightFor(tokens: number): number {
  return tokens <= 28 ? 26 : tokens <= 60 ? 21 : 18;
}

export function Lines({ view, width }: { view: View; width: number }) {
  const { store, signals } = view;
  const { synced } = store;
  const t = store.t.value;
  const queries = store.queries.value;
  const keys = store.keys.value;
  const picture = signals.picture.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const scroll = useSignal(0);

  const rows = Math.max(queries.length, keys.length);
  const rowHeight = rowHeightFor(rows);
  const height = rows * rowHeight;
  const shown = Math.min(height, MAX_HEIGHT);
  const limit = Math.max(64, Math.min(170, width * 0.2));
  const labels = useMemo(() => [labelWidth(queries, limit), labelWidth(keys, limit)] as const, [queries, keys, limit]);
  const [left, right] = [labels[0] + VALUE_WIDTH, labels[1] + VALUE_WIDTH];
  const middle = Math.max(56, Math.min(520, width - left - right));
  const range = [Math.floor(scroll.value / rowHeight) - 8, Math.ceil((scroll.value + shown) / rowHeight) + 8] as const;
  const visible = [Math.max(0, range[0]), range[1]] as const;

  const focus = picture?.focus ?? null;
  const selection = picture?.selection;
  const focusStrokes = picture?.focusStrokes;
  // The strokes stand for rows that came later: they change when those are here.
  const [queryValues, keyValues] = useMemo((): [Float32Array | null, Float32Array | null] => {
    if (!selection || !focus) return [null, null];
    if (focus.side === "query") return [null, focusRow(selection, focus.indices, keys.length)];
    return [focusColumn(selection, focus.indices, queries.length, keys.length), null];
  }, [selection, focus, focusStrokes, queries, keys]);

  const highlight = synced.highlight.value;
  const special = highlight === "special";
  const chosen = useMemo(() => new Set(focus?.side === "query" ? focus.indices : []), [focus]);
  const palette = view.palette.value;
  const at = scroll.value;

  useEffect(() => {
    if (!canvas.current) return;
    const context = prepare(canvas.current, middle, shown);
    if (!context || !picture) return;
    const frame = { width: middle, height: shown, rowHeight, scroll: at };
    const look = { palette, keys, perHead: picture.selection.perHead, highlight, chosenQueries: chosen };
    if (picture.focusStrokes) {
      paintStrokes(context, picture.strokes, frame, look, 0.16);
      paintStrokes(context, picture.focusStrokes, frame, look, 1.25);
    } else {
      paintStrokes(context, picture.strokes, frame, look, highlight === "query" ? 0.5 : 1);
    }
  }, [picture, middle, shown, rowHeight, at, palette, keys, highlight, chosen]);

  const count = picture ? (picture.focusStrokes ?? picture.strokes).count : 0;
  const keyHead = !focus
    ? ""
    : focus.side === "key"
      ? ""
      : focus.indices.length > 1
        ? t("weight.mean", { count: focus.indices.length })
        : t("weight");
  return (
    <div class="lines" style={{ gridTemplateColumns: `${left}px ${middle}px ${right}px` }}>
      <div class="column-head column-head-query">{t("query")}</div>
      <div class="column-head column-head-middle" aria-hidden="true">
        {focus?.side === "key" ? "←" : "→"}
      </div>
      <div class="column-head column-head-key">
        <span>{t("key")}</span>
        <span class="column-value">{keyHead}</span>
      </div>
      <div
        ref={scroller}
        class="scroller"
        style={{ height: `${shown}px` }}
        onScroll={(event) => {
          scroll.value = (event.currentTarget as HTMLElement).scrollTop;
        }}
      >
        <div class="body" style={{ height: `${height}px`, gridTemplateColumns: `${left}px ${middle}px ${right}px` }}>
          <Tokens
            store={store}
            side="query"
            label={t("queries")}
            tokens={queries}
            locked={synced.selected_queries.value}
            active={focus?.side === "query" ? chosen : null}
            values={queryValues}
            special={special}
            rowHeight={rowHeight}
            range={visible}
          />
          <div class="strokes">
            <canvas
              ref={canvas}
              class="strokes-canvas"
              style={{ top: `${at}px` }}
              role="img"
              data-strokes={count}
              aria-label={t("lines.label", { count, what: view.what.value })}
            />
          </div>
          <Tokens
            store={store}
            side="key"
            label={t("keys")}
            tokens={keys as Token[]}
            locked={synced.selected_keys.value}
            active={focus?.side === "key" ? new Set(focus.indices) : null}
            values={keyValues}
            special={special}
            rowHeight={rowHeight}
            range={visible}
          />
        </div>
      </div>
    </div>
  );
}
