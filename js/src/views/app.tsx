/** The whole page of one view. */

import { COMPARED_MODES } from "../caveats";
import { Heads } from "../controls/heads";
import { KERNEL } from "../kernel";
import { sidesNow } from "../sides";
import type { Mode } from "../types";
import type { View } from "../view";
import { Absence } from "./absence";
import { Atlas } from "./atlas";
import { Brought } from "./brought";
import { Footer } from "./footer";
import { InputBox } from "./input";
import { Ledger } from "./ledger";
import { Lines } from "./lines";
import { Matrix } from "./matrix";
import { Profile } from "./profile";
import { Side } from "./side";
import { NumbersTable } from "./table";
import { OF_WEIGHTS, Toolbar } from "./toolbar";

/** Below this width the side panel goes under the picture. */
const WIDE = 820;
const SIDE = 330;
const PADDING = 28;

const WITH_HEADS: ReadonlySet<Mode> = new Set(["lines", "matrix", "steps"]);

const PICTURES: Readonly<Partial<Record<Mode, typeof Lines>>> = {
  lines: Lines,
  matrix: Matrix,
  heads: Atlas,
  profile: Profile,
};

function Shown({ view, width }: { view: View; width: number }) {
  const mode = view.store.synced.mode.value;
  const comparing = view.data.compared.value && COMPARED_MODES.has(mode);
  const Picture = comparing ? undefined : PICTURES[mode];
  if (Picture) return <Picture view={view} width={width} />;
  return (
    <Brought view={view}>
      {({ Compare, Steps, Trace }) => {
        const Other = comparing ? Compare : mode === "trace" ? Trace : Steps;
        return <Other view={view} width={width} />;
      }}
    </Brought>
  );
}

/** Where the picture is not what was asked for: what it is instead. */
function Instead({ view }: { view: View }) {
  const { store, signals } = view;
  const { synced } = store;
  const selection = signals.selection.value;
  if (!selection) return null;
  const t = store.t.value;
  const said: string[] = [];
  if (synced.measure.value !== signals.measure.value) {
    const why = synced.aggregate.value === "rollout" ? "norms.rollout" : "norms.missing";
    said.push(t(why, { layer: synced.layer.value }));
  }
  if (synced.pair.value !== "all" && !selection.scope.rows) said.push(t("pair.none"));
  return said.length > 0 ? (
    <p class="message" role="status">
      {said.join(" ")}
    </p>
  ) : null;
}

export function App({ view }: { view: View }) {
  const { store, signals } = view;
  const { synced } = store;
  const width = store.width.value;
  const mode = synced.mode.value;
  const comparing = view.data.compared.value !== undefined;
  // A comparison brings its own account of what is in view.
  const ofWeights = OF_WEIGHTS.has(mode) && !comparing;
  const wide = width >= WIDE;
  const pictureWidth = (wide && ofWeights ? width - SIDE : width) - PADDING;
  const absent = ofWeights && !("heads" in signals.heads.value);
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
      {KERNEL && <InputBox view={view} />}
      {WITH_HEADS.has(mode) && <Heads view={view} />}
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
      {ofWeights && <Instead view={view} />}
      {comparing && !COMPARED_MODES.has(mode) && <p class="cmp-alone">{t("compare.alone", sidesNow(store))}</p>}
      <div class="main" data-alone={ofWeights ? undefined : ""}>
        <div
          class="picture"
          aria-busy={absent || (ofWeights && signals.reading.value)}
          data-absent={absent ? "" : undefined}
        >
          {ofWeights && <Absence view={view} />}
          {width > 0 && <Shown view={view} width={pictureWidth} />}
        </div>
        {ofWeights && <Side view={view} />}
      </div>
      {ofWeights && <Ledger view={view} />}
      <NumbersTable view={view} />
      <Footer view={view} />
    </section>
  );
}
