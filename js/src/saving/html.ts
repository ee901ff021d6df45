/** The exported page as a file again, in the state it shows now. A notebook's page is not its own to write. */

interface Shown {
  /** The script element of its state. */
  block: Element;
  model: { plain(): Record<string, unknown> };
}

let shown: readonly Shown[] = [];

/** Called once, by the start of an exported page. */
export function ownPage(views: readonly Shown[]): void {
  shown = views;
}

/** The whole page as text, or null where this is not an exported page. */
export function pageText(): string | null {
  if (shown.length === 0) return null;
  const whole = document.documentElement;
  const copy = whole.cloneNode(true) as HTMLElement;
  // The code runs again from its deflated copy, and the views are drawn anew.
  copy.querySelector("#attnwidget-run")?.remove();
  for (const el of copy.querySelectorAll(".attnwidget-view")) {
    el.replaceChildren();
    for (const name of el.getAttributeNames()) if (name !== "class") el.removeAttribute(name);
  }
  const blocks = copy.querySelectorAll("script.attnwidget-state");
  const originals = [...whole.querySelectorAll("script.attnwidget-state")];
  for (const { block, model } of shown) {
    const target = blocks[originals.indexOf(block)];
    // Text of a script is written as it is: what could end it may not stand in it.
    if (target) target.textContent = JSON.stringify(model.plain()).replaceAll("<", "\\u003c");
  }
  return `<!DOCTYPE html>\n${copy.outerHTML}`;
}
