/** What lies over the heads of the atlas: frames of those that are collected, and what is under the pointer. */

import type { Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { cornerOf, type Grid, type Place, paintMarks } from "../paint/atlas";
import { paintOn } from "../paint/canvas";
import type { HeadLabel, Statistics } from "../statistics";
import type { View } from "../view";
import { shareWords, sortedValue, Tip } from "./atlas_tip";

/** The style sheet's colours, read once for each painting. */
export function coloursOf(element: Element): (name: string) => string {
  const style = getComputedStyle(element);
  const known = new Map<string, string>();
  return (name) => {
    const found = known.get(name) ?? style.getPropertyValue(`--${name}`).trim();
    known.set(name, found);
    return found;
  };
}

interface MarksProps {
  view: View;
  grid: Grid;
  orders: readonly (readonly number[])[];
}

export function Marks({ view, grid, orders }: MarksProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pinned = view.store.synced.pinned.value;
  const palette = view.palette.value;
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const places = pinned.map(([layer, head]) => ({ layer, position: orders[layer]?.indexOf(head) ?? -1 }));
    const shown = places.filter(({ position }) => position >= 0);
    paintOn(element, grid.width, grid.tops.at(-1) ?? 0, (context) =>
      paintMarks(context, grid, shown, coloursOf(element)),
    );
  }, [pinned, grid, orders, palette]);
  return <canvas ref={canvas} class="cross" />;
}

interface HereProps {
  view: View;
  grid: Grid;
  at: Signal<Place | null>;
  byKeyboard: Signal<boolean>;
  orders: readonly (readonly number[])[];
  statistics: Statistics | undefined;
  labels: readonly (readonly HeadLabel[])[] | undefined;
  sort: string;
}

function Frame({ grid, place }: { grid: Grid; place: Place }) {
  const [left, top] = cornerOf(grid, place);
  const size = `${grid.cell + 6}px`;
  return (
    <span class="here" style={{ transform: `translate(${left - 3}px, ${top - 3}px)`, width: size, height: size }} />
  );
}

/** On its own, and no canvas: the pointer moves one frame and repaints nothing. */
export function Here({ view, grid, at, byKeyboard, orders, statistics, labels, sort }: HereProps) {
  const t = view.store.t.value;
  const lang = view.store.synced.lang.value;
  const place = at.value;
  const head = place ? orders[place.layer]?.[place.position] : undefined;
  const label = place && head !== undefined ? labels?.[place.layer]?.[head] : undefined;
  let spoken = "";
  if (byKeyboard.value && place && head !== undefined) {
    const { layer } = place;
    const parts = [t("heads.place", { layer, head }), label?.text[lang] ?? ""];
    if (statistics && sort) parts.push(sortedValue({ statistics, sort, lang, layer, head }));
    if (statistics) parts.push(shareWords(statistics, layer, head, t));
    spoken = parts.filter(Boolean).join(". ");
  }
  return (
    <>
      {place && <Frame grid={grid} place={place} />}
      {place && head !== undefined && <Tip {...{ view, grid, place, head, statistics, label, sort }} />}
      <div class="spoken" aria-live="polite">
        {spoken}
      </div>
    </>
  );
}
