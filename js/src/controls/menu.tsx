/** A button that discloses a panel: closed by Esc, by the button, and by going elsewhere. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

interface Props {
  label: string;
  /** Something in it differs from what a view starts with. */
  marked: boolean;
  markedText: string;
  children: ComponentChildren;
}

export function Menu({ label, marked, markedText, children }: Props) {
  const open = useSignal(false);
  const whole = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();

  useEffect(() => {
    if (!open.value || !whole.current) return;
    const life = new AbortController();
    const inside = (event: Event) => whole.current !== null && event.composedPath().includes(whole.current);
    const close = (event: Event) => {
      if (!inside(event)) open.value = false;
    };
    const { ownerDocument } = whole.current;
    ownerDocument.addEventListener("pointerdown", close, { signal: life.signal, capture: true });
    return () => life.abort();
  }, [open.value]);

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Esc closes the panel from anywhere in it
    <div
      ref={whole}
      class="menu"
      onKeyDown={(event) => {
        if (event.key !== "Escape" || !open.value) return;
        // Else Esc would free all that is locked, too.
        event.stopPropagation();
        open.value = false;
        button.current?.focus();
      }}
      onFocusOut={(event) => {
        const to = event.relatedTarget;
        if (to instanceof Node && !whole.current?.contains(to)) open.value = false;
      }}
    >
      <button
        ref={button}
        type="button"
        class="menu-button"
        aria-expanded={open.value}
        aria-controls={id}
        onClick={() => {
          open.value = !open.value;
        }}
      >
        {label}
        {marked && <span class="menu-mark" role="img" aria-label={markedText} title={markedText} />}
        <span class="menu-arrow" aria-hidden="true">
          ▾
        </span>
      </button>
      <section id={id} class="menu-panel" aria-label={label} hidden={!open.value}>
        {open.value && children}
      </section>
    </div>
  );
}
