/** What labels look like: a short name, a single sign where there is no room, and a family that gives the colour. */

import type { Certainty, Label, Statistics } from "../statistics";
import type { Translate } from "../strings";

export type Family = "cls" | "sep" | "punct" | "first" | "other" | "position" | "plain";

const FAMILY: Record<Label, Family> = {
  induction: "position",
  previous: "position",
  next: "position",
  self: "position",
  cls_sink: "cls",
  sep_sink: "sep",
  punct_sink: "punct",
  first_sink: "first",
  other_sink: "other",
  delimiters: "other",
  local: "position",
  broad: "plain",
  mixed: "plain",
};

/** Where not even a short name fits: a sign that differs in shape, not only in colour. */
const SIGN: Record<Label, string> = {
  induction: "⇉",
  previous: "←",
  next: "→",
  self: "=",
  cls_sink: "C",
  sep_sink: "S",
  punct_sink: ".",
  first_sink: "1",
  other_sink: "*",
  delimiters: "D",
  local: "↔",
  broad: "",
  mixed: "",
};

export function family(label: Label): Family {
  return FAMILY[label] ?? "plain";
}

export function chipSign(label: Label, t: Translate): string {
  return label === "broad" ? t("heads.chip.broad.short") : (SIGN[label] ?? "");
}

/** Names of a label from long to short; the painter takes the longest that fits. */
export function chipNames(label: Label, statistics: Statistics, t: Translate): string[] {
  const kind = label === "cls_sink" ? "cls" : label === "sep_sink" ? "sep" : label === "other_sink" ? "other" : "";
  const own = statistics.sinks[kind];
  const full = chipName(label, statistics, t);
  const short = label === "delimiters" ? [t("heads.chip.delimiters.short")] : own ? [own] : [];
  return [full, ...short, chipSign(label, t)];
}

export function chipName(label: Label, statistics: Statistics, t: Translate): string {
  const kind = label === "cls_sink" ? "cls" : label === "sep_sink" ? "sep" : label === "other_sink" ? "other" : "";
  const own = statistics.sinks[kind];
  return own ? t("heads.chip.sink", { name: own }) : t(`heads.chip.${label}`);
}

/** The same as an element. */
export function Chip({ label, name, certainty }: { label: Label; name: string; certainty: Certainty }) {
  return (
    <span class="chip" data-family={family(label)} data-certainty={certainty}>
      <bdi>{name}</bdi>
    </span>
  );
}
