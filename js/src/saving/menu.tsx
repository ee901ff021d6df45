/** Saving, in the menu of the toolbar. */

import { useSignal } from "@preact/signals";
import type { View } from "../view";
import { csvOf, linesOf, MOST_LINES, type Table } from "./csv";
import { download, fileName, inSandbox } from "./download";
import { drawnSvg, onPaper } from "./drawn";
import { paper } from "./figure";
import { pageText } from "./html";
import { linesSvg } from "./lines";
import { matrixSvg } from "./matrix";
import { pngOf } from "./png";
import { modeCsv } from "./tables";

const FORMS = ["svg", "png", "csv", "html"] as const;
type Form = (typeof FORMS)[number];

const TYPES: Readonly<Record<Form, string>> = {
  svg: "image/svg+xml",
  png: "image/png",
  csv: "text/csv;charset=utf-8",
  html: "text/html;charset=utf-8",
};

/** A file, or why there is none. */
type Made = { content: Blob; text: string | null } | { error: string };

/** The heads, queries and keys in view. */
function tableOf(view: View): Table | null {
  const { store, signals } = view;
  const { synced } = store;
  const shown = signals.heads.value;
  if (!("heads" in shown)) return null;
  const all = (chosen: readonly number[], count: number) =>
    chosen.length > 0 ? chosen : Array.from({ length: count }, (_, at) => at);
  return {
    heads: shown.heads,
    rollout: synced.aggregate.value === "rollout",
    queries: all(synced.selected_queries.value, store.queries.value.length),
    keys: all(synced.selected_keys.value, store.keys.value.length),
    queryTokens: store.queries.value,
    keyTokens: store.keys.value,
  };
}

/** Whether Lines or Matrix is shown, of one capture. */
function ofWeights(view: View): boolean {
  const mode = view.store.synced.mode.value;
  return (mode === "lines" || mode === "matrix") && !view.compared.value;
}

/** The picture in view as vectors; null where there is none. */
async function pictureSvg(view: View, inside: Element): Promise<string | null> {
  if (ofWeights(view)) {
    const picture = view.signals.picture.value;
    const draw = view.store.synced.mode.value === "lines" ? linesSvg : matrixSvg;
    return picture && draw(view, picture, paper(inside));
  }
  const root = inside.closest<HTMLElement>(".attnwidget");
  return root && onPaper(view, root, () => drawnSvg(view, root, paper(inside)));
}

async function make(view: View, form: Form, inside: Element): Promise<Made> {
  const { store } = view;
  const t = store.t.value;
  const of = (text: string): Made => ({ content: new Blob([text], { type: TYPES[form] }), text });
  if (form === "html") {
    const page = pageText();
    // Too long to be copied out of a box.
    return page === null ? { error: t("save.html.live") } : { ...of(page), text: null };
  }
  if (form === "csv" && !ofWeights(view)) {
    const text = modeCsv(view);
    return text === null ? { error: t("save.nothing") } : of(text);
  }
  if (form === "csv") {
    const table = tableOf(view);
    if (!table) return { error: t("save.nothing") };
    const count = linesOf(table);
    return count > MOST_LINES ? { error: t("save.many", { count }) } : of(csvOf(table));
  }
  const svg = await pictureSvg(view, inside);
  if (svg === null) return { error: t("save.nothing") };
  return form === "svg" ? of(svg) : { content: await pngOf(svg), text: null };
}

interface Said {
  text: string;
  /** What may not have been saved, to be shown in the page. */
  kept?: { text: string | null; content: Blob };
}

function Kept({ view, text, content }: { view: View; text: string | null; content: Blob }) {
  const t = view.store.t.value;
  const picture = useSignal("");
  const open = useSignal(false);
  const show = async () => {
    if (text === null) {
      const bytes = new Uint8Array(await content.arrayBuffer());
      let binary = "";
      for (const byte of bytes) binary += String.fromCharCode(byte);
      picture.value = `data:image/png;base64,${btoa(binary)}`;
    }
    open.value = true;
  };
  if (!open.value) {
    return (
      <button type="button" class="save-button" onClick={show}>
        {t("save.show")}
      </button>
    );
  }
  return text === null ? (
    <figure class="save-kept">
      <figcaption>{t("save.keep")}</figcaption>
      <img src={picture.value} alt={view.what.value} />
    </figure>
  ) : (
    <label class="save-kept">
      {t("save.copy")}
      <textarea readOnly rows={5} value={text} onFocus={(event) => event.currentTarget.select()} />
    </label>
  );
}

export function Save({ view }: { view: View }) {
  const { store } = view;
  const t = store.t.value;
  const said = useSignal<Said | null>(null);

  const save = async (form: Form, inside: Element) => {
    said.value = null;
    try {
      const made = await make(view, form, inside);
      if ("error" in made) {
        said.value = { text: made.error };
        return;
      }
      const name = fileName(store.synced.title.value, form);
      download(made.content, name);
      said.value = {
        text: t("save.done", { name }),
        ...(inSandbox() && form !== "html" ? { kept: { text: made.text, content: made.content } } : {}),
      };
    } catch (error) {
      said.value = { text: t("save.failed", { error: error instanceof Error ? error.message : String(error) }) };
    }
  };
  return (
    <div class="control save">
      <span class="control-label">{t("save")}</span>
      <span class="save-forms">
        {FORMS.map((form) => (
          <button
            key={form}
            type="button"
            class="save-button"
            data-save={form}
            title={t(`save.${form}.hint`)}
            onClick={(event) => void save(form, event.currentTarget)}
          >
            {form.toUpperCase()}
          </button>
        ))}
      </span>
      {said.value && (
        <div class="save-said" role="status">
          {said.value.text} {said.value.kept && t("save.blocked")}
          {said.value.kept && <Kept view={view} {...said.value.kept} />}
        </div>
      )}
    </div>
  );
}
