/** Around the figure of Steps: the shapes of the matrices, and what a reader has to know. */

import type { HeadParts } from "../steps";
import type { View } from "../view";

const MINUS = "⁻";
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** 3·10⁻⁷ */
export function scientific(value: number): string {
  const [digits = "0", power = "0"] = value.toExponential(0).split("e");
  const raised = [...power.replace("+", "")].map((c) => (c === "-" ? MINUS : (SUPERSCRIPTS[Number(c)] ?? "")));
  return `${digits}·10${raised.join("")}`;
}

interface Shape {
  name: string;
  /** Subscript. */
  below?: string;
  rows: number;
  columns: number;
}

function Matrix({ name, below, rows, columns }: Shape) {
  return (
    <span class="steps-matrix">
      <var>
        {name}
        {below && <sub>{below}</sub>}
      </var>{" "}
      <span class="number">{`${rows} × ${columns}`}</span>
    </span>
  );
}

/** X → Q, K, V → scores → output → W_O, each with its shape. */
export function Shapes({ view, parts, queries }: { view: View; parts: HeadParts; queries: number }) {
  const t = view.store.t.value;
  const { d, dv, keys, width } = parts;
  const same = queries === keys && d === dv;
  const projected: Shape[] = same
    ? [{ name: "Q, K, V", rows: queries, columns: d }]
    : [
        { name: "Q", rows: queries, columns: d },
        { name: "K", rows: keys, columns: d },
        { name: "V", rows: keys, columns: dv },
      ];
  const arrow = <span class="muted">→</span>;
  return (
    <p class="steps-shapes">
      <span class="muted">{t("steps.shapes")}</span>
      {width !== null && (
        <>
          <Matrix name="X" rows={queries} columns={width} />
          {arrow}
        </>
      )}
      {projected.map((shape) => (
        <Matrix key={shape.name} {...shape} />
      ))}
      {arrow}
      <Matrix name="Q·Kᵀ" rows={queries} columns={keys} />
      {arrow}
      <Matrix name="softmax(…)·V" rows={queries} columns={dv} />
      {width !== null && (
        <>
          {arrow}
          <Matrix name="· W" below="O" rows={queries} columns={width} />
        </>
      )}
    </p>
  );
}

/** Heads that share a key-value head with this one: "4–7". */
function sharers(head: number, heads: number, groups: number): string {
  const each = heads / groups;
  const first = Math.floor(head / each) * each;
  return `${first}–${first + each - 1}`;
}

export function Notes({ view, parts, layer, head }: { view: View; parts: HeadParts; layer: number; head: number }) {
  const t = view.store.t.value;
  const heads = view.store.stack.value?.layers[layer]?.heads ?? 1;
  const { groups, group, residual } = parts;
  return (
    <ul class="steps-notes">
      {residual !== null && <li>{t("steps.note.residual", { residual: scientific(residual) })}</li>}
      {groups < heads && (
        <li>{t("steps.note.shared", { head, heads: sharers(head, heads, groups), group, groups })}</li>
      )}
      <li>{t("steps.note.vectors")}</li>
      <li>{t("steps.note.after")}</li>
    </ul>
  );
}
