/**
 * The container: magic, version, a JSON header and blocks, each compressed on its own so that a page inflates only the
 * layer it shows. The layout is written down once, in attnwidget/wire/__init__.py; the writer is Python only.
 */

import type { Pace } from "./pace";

/** Malformed or truncated bytes; the message is plain enough for a status line. */
export class WireError extends Error {
  override name = "WireError";
}

export type Dtype = "u1" | "u2" | "u4" | "f4";

/** What the header says of one block. */
export interface BlockInfo {
  /** From the start of the container, a multiple of 8. */
  offset: number;
  /** Bytes as stored. */
  length: number;
  /** Bytes after inflation. */
  size: number;
  codec: "raw" | "deflate";
  dtype: Dtype;
  shape: number[];
  /** Numbers are stored as byte planes: all first bytes, then all second bytes, … */
  shuffle?: boolean;
  /** Stored integers divided by 2^bits are the values. */
  bits?: number;
  form?: "dense" | "top";
  /** Dense weights: cells above the byte range. */
  large?: number;
  /** Dense weights: cells of each class. */
  classes?: number[];
  /** Top weights: keys in a full row. */
  keys?: number;
}

/** Where the bytes of a container lie: in an array, or in a page's text that is decoded as it is read. */
export interface Source {
  readonly length: number;
  subarray(start: number, end: number): Uint8Array;
}

const MAGIC = [0x41, 0x54, 0x54, 0x4e];
const VERSION = 1;
/** Of entries along an axis. And the largest ratio that deflate reaches: an announcement beyond it is not believed. */
const MOST = 2 ** 32;
const MOST_INFLATED = 1032;
export const ITEM_SIZE: Readonly<Record<Dtype, number>> = { u1: 1, u2: 2, u4: 4, f4: 4 };

function isCount(x: unknown): x is number {
  return typeof x === "number" && Number.isSafeInteger(x) && x >= 0;
}

function checkBlock(name: string, entry: unknown, total: number): BlockInfo {
  const bad = (why: string) => new WireError(`block ${JSON.stringify(name)} of the attention data ${why}`);
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) throw bad("is not described by an object");
  const { offset, length, size, codec, dtype, shape, shuffle, bits, large, classes, keys } = entry as Record<
    string,
    unknown
  >;
  if (!isCount(offset) || offset % 8 !== 0) throw bad("has an offset that is not a multiple of 8");
  if (!isCount(length) || !isCount(size)) throw bad("has no valid length and size");
  if (offset + length > total) throw bad(`ends at byte ${offset + length}, but only ${total} bytes came`);
  if (codec !== "raw" && codec !== "deflate") throw bad(`has the unknown codec ${JSON.stringify(codec)}`);
  if (codec === "raw" && length !== size) throw bad("is raw, yet its length is not its size");
  if (typeof dtype !== "string" || !Object.hasOwn(ITEM_SIZE, dtype)) {
    throw bad(`has the unknown dtype ${JSON.stringify(dtype)}`);
  }
  if (!Array.isArray(shape) || !shape.every((n) => isCount(n) && n < MOST)) throw bad("has no valid shape");
  if (size > MOST_INFLATED * length) throw bad(`announces ${size} bytes, more than ${length} can inflate to`);
  if (shuffle !== undefined && typeof shuffle !== "boolean") throw bad("has a shuffle that is not true or false");
  if (![bits, large, keys].every((x) => x === undefined || isCount(x))) {
    throw bad("has a bits, large or keys that is no count");
  }
  if (classes !== undefined && !(Array.isArray(classes) && classes.every(isCount))) throw bad("has invalid classes");
  return entry as BlockInfo;
}

/** Bytes that are given to be inflated at a time: browsers inflate them on the thread that also draws. */
const PIECE = 2 ** 17;

/**
 * Inflate a zlib stream into exactly `size` bytes. A stream that would give more is cut off, not followed. With a `pace`
 * it takes its rests.
 */
async function inflate(data: Uint8Array, size: number, pace?: Pace): Promise<Uint8Array> {
  const stream = new DecompressionStream("deflate");
  const writer = stream.writable.getWriter();
  // Failures of the writing half show in the reading half, where they are caught; here they must not go unhandled.
  const feed = async () => {
    for (let at = 0; at < data.length; at += PIECE) {
      if (pace?.spent) await pace.rest();
      await writer.write(data.subarray(at, at + PIECE) as Uint8Array<ArrayBuffer>);
    }
    await writer.close();
  };
  feed().catch(() => undefined);
  const reader = stream.readable.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  const out = new Uint8Array(size);
  let filled = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (filled + value.length > size) {
      reader.cancel().catch(() => undefined);
      throw new WireError(`it inflates to more than the ${size} bytes announced`);
    }
    out.set(value, filled);
    filled += value.length;
  }
  if (filled !== size) throw new WireError(`it inflates to ${filled} bytes instead of ${size}`);
  return out;
}

/** A read-only view of a container; `read` checks all of the header, `bytes` inflates one block. */
export class Container {
  readonly #data: Source;
  readonly #blocks: Map<string, BlockInfo>;

  private constructor(data: Source, blocks: Map<string, BlockInfo>) {
    this.#data = data;
    this.#blocks = blocks;
  }

  static read(data: Source): Container {
    if (data.length < 12)
      throw new WireError(`the attention data is ${data.length} bytes long, too short for a header`);
    const start = data.subarray(0, 12);
    if (MAGIC.some((byte, i) => start[i] !== byte))
      throw new WireError("this is not attention data (no ATTN at its start)");
    if (start[4] !== VERSION) {
      throw new WireError(`the attention data has version ${start[4]}; this page reads version ${VERSION}`);
    }
    const headerLength = new DataView(start.buffer, start.byteOffset, 12).getUint32(8, true);
    if (12 + headerLength > data.length) throw new WireError("the attention data ends within its header");
    let header: unknown;
    try {
      header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data.subarray(12, 12 + headerLength)));
    } catch {
      throw new WireError("the header of the attention data is not valid JSON");
    }
    const entries = (header as { blocks?: unknown } | null)?.blocks;
    if (typeof entries !== "object" || entries === null || Array.isArray(entries)) {
      throw new WireError("the header of the attention data lists no blocks");
    }
    const blocks = new Map<string, BlockInfo>();
    for (const [name, entry] of Object.entries(entries)) blocks.set(name, checkBlock(name, entry, data.length));
    return new Container(data, blocks);
  }

  has(name: string): boolean {
    return this.#blocks.has(name);
  }

  block(name: string): BlockInfo | undefined {
    return this.#blocks.get(name);
  }

  names(): string[] {
    return [...this.#blocks.keys()];
  }

  /** The inflated bytes of a block. A raw block is a view into the container, so do not write into it. */
  async bytes(name: string, pace?: Pace): Promise<Uint8Array> {
    const info = this.#blocks.get(name);
    if (info === undefined) throw new WireError(`the attention data holds no block ${JSON.stringify(name)}`);
    const stored = this.#data.subarray(info.offset, info.offset + info.length);
    if (info.codec === "raw") return stored;
    try {
      return await inflate(stored, info.size, pace);
    } catch (error) {
      const why = error instanceof WireError ? error.message : "its compressed bytes are damaged";
      throw new WireError(`block ${JSON.stringify(name)} of the attention data cannot be read: ${why}`);
    }
  }
}
