/** Beside the picture: what is in focus, where its attention goes, and every layer at a glance. */

import { useMemo } from "preact/hooks";
import {
  type Axes,
  cellNumbers,
  type Focus,
  kindShares,
  knownCell,
  knownRow,
  MOST_READ,
  type Picture,
  shareOfKeys,
} from "../picture";
import { KINDS } from "../scene";
import type { Translate } from "../strings";
import type { Measure } from "../types";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";
import { cellSentence, percentText, weightText } from "./cell_words";
import { kindName, Shares } from "./shares";

const STRONGEST = 5;

function Title({ view, focus }: { view: View; focus: Focus | null }) {
  const { store, signals } = view;
  const t = store.t.value;
  const axes = signals.axes.value;
  const tokens = focus?.side === "key" ? axes.keys : axes.queries;
  const [only] = focus?.indices ?? [];
  return (
    <h3 class="side-title">
      <div>
        {!focus && <strong>{t("focus.all", { count: signals.rows.value.length })}</strong>}
        {focus && focus.indices.length === 1 && only !== undefined && (
          <>
            <bdi class="side-token">{tokens[only]?.text}</bdi>{" "}
            <span class="muted">{t(`focus.${focus.side}`, { position: only })}</span>
          </>
        )}
        {focus && focus.indices.length > 1 && (
          <strong>{t(focus.side === "query" ? "focus.queries" : "focus.keys", { count: focus.indices.length })}</strong>
        )}
      </div>
      <div class="muted" title={view.what.value}>
        {view.what.value}
      </div>
    </h3>
  );
}

interface Link {
  query: number;
  key: number;
  value: number;
}

/** The strongest links of the focus, or of all rows in view. */
function strongest(picture: Picture, focus: Focus | null, rows: readonly number[], axes: Axes): Link[] {
  const best: Link[] = [];
  const keys = axes.keys.length;
  const row = new Float32Array(keys);
  const offer = (query: number, key: number, value: number) => {
    if (!(value > 0) || (best.length === STRONGEST && value <= (best[STRONGEST - 1]?.value ?? 0))) return;
    best.push({ query, key, value });
    best.sort((a, b) => b.value - a.value);
    best.length = Math.min(best.length, STRONGEST);
  };
  if (focus?.side === "key") {
    const { selection } = picture;
    if (!selection.joint.direct && rows.length * keys > MOST_READ) return best;
    for (const query of rows) {
      for (const key of focus.indices) offer(query, key, knownCell(selection, selection.joint, query, key));
    }
    return best;
  }
  // Of a long text all rows are too many to read for a list of five: its reader points at a token first.
  if (!focus && rows.length * keys > MOST_READ) return best;
  for (const query of focus ? focus.indices : rows) {
    knownRow(picture.selection, picture.selection.joint, query, row);
    for (let key = 0; key < keys; key++) offer(query, key, row[key] ?? 0);
  }
  return best;
}

interface LinksProps {
  links: readonly Link[];
  picture: Picture;
  axes: Axes;
  t: Translate;
}

function Links({ links, picture, axes, t }: LinksProps) {
  const { selection } = picture;
  const { normsOf, scope } = selection;
  const { measure } = scope.look;
  const named: Record<Measure, string> = {
    weight: t("weight"),
    contribution: t(normsOf === "value" ? "written.value" : "written"),
  };
  const other = measure === "weight" ? "contribution" : "weight";
  return (
    <table class="links">
      <caption>{t("strongest")}</caption>
      <colgroup>
        {(normsOf ? "from arrow to number number" : "from arrow to number").split(" ").map((of, index) => (
          <col key={index} class={`links-${of}`} />
        ))}
      </colgroup>
      {normsOf && (
        <thead>
          <tr>
            <td colSpan={3} />
            <th scope="col">{named[measure]}</th>
            <th scope="col">{named[other]}</th>
          </tr>
        </thead>
      )}
      <tbody>
        {links.map(({ query, key, value }, place) => {
          const { weight, written } = cellNumbers(selection, query, key);
          return (
            // By place, not by what it links: then other texts in the same cells are all that a hover changes.
            <tr key={place} title={cellSentence(selection, axes, query, key, t)}>
              <td>
                <bdi>{axes.queries[query]?.text}</bdi>
              </td>
              <td class="muted">→</td>
              <td>
                <bdi>{axes.keys[key]?.text}</bdi>
              </td>
              <td class="number">{measure === "weight" ? formatWeight(value) : percentText(value)}</td>
              {normsOf && (
                <td class="number muted">
                  {other === "weight" ? weightText(weight) : percentText(written ?? Number.NaN)}
                </td>
              )}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** Mean over the heads of [heads, 5] shares by kind of key. */
function meanShares(shares: Float32Array | undefined): number[] | undefined {
  if (!shares) return undefined;
  const mean = [0, 0, 0, 0, 0];
  shares.forEach((share, at) => {
    mean[at % 5] = (mean[at % 5] ?? 0) + (share * 5) / shares.length;
  });
  return mean;
}

function Layers({ view }: { view: View }) {
  const { store, data } = view;
  const t = store.t.value;
  const stack = store.stack.value;
  data.version.value;
  if (!stack || stack.layers.length < 2) return null;
  const shares = data.shares(stack.name, stack.layers.length).value;
  if (!shares.some((share) => share)) return null;
  const now = store.synced.layer.value;
  return (
    <figure class="layers">
      <figcaption>{t("layers.each")}</figcaption>
      <div class="layers-bars">
        {stack.layers.map((_, layer) => {
          const share = meanShares(shares[layer]);
          const percent = (kind: number) => Math.round((share?.[kind] ?? 0) * 100);
          const title = share
            ? KINDS.map((kind, index) => ({ kind, index }))
                .filter(({ index }) => (share[index] ?? 0) > 0)
                .map(({ kind, index }) => `${kindName(kind, store.keys.value, t)} ${percent(index)} %`)
                .join(" · ")
            : "";
          return (
            <button
              key={layer}
              type="button"
              class="layer-bar"
              aria-current={layer === now ? "true" : undefined}
              aria-label={`${t("layers.open", { layer })}. ${title}`}
              title={`${t("layer")} ${layer}: ${title}`}
              onClick={() => store.goToLayer(layer)}
            >
              <span class="layer-stack">
                {share &&
                  [4, 3, 2, 1, 0].map((kind) => (
                    <span key={kind} data-kind={KINDS[kind]} style={{ height: `${(share[kind] ?? 0) * 100}%` }} />
                  ))}
              </span>
              <span class="layer-number">{layer}</span>
            </button>
          );
        })}
      </div>
    </figure>
  );
}

/** What a reader has to know of this very picture. */
function Caveats({ view, picture }: { view: View; picture: Picture | null }) {
  const t = view.store.t.value;
  const { selection } = picture ?? {};
  const look = selection?.scope.look;
  const several = selection && selection.heads.length > 1;
  const said = [t(look?.measure === "contribution" ? "caveat.written" : "caveat")];
  if (look?.aggregate === "rollout") said.push(t("caveat.rollout"));
  else if (look?.aggregate === "max" && several) said.push(t("caveat.max"));
  else if (several && !selection.perHead) {
    said.push(t(look?.measure === "contribution" ? "caveat.mean.written" : "caveat.mean"));
  }
  if (selection?.normsOf === "value" && look?.measure === "contribution") said.push(t("caveat.value"));
  return <p class="caveat">{said.join(" ")}</p>;
}

export function Side({ view }: { view: View }) {
  const { store, signals } = view;
  const t = store.t.value;
  const picture = signals.picture.value;
  const focus = picture?.focus ?? null;
  const axes = signals.axes.value;
  const inView = signals.rows.value;
  const rows = focus?.side === "query" ? focus.indices : inView;
  const selection = picture?.selection;
  const shares = useMemo(() => (selection ? kindShares(selection, rows) : null), [selection, rows]);
  const focusStrokes = picture?.focusStrokes;
  // The strokes stand for rows that came later: they change when those are here.
  const links = useMemo(
    () => (picture ? strongest(picture, focus, inView, axes) : []),
    [selection, focus, focusStrokes, inView, axes],
  );
  const written = signals.measure.value === "contribution";
  const percent = (keys: readonly number[]) =>
    selection ? percentText(shareOfKeys(selection, inView, keys, MOST_READ)) : "";
  return (
    <div class="side">
      <Title view={view} focus={focus} />
      <section class="side-shares">
        {focus?.side === "key" && selection && (
          <>
            <h4>{t("where.key")}</h4>
            <p class="takes">{t(written ? "takes.written" : "takes", { percent: percent(focus.indices) })}</p>
          </>
        )}
        {focus?.side !== "key" && shares && (
          <>
            <h4>{t(written ? "where.written" : focus ? "where.goes" : "where.all")}</h4>
            <Shares shares={[...shares]} keys={axes.keys} t={t} />
          </>
        )}
      </section>
      <section class="side-links">
        {picture && links.length > 0 && <Links links={links} picture={picture} axes={axes} t={t} />}
        {selection && focus && links[0] && (
          <p class="said muted">{cellSentence(selection, axes, links[0].query, links[0].key, t)}</p>
        )}
        {picture && links.length === 0 && !focus && <p class="muted">{t("strongest.point")}</p>}
      </section>
      <Layers view={view} />
      <Caveats view={view} picture={picture} />
    </div>
  );
}
