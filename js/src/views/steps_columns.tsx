/** The columns of Steps: which there are in this architecture, how wide each is, and what stands above it. */

import { diverging, scaleOf } from "../paint/steps";
import { type HeadParts, printed, type Steps, scaleEnd } from "../steps";
import type { Translate } from "../strings";
import type { View } from "../view";

export type StripName = "k" | "qk" | "wv";
export type NumberName = "sum" | "scaled" | "capped" | "bias" | "mask" | "score";

const NUMBERS: ReadonlySet<string> = new Set<NumberName>(["sum", "scaled", "capped", "bias", "mask", "score"]);

export interface Column {
  name: "label" | StripName | NumberName | "weight";
  x: number;
  width: number;
}

export interface End {
  end: number;
  clipped: boolean;
}

export interface Ends {
  k: End;
  qk: End;
  wv: End;
  /** Of the output, and of the keys that are not listed: that of single keys unless they are far beyond it. */
  output: End;
}

/** Left and right of what stands in a cell. */
export const PADDING = 7;
const NUMBER = 76;
const MASK = 66;
const WEIGHT = 130;
const [NARROWEST, WIDEST] = [112, 300];
/** What their numbers need where there is little room; beyond that the table is scrolled sideways. */
const [LEAST_NUMBER, LEAST_MASK, LEAST_STRIP] = [63, 56, 80];
/** Beside the bar of a weight: its number, and the room around both. */
const BESIDE_BAR = 76;
const LEAST_WEIGHT = BESIDE_BAR + 24;

/** The longest bar of a weight. */
export function barWidth(columns: readonly Column[]): number {
  return (columns.find(({ name }) => name === "weight")?.width ?? WEIGHT) - BESIDE_BAR;
}

/** Columns of numbers between the products and the weights, from left to right; the last is what softmax takes. */
export function numberColumns(parts: HeadParts): NumberName[] {
  const more: NumberName[] = [];
  if (parts.softcap !== null) more.push("capped");
  if (parts.bias) more.push("bias");
  if (parts.seen) more.push("mask");
  return ["sum", "scaled", ...more, ...(more.length > 0 ? (["score"] as const) : [])];
}

/** Where not all columns fit beside each other, the reader chooses which stretch of them is shown. */
export const STRETCHES = ["products", "weights", "values"] as const;
export type Stretch = (typeof STRETCHES)[number];

/** All columns, from left to right; at their narrowest if need be. */
export function columnsFor(parts: HeadParts, width: number, label: number): Column[] {
  const numbers = numberColumns(parts);
  const wide = (name: NumberName) => (name === "mask" ? MASK : NUMBER);
  const taken = label + WEIGHT + numbers.reduce((sum, name) => sum + wide(name), 0);
  const strip = Math.max(NARROWEST, Math.min(WIDEST, Math.floor((width - taken - 2) / 3)));
  let x = 0;
  const place = (name: Column["name"], wide: number): Column => {
    x += wide;
    return { name, x: x - wide, width: wide };
  };
  return [
    place("label", label),
    place("k", strip),
    place("qk", strip),
    ...numbers.map((name) => place(name, wide(name))),
    place("weight", WEIGHT),
    place("wv", strip),
  ];
}

export function widthOf(columns: readonly Column[]): number {
  return columns.reduce((sum, column) => sum + column.width, 0);
}

function least(name: Column["name"]): number {
  if (name === "weight") return LEAST_WEIGHT;
  if (name === "mask") return LEAST_MASK;
  return NUMBERS.has(name) ? LEAST_NUMBER : LEAST_STRIP;
}

/** The columns of one stretch, as wide as there is room. */
export function stretchOf(columns: readonly Column[], stretch: Stretch, width: number): Column[] {
  const shown = columns.filter(({ name }) => {
    if (name === "label") return true;
    if (name === "k" || name === "qk") return stretch === "products";
    return name === "wv" ? stretch === "values" : stretch === "weights" || name === "weight";
  });
  const kept = stretch === "products" ? shown.filter(({ name }) => name !== "weight") : shown;
  // What has strips of colour takes the room there is, else all columns share it.
  const wide = (name: Column["name"]) => name === "k" || name === "qk" || name === "wv" || stretch === "weights";
  const free = kept.filter(({ name }) => name !== "label" && wide(name));
  const room = width - 2 - widthOf(kept) + widthOf(free);
  const share = room / (widthOf(free) || 1);
  let x = 0;
  return kept.map((column) => {
    const own = free.includes(column) ? Math.max(least(column.name), Math.floor(column.width * share)) : column.width;
    x += own;
    return { ...column, x: x - own, width: own };
  });
}

/** Sums that go this far beyond the scale of their parts get one of their own. */
const BEYOND = 1.5;

/** One scale for q and the keys shown, one for their products, one for weighted values and as a rule their sum. */
export function endsFor(
  row: Steps,
  keys: readonly number[],
  products: readonly Float64Array[],
  weighted: readonly Float64Array[],
): Ends {
  const shown = keys.map((key) => row.k.subarray(key * row.d, (key + 1) * row.d));
  const [parts, sum] = [scaleEnd(...weighted), scaleEnd(row.output)];
  const own = sum.end > parts.end * BEYOND;
  const both = own ? parts : scaleEnd(row.output, ...weighted);
  return { k: scaleEnd(row.q, ...shown), qk: scaleEnd(...products), wv: both, output: own ? sum : both };
}

function ScaleBar({ view, end, clipped }: { view: View } & End) {
  const scale = scaleOf(end, view.palette.value, view.store.dark.value);
  const stops = [-1, -0.5, 0, 0.5, 1].map((at) => diverging(at * end, scale));
  const mark = clipped ? "≥" : "";
  return (
    <span class="steps-scale" title={clipped ? view.store.t.value("steps.clipped", { end }) : undefined}>
      <span class="number">{`${clipped ? "≤" : ""}−${end}`}</span>
      <span class="steps-scale-bar" style={{ background: `linear-gradient(to right, ${stops.join(", ")})` }} />
      <span class="number">{`${mark}${end}`}</span>
    </span>
  );
}

/** What one number of scores is multiplied with: "0.177 = 1/√32" where it is that. */
export function scaleText(scale: number, d: number): [number: string, root: string] {
  const isRoot = Math.abs(scale * Math.sqrt(d) - 1) < 1e-5;
  return [String(Number(scale.toPrecision(3))), isRoot && d > 1 ? `1/√${d}` : ""];
}

interface HeadProps {
  view: View;
  column: Column;
  parts: HeadParts;
  ends: Ends;
  last: boolean;
}

function words({ column, parts, last }: HeadProps, t: Translate): [title: string, below: string] {
  const [scale, root] = scaleText(parts.scale, parts.d);
  switch (column.name) {
    case "label":
      return [t("key"), ""];
    case "k":
      return [`① ${t("steps.qk")}`, t("steps.numbers", { count: parts.d })];
    case "qk":
      return [`② ${t("steps.product")}`, t("steps.product.how")];
    case "sum":
      return [`③ ${t("steps.sum")}`, "Σ q·k"];
    case "scaled":
      return [`× ${scale}`, [root && `= ${root}`, last ? t("steps.is.score") : ""].filter(Boolean).join("\n")];
    case "capped":
      return [t("steps.cap"), `${printed(parts.softcap ?? 0).replace(/\.?0+$/, "")}·tanh`];
    case "bias":
      return [t("steps.bias"), t("steps.bias.how")];
    case "mask":
      return [t("steps.mask"), ""];
    case "score":
      return [t("steps.score"), ""];
    case "weight":
      return [`④ ${t("steps.weight")}`, t("steps.weight.how")];
    case "wv":
      return [`⑤ ${t("steps.value")}`, t("steps.value.how", { count: parts.dv })];
  }
}

export function ColumnHead(props: HeadProps) {
  const { view, column, ends } = props;
  const [title, below] = words(props, view.store.t.value);
  const strip = column.name === "k" || column.name === "qk" || column.name === "wv" ? ends[column.name] : null;
  return (
    <th
      scope="col"
      class="steps-head"
      data-column={column.name}
      data-number={NUMBERS.has(column.name) ? "" : undefined}
    >
      <span class="steps-title">{title}</span>
      <span class="steps-below">{below}</span>
      {strip && <ScaleBar view={view} {...strip} />}
    </th>
  );
}
