/** Strip of head thumbnails: every head's pattern before one is chosen. */

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { prepare } from "../paint/canvas";
import type { Tints } from "../paint/palette";
import { thumbRow } from "../paint/thumb";
import type { View } from "../view";
import type { Overviews } from "../wire/overview";

interface ThumbsProps {
  view: View;
  overviews: Overviews;
  /** Pictures of `count` heads, from `first` on. */
  first: number;
  count: number;
  tints: Tints;
  /** Heads that are not shown. */
  dim: readonly boolean[];
}

const DIM = 0.42;

/** All thumbnails on one canvas over the buttons: each canvas of a page costs time in every frame. */
function Thumbs({ view, overviews, first, count, tints, dim }: ThumbsProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [places, setPlaces] = useState<readonly DOMRect[]>([]);
  const width = view.store.width.value;
  // Buttons wrap to the width there is; where they are is known once they are laid out, in a hidden cell later. What is
  // observed is told of before the browser draws what it has just laid out.
  useLayoutEffect(() => {
    const row = canvas.current?.parentElement;
    if (!row) return;
    const measure = () => {
      const from = canvas.current?.getBoundingClientRect();
      setPlaces(
        Array.from(row.querySelectorAll(".thumb"), (thumb) => {
          const box = thumb.getBoundingClientRect();
          return new DOMRect(box.x - (from?.x ?? 0), box.y - (from?.y ?? 0), box.width, box.height);
        }),
      );
    };
    const sizes = new ResizeObserver(measure);
    sizes.observe(row);
    return () => sizes.disconnect();
  }, [count, width]);
  const sheet = useMemo(() => thumbRow(overviews, first, count, tints), [overviews, first, count, tints]);
  const last = places.at(-1);
  const palette = view.palette.value;
  useLayoutEffect(() => {
    const context = canvas.current && prepare(canvas.current, width, Math.ceil(last?.bottom ?? 0));
    if (!context) return;
    context.imageSmoothingEnabled = false;
    const wide = sheet.width / count;
    places.forEach(({ x, y, width, height }, head) => {
      context.globalAlpha = dim[head] ? DIM : 1;
      context.drawImage(sheet, head * wide, 0, wide, sheet.height, x, y, width, height);
    });
    context.globalAlpha = 1;
  }, [sheet, places, dim.join(), width, count, palette]);
  return <canvas ref={canvas} class="thumbs" />;
}

export function Heads({ view }: { view: View }) {
  const { store, data } = view;
  const { synced } = store;
  const t = store.t.value;
  const stack = store.stack.value;
  const layer = synced.layer.value;
  const count = store.layer.value?.heads ?? 0;
  data.version.value;
  const pictures = stack ? data.thumbnails.ofLayer(stack.name, layer).value : undefined;
  const before = pictures?.perLayer
    ? 0
    : (stack?.layers.slice(0, layer).reduce((sum, info) => sum + info.heads, 0) ?? 0);
  const locked = synced.heads.value;
  const pinned = synced.pinned.value;
  const preview = store.hoverHead.value;
  const colours = view.headColours.value;
  const tints = view.tokenTints.value;

  const isOn = (head: number) =>
    pinned.length > 0 ? pinned.some(([at, other]) => at === layer && other === head) : locked.includes(head);

  const move = (event: KeyboardEvent, head: number) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const strip = (event.currentTarget as HTMLElement).parentElement;
    strip?.querySelectorAll<HTMLElement>("button")[(head + by + count) % count]?.focus();
  };

  return (
    <div class="heads" role="toolbar" aria-label={t("heads")}>
      {Array.from({ length: count }, (_, head) => {
        const on = isOn(head);
        const colour = colours.get(`${layer}/${head}`);
        return (
          <button
            type="button"
            key={head}
            class="head"
            data-head={head}
            aria-pressed={on}
            aria-label={t("heads.head", { head })}
            title={t("heads.head", { head })}
            tabIndex={head === (locked[0] ?? 0) ? 0 : -1}
            data-preview={locked.length === 0 && preview === head ? "" : undefined}
            onClick={(event) => store.lockHead(head, event.shiftKey)}
            onKeyDown={(event) => move(event, head)}
            onPointerEnter={() => {
              if (locked.length === 0 && pinned.length === 0) store.hoverHead.value = head;
            }}
            onPointerLeave={() => {
              store.hoverHead.value = null;
            }}
          >
            <span class="thumb" />
            <span class="head-number">
              {head}
              <span class="head-colour" style={{ background: colour ?? "transparent" }} />
            </span>
          </button>
        );
      })}
      {pictures && count > 0 && (
        <Thumbs
          view={view}
          overviews={pictures.overviews}
          first={before}
          count={count}
          tints={tints}
          dim={Array.from({ length: count }, (_, head) => (locked.length > 0 || pinned.length > 0) && !isOn(head))}
        />
      )}
      {pinned.length > 0 && (
        <button type="button" class="unpin" onClick={() => store.change({ pinned: [] })}>
          {t("heads.pinned", { count: pinned.length })} · {t("heads.unpin")}
        </button>
      )}
    </div>
  );
}
