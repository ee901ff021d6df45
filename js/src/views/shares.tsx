/** A bar cut by kind of key, with its numbers. */

import { KINDS, percents } from "../scene";
import type { Translate } from "../strings";
import type { Token } from "../types";

/** The special tokens are called what they are in this text ([CLS], <s>, BOS …), by role. */
export function kindName(kind: (typeof KINDS)[number], keys: readonly Token[], t: Translate): string {
  const own = kind === "cls" || kind === "sep" ? keys.find((token) => token.kind === kind) : undefined;
  return own ? own.text : t(`kind.${kind}`);
}

interface Props {
  shares: readonly number[];
  keys: readonly Token[];
  t: Translate;
}

export function Shares({ shares, keys, t }: Props) {
  const whole = percents(shares);
  const present = KINDS.map((kind, index) => ({ kind, share: shares[index] ?? 0, percent: whole[index] ?? 0 })).filter(
    ({ kind, share }) => share > 0 || kind === "word",
  );
  return (
    <div class="shares">
      <div class="shares-bar" aria-hidden="true">
        {present.map(({ kind, share }) => (
          <span key={kind} data-kind={kind} style={{ width: `${share * 100}%` }} />
        ))}
      </div>
      <ul class="shares-list">
        {present.map(({ kind, percent }) => (
          <li key={kind} data-kind={kind}>
            <span class="swatch" aria-hidden="true" />
            <bdi>{kindName(kind, keys, t)}</bdi> <strong class="number">{percent} %</strong>
          </li>
        ))}
      </ul>
    </div>
  );
}
