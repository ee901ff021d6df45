/** The largest changes of weight as lines: solid and red where b gives more, dashed and blue where it gives less. */

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { changesDrawn, changesOfKeys, changesOfQueries, largestChanges } from "../compare";
import { paintOn } from "../paint/canvas";
import { paintChanges, readChangeColours } from "../paint/compare";
import { percents } from "../scene";
import { sidesNow } from "../sides";
import type { ComparePicture } from "./compare";
import { CompareColumn } from "./compare_column";
import { labelWidth } from "./labels";

const MAX_HEIGHT = 680;
/** Widths kept for the numbers: of the change alone, and of both weights too. */
const CHANGE = 56;
const BOTH = 204;

function rowHeightFor(tokens: number): number {
  return tokens <= 28 ? 26 : 24;
}

export function CompareLines({ view, width, now, pointed }: ComparePicture) {
  const { store } = view;
  const { synced } = store;
  const t = store.t.value;
  const { queries, keys } = view.signals.axes.value;
  const found = now.difference;
  const { scope } = now.a;
  const canvas = useRef<HTMLCanvasElement>(null);
  const scroll = useSignal(0);
  const rows = Math.max(queries.length, keys.length);
  const rowHeight = rowHeightFor(rows);
  const [height, wide] = [rows * rowHeight, width >= 720];
  const shown = Math.min(height, MAX_HEIGHT);
  const limit = Math.max(56, Math.min(170, width * 0.17));
  const value = wide ? BOTH : CHANGE;
  const [left, right] = [labelWidth(queries, limit) + value, labelWidth(keys, limit) + value];
  const middle = Math.max(48, Math.min(460, width - left - right));
  const range = [
    Math.max(0, Math.floor(scroll.value / rowHeight) - 8),
    Math.ceil((scroll.value + shown) / rowHeight) + 8,
  ] as const;

  const { queries: locked, keys: lockedKeys } = view.signals.locked.value;
  const nothing = locked.length === 0 && lockedKeys.length === 0;
  const { query, key } = pointed.value;
  const focusQueries = locked.length > 0 ? locked : nothing && query !== undefined && key === undefined ? [query] : [];
  const focusKeys = lockedKeys.length > 0 ? lockedKeys : nothing && key !== undefined ? [key] : [];
  const chosen = focusQueries.length > 0 || focusKeys.length > 0;
  const focusName = JSON.stringify([focusQueries, focusKeys]);

  const all = useMemo(() => largestChanges(found, 20_000), [found]);
  const [drawn, share] = useMemo(
    () => changesDrawn(all, synced.budget.value, synced.max_strokes.value),
    [all, synced.budget.value, synced.max_strokes.value],
  );
  const [focused, focusShare] = useMemo(() => {
    const [of, to]: [number[], number[]] = JSON.parse(focusName);
    const within = all.filter(
      (cell) => (of.length === 0 || of.includes(cell.query)) && (to.length === 0 || to.includes(cell.key)),
    );
    return changesDrawn(within, of.length > 0 && to.length === 0 ? 0.95 : 1, synced.max_strokes.value);
  }, [all, focusName, synced.max_strokes.value]);
  const keyValues = focusQueries.length > 0 ? changesOfQueries(found, focusQueries) : null;
  const queryValues =
    focusKeys.length > 0 && focusQueries.length === 0 ? changesOfKeys(found, focusKeys, queries.length) : null;

  const palette = view.palette.value;
  const at = scroll.value;
  useEffect(() => {
    if (!canvas.current) return;
    const colours = readChangeColours(canvas.current);
    const frame = { width: middle, height: shown, rowHeight, scroll: at, dims: (key: number) => scope.dims(key) };
    paintOn(canvas.current, middle, shown, (context) => {
      const fade = chosen ? Math.min(0.14, 40 / Math.max(1, drawn.length)) : 1;
      paintChanges(context, drawn, frame, colours, found.largest, fade);
      if (chosen) paintChanges(context, focused, frame, colours, found.largest, 1);
    });
  }, [drawn, focused, chosen, now, middle, shown, rowHeight, at, palette]);

  const column = (side: "query" | "key") => {
    const mine = side === "query" ? focusQueries : focusKeys;
    return (
      <CompareColumn
        side={side}
        label={t(side === "query" ? "queries" : "keys")}
        tokens={side === "query" ? queries : keys}
        locked={side === "query" ? locked : lockedKeys}
        active={mine.length > 0 ? new Set(mine) : null}
        special={synced.highlight.value === "special"}
        values={side === "query" ? queryValues : keyValues}
        wide={wide}
        rowHeight={rowHeight}
        range={range}
        onPreview={(index) => {
          pointed.value = index === null ? {} : { [side]: index };
        }}
        onLock={(index, shift) => view.lockUnit(side, index, shift)}
      />
    );
  };
  const columns = { gridTemplateColumns: `${left}px ${middle}px ${right}px` };
  const { b } = sidesNow(store);
  const [percent = 0] = percents(chosen ? [focusShare, 1 - focusShare] : [share, 1 - share]);
  const count = chosen ? focused.length : drawn.length;
  return (
    <div class="cmp-lines">
      <p class="cmp-legend">
        <span class="cmp-key" data-sign="more">
          {t("compare.more", { b })}
        </span>
        <span class="cmp-key" data-sign="less">
          {t("compare.less", { b })}
        </span>
        <span class="muted">
          {percent} % {t("compare.drawn")}
        </span>
      </p>
      <div
        class="cmp-scroller"
        style={{ height: `${shown}px`, width: `${left + middle + right + 14}px` }}
        onScroll={(event) => {
          scroll.value = event.currentTarget.scrollTop;
        }}
      >
        <div class="cmp-body" style={{ height: `${height}px`, ...columns }}>
          {column("query")}
          <div class="cmp-strokes">
            <canvas
              ref={canvas}
              role="img"
              data-changes={count}
              style={{ top: `${at}px` }}
              aria-label={t("compare.lines.label", { count, what: view.what.value })}
            />
          </div>
          {column("key")}
        </div>
      </div>
    </div>
  );
}
