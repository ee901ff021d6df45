/** Matrix as a vector picture: the cells in the colours of the page. */

import {
  type Colouring,
  cellColour,
  cellNumber,
  colour,
  digitsFor,
  divergingRamp,
  extremes,
  fieldOf,
  type Shading,
  shading,
  textColour,
} from "../paint/matrix";
import { keyRamps, mix, ramp } from "../paint/palette";
import type { Picture } from "../picture";
import type { View } from "../view";
import { caption, captions, label, letters, type Paper, SMALL, widest } from "./figure";
import { hex, short, squares, svgFile, textAt } from "./svg";

const SIDE = 560;
const LARGEST = 34;
/** More bins on a side would make a file that no program opens. */
const MOST_BINS = 512;
/** Labels closer than this would overlap. */
const PITCH = 13;

function colouringOf(view: View, picture: Picture, look: Paper, scale: Shading): Colouring {
  const { store, signals } = view;
  const { scope } = picture.selection;
  const { keys } = signals.axes.value;
  const { palette } = look;
  const chosen = new Set(signals.locked.value.queries);
  const fade = store.synced.highlight.value === "query" && chosen.size > 0;
  const learned = keys.filter((token) => token.role === "sink").length;
  const [less = palette.ink, more = palette.ink] = palette.heads;
  const plain = [palette.ink, palette.cls, palette.sep].map((to) => ramp(palette, to));
  return {
    shading: scale,
    ramps: scale.diverging ? [divergingRamp(palette, less, more)] : plain,
    keyRamps: scale.diverging
      ? new Uint8Array(keys.length)
      : keyRamps(keys, store.synced.highlight.value === "special"),
    uniform: (query) => scope.baseline(query),
    faded: (query) => fade && !chosen.has(query),
    dimmed: (key) => scope.dims(key),
    unseen: (query) => (scope.look.causal ? scope.seen(query) - learned : keys.length),
    hidden: (key) => scope.hides(key),
    blank: mix(palette.paper, palette.ink, 0.055),
  };
}

/** The colour scale with its numbers. */
function scaleBar(scale: Shading, colouring: Colouring, look: Paper, x: number, y: number): string[] {
  const [steps, width] = [64, 180];
  const bars = Array.from({ length: steps }, (_, at) => {
    const fill = hex(cellColour(colouring.ramps[0], at / (steps - 1), look.palette.paper));
    const bar = `width="${short(width / steps + 0.3)}" height="9" fill="${fill}"`;
    return `<rect x="${short(x + (at * width) / steps)}" y="${y}" ${bar}/>`;
  });
  const ticks = scale.ticks.map(({ at, text }) =>
    textAt(x + at * width, y + 18, text, { anchor: "middle", size: SMALL, colour: look.muted }),
  );
  return [...bars, ...ticks];
}

export function matrixSvg(view: View, picture: Picture, look: Paper): string {
  const { store, signals } = view;
  const t = store.t.value;
  const { queries, keys } = signals.axes.value;
  const { joint } = picture.selection;
  const highlight = store.synced.highlight.value;
  const step = Math.ceil(Math.max(queries.length, keys.length) / MOST_BINS);
  const field = fieldOf(joint, [0, queries.length], [0, keys.length], step);
  const { max, times } = extremes(field, picture.baseline);
  const scale = shading(store.synced.scale.value, max, times);
  const colouring = colouringOf(view, picture, look, scale);
  const cell = Math.min(LARGEST, SIDE / field.columns, Math.max(SIDE / field.rows, 2));
  const [wide, tall] = [cell * field.columns, cell * field.rows];
  const every = Math.max(1, Math.ceil(PITCH / cell)) * step;
  const left = 12 + widest(queries) + 8;
  const top = 12 + widest(keys) + 8;

  const names = (side: "query" | "key"): string[] => {
    const tokens = side === "query" ? queries : keys;
    const chosen = new Set(side === "query" ? signals.locked.value.queries : signals.locked.value.keys);
    return tokens.flatMap((token, at) => {
      if (at % every !== 0) return [];
      const along = (Math.floor(at / step) + 0.5) * cell;
      const style = letters(token, highlight === "special", chosen.has(at), look);
      return side === "query"
        ? textAt(left - 8, top + along, label(token), { ...style, anchor: "end" })
        : textAt(left + along, top - 8, label(token), { ...style, turn: -90 });
    });
  };
  const digits = step === 1 ? digitsFor(cell) : 0;
  const numbers = digits
    ? [...field.values].flatMap((value, at) => {
        const text = Number.isNaN(value) ? "" : cellNumber(value, digits);
        const [row, column] = [Math.floor(at / field.columns), at % field.columns];
        const place = scale.level(value, picture.baseline(row));
        const under = cellColour(colouring.ramps[colouring.keyRamps[column] ?? 0], place, look.palette.paper);
        const size = Math.min(10.5, cell * 0.36);
        const style = { anchor: "middle", size, colour: hex(textColour(under)) } as const;
        return text ? textAt(left + (column + 0.5) * cell, top + (row + 0.5) * cell, text, style) : [];
      })
    : [];
  const frame = (x: number, y: number, w: number, h: number) =>
    `<rect x="${short(left + x)}" y="${short(top + y)}" width="${short(w)}" height="${short(h)}" fill="none" stroke="${hex(look.palette.query)}" stroke-width="1.5"/>`;
  const marks = [
    ...signals.locked.value.queries.map((query) => frame(0, (query / step) * cell, wide, cell / step)),
    ...signals.locked.value.keys.map((key) => frame((key / step) * cell, 0, cell / step, tall)),
  ];
  const [first] = picture.selection.heads;
  const notes = [
    step > 1 ? t("save.bins", { step }) : "",
    first?.weights.form === "top" ? t("top", { count: first.weights.listed }) : "",
  ].filter((note) => note !== "");
  const width = Math.max(left + wide + 16, left + 320);
  const [under, bottom] = caption([...captions(view), ...notes], top + tall + 44, width, look);
  return svgFile(width, bottom, store.synced.title.value, [
    `<g class="cells" transform="translate(${short(left)} ${short(top)})" shape-rendering="crispEdges">`,
    ...squares(colour(field, colouring), field.columns, cell),
    "</g>",
    `<rect x="${short(left)}" y="${short(top)}" width="${short(wide)}" height="${short(tall)}" fill="none" stroke="${look.rule}"/>`,
    ...marks,
    ...numbers,
    ...names("query"),
    ...names("key"),
    ...scaleBar(scale, colouring, look, left, top + tall + 10),
    ...under,
  ]);
}
