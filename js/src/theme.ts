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

/** Hosts say light or dark by one of these, on one of the two outermost elements. */
const MARKS = ["data-theme", "theme", "data-bs-theme"];

function saidByHost(): boolean | undefined {
  const marks = [document.body, document.documentElement].map((root) => MARKS.map((mark) => root.getAttribute(mark)));
  const said = /dark|light/.exec(marks.join());
  return said ? said[0] === "dark" : undefined;
}

/** Returns the look itself, for when the element has moved. */
export function watchTheme(element: Element, signal: AbortSignal, onChange: (dark: boolean) => void): () => void {
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const look = () => onChange(darkBehind(element) ?? saidByHost() ?? scheme.matches);
  scheme.addEventListener("change", look, { signal });
  const observer = new MutationObserver(look);
  // Hosts switch theme by some attribute of one of these two, and what lies behind may follow slowly.
  for (const root of [document.documentElement, document.body]) observer.observe(root, { attributes: true });
  addEventListener("transitionend", (of) => of.propertyName === "background-color" && look(), { signal });
  signal.addEventListener("abort", () => observer.disconnect());
  look();
  return look;
}
