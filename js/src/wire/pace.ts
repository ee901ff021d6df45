/** Long work in slices: between two of them the page answers its reader. */

/** Milliseconds of a slice: with a frame's own work beside it, nothing is felt. */
const SLICE = 8;

export class Pace {
  #until = performance.now() + SLICE;

  /** Whether it is time to `rest`; asked often, it costs little. */
  get spent(): boolean {
    return performance.now() >= this.#until;
  }

  /** Lets others have their turn. By a message: timers would wait longer, in hidden tabs a second. */
  async rest(): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    await new Promise((go) => {
      port1.onmessage = go;
      port2.postMessage(0);
    });
    port1.close();
    this.#until = performance.now() + SLICE;
  }
}
