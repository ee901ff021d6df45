/** Start of an exported page: every state block in it becomes a view, through the same code as in a notebook. */

import { PageModel } from "./host";
import * as more from "./more";
import { fromBase64, fromDense } from "./saving/dense";
import { ownPage } from "./saving/html";
import widget from "./widget";

/** The traits of bytes that follow a state block. */
function* bytesAfter(block: Element): Generator<[name: string, bytes: Uint8Array]> {
  for (let next = block.nextElementSibling; next?.matches("script.attnwidget-bytes"); next = next.nextElementSibling) {
    const { name = "", coding, length } = (next as HTMLScriptElement).dataset;
    const text = next.textContent ?? "";
    yield [name, coding === "dense" ? fromDense(text, Number(length)) : fromBase64(text)];
  }
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
