/** Light or dark, by what the host shows behind the view rather than by the host's name. */

const COLOUR = /rgba?\(\s*([\d.]+)[,\s]+([\d.]+)[,\s]+([\d.]+)(?:[,/\s]+([\d.]+%?))?/;

function parentOf(element: Element): Element | null {
  if (element.parentElement) return element.parentElement;
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? root.host : null;
}

/** True, false, or undefined where nothing opaque lies behind. */
export function darkBehind(element: Element): boolean | undefined {
  for (let at: Element | null = element; at; at = parentOf(at)) {
    const match = COLOUR.exec(getComputedStyle(at).backgroundColor);
    if (!match) continue;
    const [red = 0, green = 0, blue = 0, alpha = 1] = match
      .slice(1)
      .map((part) => (part === undefined ? 1 : Number.parseFloat(part)));
    if (alpha < 0.5) continue;
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128;
  }
  return undefined;
}

/** Returns the look itself, for when the element has moved. */
export function watchTheme(element: Element, signal: AbortSignal, onChange: (dark: boolean) => void): () => void {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const look = () => onChange(darkBehind(element) ?? scheme.matches);
  scheme.addEventListener("change", look, { signal });
  const observer = new MutationObserver(look);
  // Hosts switch theme by an attribute or class on one of these two.
  for (const root of [document.documentElement, document.body]) {
    observer.observe(root, {
      attributes: true,
      attributeFilter: ["class", "style", "data-theme", "theme", "data-jp-theme-light", "data-vscode-theme-kind"],
    });
  }
  signal.addEventListener("abort", () => observer.disconnect());
  look();
  return look;
}
