/** Start of an exported page: every state block in it becomes a view, through the same code as in a notebook. */

import { PageModel } from "./host";
import * as more from "./more";
import { fromBase64, fromDense, Pieces } from "./saving/dense";
import { ownPage } from "./saving/html";
import widget from "./widget";

/** The traits of bytes that follow a state block, each in one piece or more. */
function bytesAfter(block: Element): [name: string, bytes: Pieces][] {
  const found = new Map<string, { length: number; read: () => Uint8Array }[]>();
  for (let next = block.nextElementSibling; next?.matches("script.attnwidget-bytes"); next = next.nextElementSibling) {
    const element = next as HTMLScriptElement;
    const { name = "", coding } = element.dataset;
    const length = Number(element.dataset.length);
    const read = () => (coding === "dense" ? fromDense(element.text, length) : fromBase64(element.text));
    found.set(name, [...(found.get(name) ?? []), { length, read }]);
  }
  return Array.from(found, ([name, pieces]) => [name, new Pieces(pieces)]);
}

const views = [];
for (const block of document.querySelectorAll("script.attnwidget-state")) {
  const el = block.previousElementSibling;
  if (!(el instanceof HTMLElement)) continue;
  try {
    const state = JSON.parse(block.textContent ?? "") as Record<string, unknown>;
    const model = new PageModel({ ...state, ...Object.fromEntries(bytesAfter(block)) });
    widget.render({ model, el }, more);
    views.push({ block, model });
  } catch (error) {
    el.textContent = `This view cannot be read: ${error instanceof Error ? error.message : error}`;
  }
}
ownPage(views);
