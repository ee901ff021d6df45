/** A text to pick one token from: hover previews, click locks, arrow keys rove; a long one in stretches. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { TokenText } from "../controls/tokens";
import type { Token } from "../types";
import type { View } from "../view";

/** Tokens shown at once; a longer text is paged through. */
const STRETCH = 120;

/** A position that there is in this text. */
export function present(index: number | null, tokens: readonly Token[]): number | undefined {
  return index !== null && index < tokens.length ? index : undefined;
}

interface Props {
  view: View;
  side: "query" | "key";
  label: string;
  tokens: readonly Token[];
  /** The one that is looked at, locked or not. */
  chosen: number;
  locked: readonly number[];
  onPreview(index: number | null): void;
}

export function TokenPicker({ view, side, label, tokens, chosen, locked, onPreview }: Props) {
  const { store } = view;
  const t = store.t.value;
  const special = store.synced.highlight.value === "special";
  const list = useRef<HTMLDivElement>(null);
  const home = Math.floor((locked[0] ?? chosen) / STRETCH) * STRETCH;
  const from = useSignal(home);
  const anchor = locked[0] ?? -1;
  /** What was chosen for the reader is brought into view as well, once: what the pointer passes over is not. */
  const first = useRef(chosen);
  useEffect(() => {
    if (anchor >= 0) from.value = Math.floor(anchor / STRETCH) * STRETCH;
  }, [anchor, from]);
  const start = Math.max(0, Math.min(from.value, Math.floor((tokens.length - 1) / STRETCH) * STRETCH));
  const end = Math.min(tokens.length, start + STRETCH);
  useEffect(() => {
    // Only the list scrolls: a notebook must stay where its reader is.
    const box = list.current;
    const at = box?.querySelector<HTMLElement>(`[data-index="${anchor >= 0 ? anchor : first.current}"]`);
    if (box && at) box.scrollTop = at.offsetTop - box.offsetTop - 40;
  }, [anchor, start]);
  const roving = chosen >= start && chosen < end ? chosen : start;

  const onKeyDown = (event: KeyboardEvent, index: number) => {
    const target = { ArrowRight: index + 1, ArrowDown: index + 1, ArrowLeft: index - 1, ArrowUp: index - 1 }[event.key];
    const edge = { Home: start, End: end - 1 }[event.key];
    const to = edge ?? target;
    if (to !== undefined) {
      event.preventDefault();
      const at = Math.max(start, Math.min(end - 1, to));
      list.current?.querySelector<HTMLElement>(`[data-index="${at}"]`)?.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      store.lockToken(side, index, event.shiftKey);
    }
  };
  const page = (by: number) => (
    <button
      type="button"
      class="pick-page"
      disabled={by < 0 ? start === 0 : end === tokens.length}
      aria-label={t(by < 0 ? "trace.earlier" : "trace.later")}
      onClick={() => {
        from.value = start + by * STRETCH;
      }}
    >
      {by < 0 ? "‹" : "›"}
    </button>
  );
  return (
    <div class={`pick pick-${side}`}>
      <span class="pick-label">{label}</span>
      {tokens.length > STRETCH && (
        <span class="pick-pages">
          {page(-1)}
          <span class="number">{t("trace.stretch", { from: start, to: end - 1, count: tokens.length })}</span>
          {page(1)}
        </span>
      )}
      <div ref={list} class="pick-tokens" role="listbox" aria-label={label}>
        {tokens.slice(start, end).map((token, offset) => {
          const index = start + offset;
          return (
            <span
              role="option"
              key={index}
              class="pick-token"
              data-index={index}
              data-kind={special ? token.kind : undefined}
              data-chosen={index === chosen ? "" : undefined}
              aria-selected={locked.includes(index)}
              tabIndex={index === roving ? 0 : -1}
              title={`${index} ${token.text}`}
              onPointerEnter={(event) => event.pointerType !== "touch" && onPreview(index)}
              onPointerLeave={() => onPreview(null)}
              onFocus={(event) => (event.currentTarget as HTMLElement).matches(":focus-visible") && onPreview(index)}
              onBlur={() => onPreview(null)}
              onMouseDown={(event) => {
                if (event.shiftKey) event.preventDefault();
              }}
              onClick={(event) => store.lockToken(side, index, event.shiftKey)}
              onKeyDown={(event) => onKeyDown(event, index)}
            >
              <TokenText token={token} />
            </span>
          );
        })}
      </div>
    </div>
  );
}
