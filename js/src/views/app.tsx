/** The whole page of one view. */

import { Heads } from "../controls/heads";
import { Segmented } from "../controls/segmented";
import { Stepper } from "../controls/stepper";
import type { StringKey } from "../strings";
import { HIGHLIGHTS, MODES } from "../types";
import type { View } from "../view";
import { Atlas } from "./atlas";
import { Ledger } from "./ledger";
import { Lines } from "./lines";
import { Matrix } from "./matrix";
import { Side } from "./side";

/** Below this width the side panel goes under the picture. */
const WIDE = 820;
const SIDE = 330;
const PADDING = 28;

const STACKS: Readonly<Record<string, StringKey>> = {
  encoder: "stack.encoder",
  decoder: "stack.decoder",
  cross: "stack.cross",
  vision: "stack.vision",
};

function Toolbar({ view }: { view: View }) {
  const { store } = view;
  const { synced } = store;
  const t = store.t.value;
  const stacks = synced.stacks.value;
  const stackName = (name: string) => (Object.hasOwn(STACKS, name) ? t(STACKS[name] as StringKey) : name);
  return (
    <div class="toolbar">
      <Segmented
        label={t("mode")}
        value={synced.mode.value}
        options={MODES.map((mode) => ({ value: mode, text: t(`mode.${mode}`) }))}
        onChange={(mode) => store.change({ mode })}
      />
      {stacks.length > 1 && (
        <Segmented
          label={t("stack")}
          value={store.stack.value?.name ?? ""}
          options={stacks.map(({ name }) => ({ value: name, text: stackName(name) }))}
          onChange={(name) => store.goToStack(name)}
        />
      )}
      {synced.mode.value !== "heads" && (
        <Stepper
          label={t("layer")}
          previous={t("layer.previous")}
          next={t("layer.next")}
          value={synced.layer.value}
          count={store.stack.value?.layers.length ?? 0}
          onChange={(layer) => store.goToLayer(layer)}
        />
      )}
      <Segmented
        label={t("highlight")}
        value={synced.highlight.value}
        options={HIGHLIGHTS.map((highlight) => ({ value: highlight, text: t(`highlight.${highlight}`) }))}
        onChange={(highlight) => store.change({ highlight })}
      />
    </div>
  );
}

/** What the page cannot show, and what would bring it. */
function Absence({ view }: { view: View }) {
  const { store, data, signals } = view;
  const t = store.t.value;
  const heads = signals.heads.value;
  const problem = data.error.value;
  let text = problem;
  if (!problem && "note" in heads) text = t("noweights", { layer: heads.layer, note: heads.note });
  if (!problem && "state" in heads) {
    const { layer, state } = heads;
    if (state.status === "failed") text = state.error;
    else if (state.status === "missing") text = t("nokernel", { layer });
    else if (state.status === "asked") text = t("waiting", { layer });
    else text = t("loading", { layer });
  }
  return text ? (
    <p class="absence" role="status">
      {text}
    </p>
  ) : null;
}

/** Where weights come from, when it is not the model's own queries and keys. */
const SOURCES: Readonly<Record<string, StringKey>> = {
  tap: "source.tap",
  eager: "source.eager",
  arrays: "source.arrays",
};

function Footer({ view }: { view: View }) {
  const { store, signals } = view;
  const shown = signals.heads.value;
  const listed =
    "heads" in shown ? shown.heads.find(({ weights }) => weights.form === "top")?.weights.listed : undefined;
  const { synced } = store;
  const t = store.t.value;
  const stack = store.stack.value;
  const info = store.layer.value;
  const source = SOURCES[info?.source ?? ""];
  const [queries, keys] = [store.queries.value.length, store.keys.value.length];
  const counts = [...new Set(stack?.layers.map((layer) => layer.heads).filter((heads) => heads > 0))].sort(
    (a, b) => a - b,
  );
  const heads = counts.length > 1 ? `${counts[0]}–${counts.at(-1)}` : String(counts[0] ?? 0);
  const values = { layers: stack?.layers.length ?? 0, heads, tokens: queries, queries, keys };
  return (
    <footer class="footer">
      <span class="footer-title">
        <bdi>{synced.title.value}</bdi>
      </span>
      <span>{t(stack && stack.queries !== stack.keys ? "shape.cross" : "shape.tokens", values)}</span>
      {listed !== undefined && <span class="note">{t("top", { count: listed })}</span>}
      {source && <span>{t(source)}</span>}
      {info && info.heads > 0 && info.note && <span class="note">{info.note}</span>}
      {synced.notes.value.map((note) => (
        <span key={note} class="note">
          {note}
        </span>
      ))}
      <span class="hint">{t(`hint.${synced.mode.value}`)}</span>
    </footer>
  );
}

export function App({ view }: { view: View }) {
  const { store, signals } = view;
  const { synced } = store;
  const width = store.width.value;
  const atlas = synced.mode.value === "heads";
  const wide = width >= WIDE;
  const pictureWidth = (wide && !atlas ? width - SIDE : width) - PADDING;
  const picture = signals.picture.value;
  const shown = "heads" in signals.heads.value;
  const t = store.t.value;
  return (
    <section
      class="card"
      lang={synced.lang.value}
      aria-label={`${t("mapping")}: ${synced.title.value}`}
      data-wide={wide ? "" : undefined}
      onKeyDown={(event) => {
        if (event.key === "Escape") store.clear();
      }}
    >
      <Toolbar view={view} />
      {!atlas && <Heads view={view} />}
      {store.message.value && (
        <p class="message" role="alert">
          {store.message.value}
        </p>
      )}
      {synced.status.value && (
        <p class="message" role="status">
          {synced.status.value === "released" ? t("released") : synced.status.value}
        </p>
      )}
      <div class="main" data-alone={atlas ? "" : undefined}>
        <div class="picture" aria-busy={!shown && !atlas}>
          {!atlas && <Absence view={view} />}
          {width > 0 && atlas && <Atlas view={view} width={pictureWidth} />}
          {width > 0 && synced.mode.value === "lines" && <Lines view={view} width={pictureWidth} />}
          {width > 0 && synced.mode.value === "matrix" && <Matrix view={view} width={pictureWidth} />}
        </div>
        {!atlas && <Side view={view} />}
      </div>
      {!atlas && <Ledger view={view} accounts={picture?.ledger} />}
      <Footer view={view} />
    </section>
  );
}
