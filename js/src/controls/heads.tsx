/** Strip of head thumbnails: every head's pattern before one is chosen. */

import { useEffect, useRef } from "preact/hooks";
import type { Tints } from "../paint/palette";
import { paintThumb, thumbImage } from "../paint/thumb";
import type { View } from "../view";
import type { Overviews } from "../wire/overview";

interface ThumbProps {
  overviews: Overviews;
  index: number;
  tints: Tints;
}

function Thumb({ overviews, index, tints }: ThumbProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current) paintThumb(canvas.current, thumbImage(overviews, index, tints));
  }, [overviews, index, tints]);
  return <canvas ref={canvas} class="thumb" />;
}

export function Heads({ view }: { view: View }) {
  const { store, data } = view;
  const { synced } = store;
  const t = store.t.value;
  const stack = store.stack.value;
  const layer = synced.layer.value;
  const count = store.layer.value?.heads ?? 0;
  data.version.value;
  const pictures = stack ? data.pictures(stack.name, layer).value : undefined;
  const before = pictures?.perLayer
    ? 0
    : (stack?.layers.slice(0, layer).reduce((sum, info) => sum + info.heads, 0) ?? 0);
  const locked = synced.heads.value;
  const pinned = synced.pinned.value;
  const preview = store.hoverHead.value;
  const colours = view.headColours.value;
  const tints = view.tokenTints.value;

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
        const isPinned = pinned.some(([at, other]) => at === layer && other === head);
        const on = pinned.length > 0 ? isPinned : locked.includes(head);
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
            data-dim={(locked.length > 0 || pinned.length > 0) && !on ? "" : undefined}
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
            {pictures ? (
              <Thumb overviews={pictures.overviews} index={before + head} tints={tints} />
            ) : (
              <span class="thumb" />
            )}
            <span class="head-number">
              {head}
              <span class="head-colour" style={{ background: colour ?? "transparent" }} />
            </span>
          </button>
        );
      })}
      {pinned.length > 0 && (
        <button type="button" class="unpin" onClick={() => store.change({ pinned: [] })}>
          {t("heads.pinned", { count: pinned.length })} · {t("heads.unpin")}
        </button>
      )}
    </div>
  );
}
