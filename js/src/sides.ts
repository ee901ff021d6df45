/** How the two sides of a comparison are called, and how a change between them is written. */

import type { Comparison } from "./compare";
import type { Store } from "./store";

/** The names of both sides; two layers that were given none are called by their numbers. */
export function sidesOf(comparison: Partial<Comparison>, layer: number): { a: string; b: string } {
  const [a, b] = [comparison.a ?? "A", comparison.b ?? "B"];
  const fixed = comparison.layer ?? null;
  return fixed !== null && a === "A" && b === "B" ? { a: `L${layer}`, b: `L${fixed}` } : { a, b };
}

/** What both sides are called now. */
export function sidesNow({ synced }: Store): { a: string; b: string } {
  return sidesOf(synced.comparison.value, synced.layer.value);
}

/** "+0.120", "−0.034", "0": a change with its sign, as many digits as weights have. */
export function formatChange(change: number): string {
  if (Number.isNaN(change)) return "…";
  const size = Math.abs(change);
  if (size < 0.0005) return "0";
  return `${change > 0 ? "+" : "−"}${size.toFixed(3)}`;
}
