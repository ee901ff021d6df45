/** Binary data as hosts hand it over: a DataView here, a Uint8Array there, at any offset of a larger buffer. */

/** A view (no copy) of the bytes of whatever a host passed; nothing at all gives no bytes. */
export function toBytes(x: ArrayBuffer | ArrayBufferView | null | undefined): Uint8Array {
  if (x === null || x === undefined) return new Uint8Array(0);
  if (x instanceof Uint8Array) return x;
  if (ArrayBuffer.isView(x)) return new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
  return new Uint8Array(x);
}
