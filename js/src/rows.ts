/**
 * Whole rows of large layers, asked for one request at a time: the first at once, and what is wanted while it is on its
 * way as soon as that is back. A pointer that races over a text asks no faster than Python answers.
 */

/** Asks for some rows; undefined where there is nothing to ask for. */
type Ask = () => Promise<unknown> | undefined;

export class WantedRows {
  private busy = false;
  private readonly next = new Set<Ask>();

  /** Returns that they are no longer wanted: what has been asked for comes nevertheless. */
  want(ask: Ask): () => void {
    this.next.add(ask);
    this.go();
    return () => this.next.delete(ask);
  }

  private go(): void {
    while (!this.busy) {
      const [ask] = this.next;
      if (!ask) return;
      this.next.delete(ask);
      const answer = ask();
      if (!answer) continue;
      this.busy = true;
      const done = (): void => {
        this.busy = false;
        this.go();
      };
      answer.then(done, done);
    }
  }
}
