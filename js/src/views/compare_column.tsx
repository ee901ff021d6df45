/** A column of tokens with what changed: both weights, the change, and a bar to the side of its sign. */

import { useRef } from "preact/hooks";
import type { Changes } from "../compare";
import { TokenText } from "../controls/tokens";
import { formatChange } from "../sides";
import type { Token } from "../types";
import { formatWeight } from "../wire/codec";

interface Props {
  side: "query" | "key";
  label: string;
  tokens: readonly Token[];
  locked: readonly number[];
  active: ReadonlySet<number> | null;
  special: boolean;
  /** Of every token of the column, where the other column has the focus. */
  values: Changes | null;
  /** Whether both weights fit beside the change. */
  wide: boolean;
  rowHeight: number;
  range: readonly [number, number];
  onPreview: (index: number | null) => void;
  onLock: (index: number, shift: boolean) => void;
}

const STEPS: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };

export function CompareColumn(props: Props) {
  const { side, label, tokens, locked, active, special, values, wide, rowHeight, range, onPreview, onLock } = props;
  const column = useRef<HTMLDivElement>(null);
  let largest = 0;
  for (const change of values?.change ?? []) if (Math.abs(change) > largest) largest = Math.abs(change);
  const onKeyDown = (event: KeyboardEvent, index: number) => {
    const edges: Readonly<Record<string, number>> = { Home: 0, End: tokens.length - 1 };
    const step = STEPS[event.key];
    const target = step === undefined ? edges[event.key] : index + step;
    if (target !== undefined) {
      event.preventDefault();
      const at = Math.max(0, Math.min(tokens.length - 1, target));
      column.current?.querySelector<HTMLElement>(`[data-index="${at}"]`)?.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      onLock(index, event.shiftKey);
    }
  };
  return (
    <div
      ref={column}
      class={`cmp-tokens cmp-tokens-${side}`}
      role="listbox"
      aria-label={label}
      aria-multiselectable="true"
    >
      {tokens.slice(range[0], range[1]).map((token, offset) => {
        const index = range[0] + offset;
        const change = values?.change[index];
        const share = change !== undefined && largest > 0 ? Math.abs(change) / largest : 0;
        return (
          <div
            role="option"
            key={index}
            class="cmp-token"
            data-index={index}
            data-kind={special ? token.kind : undefined}
            data-faint={active && !active.has(index) ? "" : undefined}
            aria-selected={locked.includes(index)}
            tabIndex={index === (locked[0] ?? 0) ? 0 : -1}
            style={{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}
            title={`${index} ${token.text}`}
            onPointerEnter={(event) => event.pointerType !== "touch" && onPreview(index)}
            onPointerLeave={() => onPreview(null)}
            onFocus={(event) => (event.currentTarget as HTMLElement).matches(":focus-visible") && onPreview(index)}
            onBlur={() => onPreview(null)}
            onMouseDown={(event) => {
              if (event.shiftKey) event.preventDefault();
            }}
            onClick={(event) => onLock(index, event.shiftKey)}
            onKeyDown={(event) => onKeyDown(event, index)}
          >
            <span class="cmp-name">
              <TokenText token={token} />
            </span>
            {change !== undefined && (
              <span class="cmp-value" data-sign={change > 0.0005 ? "more" : change < -0.0005 ? "less" : undefined}>
                {wide && (
                  <span class="cmp-both">
                    {formatWeight(values?.a[index] ?? 0)} → {formatWeight(values?.b[index] ?? 0)}
                  </span>
                )}
                {wide && (
                  <span class="cmp-bar" aria-hidden="true">
                    <span style={{ width: `${share * 50}%` }} />
                  </span>
                )}
                <span class="cmp-change">{formatChange(change)}</span>
              </span>
            )}
          </div>
        );
      })}
    </div>
  );
}
