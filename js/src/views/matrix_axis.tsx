/** Token labels along one side of the matrix. */

import { TokenText } from "../controls/tokens";
import type { Side } from "../picture";
import { searchFor } from "../search";
import type { MatrixModel } from "./matrix_model";

/** A label needs this much of an axis to be read. */
const PITCH = { query: 13, key: 17 } as const;
/** Cells this large have a label each. */
const LABELLED = 13;

/** Where cells are narrower than text, only every few are labelled, and always the marked ones. */
export function labelled(
  range: readonly [first: number, end: number],
  cell: number,
  pitch: number,
  always: readonly number[],
): number[] {
  const every = cell >= LABELLED ? 1 : Math.ceil(pitch / cell);
  const near = (index: number, other: number) => every > 1 && index !== other && Math.abs(index - other) * cell < pitch;
  const out: number[] = [];
  for (let index = Math.ceil(range[0] / every) * every; index < range[1]; index += every) {
    if (!always.some((other) => near(index, other))) out.push(index);
  }
  // Marks come in order of importance: one that would hide an earlier one has to wait.
  const kept: number[] = [];
  for (const index of always) {
    if (index < range[0] || index >= range[1] || kept.some((other) => near(index, other))) continue;
    kept.push(index);
  }
  return [...new Set([...out, ...kept])].sort((a, b) => a - b);
}

interface Props {
  model: MatrixModel;
  side: Side;
  /** Pixels across the axis, and the longest that a label may be. */
  depth: number;
  longest: number;
}

export function Axis({ model, side, depth, longest }: Props) {
  const { view } = model;
  const { store, signals } = view;
  const axes = signals.axes.value;
  const locked = signals.locked.value;
  const { width, height } = model.frame.value;
  const now = model.window.value;
  const { cell } = now;
  const visible = model.visible();
  const hover = store.hover.value;
  const tokens = side === "query" ? axes.queries : axes.keys;
  const marked = side === "query" ? locked.queries : locked.keys;
  const start = side === "query" ? now.query : now.key;
  const hovered = hover?.side === side ? hover.index : side === "key" ? hover?.key : undefined;
  const special = store.synced.highlight.value === "special";
  const search = searchFor(view);
  const found = search.marks(side);
  const current = search.current.value;
  const stack = store.stack.value;
  // One sequence on both sides: a find on one is a find on both.
  const here = current !== null && (current.side === side || stack?.queries === stack?.keys);
  const shownFind = new Set(here ? current.covers : []);
  const always = [...(hovered === undefined ? [] : [hovered]), ...marked, ...shownFind, ...found];
  const shown = labelled(side === "query" ? visible.queries : visible.keys, cell, PITCH[side], always);
  const tabStop = shown.includes(marked[0] ?? -1) ? marked[0] : shown[0];
  const scope = signals.selection.value?.scope;
  return (
    <div
      class={`axis axis-${side}`}
      role="listbox"
      aria-label={store.t.value(side === "query" ? "queries" : "keys")}
      aria-multiselectable="true"
      style={
        side === "query"
          ? { width: `${depth}px`, height: `${height}px` }
          : { height: `${depth}px`, width: `${width}px` }
      }
    >
      {shown.map((index) => {
        const token = tokens[index];
        if (!token) return null;
        const middle = (index + 0.5 - start) * cell;
        // A cell that is cut by the frame keeps its label beside what is seen of it.
        const at = `${Math.max(2, Math.min((side === "query" ? height : width) - 2, middle))}px`;
        return (
          <div
            role="option"
            key={index}
            class="axis-label"
            data-index={index}
            data-kind={special ? token.kind : undefined}
            data-hovered={hovered === index ? "" : undefined}
            data-find={found.has(index) ? (shownFind.has(index) ? "shown" : "") : undefined}
            data-out={side === "key" && scope?.hides(index) ? "" : undefined}
            aria-selected={marked.includes(index)}
            tabIndex={index === tabStop ? 0 : -1}
            style={{ [side === "query" ? "top" : "left"]: at, maxWidth: `${longest}px` }}
            title={`${index} ${token.text}`}
            onPointerEnter={(event) => {
              if (event.pointerType !== "touch") store.hover.value = { side, index };
            }}
            onPointerLeave={() => {
              store.hover.value = null;
            }}
            onFocus={(event) => {
              if ((event.currentTarget as HTMLElement).matches(":focus-visible")) store.hover.value = { side, index };
            }}
            onBlur={() => {
              store.hover.value = null;
            }}
            onClick={(event) => view.lockUnit(side, index, event.shiftKey)}
            onKeyDown={(event) => {
              const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
              if (step) {
                event.preventDefault();
                const next = shown[shown.indexOf(index) + step];
                const list = (event.currentTarget as HTMLElement).parentElement;
                list?.querySelector<HTMLElement>(`[data-index="${next}"]`)?.focus();
              } else if (event.key === "Enter" || event.key === " ") {
                event.preventDefault();
                view.lockUnit(side, index, event.shiftKey);
              }
            }}
          >
            <TokenText token={token} />
          </div>
        );
      })}
    </div>
  );
}
