/** The controls above every picture: which view, which layer, and how it is shown. */

import { Segmented } from "../controls/segmented";
import { Stepper } from "../controls/stepper";
import type { StringKey } from "../strings";
import { HIGHLIGHTS, MODES } from "../types";
import type { View } from "../view";

const STACKS: Readonly<Record<string, StringKey>> = {
  encoder: "stack.encoder",
  decoder: "stack.decoder",
  cross: "stack.cross",
  vision: "stack.vision",
};

export function Toolbar({ view }: { view: View }) {
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
