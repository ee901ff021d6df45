/** Waiting without a clock that could be wrong: a machine may be slow, a test may not fail for that. */
import { vi } from "vitest";

/** Waits until what is expected holds, and fails with what did not hold long after any machine has come to it. */
export const eventually = (expected: () => void): Promise<void> =>
  vi.waitFor(expected, { timeout: 30_000, interval: 5 });

/** Time in which something that must not happen would have happened. */
export const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 120));
