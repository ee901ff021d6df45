/** Beside the picture: what is in focus, where its attention goes, and every layer at a glance. */

import { useMemo } from "preact/hooks";
import { type Focus, focusColumn, kindShares, knownRow, meanSeries, type Picture, shareOfKeys } from "../picture";
import { KINDS } from "../scene";
import type { Translate } from "../strings";
import type { Token } from "../types";
import type { View } from "../view";
import { formatWeight } from "../wire/codec";
import { kindName, Shares } from "./shares";

const STRONGEST = 5;

function Title({ view, focus }: { view: View; focus: Focus | null }) {
  const { store } = view;
  const t = store.t.value;
  const tokens = focus?.side === "key" ? store.keys.value : store.queries.value;
  const [only] = focus?.indices ?? [];
  return (
    <h3 class="side-title">
      <div>
        {!focus && <strong>{t("focus.all", { count: tokens.length })}</strong>}
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
  weight: number;
}

/** The strongest links of the focus, or of all rows. */
function strongest(picture: Picture, focus: Focus | null, queries: number, keys: number): Link[] {
  const best: Link[] = [];
  const offer = (query: number, key: number, weight: number) => {
    if (!(weight > 0) || (best.length === STRONGEST && weight <= (best[STRONGEST - 1]?.weight ?? 0))) return;
    best.push({ query, key, weight });
    best.sort((a, b) => b.weight - a.weight);
    best.length = Math.min(best.length, STRONGEST);
  };
  if (focus?.side === "key") {
    for (const key of focus.indices) {
      focusColumn(picture.selection, [key], queries, keys).forEach((weight, query) => {
        offer(query, key, weight);
      });
    }
    return best;
  }
  const rows = focus ? focus.indices : Array.from({ length: queries }, (_, query) => query);
  const row = new Float32Array(keys);
  const mean = meanSeries(picture.selection.heads);
  for (const query of rows) {
    knownRow(picture.selection, mean, query, row);
    for (let key = 0; key < keys; key++) offer(query, key, row[key] ?? 0);
  }
  return best;
}

function Links({ links, queries, keys, t }: { links: Link[]; queries: Token[]; keys: Token[]; t: Translate }) {
  return (
    <table class="links">
      <caption>{t("strongest")}</caption>
      <tbody>
        {links.map(({ query, key, weight }) => (
          <tr key={`${query}/${key}`}>
            <td>
              <bdi>{queries[query]?.text}</bdi>
            </td>
            <td class="muted">→</td>
            <td>
              <bdi>{keys[key]?.text}</bdi>
            </td>
            <td class="number">{formatWeight(weight)}</td>
          </tr>
        ))}
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

export function Side({ view }: { view: View }) {
  const { store, signals } = view;
  const t = store.t.value;
  const picture = signals.picture.value;
  const focus = picture?.focus ?? null;
  const queries = store.queries.value;
  const keys = store.keys.value;
  const rows = focus?.side === "query" ? focus.indices : signals.rows.value;
  const selection = picture?.selection;
  const shares = useMemo(() => (selection ? kindShares(selection.heads, rows) : null), [selection, rows]);
  const focusStrokes = picture?.focusStrokes;
  // The strokes stand for rows that came later: they change when those are here.
  const links = useMemo(
    () => (picture ? strongest(picture, focus, queries.length, keys.length) : []),
    [selection, focus, focusStrokes, queries, keys],
  );
  const averaged = picture && picture.selection.heads.length > 1 && !picture.selection.perHead;
  return (
    <div class="side">
      <Title view={view} focus={focus} />
      <section class="side-shares">
        {focus?.side === "key" && selection && (
          <>
            <h4>{t("where.key")}</h4>
            <p class="takes">
              {t("takes", { percent: Math.round(shareOfKeys(selection, signals.rows.value, focus.indices) * 100) })}
            </p>
          </>
        )}
        {focus?.side !== "key" && shares && (
          <>
            <h4>{t(focus ? "where.goes" : "where.all")}</h4>
            <Shares shares={[...shares]} keys={keys} t={t} />
          </>
        )}
      </section>
      <section class="side-links">
        {links.length > 0 && <Links links={links} queries={queries} keys={keys} t={t} />}
      </section>
      <Layers view={view} />
      <p class="caveat">
        {t("caveat")}
        {averaged ? ` ${t("caveat.mean")}` : ""}
      </p>
    </div>
  );
}
