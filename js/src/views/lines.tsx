/** Lines: query column left, key column right, a curve for every weight within the stroke budget. */

import { batch, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { Tokens } from "../controls/tokens";
import { LONG } from "../picture/axes";
import { followSearch, searchFor } from "../search";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";
import { Brought } from "./brought";
import { titleNumber } from "./cell_words";
import { StrokesCanvas } from "./lines_canvas";
import { type Split, type Strips, useSplit, useStrips } from "./lines_focus";
import { ColumnHeads, Edge, named } from "./lines_heads";
import { columnWidths, GAP, layout, MOST_STRIP_HEADS, rowsAt } from "./lines_layout";
import { beyond, type Range } from "./lines_numbers";
import { Minimap } from "./minimap";
import { SearchBox } from "./search";
import { Strip } from "./strips";

type Side = "query" | "key";

const NONE: ReadonlySet<number> = new Set();

/** What a cell of each strip is, in words. */
function definitions(view: View, split: Split, strips: Strips): [query: string, key: string] {
  const t = view.store.t.value;
  const { queries, keys } = view.signals.axes.value;
  const scale = (top: number | undefined) => (top ? ` (${t("strips.scale", { top: formatWeight(top) })})` : "");
  const { into, out } = split;
  const query =
    into.length > 0 ? t("strips.queries.focus", { token: named("to", into, keys, t) }) : t("strips.queries");
  const key = out.length > 0 ? t("strips.keys.focus", { token: named("from", out, queries, t) }) : t("strips.keys");
  return [query + scale(strips.query?.top), key + scale(strips.key?.top)];
}

export function Lines({ view, width }: { view: View; width: number }) {
  const { store, signals } = view;
  const { synced } = store;
  const t = store.t.value;
  const { queries, keys } = signals.axes.value;
  const picture = signals.picture.value;
  const locked = signals.locked.value;
  const stack = store.stack.value;
  const same = stack !== undefined && stack.queries === stack.keys;
  const scroller = useRef<HTMLDivElement>(null);
  const scroll = useSignal(0);

  const rows = Math.max(queries.length, keys.length);
  const long = queries.length > LONG;
  const pinned = synced.pinned.value.length;
  const headCount = synced.aggregate.value === "rollout" ? 1 : pinned || (store.layer.value?.heads ?? 0);
  const widths = useMemo(() => columnWidths(queries, keys, width), [queries, keys, width]);
  const at = layout(width, rows, widths, headCount);
  const { rowHeight, height, shown } = at;
  const top = Math.min(scroll.value, height - shown);
  const { seen, rendered } = rowsAt(at, rows, top);
  const [first, end] = seen;

  const split = useSplit(view, locked.keys, same, [rendered[0], Math.min(rendered[1], queries.length)]);
  const strips = useStrips(view, split, rendered, long, at.cell > 0);
  const titles = definitions(view, split, strips);
  const search = searchFor(view);
  const current = search.current.value;
  const found = useMemo(() => new Set(current?.covers), [current]);
  const marked = useMemo(() => ({ out: new Set(split.out), into: new Set(split.into) }), [split.out, split.into]);

  const lastRow = Math.min(end, queries.length);
  const showWindow = ([from, to]: Range) => {
    const [before, after] = store.rowWindow.peek() ?? [-1, -1];
    if (long && (from !== before || to !== after)) store.rowWindow.value = [from, to];
    if (!long && before >= 0) store.rowWindow.value = null;
  };
  /** In one go, so that the picture of the new rows is drawn at once and that of the old ones not again. */
  const scrolledTo = (to: number) =>
    batch(() => {
      scroll.value = to;
      showWindow(rowsAt(at, rows, Math.min(to, height - shown)).seen);
    });
  /** `dragged`: drawn when the browser tells of it, once a frame, however often the pointer has moved till then. */
  const scrollTo = (to: number, dragged = false) => {
    if (!scroller.current) return;
    scroller.current.scrollTop = Math.round(to / rowHeight) * rowHeight;
    if (!dragged) scrolledTo(scroller.current.scrollTop);
  };
  /** Puts a token into the middle, unless it is in view. */
  const reveal = (index: number) => {
    const from = (scroller.current?.scrollTop ?? 0) / rowHeight;
    if (index < from || index + 1 > from + shown / rowHeight) scrollTo((index + 0.5) * rowHeight - shown / 2);
  };

  // Before the weights are there: else the lines of all rows would be made once, and thrown away.
  useLayoutEffect(() => showWindow(seen), [store, long, first, end]);
  useEffect(
    () => () => {
      store.rowWindow.value = null;
    },
    [store],
  );
  const lockedFirst = locked.queries[0] ?? locked.keys[0];
  /** What is locked by a click is in view already; what is left then may not be, and must not jump there. */
  const clicked = useRef(false);
  useEffect(() => {
    if (lockedFirst !== undefined && !clicked.current) reveal(lockedFirst);
    clicked.current = false;
  }, [locked, rowHeight, shown]);
  useEffect(() => followSearch(search, (hit) => reveal(hit.index)), [search, rowHeight, shown]);

  const sizes = [at.strip, at.left, at.middle, at.right, at.strip].filter((size) => size > 0);
  const template = sizes.map((size) => `${size}px`).join(" ");
  const tokens = (side: Side) => ({
    side,
    label: t(side === "query" ? "queries" : "keys"),
    tokens: side === "query" ? queries : keys,
    locked: side === "query" ? locked.queries : locked.keys,
    active: side === "query" ? marked.out : marked.into,
    linked: side === "query" ? split.linkedQueries : split.linkedKeys,
    numbers: side === "query" ? split.inNumbers : split.outNumbers,
    leastTitle: t("lines.least"),
    hidden: side === "key" ? (picture?.hiddenKeys ?? NONE) : NONE,
    hiddenTitle: t("fate.left_out"),
    dimmed: side === "key" ? (picture?.dimmed ?? null) : null,
    special: synced.highlight.value === "special",
    rowHeight,
    range: rendered,
    finds: search.marks(side),
    found: same || current?.side === side ? found : NONE,
    onPreview: (index: number | null) => {
      // Also while tokens are locked, which go before: once they are not, the pointer is where it is.
      store.hover.value = index === null ? null : { side, index };
    },
    onLock: (index: number, shift: boolean) => {
      clicked.current = true;
      view.lockUnit(side, index, shift);
    },
    onReveal: reveal,
  });
  const strip = (side: Side) =>
    at.strip > 0 && (
      <div class="strip-place">
        <Strip
          view={view}
          side={side}
          heads={strips.heads}
          strip={side === "query" ? strips.query : strips.key}
          tokens={side === "query" ? queries : keys}
          cell={at.cell}
          width={at.cell * headCount}
          height={shown}
          rowHeight={rowHeight}
          scroll={top}
          definition={titles[side === "query" ? 0 : 1]}
        />
      </div>
    );
  const row = split.outNumbers?.cells;
  const keyColumn = at.strip > 0 ? 4 : 3;
  const edge = (way: "above" | "under", out: readonly [number, number]) =>
    height > shown && (
      <Edge t={t} way={way} column={keyColumn} beyond={row ? beyond(row, out) : null} keys={keys} onGo={reveal} />
    );
  const hovered = pinned ? null : store.hoverHead.value;
  return (
    <div class="lines-view">
      {view.data.image.value && (
        <Brought view={view}>{({ ImagePicture }) => <ImagePicture view={view} width={width} />}</Brought>
      )}
      <div class="picture-bar">
        <span class="picture-rows">
          {long && first < lastRow && t("lines.rows", { first, last: lastRow - 1, count: queries.length })}
        </span>
        <SearchBox view={view} from={first} />
      </div>
      <div class="lines" style={{ gridTemplateColumns: at.map ? `${template} ${at.map + GAP}px` : template }}>
        <ColumnHeads
          t={t}
          split={split}
          queries={queries}
          keys={keys}
          strips={at.strip > 0 ? titles : null}
          stripCaption={hovered === null ? t("strips") : `H${hovered}`}
          stripless={
            at.stripless ? t(`strips.${at.stripless}`, { most: MOST_STRIP_HEADS, count: headCount }) : undefined
          }
        />
        {edge("above", [0, first])}
        <div
          ref={scroller}
          class="scroller"
          style={{ height: `${shown}px`, gridColumn: `1 / span ${sizes.length}` }}
          onScroll={(event) => {
            scrolledTo((event.currentTarget as HTMLElement).scrollTop);
          }}
        >
          <div
            class="body"
            style={{ height: `${height}px`, gridTemplateColumns: template }}
            onPointerOver={(event) => titleNumber(view, split, event.target as HTMLElement)}
          >
            {strip("query")}
            <Tokens {...tokens("query")} />
            <div class="strokes">
              <StrokesCanvas view={view} picture={picture} split={split} at={at} scroll={top} />
            </div>
            <Tokens {...tokens("key")} />
            {strip("key")}
          </div>
        </div>
        {at.map > 0 && (
          <Minimap
            view={view}
            width={at.map}
            height={shown}
            rows={rows}
            first={first}
            end={end}
            queriesMarked={split.out}
            keysMarked={split.into}
            finds={search.marks("query")}
            onMove={(to, dragged) => scrollTo(to * rowHeight, dragged)}
          />
        )}
        {edge("under", [end, keys.length])}
      </div>
    </div>
  );
}
