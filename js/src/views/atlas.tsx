/** Heads: every head of every layer as a small picture, all on one canvas. Click opens one, shift-click collects. */

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { atlasGrid, type Cell, type LayerRow, type Place, paintAtlas, placeAt, step } from "../paint/atlas";
import { paintOn } from "../paint/canvas";
import { divergingRamp } from "../paint/matrix";
import { keyRamps, ramp, type Tints } from "../paint/palette";
import { type Sheet, thumbSheet } from "../paint/thumb";
import { formatStatistic, labelGrid, numberAt, orderHeads, statisticsOf } from "../statistics";
import type { LayerInfo } from "../types";
import type { View } from "../view";
import type { Overviews } from "../wire/overview";
import { Filter, Scale, Sorting, Tray } from "./atlas_controls";
import { EvidenceSwitch, Gate } from "./atlas_evidence";
import { chipNames, family } from "./atlas_labels";
import { coloursOf, Here, Marks } from "./atlas_marks";
import { useEvenShares, useMissingPictures } from "./atlas_pictures";
import { HeadsTable } from "./atlas_table";

/** Where heads stand closer, most labels are a sign, and the filter says which sign is which. */
const SIGNS = 64;

/** --part-first of the style sheet. */
const FIRST = { light: [21, 146, 173], dark: [53, 174, 198] } as const;

/** Stretches of heads that share keys and values. */
function groupsOf({ heads, kv_heads }: LayerInfo): [number, number][] {
  if (!kv_heads || kv_heads >= heads) return [];
  const each = heads / kv_heads;
  return Array.from({ length: kv_heads }, (_, group) => [group * each, (group + 1) * each - 1]);
}

export function Atlas({ view, width }: { view: View; width: number }) {
  const { store, data } = view;
  const { synced } = store;
  const t = store.t.value;
  const lang = synced.lang.value;
  const stack = store.stack.value;
  const layers = stack?.layers ?? [];
  const canvas = useRef<HTMLCanvasElement>(null);
  const at = useSignal<Place | null>(null);
  const byKeyboard = useSignal(false);
  const touched = useSignal<readonly [number, number] | null>(null);
  data.version.value;
  const held = layers.map((_, layer) => (stack ? data.thumbnails.of(stack.name, layer).value : undefined));
  const { found, coming } = useMissingPictures(view, held);
  const pictures = held.map((seen, layer) => seen ?? found.value.get(layer));
  const missing = layers.filter((layer, index) => layer.heads > 0 && !pictures[index]).length;
  const shares = stack ? data.shares(stack.name, layers.length).value : [];
  const state = statisticsOf(store, data).state.value;
  const statistics = state.status === "ready" ? state.statistics : undefined;
  const labels = useMemo(() => (statistics ? labelGrid(statistics) : undefined), [statistics]);
  const only = statistics ? synced.only.value : "";
  const wanted = synced.sort.value;
  const sortGrid = wanted ? statistics?.values[wanted] : undefined;
  const sort = sortGrid ? wanted : "";
  const heads = useMemo(() => layers.map((layer) => layer.heads), [layers]);
  const orders = useMemo(() => heads.map((count, layer) => orderHeads(count, layer, sortGrid)), [heads, sortGrid]);
  const rows = useMemo((): LayerRow[] => {
    const some = layers.some((layer) => layer.window || layer.chunk);
    return layers.map((layer, index) => ({
      name: `L${index}`,
      badge: !some || !layer.heads ? "" : badgeOf(layer),
      note: layer.heads === 0 ? layer.note || t("layer.noheads") : "",
      groups: sort ? [] : groupsOf(layer),
    }));
    function badgeOf({ window, chunk }: LayerInfo): string {
      if (window) return t("heads.badge.window", { count: window });
      return chunk ? t("heads.badge.chunk", { count: chunk }) : t("heads.badge.all");
    }
  }, [layers, t, sort]);
  const brackets = rows.some(({ groups }) => groups.length > 0);
  const badges = rows.some(({ badge }) => badge !== "");
  const grid = useMemo(
    () => atlasGrid({ width, heads, badges, sorted: sort !== "", brackets }),
    [width, heads, badges, sort, brackets],
  );
  const palette = view.palette.value;
  const dark = store.dark.value;
  const scale = synced.scale.value;
  const keys = store.keys.value;
  // Sinks keep their colour here whatever is highlighted elsewhere: to find them is what the overview is for.
  const tints = useMemo((): Tints => {
    if (scale === "relative") {
      const [less = palette.ink, more = palette.ink] = palette.heads;
      return { ramps: new Array(4).fill(divergingRamp(palette, less, more)), keyRamps: keyRamps(keys, false) };
    }
    const colours = [palette.ink, palette.cls, palette.sep, FIRST[dark ? "dark" : "light"]];
    return { ramps: colours.map((colour) => ramp(palette, colour)), keyRamps: keyRamps(keys, true) };
  }, [palette, keys, dark, scale]);
  const uniforms = useEvenShares(view);
  const firstSinks = useMemo(() => {
    const before = heads.map((_, layer) => heads.slice(0, layer).reduce((sum, count) => sum + count, 0));
    const found = (statistics?.labels ?? []).filter(({ label }) => label === "first_sink");
    return { before, found };
  }, [heads, statistics]);
  const sheets = useMemo(() => {
    const made = new Map<Overviews, Sheet>();
    pictures.forEach((seen, layer) => {
      if (!seen || made.has(seen.overviews)) return;
      const of = firstSinks.found.filter((label) => !seen.perLayer || label.layer === layer);
      const indices = of.map((label) => label.head + (seen.perLayer ? 0 : (firstSinks.before[label.layer] ?? 0)));
      made.set(seen.overviews, thumbSheet(seen.overviews, tints, scale, new Set(indices), uniforms));
    });
    return made;
  }, [...pictures, tints, scale, firstSinks, uniforms]);

  const cells = useMemo(() => {
    const out: Cell[] = [];
    orders.forEach((order, layer) => {
      order.forEach((head, position) => {
        const label = labels?.[layer]?.[head];
        const seen = pictures[layer];
        const sheet = seen && sheets.get(seen.overviews);
        const index = seen?.perLayer ? head : (firstSinks.before[layer] ?? 0) + head;
        const share = (name: string, by: "weight" | "contribution") =>
          numberAt(statistics?.partition[`${by}_per_head`][name], layer, head);
        const known = shares[layer]?.subarray(head * 5, head * 5 + 5);
        const names = ["cls", "sep", "first"];
        const written = names.map((name) => share(name, "contribution"));
        out.push({
          layer,
          position,
          head,
          chip:
            label && statistics && label.label !== "mixed"
              ? {
                  names: chipNames(label.label, statistics, t),
                  family: family(label.label),
                  certainty: label.certainty,
                }
              : undefined,
          bar: statistics
            ? names.map((name) => [name === "first" ? "part-first" : `kind-${name}`, share(name, "weight") ?? 0])
            : known && [
                ["kind-cls", known[0] ?? 0],
                ["kind-sep", known[1] ?? 0],
              ],
          tick: written.every((one) => one === null) ? null : written.reduce<number>((sum, one) => sum + (one ?? 0), 0),
          value: sort ? formatStatistic(numberAt(sortGrid, layer, head)) : "",
          dim: only !== "" && label?.label !== only,
          picture: sheet && { sheet, index },
        });
      });
    });
    return out;
  }, [orders, labels, statistics, sheets, shares, only, sort, sortGrid, t]);

  const height = grid.tops.at(-1) ?? 0;
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    paintOn(element, grid.width, height, (context) =>
      paintAtlas(context, grid, rows, cells, palette, coloursOf(element)),
    );
  }, [grid, rows, cells, palette]);

  const open = (layer: number, head: number, collect: boolean) => {
    if (!collect) {
      store.change({ mode: "lines", layer, heads: [head], pinned: [] });
      return;
    }
    const pinned = synced.pinned.peek();
    const others = pinned.filter((pair) => pair[0] !== layer || pair[1] !== head);
    store.change({ pinned: others.length < pinned.length ? others : [...pinned, [layer, head]] });
  };
  const openPlace = ({ layer, position }: Place, collect: boolean) => {
    const head = orders[layer]?.[position];
    if (head !== undefined) open(layer, head, collect);
  };
  const under = (event: MouseEvent): Place | null => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    return placeAt(grid, heads, event.clientX - box.left, event.clientY - box.top);
  };
  const move = (place: Place | null, keyboard: boolean) => {
    byKeyboard.value = keyboard;
    const now = at.peek();
    if (place?.layer !== now?.layer || place?.position !== now?.position) at.value = place;
  };
  const start = (): Place => ({
    layer: heads[synced.layer.peek()]
      ? synced.layer.peek()
      : Math.max(
          0,
          heads.findIndex((count) => count > 0),
        ),
    position: 0,
  });
  const onKeyDown = (event: KeyboardEvent) => {
    const from = at.peek() ?? start();
    if (/^(Arrow|Home$|End$)/.test(event.key)) {
      event.preventDefault();
      move(step(grid, heads, from, event.key), true);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      openPlace(from, event.shiftKey);
    }
  };
  const largest = Math.max(1, ...heads);
  return (
    <div class="atlas">
      <div class="atlas-controls">
        <Sorting view={view} statistics={statistics} />
        <EvidenceSwitch view={view} />
        <Scale view={view} uniforms={uniforms} ramp={tints.ramps[0]} />
      </div>
      {statistics && <Filter view={view} statistics={statistics} signs={grid.pitch < SIGNS} />}
      <Gate view={view} state={state} />
      {statistics && wanted && !sortGrid && <p class="gate">{t("heads.sort.unknown", { name: wanted })}</p>}
      {statistics && only && !statistics.labels.some(({ label }) => label === only) && (
        <p class="gate">{t("heads.only.unknown", { name: only })}</p>
      )}
      <Tray view={view} touched={touched.value} open={open} />
      <div class="cells atlas-cells" data-missing={missing} style={{ width: `${grid.width}px`, height: `${height}px` }}>
        <div
          class="atlas-heads"
          role="application"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys; a thousand focusable cells would not do
          tabIndex={0}
          aria-label={t("heads.label", { layers: layers.length, heads: largest })}
          onKeyDown={onKeyDown}
          onFocus={(event) => {
            if (event.currentTarget.matches(":focus-visible")) move(at.peek() ?? start(), true);
          }}
          onPointerMove={(event) => {
            if (event.pointerType !== "touch") move(under(event), false);
          }}
          onPointerLeave={(event) => {
            if (event.pointerType !== "touch") move(null, false);
          }}
          onBlur={() => move(null, false)}
          onPointerUp={(event) => {
            if (event.pointerType !== "touch") return;
            const place = under(event);
            move(place, false);
            const head = place ? orders[place.layer]?.[place.position] : undefined;
            touched.value = place && head !== undefined ? [place.layer, head] : null;
          }}
          onClick={(event) => {
            const place = under(event);
            // A finger first sees what it touched: the tray then opens or collects it.
            if (place && (event as unknown as PointerEvent).pointerType !== "touch") openPlace(place, event.shiftKey);
          }}
        >
          <canvas ref={canvas} />
        </div>
        <Marks {...{ view, grid, orders }} />
        <Here {...{ view, grid, at, byKeyboard, orders, statistics, labels, sort }} />
      </div>
      <p class="atlas-notes muted">
        {coming.value && missing > 0 ? `${t("heads.pictures", { count: missing })} ` : ""}
        {t(statistics?.has_values ? "heads.note.tick" : "heads.note.bar")}
        {brackets ? ` ${t("heads.note.kv")}` : ""}
        {statistics ? ` ${t(statistics.enough ? "heads.note.judged" : "heads.note.described")}` : ""}
      </p>
      {statistics && <HeadsTable {...{ view, statistics, orders, labels: labels ?? [], sort, only, lang }} />}
    </div>
  );
}
