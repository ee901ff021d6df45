/** What the second part of the code draws; until it is here, that it is on its way, or what would bring it. */

import { useLayoutEffect } from "preact/hooks";
import type { More } from "../parts";
import type { View } from "../view";
import { NoKernelError } from "../wire/messages";

interface Props {
  view: View;
  children: (more: More) => preact.JSX.Element | null;
}

export function Brought({ view, children }: Props) {
  const { parts, store } = view;
  const more = parts.more.value;
  const failed = parts.failed.value;
  // Before the browser draws: an exported page has it at once.
  useLayoutEffect(() => {
    if (!failed) parts.want();
  }, [parts, failed]);
  if (more) return children(more);
  const t = store.t.value;
  let text = t("more.waiting");
  if (failed) text = failed instanceof NoKernelError ? t("more.missing") : failed.message;
  return (
    <p class="absence brought" role="status">
      {text}
    </p>
  );
}
