/**
 * The cell codec "decimal", twin of attnwidget/wire/codec.py: a weight is kept as the decimal digits that the page
 * prints, so that a printed number is the correctly rounded float32 weight.
 *
 * Codes ascend with the weight. 0 is zero; then 1e-8 … 9e-5 with one digit, 0.00010 … 0.0099 with two, 0.010 … 1.000
 * in thousandths. Halfway between two neighbours the one with the even last digit wins.
 */
import { WireError } from "./container";

/** Codes below this one are single bytes; this byte says that the code follows in the planes of large cells. */
const ESCAPE = 255;
/** The first code that is printed with digits (0.00010); lower ones, but zero, are "<0.0001". */
const FIRST_PRINTED = 37;
/** The first code of three decimals (0.010). */
const FIRST_THOUSANDTH = 217;

/** Per code: digits as an integer, and the power of ten that it is divided by. */
function digitsOf(code: number): [digits: number, power: number] {
  if (code === 0) return [0, 8];
  if (code < FIRST_PRINTED) return [((code - 1) % 9) + 1, 8 - Math.floor((code - 1) / 9)];
  if (code < FIRST_THOUSANDTH) return [((code - FIRST_PRINTED) % 90) + 10, 5 - Math.floor((code - FIRST_PRINTED) / 90)];
  return [code - FIRST_THOUSANDTH + 10, 3];
}

const CODES = FIRST_THOUSANDTH + 991;

/** code → weight. */
export const VALUES = new Float32Array(CODES);

/** code → weight in units of 1e-8, exact: sums of these are the same in every language and order. */
export const UNITS = new Float64Array(CODES);

/** Halfway between code and code + 1. Both operands are exact integers, so the quotient is the same in every language. */
const HALFWAY = new Float64Array(CODES - 1);

for (let code = 0; code < CODES; code++) {
  const [digits, power] = digitsOf(code);
  const parts = 10 ** power;
  VALUES[code] = digits / parts;
  UNITS[code] = digits * 10 ** (8 - power);
  // The one behind the last has no place.
  HALFWAY[code] = (2 * digits + 1) / (2 * parts);
}

/** The code of a weight; above 1 the code of 1, below 0 that of 0. */
export function encodeWeight(w: number): number {
  let low = 0;
  let high = HALFWAY.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((HALFWAY[middle] as number) < w) low = middle + 1;
    else high = middle;
  }
  // low counts the boundaries below w; exactly on the next one the even digit wins.
  return HALFWAY[low] === w && digitsOf(low)[0] % 2 === 1 ? low + 1 : low;
}

/** The digits printed for a weight: "0.331", "0.0042", "0.00012", "<0.0001", "0". Norms above 1 keep 3 to 4 digits. */
export function formatWeight(w: number): string {
  if (Number.isNaN(w)) return "NaN";
  if (w < 0) return w > -5e-9 ? "0" : `-${formatWeight(-w)}`;
  if (w >= 1.0005) {
    if (w >= 1e15) return String(w);
    const decimals = w < 9.9995 ? 3 : w < 99.995 ? 2 : w < 999.95 ? 1 : 0;
    // Half up, by this very sum: toFixed and Python's format break ties differently.
    return (Math.floor(w * 10 ** decimals + 0.5) / 10 ** decimals).toFixed(decimals);
  }
  const code = encodeWeight(w);
  if (code === 0) return "0";
  if (code < FIRST_PRINTED) return "<0.0001";
  const [digits, power] = digitsOf(code);
  return (digits / 10 ** power).toFixed(power);
}

/** Of a byte: its weight on a scale of 32 steps a decade, from 1e-8 on. */
const LEVELS = new Int32Array(ESCAPE + 1).map((_, code) => {
  const [digits, power] = digitsOf(code);
  return code === 0 ? 0 : Math.round(32 * Math.log10(digits)) + 32 * (8 - power);
});
/** Classes of guesses, eight steps wide; each thrice, by how far the guesses before it in its row were off. */
const WIDE = 28;
const CLASS_COUNT = 3 * WIDE;
/** In sixteenths of a step: below the first a row is calm, from the second on rough; and how every row begins. */
const [CALM, ROUGH, FIRST_SPREAD] = [80, 160, 128];
/** Guesses lie well within ±LOWEST_GUESS, whatever the bytes are. */
const LOWEST_GUESS = 1024;
const CLASSES = new Uint8Array(2 * LOWEST_GUESS).map(
  (_, i) => 3 * Math.min(Math.max((i - LOWEST_GUESS) >> 3, 0), WIDE - 1),
);

/**
 * Codes [heads, queries, keys] of a dense block. Its bytes are sorted into classes by a guess of how large each weight is
 * (attnwidget/wire/__init__.py has the rule); here the guess is made again, and says where the next byte lies.
 */
export function decodeDense(
  bytes: Uint8Array,
  shape: readonly number[],
  large: number,
  classes: readonly number[],
): Uint16Array {
  const [heads = 0, queries = 0, keys = 0] = shape;
  const rows = heads * queries;
  const cells = rows * keys;
  if (
    bytes.length !== rows + cells + 2 * large ||
    classes.length !== CLASS_COUNT ||
    classes.reduce((sum, n) => sum + n, 0) !== cells
  ) {
    throw new WireError(`${bytes.length} bytes do not hold the weights of shape [${shape.join(", ")}]`);
  }
  if (cells === 0) return new Uint16Array(0);
  // Int32Array here and below: in the loop over millions of cells everything stays in machine integers.
  const next = new Int32Array(CLASS_COUNT);
  const ends: number[] = [];
  for (const count of classes) {
    const start = ends.at(-1) ?? rows;
    next[ends.length] = start;
    ends.push(start + count);
  }
  const codes = new Uint16Array(cells);
  const columns = new Int32Array(heads * keys);
  for (let query = 0; query < queries; query++) {
    for (let head = 0; head < heads; head++) {
      const rowLevel = bytes[head * queries + query] as number;
      const row = (head * queries + query) * keys;
      const column = head * keys;
      let near = 0;
      let spread = FIRST_SPREAD;
      for (let key = 0; key < keys; key++) {
        const known = columns[column + key] as number;
        const correction = (near * 5) >> 3;
        const wide = CLASSES[LOWEST_GUESS + rowLevel + ((known + correction) >> 4)] as number;
        const group = wide + (spread < CALM ? 0 : spread < ROUGH ? 1 : 2);
        const at = next[group] as number;
        next[group] = at + 1;
        const byte = bytes[at] as number;
        codes[row + key] = byte;
        const surprise = (((LEVELS[byte] as number) - rowLevel) << 4) - known;
        spread += (Math.abs(surprise - correction) - spread) >> 2;
        near += (surprise - near) >> 1;
        columns[column + key] = known + (surprise >> 2);
      }
    }
  }
  if (ends.some((end, i) => next[i] !== end)) throw new WireError("the classes of the weights do not fit their bytes");
  readLarge(codes, bytes.subarray(rows + cells), large);
  return codes;
}

/** Put the codes of large cells in the place of their escape bytes: low bytes, then high bytes, of code − 255. */
function readLarge(codes: Uint16Array, tail: Uint8Array, large: number): void {
  let next = 0;
  for (let i = codes.indexOf(ESCAPE); i >= 0; i = codes.indexOf(ESCAPE, i + 1)) {
    if (next === large) throw new WireError("the weights refer to more large cells than came");
    const code = ESCAPE + (tail[next] as number) + 256 * (tail[large + next] as number);
    if (code >= CODES) throw new WireError(`the weights hold the unknown code ${code}`);
    codes[i] = code;
    next += 1;
  }
  if (next !== large) throw new WireError(`the weights refer to ${next} large cells, but ${large} came`);
}

/** Largest number of codes, for the checks of other forms. */
export const CODE_COUNT = CODES;
