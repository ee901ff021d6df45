/** What the matrix shows: the cells held or asked for, their scale, the margins, and the part that is in the frame. */

import { computed, effect, type ReadonlySignal, type Signal, signal, untracked } from "@preact/signals";
import { columnMeans } from "../paint/margins";
import { type Colouring, divergingRamp, extremes, type Field, halved, type Shading, shading } from "../paint/matrix";
import { mix } from "../paint/palette";
import { knownRow, type Selection } from "../picture";
import { affordable, type Place, placesIn, type Source, stepFor, TILE_COLUMNS, TILE_ROWS } from "../tile_places";
import type { Tiles } from "../tiles";
import type { View } from "../view";
import { type Entropy, entropyOf, type Read, readWhole } from "./matrix_read";
import { clampWindow, type Frame, frameFor, inFrame, isPart, type Window, wholeWindow } from "./matrix_zoom";

export class MatrixModel {
  /** Pixels that cells may take. */
  readonly room: Signal<{ width: number; tallest: number; largest: number }> = signal({
    width: 300,
    tallest: 700,
    largest: 40,
  });
  /** The part looked at; null for the whole. */
  private readonly looked = signal<Window | null>(null);
  readonly selection: ReadonlySignal<Selection | null>;
  readonly frame: ReadonlySignal<Frame>;
  readonly window: ReadonlySignal<Window>;
  /** The cell that keys are on. */
  readonly cursor = signal({ query: 0, key: 0 });
  readonly isPart: ReadonlySignal<boolean> = computed(() => isPart(this.window.value, this.frame.value));
  readonly read: Signal<Read | null> = signal(null);
  /** Of each row: how many keys it may see, and the weight of each if it spread evenly over them. */
  readonly sight: ReadonlySignal<{ seen: Int32Array; uniform: Float64Array }>;
  readonly shading: ReadonlySignal<Shading>;
  readonly colouring: ReadonlySignal<Colouring | null>;
  readonly means: ReadonlySignal<{ values: Float64Array; partial: boolean; rows: number } | null>;
  readonly entropy: ReadonlySignal<Entropy | null>;
  /** Once the code for them is here. */
  readonly tiles: ReadonlySignal<Tiles | undefined>;
  readonly source: ReadonlySignal<Source | null>;
  readonly step: ReadonlySignal<number>;
  private row: { selection: Selection; query: number; row: Float32Array; whole: boolean } | undefined;
  private readonly pyramids = new WeakMap<Field, Field[]>();

  constructor(readonly view: View) {
    const { store, signals, data } = view;
    const { synced } = store;
    this.tiles = computed(() => {
      const more = view.parts.more.value;
      return more && new more.Tiles((wanted) => data.answers.to(wanted, []));
    });
    this.selection = signals.selection;
    const counts = computed(() => [signals.axes.value.queries.length, signals.axes.value.keys.length] as const);
    this.frame = computed(() => {
      const { width, tallest, largest } = this.room.value;
      return frameFor(...counts.value, width, tallest, largest);
    });
    this.window = computed(() =>
      this.looked.value ? clampWindow(this.looked.value, this.frame.value) : wholeWindow(this.frame.value),
    );
    this.sight = computed(() => {
      const scope = this.selection.value?.scope;
      const { queries } = signals.axes.value;
      return {
        seen: Int32Array.from(queries, (_, query) => scope?.seen(query) ?? 0),
        uniform: Float64Array.from(queries, (_, query) => scope?.baseline(query) ?? 0),
      };
    });
    this.shading = computed(() => {
      const scale = synced.scale.value;
      const field = this.read.value?.field;
      const { max, times } = field ? extremes(field, (query) => this.uniform(query)) : { max: 0, times: 1 };
      return shading(scale, max, times);
    });
    this.colouring = computed(() => this.makeColouring());
    this.means = computed(() => {
      const read = this.read.value;
      const rows = signals.rows.value;
      if (!read || rows.length === 0) return null;
      const { joint } = read.selection;
      if (rows.length === signals.axes.value.queries.length) {
        return read.done ? { values: read.means, partial: read.partial, rows: rows.length } : null;
      }
      data.rowsArrived.value;
      const values = columnMeans(joint, rows, signals.axes.value.keys.length);
      return { values, partial: !rows.every((query) => joint.isWhole(query)), rows: rows.length };
    });
    this.entropy = computed(() => this.selection.value && entropyOf(this.selection.value, this.sight.value.seen));
    this.source = computed(() => this.makeSource());
    this.step = computed(() => stepFor(this.window.value.cell));
  }

  /** Everything that goes on by itself; returns the end of it. */
  start(): () => void {
    const { data } = this.view;
    const stops = [
      effect(() => {
        const selection = this.selection.value;
        return selection ? readWhole(selection, (read) => this.show(read)) : undefined;
      }),
      effect(() => {
        data.version.value;
        untracked(() => this.tiles.value?.clear());
      }),
      effect(() => {
        const [source, places] = this.inView();
        const tiles = this.tiles.value;
        tiles?.arrived.value;
        untracked(() => {
          if (source) this.view.parts.want();
          tiles?.want(source, places);
        });
      }),
      // Another text or unit: the old part of it means nothing.
      effect(() => {
        this.view.signals.axes.value;
        this.looked.value = null;
        this.cursor.value = { query: 0, key: 0 };
      }),
    ];
    return () => {
      for (const stop of stops) stop();
      this.tiles.peek()?.clear();
    };
  }

  private show(read: Read): void {
    untracked(() => {
      this.read.value = read;
    });
  }

  /** Called while rendering, so it changes nothing where nothing changed. */
  resize(width: number, tallest: number, largest: number): void {
    const now = this.room.peek();
    if (now.width === width && now.tallest === tallest && now.largest === largest) return;
    this.room.value = { width, tallest, largest };
  }

  look(window: Window | null): void {
    const frame = this.frame.peek();
    const now = window && clampWindow(window, frame);
    this.looked.value = now && now.cell <= frame.fit * 1.0001 && !isScrolled(now, frame) ? null : now;
  }

  /** Put the keys' focus on a cell: it is read out, and shown as under the pointer. */
  point(at: { query: number; key: number }): void {
    const { queries, keys } = this.frame.peek();
    const now = { query: Math.min(at.query, queries - 1), key: Math.min(at.key, keys - 1) };
    this.cursor.value = now;
    this.view.store.hover.value = { side: "query", index: now.query, key: now.key };
  }

  /** What is shown of a cell; NaN where the page does not hold it. */
  value(query: number, key: number): number {
    const selection = this.read.peek()?.selection;
    const { queries, keys } = this.frame.peek();
    // What is read may be of a text before.
    if (!selection || !this.isOfNow(selection) || query >= queries || key >= keys) return Number.NaN;
    const { joint } = selection;
    const whole = joint.isWhole(query);
    if (!whole) {
      const source = this.source.peek();
      const place = { step: 1, row: Math.floor(query / TILE_ROWS), column: Math.floor(key / TILE_COLUMNS) };
      const tile = source && this.tiles.peek()?.get(source, place);
      if (tile) return tile.values[(query - tile.query) * tile.columns + key - tile.key] ?? Number.NaN;
    }
    let now = this.row;
    if (now?.query !== query || now.selection !== selection || !now.whole) {
      const row = new Float32Array(keys);
      knownRow(selection, joint, query, row);
      now = this.row = { selection, query, row, whole };
    }
    return now.row[key] ?? Number.NaN;
  }

  /** Whether this is a selection of the tokens that are shown. */
  isOfNow(selection: Selection): boolean {
    return selection.scope.look.axes === this.view.signals.axes.peek();
  }

  /** Queries and keys that are in the frame. */
  visible(): { queries: [first: number, end: number]; keys: [first: number, end: number] } {
    const { width, height, queries, keys } = this.frame.value;
    const { key, query, cell } = this.window.value;
    return { queries: inFrame(query, height, cell, queries), keys: inFrame(key, width, cell, keys) };
  }

  /** The tiles that the part in the frame lies in; none where the page has its cells or they cost too much. */
  inView(): [Source | null, Place[]] {
    const source = this.source.value;
    const step = this.step.value;
    const { queries, keys } = this.visible();
    if (!source || !affordable(source, step)) return [null, []];
    return [source, placesIn(source, step, queries, keys)];
  }

  /** The whole matrix with bins of at least a pixel. */
  levelFor(field: Field, cell: number, ratio: number): Field {
    const levels = this.pyramids.get(field) ?? [field];
    this.pyramids.set(field, levels);
    let at = 0;
    while ((levels[at] as Field).step * cell * ratio < 0.999 && (levels[at] as Field).columns > 1) {
      at += 1;
      levels[at] ??= halved(levels[at - 1] as Field);
    }
    return levels[at] as Field;
  }

  private uniform(query: number): number {
    const { uniform } = this.sight.value;
    return uniform[Math.min(query, uniform.length - 1)] ?? 0;
  }

  private makeColouring(): Colouring | null {
    const { store, signals } = this.view;
    const selection = this.selection.value;
    if (!selection) return null;
    const { scope } = selection;
    const palette = this.view.palette.value;
    const tints = this.view.tints.value;
    const shading = this.shading.value;
    const chosen = new Set(signals.locked.value.queries);
    const fade = store.synced.highlight.value === "query" && chosen.size > 0;
    const keys = signals.axes.value.keys;
    const { seen } = this.sight.value;
    const learned = keys.reduce((count, token) => count + (token.role === "sink" ? 1 : 0), 0);
    const [less = palette.ink, more = palette.ink] = palette.heads;
    return {
      shading,
      ramps: shading.diverging ? [divergingRamp(palette, less, more)] : tints.ramps,
      keyRamps: shading.diverging ? new Uint8Array(keys.length) : tints.keyRamps,
      uniform: (query) => this.uniform(query),
      faded: (query) => fade && !chosen.has(query),
      dimmed: (key) => scope.dims(key),
      unseen: (query) => (scope.look.causal ? (seen[Math.min(query, seen.length - 1)] ?? 0) - learned : keys.length),
      hidden: (key) => scope.hides(key),
      blank: mix(palette.paper, palette.ink, 0.055),
    };
  }

  private makeSource(): Source | null {
    const selection = this.selection.value;
    const stack = this.view.store.stack.value;
    const [first] = selection?.heads ?? [];
    if (!selection || !stack || !first || first.weights.form !== "top") return null;
    const { measure, aggregate, sinks, pair, axes } = selection.scope.look;
    const { layer, weights } = first;
    const heads = selection.heads.map(({ head }) => head);
    const plain = measure === "weight" && (aggregate === "mean" || heads.length === 1) && aggregate !== "rollout";
    const together = selection.heads.every((one) => one.layer === layer) && heads.length <= 64;
    // Python sends weights as they are: what is left out, folded or scaled up afterwards only the page knows.
    if (!plain || !together || (sinks !== "show" && sinks !== "dim") || pair !== "all" || axes.folded) return null;
    const all = heads.length === weights.heads;
    const { queries, keys } = weights;
    return { stack: stack.name, layer, heads: all ? [] : heads, count: heads.length, queries, keys };
  }
}

/** Whether the frame, at its smallest cells, shows a part that is not the first. */
function isScrolled({ key, query }: Window, { keys, queries, fit, width, height }: Frame): boolean {
  return (key > 1e-6 && keys * fit > width + 0.5) || (query > 1e-6 && queries * fit > height + 0.5);
}
