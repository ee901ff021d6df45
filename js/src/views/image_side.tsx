/** One side of the picture: its patches, and beside them the tokens that are no patch. */

import { useSignal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { TokenText } from "../controls/tokens";
import { prepare } from "../paint/canvas";
import { type Patches, paintFrames, paintPicture } from "../paint/overlay";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";
import type { Shown } from "./image";

/** More tokens than this beside the patches: only those with a part of their own are listed. */
const MOST_CHIPS = 24;

function printed(value: number | undefined): string {
  return value === undefined ? "" : Number.isNaN(value) ? "…" : formatWeight(value);
}

interface Props {
  view: View;
  side: "query" | "key";
  patches: Patches;
  bitmap: ImageBitmap | null;
  shown: Shown | null;
  width: number;
}

function Chips({ view, side, patches, shown }: Props) {
  const { store, signals } = view;
  const tokens = side === "query" ? signals.axes.value.queries : signals.axes.value.keys;
  const locked = signals.locked.value;
  const marked = side === "query" ? locked.queries : locked.keys;
  const all = patches.others;
  const listed = all.length <= MOST_CHIPS ? all : all.filter((unit) => tokens[unit]?.role !== "text");
  const values = shown?.side === side ? shown.values : null;
  const special = store.synced.highlight.value === "special";
  return (
    <div class="image-chips">
      {listed.map((unit) => (
        <button
          type="button"
          key={unit}
          class="image-chip"
          data-unit={unit}
          data-kind={special ? tokens[unit]?.kind : undefined}
          aria-pressed={marked.includes(unit)}
          onPointerEnter={(event) => {
            if (event.pointerType !== "touch") store.hover.value = { side, index: unit };
          }}
          onPointerLeave={() => {
            store.hover.value = null;
          }}
          onFocus={(event) => {
            if ((event.currentTarget as HTMLElement).matches(":focus-visible")) {
              store.hover.value = { side, index: unit };
            }
          }}
          onBlur={() => {
            store.hover.value = null;
          }}
          onClick={(event) => view.lockUnit(side, unit, event.shiftKey)}
        >
          <TokenText token={tokens[unit] as (typeof tokens)[number]} />
          {values && <span class="number">{printed(values[unit])}</span>}
        </button>
      ))}
    </div>
  );
}

export function PatchSide(props: Props) {
  const { view, side, patches, bitmap, shown, width } = props;
  const { store, signals } = view;
  const t = store.t.value;
  const id = useId();
  const canvas = useRef<HTMLCanvasElement>(null);
  /** The patch under the pointer or the keys, as a place. */
  const at = useSignal<number | null>(null);
  const cursor = useSignal(0);
  const tokens = side === "query" ? signals.axes.value.queries : signals.axes.value.keys;
  const locked = signals.locked.value;
  const marked = side === "query" ? locked.queries : locked.keys;
  const focus = signals.focus.value;
  const framed = focus?.side === side ? focus.indices : marked;
  const palette = view.palette.value;
  const height = (width / patches.columns) * patches.rows;
  const overlay = shown?.side === side ? shown : null;
  const hovered = at.value === null ? -1 : (patches.units[at.value] ?? -1);

  useEffect(() => {
    const context = canvas.current && prepare(canvas.current, width, height);
    if (!context) return;
    paintPicture(context, [width, height], bitmap, patches, overlay, palette);
    paintFrames(context, [width, height], patches, framed, palette);
    if (hovered >= 0 && !framed.includes(hovered)) {
      paintFrames(context, [width, height], patches, [hovered], palette, true);
    }
  }, [width, height, bitmap, patches, overlay, palette, framed, hovered]);

  const point = (place: number | null) => {
    const unit = place === null ? -1 : (patches.units[place] ?? -1);
    at.value = unit < 0 ? null : place;
    store.hover.value = unit < 0 ? null : { side, index: unit };
  };
  const placeOf = (event: MouseEvent): number | null => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * patches.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * patches.rows);
    const inside = column >= 0 && column < patches.columns && row >= 0 && row < patches.rows;
    return inside ? row * patches.columns + column : null;
  };
  const lock = (place: number | null, shift: boolean) => {
    const unit = place === null ? -1 : (patches.units[place] ?? -1);
    if (unit >= 0) view.lockUnit(side, unit, shift);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const [row, column] = [Math.floor(cursor.value / patches.columns), cursor.value % patches.columns];
    if (by) {
      const next = (from: number, step: number, count: number) => Math.max(0, Math.min(count - 1, from + step));
      cursor.value =
        next(row, by[0] as number, patches.rows) * patches.columns + next(column, by[1] as number, patches.columns);
      point(cursor.value);
    } else if (event.key === "Home" || event.key === "End") {
      cursor.value = row * patches.columns + (event.key === "Home" ? 0 : patches.columns - 1);
      point(cursor.value);
    } else if (event.key === "Enter" || event.key === " ") lock(cursor.value, event.shiftKey);
    else return;
    event.preventDefault();
  };
  const told = (unit: number): string => {
    const value = overlay && unit >= 0 ? ` ${printed(overlay.values[unit])}` : "";
    return unit < 0 ? "" : `${tokens[unit]?.text ?? ""}${value}`;
  };
  const unitAtCursor = patches.units[cursor.value] ?? -1;
  const name = t(side === "query" ? "image.queries" : "image.keys");
  return (
    <div class="image-side" data-side={side} style={{ width: `${width}px` }}>
      <div class="image-name">
        <strong>{t(side)}</strong> <span class="muted number">{told(hovered) || framedText(framed, told)}</span>
      </div>
      <div class="image-box" style={{ width: `${width}px`, height: `${height}px` }}>
        <canvas ref={canvas} role="img" data-overlay={overlay ? overlay.what : "none"} aria-label={name} />
        <div
          role="listbox"
          class="image-keys"
          tabIndex={0}
          aria-label={`${name}. ${t("image.arrows")}`}
          aria-multiselectable="true"
          aria-activedescendant={id}
          onKeyDown={onKeyDown}
          onPointerMove={(event) => {
            const place = placeOf(event);
            if (place !== at.value) point(place);
          }}
          onPointerLeave={() => point(null)}
          onClick={(event) => {
            const place = placeOf(event);
            if (place !== null) cursor.value = place;
            lock(place, event.shiftKey);
          }}
          onFocus={(event) => {
            if ((event.currentTarget as HTMLElement).matches(":focus-visible")) point(cursor.value);
          }}
          onBlur={() => point(null)}
        >
          <div
            role="option"
            id={id}
            tabIndex={-1}
            aria-posinset={cursor.value + 1}
            aria-setsize={patches.units.length}
            aria-selected={marked.includes(unitAtCursor)}
          >
            {told(unitAtCursor)}
          </div>
        </div>
      </div>
      <Chips {...props} />
    </div>
  );
}

/** The chosen patches by name, where they are few. */
function framedText(framed: readonly number[], told: (unit: number) => string): string {
  return framed.length <= 3 ? framed.map(told).join(", ") : String(framed.length);
}
