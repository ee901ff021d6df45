/** Lines as a vector picture: painted by the painter of the page into paths. */

import { type LinesLook, paintStrokes } from "../paint/lines";
import { focusColumn, focusRow, type Picture } from "../picture";
import { type Strokes, strokes } from "../scene";
import type { Translate } from "../strings";
import type { Token } from "../types";
import type { View } from "../view";
import { type Directions, directions } from "../views/lines_focus";
import { rowHeightFor } from "../views/lines_layout";
import { incomingStrokes } from "../views/lines_numbers";
import { formatWeight } from "../wire/codec";
import { caption, captions, label, letters, type Paper, SMALL, widest } from "./figure";
import { hex, PathContext, short, svgFile, textAt } from "./svg";

const MIDDLE = 440;
const NUMBERS = 52;
const TOP = 30;
/** Strokes that are not the matter now, as on the page. */
const BEHIND = 0.11;
const OTHER_DIRECTION = 0.8;

/** The locked focus as its two directions: who is looked at, and who looks; as numbers, and the other one as strokes. */
interface Focused extends Directions {
  query: Float32Array | null;
  key: Float32Array | null;
  other: Strokes | null;
}

function focused(view: View, { focus, selection }: Picture): Focused {
  const { store, signals } = view;
  const { queries, keys } = signals.axes.value;
  const stack = store.stack.value;
  const same = stack !== undefined && stack.queries === stack.keys;
  if (!focus?.locked) return { out: [], into: [], query: null, key: null, other: null };
  const { out, into } = directions(focus, signals.locked.value.keys, same);
  const { budget, max_strokes } = store.synced;
  const [first, end] = store.rowWindow.value ?? [0, queries.length];
  const range = [first, Math.min(end, queries.length)] as const;
  const incoming = () => (into.length > 0 ? incomingStrokes(selection.series, range, into) : null);
  const options = { budget: budget.value, maxStrokes: max_strokes.value };
  const outgoing = () => (out.length > 0 ? strokes(selection.series, out, options) : null);
  return {
    out,
    into,
    query: into.length > 0 ? focusColumn(selection, into, queries.length) : null,
    key: out.length > 0 ? focusRow(selection, out, keys.length) : null,
    other: focus.side === "query" ? incoming() : outgoing(),
  };
}

function strokePaths(
  picture: Picture,
  other: Strokes | null,
  look: LinesLook,
  frame: Parameters<typeof paintStrokes>[2],
): string[] {
  const { strokes, focusStrokes, focus } = picture;
  const own = new PathContext();
  if (!focusStrokes) {
    paintStrokes(own.context, strokes, frame, look, look.highlight === "query" ? 0.5 : 1);
    return own.paths;
  }
  const behind = new PathContext();
  if (strokes !== focusStrokes) paintStrokes(behind.context, strokes, frame, look, 1);
  const [direction, opposite] = focus?.side === "key" ? (["in", "out"] as const) : (["out", "in"] as const);
  if (other) paintStrokes(own.context, other, frame, { ...look, direction: opposite }, OTHER_DIRECTION);
  paintStrokes(own.context, focusStrokes, frame, { ...look, direction }, 1.25);
  return [`<g opacity="${BEHIND}">`, ...behind.paths, "</g>", ...own.paths];
}

/** Whose numbers a column shows. */
function heading(way: "to" | "from", indices: readonly number[], tokens: readonly Token[], t: Translate): string {
  const [only = 0] = indices;
  return indices.length > 1
    ? t(`lines.${way}.many`, { count: indices.length })
    : t(`lines.${way}`, { token: label(tokens[only]) });
}

/** Colours of the heads with their names, in one row. */
function legend(picture: Picture, look: Paper, highlight: string, middle: number): string[] {
  if (!picture.selection.perHead || highlight !== "none") return [];
  const step = Math.min(76, MIDDLE / picture.selection.heads.length);
  const left = middle - (step * picture.selection.heads.length) / 2;
  return picture.selection.heads.flatMap(({ layer, head }, index) => {
    const colour = look.palette.heads[index % look.palette.heads.length] ?? look.palette.ink;
    const x = left + index * step;
    return [
      `<path d="M${short(x)} 14h14" stroke="${hex(colour)}" stroke-width="3"/>`,
      textAt(x + 18, 14, `L${layer} H${head}`, { size: SMALL, colour: look.ink }),
    ];
  });
}

export function linesSvg(view: View, picture: Picture, look: Paper): string {
  const { store, signals } = view;
  const t = store.t.value;
  const { queries, keys } = signals.axes.value;
  const locked = signals.locked.value;
  const highlight = store.synced.highlight.value;
  const rows = Math.max(queries.length, keys.length);
  const [first, last] = store.rowWindow.value ?? [0, rows];
  const end = Math.min(rows, last);
  const rowHeight = rowHeightFor(rows);
  const height = (end - first) * rowHeight;
  const numbers = focused(view, picture);
  const own = [queries.slice(first, end), keys.slice(first, end)] as const;
  const left = 12 + widest(own[0]) + 8 + (numbers.query ? NUMBERS : 0);
  const right = left + MIDDLE;
  const width = right + 8 + (numbers.key ? NUMBERS : 0) + widest(own[1]) + 12;

  const column = (side: "query" | "key"): string[] => {
    const values = numbers[side];
    const chosen = new Set(side === "query" ? locked.queries : locked.keys);
    const x = side === "query" ? left - 8 : right + 8;
    const way = side === "query" ? -1 : 1;
    const anchor = side === "query" ? "end" : "start";
    return own[side === "query" ? 0 : 1].flatMap((token, at) => {
      const y = TOP + (at + 0.5) * rowHeight;
      const style = { ...letters(token, highlight === "special", chosen.has(first + at), look), anchor } as const;
      const out = [textAt(x + (values ? way * NUMBERS : 0), y, label(token), style)];
      const value = values?.[first + at];
      if (value !== undefined && !Number.isNaN(value)) {
        out.push(textAt(x, y, formatWeight(value), { anchor, size: SMALL, colour: look.muted }));
      }
      return out;
    });
  };
  const paths = strokePaths(
    picture,
    numbers.other,
    {
      palette: look.palette,
      keys,
      perHead: picture.selection.perHead,
      highlight,
      chosenQueries: new Set(picture.focus?.side === "query" ? picture.focus.indices : []),
      dimmed: picture.dimmed,
    },
    { width: MIDDLE, height, rowHeight, scroll: first * rowHeight },
  );
  const part = end - first < rows ? t("lines.rows", { first, last: end - 1, count: rows }) : "";
  const [under, bottom] = caption(captions(view, part), TOP + height + 12, width, look);
  return svgFile(width, bottom, store.synced.title.value, [
    textAt(left - 8, 14, numbers.query ? heading("to", numbers.into, keys, t) : t("query"), {
      anchor: "end",
      size: SMALL,
      colour: look.muted,
    }),
    textAt(right + 8, 14, numbers.key ? heading("from", numbers.out, queries, t) : t("key"), {
      size: SMALL,
      colour: look.muted,
    }),
    ...legend(picture, look, highlight, left + MIDDLE / 2),
    `<clipPath id="frame"><rect width="${MIDDLE}" height="${height}"/></clipPath>`,
    `<g class="strokes" transform="translate(${short(left)} ${TOP})" clip-path="url(#frame)" fill="none">`,
    ...paths,
    "</g>",
    ...column("query"),
    ...column("key"),
    ...under,
  ]);
}
