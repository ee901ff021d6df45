/** Start of an exported page: every state block in it becomes a view, through the same code as in a notebook. */

import { PageModel } from "./host";
import widget from "./widget";

interface SavedView {
  state: Record<string, unknown>;
  /** Traits that are bytes, in base64. */
  binary: Record<string, string>;
}

function fromBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

for (const block of document.querySelectorAll("script.attnwidget-state")) {
  const el = block.previousElementSibling;
  if (!(el instanceof HTMLElement)) continue;
  try {
    const saved = JSON.parse(block.textContent ?? "") as SavedView;
    const binary = Object.entries(saved.binary).map(([name, text]) => [name, fromBase64(text)]);
    const model = new PageModel({ ...saved.state, ...Object.fromEntries(binary) });
    widget.render({ model, el });
  } catch (error) {
    el.textContent = `This view cannot be read: ${error instanceof Error ? error.message : error}`;
  }
}
