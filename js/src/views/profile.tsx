/** Profile: where each layer's attention goes and what that writes, with the verdict in words and what it rests on. */

import { statisticsOf } from "../statistics";
import type { View } from "../view";
import { EvidenceSwitch, Gate } from "./atlas_evidence";
import { PartBars } from "./profile_bars";
import { Labels } from "./profile_labels";
import { PartTable } from "./profile_table";
import { Evidence, Findings } from "./profile_verdict";

/** Below this the two bars of a layer stand one under the other. */
const NARROW = 620;

export function Profile({ view, width }: { view: View; width: number }) {
  const { store, data } = view;
  const state = statisticsOf(store, data).state.value;
  const statistics = state.status === "ready" ? state.statistics : undefined;
  const narrow = width < NARROW;
  return (
    <div class="profile" data-narrow={narrow ? "" : undefined}>
      <div class="profile-head">
        <EvidenceSwitch view={view} />
        <Gate view={view} state={state} />
      </div>
      {statistics && state.status === "ready" && (
        <>
          <PartBars view={view} statistics={statistics} barWidth={narrow ? width - 56 : (width - 90) / 2} />
          <div class="profile-words">
            <Findings view={view} statistics={statistics} />
            <div>
              <Labels view={view} statistics={statistics} />
              <Evidence view={view} statistics={statistics} />
            </div>
          </div>
          <PartTable view={view} statistics={statistics} />
        </>
      )}
    </div>
  );
}
