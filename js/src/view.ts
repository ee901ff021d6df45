/** One mounted view: its store, its data, and what every part of the page derives from them. */

import { computed, effect, type ReadonlySignal } from "@preact/signals";
import type { ComparedNow } from "./compare_now";
import type { Data } from "./data";
import { lock } from "./lock";
import { css, keyRamps, type Palette, ramp, readPalette, type Tints } from "./paint/palette";
import { Parts } from "./parts";
import { type PictureSignals, pictureSignals, type Side } from "./picture";
import type { Store } from "./store";
import type { Token } from "./types";

const UNCOLOURED: ReadonlyMap<string, string> = new Map();

export class View {
  readonly signals: PictureSignals;
  readonly palette: ReadonlySignal<Palette>;
  /** Of the keys as listed: tokens, or words. */
  readonly tints: ReadonlySignal<Tints>;
  /** Of the tokens, for overviews: those know no words. */
  readonly tokenTints: ReadonlySignal<Tints>;
  /** CSS colour of each chosen head, "layer/head" → colour, while heads keep their own. */
  readonly headColours: ReadonlySignal<ReadonlyMap<string, string>>;
  /** "layer 3 · mean of heads 6, 8" in the reader's language. */
  readonly what: ReadonlySignal<string>;
  /** Of `AttnView.compare`: the differences in view; undefined too until the code for it is here. */
  readonly compared: ReadonlySignal<ComparedNow | undefined>;

  constructor(
    readonly store: Store,
    readonly data: Data,
    root: Element,
    readonly parts = new Parts(),
  ) {
    this.signals = pictureSignals(store, data);
    this.compared = computed(() => {
      const { axes, locked } = this.signals;
      return parts.more.value?.comparedNow(store, data, axes.value, locked.value.queries);
    });
    this.palette = computed(() => {
      store.dark.value;
      store.attached.value;
      // Everything is painted anew, finer, though its colours may be the same.
      store.paper.value;
      return readPalette(root);
    });
    const ramps = computed(() => {
      const palette = this.palette.value;
      return [palette.ink, palette.cls, palette.sep].map((colour) => ramp(palette, colour));
    });
    const tintsOf = (keys: () => Token[]) =>
      computed(() => ({
        ramps: ramps.value,
        keyRamps: keyRamps(keys(), store.synced.highlight.value === "special"),
      }));
    this.tints = tintsOf(() => this.signals.axes.value.keys);
    this.tokenTints = tintsOf(() => store.keys.value);
    this.headColours = computed(() => {
      const heads = this.signals.heads.value;
      // Not of the picture, nor a new map of nothing: else every head is drawn anew with every token that is hovered.
      const shown = store.synced.highlight.value === "none" && this.signals.selection.value?.perHead;
      if (!shown || !("heads" in heads)) return UNCOLOURED;
      return new Map(
        heads.heads.map(({ layer, head }, index) => {
          const colour = this.palette.value.heads[index % this.palette.value.heads.length];
          return [`${layer}/${head}`, colour ? css(colour) : ""];
        }),
      );
    });
    this.what = computed(() => {
      const t = store.t.value;
      const pinned = store.synced.pinned.value;
      const aggregate = store.synced.aggregate.value;
      if (aggregate === "rollout") return t("heads.rollout", { layer: store.synced.layer.value });
      if (pinned.length > 0) return pinned.map(([layer, head]) => `L${layer} H${head}`).join(", ");
      const layer = `${t("layer")} ${store.synced.layer.value}`;
      const locked = store.synced.heads.value;
      const count = store.layer.value?.heads ?? 0;
      const shown = locked.length > 0 ? locked : store.hoverHead.value !== null ? [store.hoverHead.value] : null;
      const perHead = this.signals.picture.value?.selection.perHead;
      const together = aggregate === "max" ? "heads.max" : "heads.mean";
      if (!shown) return `${layer} · ${t(perHead ? "heads.all" : together, { count })}`;
      const heads = t(shown.length === 1 ? "heads.one" : "heads.list", { heads: shown.join(", ") });
      return `${layer} · ${heads}`;
    });
  }

  /** The rule of locking for a unit: a word is all its tokens. */
  lockUnit(side: Side, index: number, shift: boolean): void {
    const axes = this.signals.axes.peek();
    const { queries, keys } = this.signals.locked.peek();
    const units = lock(side === "query" ? queries : keys, index, shift);
    const positions = units.flatMap((unit) => axes.positions(side, unit));
    this.store.change(side === "query" ? { selected_queries: positions } : { selected_keys: positions });
  }

  /** Fetches the whole rows in focus where the page holds only their largest cells. Returns the end of it. */
  fetchRows(): () => void {
    return effect(() => {
      const shown = this.signals.heads.value;
      const focus = this.signals.focus.value;
      if (!("heads" in shown) || focus?.side !== "query") return;
      const stack = this.store.stack.peek()?.name ?? "";
      const axes = this.signals.axes.peek();
      const positions = focus.indices.flatMap((index) => axes.positions("query", index));
      const layers = new Map(shown.heads.map(({ layer, weights }) => [layer, weights]));
      const ends = [...layers].map(([layer, weights]) => this.data.wantRows(stack, layer, weights, positions));
      return () => {
        for (const end of ends) end();
      };
    });
  }
}
