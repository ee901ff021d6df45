/** Binary data as hosts hand it over: a DataView here, a Uint8Array there, at any offset of a larger buffer. */

import type { Source } from "./container";

/** A view (no copy) of the bytes of whatever a host passed; what is no bytes at all gives none. */
export function toBytes(x: unknown): Uint8Array {
  if (x instanceof Uint8Array) return x;
  if (ArrayBuffer.isView(x)) return new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
  // By its tag: hosts hand over what was made in another frame.
  const tag = Object.prototype.toString.call(x);
  return tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]"
    ? new Uint8Array(x as ArrayBuffer)
    : new Uint8Array(0);
}

/** The same, of a trait: an exported page has bytes that are still text. */
export function toSource(x: unknown): Source {
  const { subarray } = (x ?? {}) as Partial<Source>;
  return ArrayBuffer.isView(x) || typeof subarray !== "function" ? toBytes(x) : (x as Source);
}
