/** Puts one view into an element and takes it out again. Knows no host: it gets plain callbacks. */

import { effect, Signal, untracked } from "@preact/signals";
import { render } from "preact";
import { bringAhead } from "./ahead";
import type { Data } from "./data";
import { KERNEL } from "./kernel";
import { Parts } from "./parts";
import { SHEET, watchPrint } from "./print";
import type { Store } from "./store";
import atlas from "./styles/atlas.css";
import controls from "./styles/controls.css";
import help from "./styles/help.css";
import input from "./styles/input.css";
import lines from "./styles/lines.css";
import matrix from "./styles/matrix.css";
import panel from "./styles/panel.css";
import profile from "./styles/profile.css";
import search from "./styles/search.css";
import strips from "./styles/strips.css";
import base from "./styles/theme.css";
import toolbar from "./styles/toolbar.css";
import verdict from "./styles/verdict.css";
import { watchTheme } from "./theme";
import { View } from "./view";
import { App } from "./views/app";

const SHEETS = [
  base,
  controls,
  toolbar,
  lines,
  search,
  strips,
  matrix,
  panel,
  atlas,
  profile,
  verdict,
  help,
  KERNEL ? input : "",
];

/** Milliseconds for which a page may show nothing while it reads its first layer. */
const PATIENCE = 250;

/** Every listener and observer ends with `signal`. */
export function mount(element: HTMLElement, store: Store, data: Data, signal: AbortSignal, parts = new Parts()): void {
  const shadow = element.shadowRoot ?? element.attachShadow({ mode: "open" });
  // A sheet made by script is not inline style: a strict content security policy lets it pass.
  const sheetOf = (text: string) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(text);
    return sheet;
  };
  const first = sheetOf(SHEETS.join("\n"));
  const undress = effect(() => {
    const more = parts.more.value;
    shadow.adoptedStyleSheets = more ? [first, sheetOf(more.SHEETS)] : [first];
  });
  const root = document.createElement("div");
  root.className = "attnwidget";
  shadow.replaceChildren(root);

  const hostDark = new Signal(false);
  const unfollow = effect(() => {
    const { value: theme } = store.synced.theme;
    const dark = !store.paper.value && (theme === "auto" ? hostDark.value : theme === "dark");
    root.dataset.theme = dark ? "dark" : "light";
    store.dark.value = dark;
  });
  const lookAgain = watchTheme(element, signal, (dark) => {
    hostDark.value = dark;
  });

  const measure = () => {
    const width = store.paper.peek() ? SHEET : Math.floor(root.getBoundingClientRect().width);
    // A hidden tab or cell measures 0: keep the last picture.
    if (width > 0) store.width.value = width;
  };
  const sizes = new ResizeObserver(([entry]) => {
    if (!entry?.contentRect.width) return;
    lookAgain();
    measure();
  });
  sizes.observe(root);
  measure();
  watchPrint(root, signal, (now) => {
    store.paper.value = now;
    measure();
  });

  const view = new View(store, data, root, parts);
  const ends = KERNEL ? [view.fetchRows(), bringAhead(store, data, view.signals.heads)] : [];
  const draw = () => render(<App view={view} />, root);
  // A layer that the page holds is there in a moment: what would be drawn around nothing is thrown away at once.
  const reading = () => {
    const now = view.signals.heads.value;
    return "state" in now && now.state.status === "reading";
  };
  if (untracked(reading)) {
    const begin = () => {
      end();
      clearTimeout(patience);
      if (!signal.aborted && !root.firstChild) draw();
    };
    const patience = setTimeout(begin, PATIENCE);
    // Not from within the effect, which has no name yet when it runs for the first time.
    const end = effect(() => {
      if (!reading()) queueMicrotask(begin);
    });
    signal.addEventListener("abort", () => {
      end();
      clearTimeout(patience);
    });
  } else draw();
  signal.addEventListener("abort", () => {
    unfollow();
    undress();
    for (const end of ends) end();
    sizes.disconnect();
    render(null, root);
    shadow.replaceChildren();
  });
}
