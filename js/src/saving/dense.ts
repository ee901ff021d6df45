/** Bytes of an exported page: base64, or text an eighth longer than the bytes (attnwidget/export/dense.py says how). */

const PIECE = 1 << 20;
const BASE = 140;
const HALF = BASE ** 4;
/** One-byte characters that are digits: all of ASCII but NUL, CR and <. */
const PLAIN = Array.from({ length: 128 }, (_, code) => code).filter((code) => ![0, 13, 60].includes(code));
const NONE = 255;
const DAMAGED = "its bytes were damaged: it has to stay UTF-8, unchanged";

/** Of browsers since 2025; several times faster than what follows it. */
const Native = Uint8Array as { fromBase64?: (text: string) => Uint8Array };

export function fromBase64(text: string): Uint8Array {
  if (Native.fromBase64) return Native.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/** Bytes that are text in pieces. A piece is decoded when something of it is read: of a page most never is. */
export class Pieces {
  readonly length: number;
  readonly #pieces: { start: number; end: number; read: () => Uint8Array }[];
  readonly #read = new Map<number, Uint8Array>();

  constructor(pieces: readonly { length: number; read: () => Uint8Array }[]) {
    let end = 0;
    this.#pieces = pieces.map(({ length, read }) => {
      end += length;
      return { start: end - length, end, read };
    });
    this.length = end;
  }

  /** An Error where the text was damaged on its way. */
  subarray(start: number, end: number): Uint8Array {
    const out = new Uint8Array(Math.max(0, end - start));
    this.#pieces.forEach((piece, at) => {
      if (piece.end <= start || piece.start >= end) return;
      const bytes = this.#read.get(at) ?? piece.read();
      this.#read.set(at, bytes);
      if (bytes.length !== piece.end - piece.start) throw new Error(DAMAGED);
      const from = Math.max(start, piece.start);
      out.set(bytes.subarray(from - piece.start, end - piece.start), from - start);
    });
    return out;
  }
}

/** The `length` bytes that `text` stands for. An Error where it was damaged on its way. */
export function fromDense(text: string, length: number): Uint8Array {
  const digits = new Uint8Array(128).fill(NONE);
  PLAIN.forEach((code, digit) => {
    digits[code] = digit;
  });
  const out = new Uint8Array(length);
  // Blocks come 57 bytes at a time, so a piece may end up to 56 bytes beyond what is wanted of it.
  const head = new Uint8Array(PIECE + 64);
  const rest = new Uint8Array(PIECE + 64);
  let [at, bits, held, carried, bad] = [0, 0, 0, 0, 0];

  const four = (): number => {
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const code = text.charCodeAt(at++);
      if (code < 128) {
        const digit = digits[code] as number;
        bad |= digit === NONE ? 1 : 0;
        value = value * BASE + digit;
      } else {
        // NaN behind the end of the text, too.
        bad |= code < 2048 ? 0 : 1;
        value = value * BASE + PLAIN.length + ((code - 128) >> 7);
        bits |= ((code - 128) & 127) << held;
        held += 7;
        if (held >= 8) {
          rest[carried++] = bits & 255;
          bits >>= 8;
          held -= 8;
        }
      }
    }
    return value;
  };

  for (let start = 0; start < length; start += PIECE) {
    const wanted = Math.min(PIECE, length - start);
    let filled = 0;
    [bits, held, carried] = [0, 0, 0];
    while (filled + carried < wanted) {
      let extra = 0;
      for (let number = 0; number < 8; number++) {
        const high = four();
        const low = four();
        if (bad) throw new Error(DAMAGED);
        // 57 bits are more than a number holds exactly: the low 32 on their own, then what is left over is exact.
        const first = (Math.imul(high, HALF) + low) >>> 0;
        const second = Math.round((high * HALF + low - first) / 2 ** 32);
        for (let byte = 0; byte < 4; byte++) head[filled++] = (first >>> (8 * byte)) & 255;
        for (let byte = 0; byte < 3; byte++) head[filled++] = (second >>> (8 * byte)) & 255;
        extra |= (second >>> 24) << number;
      }
      head[filled++] = extra;
    }
    const own = Math.min(filled, wanted);
    out.set(head.subarray(0, own), start);
    out.set(rest.subarray(0, wanted - own), start + own);
  }
  return out;
}
