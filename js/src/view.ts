/** One mounted view: its store, its data, and what every part of the page derives from them. */

import { computed, effect, type ReadonlySignal } from "@preact/signals";
import type { Data } from "./data";
import { css, keyRamps, type Palette, ramp, readPalette, type Tints } from "./paint/palette";
import { type PictureSignals, pictureSignals } from "./picture";
import type { Store } from "./store";

/** Milliseconds; a pointer on its way to somewhere else asks for nothing. */
const REST = 60;

export class View {
  readonly signals: PictureSignals;
  readonly palette: ReadonlySignal<Palette>;
  readonly tints: ReadonlySignal<Tints>;
  /** CSS colour of each chosen head, "layer/head" → colour, while heads keep their own. */
  readonly headColours: ReadonlySignal<ReadonlyMap<string, string>>;
  /** "layer 3 · mean of heads 6, 8" in the reader's language. */
  readonly what: ReadonlySignal<string>;

  constructor(
    readonly store: Store,
    readonly data: Data,
    root: Element,
  ) {
    this.signals = pictureSignals(store, data);
    this.palette = computed(() => {
      store.dark.value;
      store.attached.value;
      return readPalette(root);
    });
    this.tints = computed(() => {
      const palette = this.palette.value;
      return {
        ramps: [palette.ink, palette.cls, palette.sep].map((colour) => ramp(palette, colour)),
        keyRamps: keyRamps(store.keys.value, store.synced.highlight.value === "special"),
      };
    });
    this.headColours = computed(() => {
      const heads = this.signals.heads.value;
      const chosen = "heads" in heads ? heads.heads : [];
      const shown = store.synced.highlight.value === "none" && this.signals.picture.value?.selection.perHead;
      return new Map(
        shown
          ? chosen.map(({ layer, head }, index) => {
              const colour = this.palette.value.heads[index % this.palette.value.heads.length];
              return [`${layer}/${head}`, colour ? css(colour) : ""];
            })
          : [],
      );
    });
    this.what = computed(() => {
      const t = store.t.value;
      const pinned = store.synced.pinned.value;
      if (pinned.length > 0) return pinned.map(([layer, head]) => `L${layer} H${head}`).join(", ");
      const layer = `${t("layer")} ${store.synced.layer.value}`;
      const locked = store.synced.heads.value;
      const count = store.layer.value?.heads ?? 0;
      const shown = locked.length > 0 ? locked : store.hoverHead.value !== null ? [store.hoverHead.value] : null;
      const perHead = this.signals.picture.value?.selection.perHead;
      if (!shown) return `${layer} · ${t(perHead ? "heads.all" : "heads.mean", { count })}`;
      const heads = t(shown.length === 1 ? "heads.one" : "heads.list", { heads: shown.join(", ") });
      return `${layer} · ${heads}`;
    });
  }

  /** Fetches the whole rows in focus where the page holds only their largest cells. Returns the end of it. */
  fetchRows(): () => void {
    return effect(() => {
      const shown = this.signals.heads.value;
      const focus = this.signals.focus.value;
      if (!("heads" in shown) || focus?.side !== "query") return;
      const stack = this.store.stack.peek()?.name ?? "";
      const layers = new Map(shown.heads.map(({ layer, weights }) => [layer, weights]));
      let cancels: (() => void)[] = [];
      const timer = setTimeout(() => {
        cancels = [...layers].map(([layer, weights]) => this.data.wantRows(stack, layer, weights, focus.indices));
      }, REST);
      return () => {
        clearTimeout(timer);
        for (const cancel of cancels) cancel();
      };
    });
  }
}
