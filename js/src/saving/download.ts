/** Files out of the page. */

/** Long enough for a browser to begin reading. */
const KEEP = 60_000;

/** A name that every system takes. */
export function fileName(title: string, suffix: string): string {
  const plain = [...title.replace(/[\p{C}\\/:*?"<>|\s]+/gu, " ")]
    .slice(0, 60)
    .join("")
    .replace(/^[. ]+|[. ]+$/g, "");
  return `${plain || "attention"}.${suffix}`;
}

export function download(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  // In the document for a moment: some browsers follow no other link.
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), KEEP);
}

/**
 * Whether this may be a frame that forbids downloads. A sandbox tells nobody what it allows, and a forbidden download
 * fails without a word; all that can be seen is that there is a sandbox.
 */
export function inSandbox(): boolean {
  return window.origin === "null" && window.parent !== window;
}
