/** The controls above every picture: which view, which layer, and how it is shown. */

import { Menu } from "../controls/menu";
import { Segmented } from "../controls/segmented";
import { Stepper } from "../controls/stepper";
import type { StringKey } from "../strings";
import { HIGHLIGHTS, MEASURES, MODES, type Mode, SINKS } from "../types";
import type { View } from "../view";
import { Help } from "./help";
import { isChanged, MenuItems } from "./menu_items";

const STACKS: Readonly<Record<string, StringKey>> = {
  encoder: "stack.encoder",
  decoder: "stack.decoder",
  cross: "stack.cross",
  vision: "stack.vision",
};

/** Pictures of all layers at once. */
const OF_ALL_LAYERS: ReadonlySet<Mode> = new Set(["heads", "profile", "trace"]);
/** Pictures whose keys can be tinted or told apart by kind. */
const WITH_LOOK: ReadonlySet<Mode> = new Set(["lines", "matrix", "heads"]);
/** Pictures of one layer's weights, with a side panel and a ledger; the others take the whole width. */
export const OF_WEIGHTS: ReadonlySet<Mode> = new Set(["lines", "matrix"]);

function Look({ view }: { view: View }) {
  const { store } = view;
  const { synced } = store;
  const t = store.t.value;
  return (
    <div class="toolbar-row">
      <Segmented
        label={t("highlight")}
        value={synced.highlight.value}
        options={HIGHLIGHTS.map((value) => ({ value, text: t(`highlight.${value}`) }))}
        onChange={(highlight) => store.change({ highlight })}
      />
      {OF_WEIGHTS.has(synced.mode.value) && (
        <>
          <Segmented
            label={t("sinks")}
            hint={t("sinks.hint")}
            value={synced.sinks.value}
            options={SINKS.map((value) => ({ value, text: t(`sinks.${value}`), hint: t(`sinks.${value}.hint`) }))}
            onChange={(sinks) => store.change({ sinks })}
          />
          <Segmented
            label={t("measure")}
            value={synced.measure.value}
            options={MEASURES.map((value) => ({
              value,
              text: t(`measure.${value}`),
              hint: t(`measure.${value}.hint`),
            }))}
            onChange={(measure) => store.change({ measure })}
          />
        </>
      )}
    </div>
  );
}

export function Toolbar({ view }: { view: View }) {
  const { store } = view;
  const { synced } = store;
  const t = store.t.value;
  const stacks = synced.stacks.value;
  const mode = synced.mode.value;
  const stackName = (name: string) => (Object.hasOwn(STACKS, name) ? t(STACKS[name] as StringKey) : name);
  return (
    <div class="toolbar">
      <div class="toolbar-row">
        <Segmented
          label={t("mode")}
          value={mode}
          options={MODES.map((value) => ({ value, text: t(`mode.${value}`) }))}
          onChange={(value) => store.change({ mode: value })}
        />
        {stacks.length > 1 && (
          <Segmented
            label={t("stack")}
            value={store.stack.value?.name ?? ""}
            options={stacks.map(({ name }) => ({ value: name, text: stackName(name) }))}
            onChange={(name) => store.goToStack(name)}
          />
        )}
        {!OF_ALL_LAYERS.has(mode) && (
          <Stepper
            label={t("layer")}
            previous={t("layer.previous")}
            next={t("layer.next")}
            value={synced.layer.value}
            count={store.stack.value?.layers.length ?? 0}
            onChange={(layer) => store.goToLayer(layer)}
          />
        )}
        <Menu label={t("menu")} marked={isChanged(view)} markedText={t("menu.changed")}>
          <MenuItems view={view} />
        </Menu>
        <Help view={view} />
      </div>
      {(view.data.compared.value ? OF_WEIGHTS : WITH_LOOK).has(mode) && <Look view={view} />}
    </div>
  );
}
