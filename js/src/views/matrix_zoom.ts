/** Where the matrix looks: which cells are in the frame, and how large they are. */

/** What there is to look at, and the frame it is seen through, in CSS pixels. */
export interface Frame {
  width: number;
  height: number;
  queries: number;
  keys: number;
  /** Pixels of a cell where the whole matrix, or as much of it as can be told apart, is in the frame. */
  fit: number;
}

/** The cell at the frame's top left, in fractions of a cell, and the pixels of a cell. */
export interface Window {
  key: number;
  query: number;
  cell: number;
}

/** Cells are no larger than this, whichever way they are enlarged. */
export const LARGEST_CELL = 72;
/** A cell that was double-clicked is seen with at least so many neighbours on each side. */
const NEIGHBOURS = 4;

/** The frame of a matrix of this size in this room. */
export function frameFor(queries: number, keys: number, room: number, tallest: number, largest: number): Frame {
  const [q, k] = [Math.max(1, queries), Math.max(1, keys)];
  // A matrix much longer than wide keeps rows that can be pointed at, and is looked at part by part.
  const least = Math.min(largest, 48 / Math.min(q, k));
  const fit = Math.max(Math.min(largest, room / k, tallest / q), Math.min(least, Math.max(room / k, tallest / q)));
  return { width: Math.min(room, k * fit), height: Math.min(tallest, q * fit), queries: q, keys: k, fit };
}

export function clampWindow({ key, query, cell }: Window, frame: Frame): Window {
  const size = Math.max(frame.fit, Math.min(Math.max(LARGEST_CELL, frame.fit), cell));
  const last = (count: number, pixels: number) => Math.max(0, count - pixels / size);
  return {
    key: Math.max(0, Math.min(last(frame.keys, frame.width), key)),
    query: Math.max(0, Math.min(last(frame.queries, frame.height), query)),
    cell: size,
  };
}

export function wholeWindow(frame: Frame): Window {
  return { key: 0, query: 0, cell: frame.fit };
}

/** Enlarged so that what lies at (x, y) of the frame stays there. */
export function zoomedAt(now: Window, frame: Frame, factor: number, x: number, y: number): Window {
  const cell = clampWindow({ ...now, cell: now.cell * factor }, frame).cell;
  return clampWindow(
    { key: now.key + x / now.cell - x / cell, query: now.query + y / now.cell - y / cell, cell },
    frame,
  );
}

export function movedBy(now: Window, frame: Frame, x: number, y: number): Window {
  return clampWindow({ ...now, key: now.key - x / now.cell, query: now.query - y / now.cell }, frame);
}

/** With this cell in the middle of the frame, as far as there are cells around it. */
export function centredOn(now: Window, frame: Frame, query: number, key: number, cell = now.cell): Window {
  const { cell: size } = clampWindow({ ...now, cell }, frame);
  return clampWindow(
    { key: key + 0.5 - frame.width / size / 2, query: query + 0.5 - frame.height / size / 2, cell: size },
    frame,
  );
}

/** A cell and its neighbourhood. */
export function neighbourhood(now: Window, frame: Frame, query: number, key: number): Window {
  const side = Math.min(frame.width, frame.height) / (2 * NEIGHBOURS + 1);
  return centredOn(now, frame, query, key, Math.max(now.cell * 1.5, Math.min(48, side)));
}

/** Moved by no more than it takes to have this cell in the frame. */
export function revealing(now: Window, frame: Frame, query: number, key: number): Window {
  const into = (start: number, at: number, seen: number) => Math.max(at + 1 - seen, Math.min(at, start));
  return clampWindow(
    {
      key: into(now.key, key, frame.width / now.cell),
      query: into(now.query, query, frame.height / now.cell),
      cell: now.cell,
    },
    frame,
  );
}

/** Whether anything lies outside the frame. */
export function isPart(now: Window, frame: Frame): boolean {
  const less = (cells: number, pixels: number) => pixels / now.cell < cells - 1e-6;
  return less(frame.keys, frame.width) || less(frame.queries, frame.height);
}

/** Cells of one side that are in the frame, whole or in part: first, and one after the last. */
export function inFrame(start: number, pixels: number, cell: number, count: number): [first: number, end: number] {
  return [Math.max(0, Math.floor(start + 1e-9)), Math.min(count, Math.ceil(start + pixels / cell - 1e-9))];
}
