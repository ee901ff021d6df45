/** Blocks of plain numbers: byte planes back to numbers, scaled integers back to values. */
import { type BlockInfo, type Container, ITEM_SIZE, WireError } from "./container";

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
export async function readNumbers(container: Container, name: string, shape: readonly number[]): Promise<Float32Array> {
  const info = expectBlock(container, name, shape);
  const width = ITEM_SIZE[info.dtype];
  const count = info.shape.reduce((product, n) => product * n, 1);
  const stored = await container.bytes(name);
  if (stored.length !== count * width) {
    throw new WireError(`block ${JSON.stringify(name)} has ${stored.length} bytes instead of ${count * width}`);
  }
  // Copied (slice) or rebuilt, so that a view of two- or four-byte numbers may start at its first byte.
  const bytes = info.shuffle && width > 1 ? unshuffle(stored, width) : stored.slice();
  const { buffer } = bytes;
  const items =
    info.dtype === "f4"
      ? new Float32Array(buffer)
      : info.dtype === "u4"
        ? new Uint32Array(buffer)
        : info.dtype === "u2"
          ? new Uint16Array(buffer)
          : bytes;
  const step = 2 ** -(info.bits ?? 0);
  if (items instanceof Float32Array && step === 1) return items;
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) out[i] = (items[i] as number) * step;
  return out;
}
