/** A column of tokens: hover previews, click locks, arrow keys rove; bars and numbers of the focus beside them. */

import { useRef } from "preact/hooks";
import type { Store } from "../store";
import type { Token } from "../types";
import { formatWeight } from "../wire/codec";

/** "…": a weight that this page does not hold. */
function printed(value: number | undefined): string {
  return value === undefined ? "" : Number.isNaN(value) ? "…" : formatWeight(value);
}

export function TokenText({ token }: { token: Token }) {
  return (
    <bdi class="token-text">
      {token.space && (
        <span class="space" aria-hidden="true">
          ·
        </span>
      )}
      {token.text}
    </bdi>
  );
}

interface Props {
  store: Store;
  side: "query" | "key";
  label: string;
  tokens: readonly Token[];
  locked: readonly number[];
  active: ReadonlySet<number> | null;
  values: Float32Array | null;
  special: boolean;
  rowHeight: number;
  range: readonly [number, number];
}

export function Tokens({ store, side, label, tokens, locked, active, values, special, rowHeight, range }: Props) {
  const column = useRef<HTMLDivElement>(null);
  const nothingLocked =
    store.synced.selected_queries.value.length === 0 && store.synced.selected_keys.value.length === 0;
  let top = 0;
  if (values) for (const value of values) if (value > top) top = value;

  const preview = (index: number | null) => {
    if (index === null) store.hover.value = null;
    else if (nothingLocked) store.hover.value = { side, index };
  };
  const onKeyDown = (event: KeyboardEvent, index: number) => {
    const target = {
      ArrowDown: index + 1,
      ArrowUp: index - 1,
      Home: 0,
      End: tokens.length - 1,
      PageDown: index + 10,
      PageUp: index - 10,
    }[event.key];
    if (target !== undefined) {
      event.preventDefault();
      const at = Math.max(0, Math.min(tokens.length - 1, target));
      column.current?.querySelector<HTMLElement>(`[data-index="${at}"]`)?.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      store.lockToken(side, index, event.shiftKey);
    }
  };
  const onClick = (event: MouseEvent, index: number) => {
    // Marking text with the mouse ends in a click too; that one is not meant for the lock. (In a shadow root the
    // selection calls itself collapsed, but its text is right.)
    if (getSelection()?.toString() && !event.shiftKey) return;
    store.lockToken(side, index, event.shiftKey);
  };

  const rows = [];
  for (let index = range[0]; index < Math.min(range[1], tokens.length); index++) {
    const token = tokens[index];
    if (!token) continue;
    const value = values?.[index];
    const isLocked = locked.includes(index);
    rows.push(
      <div
        role="option"
        key={index}
        class="token"
        data-index={index}
        data-kind={special ? token.kind : undefined}
        data-faint={active && !active.has(index) ? "" : undefined}
        aria-selected={isLocked}
        tabIndex={index === (locked[0] ?? 0) ? 0 : -1}
        style={{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}
        title={`${index} ${token.text}`}
        onPointerEnter={(event) => event.pointerType !== "touch" && preview(index)}
        onPointerLeave={() => preview(null)}
        onFocus={(event) => (event.currentTarget as HTMLElement).matches(":focus-visible") && preview(index)}
        onBlur={() => preview(null)}
        onMouseDown={(event) => {
          // Else shift-click would mark all text from the last click to here.
          if (event.shiftKey) event.preventDefault();
        }}
        onClick={(event) => onClick(event, index)}
        onKeyDown={(event) => onKeyDown(event, index)}
      >
        <span class="token-cell">
          {value !== undefined && value > 0 && (
            <span class="bar" style={{ width: `${Math.max(1, (value / top) * 100)}%` }} />
          )}
          <TokenText token={token} />
        </span>
        <span class="token-value">{printed(value)}</span>
      </div>,
    );
  }
  return (
    <div ref={column} class={`tokens tokens-${side}`} role="listbox" aria-label={label} aria-multiselectable="true">
      {rows}
    </div>
  );
}
