/** A query × key heat map: the numbers that it shows, the scale that turns them into colours, and the colouring. */

import type { Series } from "../scene";
import type { Scale } from "../types";
import { formatWeight } from "../wire/codec";
import { mix, type Palette, type Rgb } from "./palette";

/** Numbers of a part of the matrix, row by row; a bin stands for `step` × `step` cells and holds their largest. */
export interface Field {
  /** The first query and key. */
  query: number;
  key: number;
  rows: number;
  columns: number;
  step: number;
  /** NaN: not held. */
  values: Float32Array;
}

/** A place of the scale with its number, 0 left to 1 right. */
export interface Tick {
  at: number;
  text: string;
}

/** One colour scale over the weights at hand. */
export interface Shading {
  scale: Scale;
  /** What the ends stand for: weights, or multiples of the uniform weight where `diverging`. */
  min: number;
  max: number;
  ticks: readonly Tick[];
  /** From "less" over paper to the key's own colour; else from paper to that colour. */
  diverging: boolean;
  /** Place of a weight on the scale, 0 to 1; `uniform` is the weight that each key would have had alike. */
  level(weight: number, uniform: number): number;
}

/** The log scale shows so many decades, and no more than so many times the uniform weight is told apart. */
const DECADES = 4;
const MOST_TIMES = 64;
/** Ticks closer than this share of the scale would overlap. */
const TICK_ROOM = 0.34;

const clamp = (x: number) => (x > 0 ? Math.min(1, x) : 0);

function power(exponent: number, max: number): Shading["ticks"] {
  return [0, 0.5, 1].map((at) => ({ at, text: formatWeight(at ** exponent * max) }));
}

function logarithmic(max: number): Shading {
  const top = Math.log10(max > 0 ? max : 1);
  const bottom = Math.floor(top - DECADES + 1 - 1e-9);
  const span = top - bottom;
  const ticks = [{ at: 1, text: formatWeight(max > 0 ? max : 1) }];
  for (let decade = Math.ceil(top) - 1; decade >= bottom; decade--) {
    const at = (decade - bottom) / span;
    const text = String(Number((10 ** decade).toPrecision(1)));
    if ((ticks[0]?.at ?? 1) - at >= TICK_ROOM) ticks.unshift({ at, text: decade === bottom ? `≤${text}` : text });
  }
  return {
    scale: "log",
    min: 10 ** bottom,
    max,
    ticks,
    diverging: false,
    level: (weight) => (weight > 0 ? clamp((Math.log10(weight) - bottom) / span) : 0),
  };
}

/** `times` is the largest multiple of the uniform weight in the picture. */
function relative(times: number): Shading {
  const most = Math.max(2, Math.min(MOST_TIMES, 2 ** Math.ceil(Math.log2(Math.max(1, times)) - 1e-6)));
  const span = Math.log2(most);
  return {
    scale: "relative",
    min: 1 / most,
    max: most,
    ticks: [
      { at: 0, text: `≤1/${most}×` },
      { at: 0.5, text: "1×" },
      { at: 1, text: `${times > most ? "≥" : ""}${most}×` },
    ],
    diverging: true,
    level: (weight, uniform) => (weight > 0 && uniform > 0 ? clamp(0.5 + Math.log2(weight / uniform) / span / 2) : 0),
  };
}

/** The scale over weights up to `max`, of which the largest is `times` the uniform weight of its row. */
export function shading(scale: Scale, max: number, times = 1): Shading {
  if (scale === "log") return logarithmic(max);
  if (scale === "relative") return relative(times);
  const exponent = scale === "linear" ? 1 : 2;
  return {
    scale,
    min: 0,
    max,
    ticks: power(exponent, max),
    diverging: false,
    level: (weight) => (max > 0 ? clamp((weight / max) ** (1 / exponent)) : 0),
  };
}

/** 256 steps from `from` over paper to `to`. */
export function divergingRamp(palette: Palette, from: Rgb, to: Rgb): Uint8ClampedArray {
  const steps = new Uint8ClampedArray(256 * 4);
  for (let step = 0; step < 256; step++) {
    const share = Math.abs(step - 127.5) / 127.5;
    steps.set([...mix(palette.paper, step < 128 ? from : to, share), 255], step * 4);
  }
  return steps;
}

/** Rows of which some cells may not be held; those are zero. */
export type KnownSeries = Series & { isWhole(query: number): boolean };

/** An empty field over these queries and keys. */
export function emptyField(
  queries: readonly [first: number, end: number],
  keys: readonly [first: number, end: number],
  step: number,
): Field {
  const [rows, columns] = [Math.ceil((queries[1] - queries[0]) / step), Math.ceil((keys[1] - keys[0]) / step)];
  return { query: queries[0], key: keys[0], rows, columns, step, values: new Float32Array(rows * columns) };
}

/** Put one row into a field; `end` is one after the last query of it. */
export function takeRow(field: Field, series: KnownSeries, query: number, row: Float32Array, end: number): void {
  const { step, columns, values, key } = field;
  const at = query - field.query;
  const start = Math.floor(at / step) * columns;
  pool(row.subarray(key, Math.min(row.length, key + columns * step)), step, values, start);
  // Zeros of a row that is not whole are gaps.
  if (series.isWhole(query) || ((at + 1) % step !== 0 && query + 1 < end)) return;
  for (let bin = start; bin < start + columns; bin++) if (values[bin] === 0) values[bin] = Number.NaN;
}

/** Some queries over some keys, cell by cell. */
export function fieldOf(
  series: KnownSeries,
  queries: readonly [first: number, end: number],
  keys: readonly [first: number, end: number],
  step = 1,
): Field {
  const field = emptyField(queries, keys, step);
  let row: Float32Array | undefined;
  for (let query = queries[0]; query < queries[1]; query++) {
    row = series.row(query, row);
    takeRow(field, series, query, row, queries[1]);
  }
  return field;
}

/** The same at twice the step. */
export function halved(field: Field): Field {
  const [rows, columns] = [Math.ceil(field.rows / 2), Math.ceil(field.columns / 2)];
  const values = new Float32Array(rows * columns).fill(Number.NaN);
  for (let row = 0, at = 0; row < field.rows; row++) {
    for (let column = 0; column < field.columns; column++, at++) {
      const bin = (row >> 1) * columns + (column >> 1);
      const value = field.values[at] as number;
      if (!((values[bin] as number) >= value) && !Number.isNaN(value)) values[bin] = value;
    }
  }
  return { ...field, rows, columns, step: field.step * 2, values };
}

/** Take the largest of each `step` cells of a row into `into`, from `start` on. */
export function pool(row: Float32Array, step: number, into: Float32Array, start: number): void {
  if (step === 1) {
    into.set(row, start);
    return;
  }
  const keys = row.length;
  for (let key = 0, bin = start; key < keys; bin++) {
    let most = into[bin] as number;
    for (const end = Math.min(keys, key + step); key < end; key++) {
      const weight = row[key] as number;
      if (weight > most) most = weight;
    }
    into[bin] = most;
  }
}

/** The largest weight, and the largest multiple of its row's uniform weight. */
export function extremes(field: Field, uniform: (query: number) => number): { max: number; times: number } {
  let [max, times] = [0, 0];
  for (let row = 0, at = 0; row < field.rows; row++) {
    let most = 0;
    for (const end = at + field.columns; at < end; at++) {
      const weight = field.values[at] as number;
      if (weight > most) most = weight;
    }
    if (most > max) max = most;
    const base = uniform(field.query + row * field.step);
    if (base > 0 && most / base > times) times = most / base;
  }
  return { max, times };
}

export interface Colouring {
  shading: Shading;
  /** One ramp of 256 RGBA steps for each number in `keyRamps`. */
  ramps: readonly Uint8ClampedArray[];
  /** Of each key of the whole matrix. */
  keyRamps: Uint8Array;
  /** The uniform weight of a row. */
  uniform: (query: number) => number;
  /** Rows and keys that step back. */
  faded: (query: number) => boolean;
  dimmed: (key: number) => boolean;
  /** Keys from here on are out of the row's sight; single ones may be left out as well. */
  unseen: (query: number) => number;
  hidden: (key: number) => boolean;
  /** Colour of cells that no weight could be in. */
  blank: Rgb;
}

/** How opaque a row or key is that steps back. */
export const FADED = 70 / 255;

/** Four bytes in the order in which canvases keep them, as one number. */
function packed([red, green, blue]: Rgb): number {
  return new Uint32Array(Uint8ClampedArray.of(red, green, blue, 255).buffer)[0] as number;
}

/** One RGBA pixel for each bin; transparent where nothing is held: what lies behind says so. */
export function colour(field: Field, colouring: Colouring): Uint8ClampedArray<ArrayBuffer> {
  const { rows, columns, step, values } = field;
  const { shading, ramps, keyRamps, uniform, faded, dimmed, unseen, hidden } = colouring;
  const pixels = new Uint8ClampedArray(rows * columns * 4);
  const words = new Uint32Array(pixels.buffer);
  const full = ramps.map((ramp) => new Uint32Array(ramp.buffer, ramp.byteOffset, 256));
  const back = ramps.map((ramp) => {
    const copy = ramp.slice();
    for (let at = 3; at < copy.length; at += 4) copy[at] = Math.round(FADED * 255);
    return new Uint32Array(copy.buffer);
  });
  const blank = packed(colouring.blank);
  const rampOf = new Uint8Array(columns);
  const [dim, gone] = [new Uint8Array(columns).fill(1), new Uint8Array(columns).fill(1)];
  for (let key = field.key; key < Math.min(keyRamps.length, field.key + columns * step); key++) {
    const at = Math.floor((key - field.key) / step);
    rampOf[at] = Math.max(rampOf[at] ?? 0, keyRamps[key] ?? 0);
    if (!dimmed(key)) dim[at] = 0;
    if (!hidden(key)) gone[at] = 0;
  }
  for (let row = 0, at = 0; row < rows; row++) {
    const query = field.query + row * step;
    const base = uniform(query);
    const stepsBack = faded(query);
    const sight = (unseen(query + step - 1) - field.key) / step;
    for (let column = 0; column < columns; column++, at++) {
      const weight = values[at] as number;
      // Beyond a row's sight there is no weight, whether the page was told or not.
      if ((!(weight > 0) && column >= sight) || (weight === 0 && gone[column])) words[at] = blank;
      else if (!Number.isNaN(weight)) {
        const from = stepsBack || dim[column] ? back : full;
        const level = Math.round(shading.level(weight, base) * 255);
        words[at] = (from[rampOf[column] as number] ?? from[0])?.[level] ?? 0;
      }
    }
  }
  return pixels;
}

/** Colour of the ramp at a place of the scale, put over paper with `alpha`. */
export function cellColour(ramp: Uint8ClampedArray | undefined, place: number, paper: Rgb, alpha = 1): Rgb {
  const at = Math.round(place * 255) * 4;
  const full: Rgb = [ramp?.[at] ?? 0, ramp?.[at + 1] ?? 0, ramp?.[at + 2] ?? 0];
  return alpha === 1 ? full : mix(paper, full, alpha);
}

function luminance(colour: Rgb): number {
  const [red, green, blue] = colour.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast ratio of two colours, as WCAG 2 defines it. */
export function contrast(one: Rgb, other: Rgb): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];

/** Black or white, whichever is read better: one of them always reaches 4.5. */
export function textColour(background: Rgb): Rgb {
  return contrast(background, BLACK) >= contrast(background, WHITE) ? BLACK : WHITE;
}

/** A weight in a cell: ".49", ".490"; "" where all these digits are 0. Values above 1 keep as many digits. */
export function cellNumber(weight: number, digits: number): string {
  if (!(weight >= 0.5 / 10 ** digits)) return "";
  if (weight >= 9.95) return weight >= 999.5 ? "" : weight.toFixed(0);
  const text = weight.toFixed(weight >= 0.9995 || Number(weight.toFixed(digits)) >= 1 ? digits - 1 : digits);
  return text.startsWith("0.") ? text.slice(1) : text;
}

/** How many digits fit a cell this wide; 0: none. */
export function digitsFor(cell: number): number {
  return cell >= 34 ? 3 : cell >= 26 ? 2 : 0;
}
