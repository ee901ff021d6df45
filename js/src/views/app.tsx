/** The whole page of one view. */

import { Heads } from "../controls/heads";
import type { Mode } from "../types";
import type { View } from "../view";
import { Absence } from "./absence";
import { Atlas } from "./atlas";
import { Footer } from "./footer";
import { Ledger } from "./ledger";
import { Lines } from "./lines";
import { Matrix } from "./matrix";
import { Profile } from "./profile";
import { Side } from "./side";
import { Steps } from "./steps";
import { Toolbar } from "./toolbar";
import { Trace } from "./trace";

/** Below this width the side panel goes under the picture. */
const WIDE = 820;
const SIDE = 330;
const PADDING = 28;

/** Views of one layer's weights, with a side panel and a ledger; the others take the whole width. */
const OF_WEIGHTS: ReadonlySet<Mode> = new Set(["lines", "matrix"]);
const WITH_HEADS: ReadonlySet<Mode> = new Set(["lines", "matrix", "steps"]);

const PICTURES = { lines: Lines, matrix: Matrix, heads: Atlas, profile: Profile, trace: Trace, steps: Steps };

function Shown({ view, width }: { view: View; width: number }) {
  const Picture = PICTURES[view.store.synced.mode.value];
  return <Picture view={view} width={width} />;
}

export function App({ view }: { view: View }) {
  const { store, signals } = view;
  const { synced } = store;
  const width = store.width.value;
  const mode = synced.mode.value;
  const ofWeights = OF_WEIGHTS.has(mode);
  const wide = width >= WIDE;
  const pictureWidth = (wide && ofWeights ? width - SIDE : width) - PADDING;
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
      <div class="main" data-alone={ofWeights ? undefined : ""}>
        <div class="picture" aria-busy={!shown && ofWeights}>
          {ofWeights && <Absence view={view} />}
          {width > 0 && <Shown view={view} width={pictureWidth} />}
        </div>
        {ofWeights && <Side view={view} />}
      </div>
      {ofWeights && <Ledger view={view} accounts={picture?.ledger} />}
      <Footer view={view} />
    </section>
  );
}
