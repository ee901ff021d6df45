/** The search box of a picture: find a token or word, go to the next or previous one. */

import { searchFor } from "../search";
import type { View } from "../view";

export function SearchBox({ view, from = 0 }: { view: View; from?: number }) {
  const t = view.store.t.value;
  const search = searchFor(view);
  const term = search.term.value;
  const count = search.hits.value.length;
  const at = search.at.value;
  const said =
    term.trim() === ""
      ? ""
      : count === 0
        ? t("search.none")
        : t("search.count", { at: Math.min(at, count - 1) + 1, count });
  const onKeyDown = (event: KeyboardEvent) => {
    // While a text is being composed (Japanese), Enter and Esc belong to the input method.
    if (event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      search.step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && term !== "") {
      // Esc also frees what is locked; here it means the search.
      event.stopPropagation();
      search.clear();
    }
  };
  return (
    <search class="search" aria-label={t("search")}>
      <input
        type="search"
        class="search-input"
        aria-label={t("search")}
        placeholder={t("search")}
        title={t("search.keys")}
        spellcheck={false}
        autocomplete="off"
        value={term}
        onInput={(event) => {
          const { value } = event.currentTarget as HTMLInputElement;
          if (value === "") search.clear();
          else search.look(value, from);
        }}
        onKeyDown={onKeyDown}
      />
      <output class="search-count" aria-live="polite">
        {said}
      </output>
      <button
        type="button"
        class="search-step"
        aria-label={t("search.previous")}
        title={t("search.previous")}
        disabled={count === 0}
        onClick={() => search.step(-1)}
      >
        ↑
      </button>
      <button
        type="button"
        class="search-step"
        aria-label={t("search.next")}
        title={t("search.next")}
        disabled={count === 0}
        onClick={() => search.step(1)}
      >
        ↓
      </button>
    </search>
  );
}
