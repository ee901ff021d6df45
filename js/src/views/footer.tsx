/** Below every picture: what it is a picture of, and what a reader has to know. */

import { COMPARED_MODES, caveatsHere } from "../caveats";
import type { StringKey } from "../strings";
import type { View } from "../view";

/** Where weights come from, when it is not the model's own queries and keys. */
const SOURCES: Readonly<Record<string, StringKey>> = {
  tap: "source.tap",
  eager: "source.eager",
  arrays: "source.arrays",
};

export function Footer({ view }: { view: View }) {
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
  const said = caveatsHere(view);
  const mode = synced.mode.value;
  const comparing = view.data.compared.value !== undefined && COMPARED_MODES.has(mode);
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
      {said.length > 0 && (
        <ul class="caveats">
          {said.map((key) => (
            <li key={key}>{t(key)}</li>
          ))}
        </ul>
      )}
      <span class="hint">
        {comparing ? t(mode === "heads" ? "compare.keys.heads" : "compare.keys") : t(`hint.${mode}`)}
      </span>
    </footer>
  );
}
