/** Blocks of plain numbers: byte planes back to numbers, scaled integers back to values. */
import { type BlockInfo, type Container, ITEM_SIZE, WireError } from "./container";
import type { Pace } from "./pace";

/** Undo the shuffle: byte planes (all first bytes, then all second bytes, …) to whole items. */
function unshuffle(bytes: Uint8Array, width: number): Uint8Array {
  const count = bytes.length / width;
  const out = new Uint8Array(bytes.length);
  for (let plane = 0; plane < width; plane++) {
    const start = plane * count;
    for (let i = 0, at = plane; i < count; i++, at += width) out[at] = bytes[start + i] as number;
  }
  return out;
}

/** The entry of a block that must be there with this many axes; `shape` entries of -1 are free. */
export function expectBlock(container: Container, name: string, shape: readonly number[]): BlockInfo {
  const info = container.block(name);
  if (info === undefined) throw new WireError(`the attention data holds no block ${JSON.stringify(name)}`);
  if (info.shape.length !== shape.length || shape.some((n, i) => n >= 0 && n !== info.shape[i])) {
    throw new WireError(
      `block ${JSON.stringify(name)} has shape [${info.shape.join(", ")}], expected [${shape
        .map((n) => (n < 0 ? "any" : n))
        .join(", ")}]`,
    );
  }
  return info;
}

/** The values of a block of numbers, in the order of its shape. */
export async function readNumbers(
  container: Container,
  name: string,
  shape: readonly number[],
  pace?: Pace,
): Promise<Float32Array> {
  const info = expectBlock(container, name, shape);
  const width = ITEM_SIZE[info.dtype];
  const count = info.shape.reduce((product, n) => product * n, 1);
  const stored = await container.bytes(name, pace);
  if (pace?.spent) await pace.rest();
  if (stored.length !== count * width) {
    throw new WireError(`block ${JSON.stringify(name)} has ${stored.length} bytes instead of ${count * width}`);
  }
  const step = 2 ** -(info.bits ?? 0);
  if (info.dtype !== "f4") {
    const out = new Float32Array(count);
    // In one go: most of these few thousand numbers are read before the code is warm.
    const [next, plane] = info.shuffle ? [1, count] : [width, 1];
    for (let i = 0; i < count; i++) {
      let item = 0;
      for (let byte = width - 1; byte >= 0; byte--) item = item * 256 + (stored[i * next + byte * plane] as number);
      out[i] = item * step;
    }
    return out;
  }
  // Copied (slice) or rebuilt, so that a view of four-byte numbers may start at its first byte.
  const bytes = info.shuffle ? unshuffle(stored, width) : stored.slice();
  const items = new Float32Array(bytes.buffer);
  return step === 1 ? items : items.map((item) => item * step);
}
