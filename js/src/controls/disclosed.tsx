/** What is made when it is opened: the numbers of a picture as a table. */

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

interface Props {
  name: string;
  label: string;
  /** Class of the box that it scrolls in, where it brings none of its own. */
  scroll?: string;
  children: () => ComponentChildren;
}

export function Disclosed({ name, label, scroll, children }: Props) {
  const open = useSignal(false);
  const content = open.value && children();
  return (
    <details
      class={name}
      onToggle={(event) => {
        open.value = event.currentTarget.open;
      }}
    >
      <summary>{label}</summary>
      {content && scroll ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached without a pointer
        <section class={scroll} tabIndex={0} aria-label={label}>
          {content}
        </section>
      ) : (
        content
      )}
    </details>
  );
}
