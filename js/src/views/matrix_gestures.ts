/** How the matrix is looked over: wheel, drag, pinch and keys. A plain wheel is the page's own. */

import type { MatrixModel } from "./matrix_model";
import { isPart, movedBy, neighbourhood, revealing, zoomedAt } from "./matrix_zoom";

/** Pixels that a press may wander and still be a click. */
const SLOP = 4;
const STEP = 1.5;

interface At {
  query: number;
  key: number;
}

/** Both sides of a cell, by the lock rule: again unlocks, shift puts in or takes out. */
export function toggleCell({ view }: MatrixModel, { query, key }: At, shift: boolean): void {
  const { queries, keys } = view.signals.locked.peek();
  const both = queries.includes(query) && keys.includes(key);
  const only = (list: number[], index: number) => list.length === 1 && list[0] === index;
  const same = both && (shift || (only(queries, query) && only(keys, key)));
  const sides = [
    ["query", queries, query],
    ["key", keys, key],
  ] as const;
  for (const [side, list, index] of sides) {
    const there = shift ? list.includes(index) : only(list, index);
    if (same || !there) view.lockUnit(side, index, shift);
  }
}

function cellAt(model: MatrixModel, box: HTMLElement, x: number, y: number): At | null {
  const { left, top, width, height } = box.getBoundingClientRect();
  const frame = model.frame.peek();
  const { key, query, cell } = model.window.peek();
  // The box may be drawn scaled by the host.
  const at = {
    key: Math.floor(key + (((x - left) / width) * frame.width) / cell),
    query: Math.floor(query + (((y - top) / height) * frame.height) / cell),
  };
  return at.key >= 0 && at.key < frame.keys && at.query >= 0 && at.query < frame.queries ? at : null;
}

/** Zoom by a factor, at a place of the frame or in its middle. */
export function zoom(model: MatrixModel, factor: number, x?: number, y?: number): void {
  const frame = model.frame.peek();
  model.look(zoomedAt(model.window.peek(), frame, factor, x ?? frame.width / 2, y ?? frame.height / 2));
}

/** Every listener ends with `signal`. */
export function listen(model: MatrixModel, box: HTMLElement, signal: AbortSignal): void {
  const { store } = model.view;
  const pressed = new Map<number, { x: number; y: number }>();
  let [moved, apart] = [false, 0];
  let before: { selected_queries: number[]; selected_keys: number[] } | null = null;

  const place = (x: number, y: number): [number, number] => {
    const { left, top } = box.getBoundingClientRect();
    return [x - left, y - top];
  };
  const distance = (): [number, number, number] => {
    const [a, b] = [...pressed.values()];
    if (!a || !b) return [0, 0, 0];
    return [Math.hypot(a.x - b.x, a.y - b.y), (a.x + b.x) / 2, (a.y + b.y) / 2];
  };
  const on = <K extends keyof HTMLElementEventMap>(name: K, hear: (event: HTMLElementEventMap[K]) => void) =>
    box.addEventListener(name, hear, { signal, passive: false });

  on("wheel", (event) => {
    // A pinch of the touch pad comes as a wheel with ctrl.
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const pixels = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
    zoom(model, Math.exp(-Math.max(-60, Math.min(60, pixels)) / 120), ...place(event.clientX, event.clientY));
  });
  on("pointerdown", (event) => {
    if (event.button !== 0) return;
    pressed.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (pressed.size === 1) moved = false;
    apart = distance()[0];
  });
  on("pointermove", (event) => {
    const from = pressed.get(event.pointerId);
    if (!from) {
      const at = cellAt(model, box, event.clientX, event.clientY);
      const now = store.hover.peek();
      if (at && now?.side === "query" && now.index === at.query && now.key === at.key) return;
      store.hover.value = at && { side: "query", index: at.query, key: at.key };
      return;
    }
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (pressed.size === 1) {
      if (!isPart(model.window.peek(), model.frame.peek()) || (!moved && Math.hypot(dx, dy) < SLOP)) return;
      if (!moved) box.setPointerCapture(event.pointerId);
      store.hover.value = null;
      model.look(movedBy(model.window.peek(), model.frame.peek(), dx, dy));
    } else {
      const [, oldX, oldY] = distance();
      pressed.set(event.pointerId, { x: event.clientX, y: event.clientY });
      const [now, x, y] = distance();
      const frame = model.frame.peek();
      if (apart > 0) model.look(zoomedAt(model.window.peek(), frame, now / apart, ...place(x, y)));
      model.look(movedBy(model.window.peek(), frame, x - oldX, y - oldY));
      apart = now;
    }
    moved = true;
    pressed.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  const release = (event: PointerEvent) => {
    pressed.delete(event.pointerId);
    apart = distance()[0];
  };
  on("pointerup", release);
  on("pointercancel", release);
  on("pointerleave", (event) => {
    if (!pressed.has(event.pointerId)) store.hover.value = null;
  });
  on("click", (event) => {
    if (moved) {
      moved = false;
      return;
    }
    const at = cellAt(model, box, event.clientX, event.clientY);
    if (!at) return;
    if (event.detail <= 1) {
      const { selected_queries, selected_keys } = store.synced;
      before = { selected_queries: selected_queries.peek(), selected_keys: selected_keys.peek() };
    }
    model.cursor.value = at;
    toggleCell(model, at, event.shiftKey);
  });
  on("dblclick", (event) => {
    const at = cellAt(model, box, event.clientX, event.clientY);
    if (!at) return;
    // Its two clicks were no choice.
    if (before) store.change(before);
    model.look(neighbourhood(model.window.peek(), model.frame.peek(), at.query, at.key));
  });
}

export function onKey(model: MatrixModel, event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { queries, keys } = model.frame.peek();
  const { query, key } = model.cursor.peek();
  const page = 10;
  const to: Record<string, [number, number] | undefined> = {
    ArrowUp: [query - 1, key],
    ArrowDown: [query + 1, key],
    ArrowLeft: [query, key - 1],
    ArrowRight: [query, key + 1],
    PageUp: [query - page, key],
    PageDown: [query + page, key],
    Home: [query, 0],
    End: [query, keys - 1],
  };
  const target = to[event.key];
  if (target) {
    // The first arrow shows where the focus is; the next ones move it.
    const shown = model.view.store.hover.peek()?.key !== undefined;
    const [row, column] = shown ? target : [query, key];
    const at = { query: Math.max(0, Math.min(queries - 1, row)), key: Math.max(0, Math.min(keys - 1, column)) };
    model.point(at);
    model.look(revealing(model.window.peek(), model.frame.peek(), at.query, at.key));
  } else if (event.key === "Enter" || event.key === " ") toggleCell(model, { query, key }, event.shiftKey);
  else if (event.key === "+" || event.key === "=") zoomAtCursor(model, STEP);
  else if (event.key === "-" || event.key === "_") zoomAtCursor(model, 1 / STEP);
  else if (event.key === "0") model.look(null);
  else return;
  event.preventDefault();
}

/** Keys zoom at the cell they are on: it keeps its place. */
function zoomAtCursor(model: MatrixModel, factor: number): void {
  const { query, key } = model.cursor.peek();
  const { query: top, key: left, cell } = model.window.peek();
  const frame = model.frame.peek();
  const [x, y] = [(key + 0.5 - left) * cell, (query + 0.5 - top) * cell];
  const inside = x >= 0 && y >= 0 && x <= frame.width && y <= frame.height;
  zoom(model, factor, ...(inside ? ([x, y] as const) : []));
}

export { STEP as ZOOM_STEP };
