/** A strip of heads beside a column of tokens: which heads give to a token, or take from it. */

import { useLayoutEffect, useRef } from "preact/hooks";
import { prepare } from "../paint/canvas";
import { cellAt, paintStrip, type StripFrame, type StripValues } from "../paint/strips";
import type { HeadAddress, Token } from "../types";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";

interface Props {
  view: View;
  side: "query" | "key";
  /** Layer and head of each column. */
  heads: readonly HeadAddress[];
  strip: StripValues | null;
  tokens: readonly Token[];
  cell: number;
  width: number;
  height: number;
  rowHeight: number;
  scroll: number;
  /** What a cell is, in words. */
  definition: string;
}

export function Strip(props: Props) {
  const { view, side, heads, strip, tokens, cell, width, height, rowHeight, scroll, definition } = props;
  const { store } = view;
  const { synced } = store;
  const t = store.t.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  const palette = view.palette.value;
  const pinned = synced.pinned.value.length > 0;
  const locked = synced.heads.value;
  const preview = pinned ? null : store.hoverHead.value;
  const colours = view.headColours.value;
  const frame: StripFrame = { heads: heads.length, cell, height, rowHeight, scroll };

  // Before the browser draws: later it would draw twice.
  useLayoutEffect(() => {
    const context = canvas.current && prepare(canvas.current, width, height);
    if (!context || !strip || strip.heads !== heads.length) return;
    const chosen =
      pinned || locked.length === 0 ? [] : heads.flatMap(([, head], at) => (locked.includes(head) ? [at] : []));
    const of = (address: HeadAddress) => {
      const order = [...colours.keys()].indexOf(address.join("/"));
      return order < 0 ? undefined : palette.heads[order % palette.heads.length];
    };
    const look = { palette, colours: heads.map(of), chosen: new Set(chosen), preview };
    paintStrip(context, strip, frame, look);
  }, [strip, heads, cell, width, height, rowHeight, scroll, palette, pinned, locked, preview, colours]);

  const under = (event: PointerEvent | MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return cellAt(frame, tokens.length, event.clientX - box.left, event.clientY - box.top);
  };
  const onPointerMove = (event: PointerEvent) => {
    const at = under(event);
    const [, head] = (at && heads[at.head]) ?? [];
    const value = at && strip?.values[(at.index - strip.first) * heads.length + at.head];
    (event.currentTarget as HTMLElement).title =
      at && head !== undefined && typeof value === "number"
        ? `${t("strips.cell", {
            head,
            token: tokens[at.index]?.text ?? "",
            value: Number.isNaN(value) ? "…" : formatWeight(value),
          })}\n${definition}`
        : definition;
    // The lock rule: what is locked does not follow the pointer.
    if (event.pointerType !== "touch" && !pinned && locked.length === 0) store.hoverHead.value = head ?? null;
  };
  const onClick = (event: MouseEvent) => {
    const at = under(event);
    const address = at && heads[at.head];
    if (!address) return;
    const [layer, head] = address;
    if (pinned) store.change({ layer, heads: [head], pinned: [] });
    else store.lockHead(head, event.shiftKey);
  };
  return (
    <canvas
      ref={canvas}
      class={`strip strip-${side}`}
      style={{ top: `${scroll}px` }}
      role="img"
      aria-label={`${definition}. ${t("strips.use")}`}
      onPointerMove={onPointerMove}
      onPointerLeave={() => {
        store.hoverHead.value = null;
      }}
      onClick={onClick}
    />
  );
}
