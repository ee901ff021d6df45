/** Saving from the page: text stays text in every file, and what was written dense is read back. */

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import en from "../../attnwidget/locale/en.json";
import { PageModel } from "../src/host";
import type { ChosenHead } from "../src/picture";
import { csvOf, field, linesOf, type Table } from "../src/saving/csv";
import { fromBase64, fromDense, Pieces } from "../src/saving/dense";
import { fileName } from "../src/saving/download";
import { escapeXml, PathContext, squares, svgFile, textAt } from "../src/saving/svg";
import type { Token } from "../src/types";

const dense = readFileSync(new URL("../../tests/fixtures/dense.txt", import.meta.url), "utf8");
const BYTES = Uint8Array.from({ length: 300 }, (_, i) => (7 * i * i + 3 * i) % 251);

describe("bytes of a page", () => {
  it("reads what Python wrote as dense text", () => {
    expect(fromDense(dense, BYTES.length)).toEqual(BYTES);
  });

  it("says that damaged text is damaged, instead of ending in nonsense", () => {
    expect(() => fromDense(`\ufffd${dense.slice(1)}`, BYTES.length)).toThrow("UTF-8");
    expect(() => fromDense(dense.slice(0, 20), BYTES.length)).toThrow("UTF-8");
    expect(() => fromDense(dense.replace(/./s, "<"), BYTES.length)).toThrow("UTF-8");
    expect(fromDense("", 0)).toHaveLength(0);
  });

  it("reads base64", () => {
    expect([...fromBase64(btoa("\0\u007f\u00ff"))]).toEqual([0, 127, 255]);
  });

  it("decodes the pieces that something is read of, each once", () => {
    const read: number[] = [];
    const piece = (start: number, length: number) => ({
      length,
      read: () => {
        read.push(start);
        return BYTES.slice(start, start + length);
      },
    });
    const pieces = new Pieces([piece(0, 100), piece(100, 100), piece(200, 100)]);
    expect(pieces).toHaveLength(300);
    expect(pieces.subarray(120, 180)).toEqual(BYTES.subarray(120, 180));
    expect(pieces.subarray(100, 200)).toEqual(BYTES.subarray(100, 200));
    expect(read).toEqual([100]);
    expect(pieces.subarray(0, 300)).toEqual(BYTES);
    expect(read).toEqual([100, 0, 200]);
    expect(pieces.subarray(300, 300)).toHaveLength(0);
    expect(new Pieces([{ length: 0, read: () => BYTES.slice(0, 0) }])).toHaveLength(0);
  });

  it("says of a piece that came short that it is damaged", () => {
    const pieces = new Pieces([{ length: 300, read: () => BYTES.slice(0, 299) }]);
    expect(() => pieces.subarray(0, 1)).toThrow("UTF-8");
  });
});

/** Decodes the entities that `escapeXml` writes. */
const unescaped = (text: string) => text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));

describe("vector pictures", () => {
  it("leave nothing of any text that could be markup, and lose nothing that XML can hold", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const escaped = escapeXml(text);
        expect(escaped).not.toMatch(/[<>"']|&(?!#\d+;)/);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML does not allow
        expect(escaped).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/);
        if (!/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.test(text)) {
          expect(unescaped(escaped)).toBe(text);
        }
      }),
    );
  });

  it("are one file whose texts are no markup", () => {
    const text = svgFile(100, 50, "</title><script>", [
      textAt(1, 2, "</text><script>", { colour: "#000000", turn: 90 }),
    ]);
    expect(text.match(/<[a-z/?!]+/gi)).toEqual([
      "<?xml",
      "<svg",
      "<title",
      "</title",
      "<rect",
      "<text",
      "</text",
      "</svg",
    ]);
    expect(text).toContain('width="100" height="50"');
  });

  it("record what a painter draws on a canvas", () => {
    const paths = new PathContext();
    const { context } = paths;
    context.lineWidth = 1.234;
    context.strokeStyle = "rgba(36,54,92,0.5)";
    context.beginPath();
    context.moveTo(0, 13);
    context.bezierCurveTo(42, 13, 58, 39.001, 100, 39);
    context.stroke();
    expect(paths.paths).toEqual([
      '<path d="M0 13C42 13 58 39 100 39" stroke="#24365c" stroke-opacity="0.500" stroke-width="1.23"/>',
    ]);
  });

  it("draw each cell as a square, one path a colour", () => {
    const [red, clear] = [
      [255, 0, 0, 255],
      [1, 2, 3, 0],
    ];
    const pixels = Uint8ClampedArray.from([...red, ...clear, 0, 0, 255, 51, ...red].map(Number));
    expect(squares(pixels, 2, 10)).toEqual([
      '<path fill="#ff0000" d="M0 0h10v10h-10zM10 10h10v10h-10z"/>',
      '<path fill="#0000ff" fill-opacity="0.200" d="M0 10h10v10h-10z"/>',
    ]);
  });
});

/** RFC 4180, read by the book. */
function parsed(text: string): string[][] {
  const rows: string[][] = [];
  for (const line of text.replace(/^\ufeff/, "").matchAll(/(?:"(?:[^"]|"")*"|[^\r\n"])*(?:\r\n|$)/g)) {
    const cells = [...line[0].replace(/\r\n$/, "").matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,"]*))/g)];
    if (line[0] !== "") rows.push(cells.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? ""));
  }
  return rows;
}

const token = (text: string, position: number): Token => ({
  text,
  role: "text",
  kind: "word",
  segment: 0,
  word: position,
});

function head(weights: number[][], norms?: number[], whole = true): ChosenHead {
  const keys = weights[0]?.length ?? 0;
  return {
    layer: 3,
    head: 5,
    weights: {
      keys,
      normsOf: norms ? "written" : undefined,
      isWhole: () => whole,
      row: (_: number, query: number, out: Float32Array) => {
        out.set(weights[query] ?? []);
        return out;
      },
      valueNorms: () => norms && Float32Array.from(norms),
    } as unknown as ChosenHead["weights"],
  };
}

function table(heads: ChosenHead[], texts: string[]): Table {
  const tokens = texts.map(token);
  const all = tokens.map((_, at) => at);
  return { heads, rollout: false, queries: all, keys: all, queryTokens: tokens, keyTokens: tokens };
}

describe("tables", () => {
  it("have a line for each head, query and key", () => {
    const rows = table(
      [
        head(
          [
            [0.25, 0.75],
            [1, 0],
          ].map((row) => row.map(Number)),
          [2, 4],
        ),
      ],
      ["a", "b"],
    );
    expect(parsed(csvOf(rows))).toEqual([
      ["layer", "head", "query", "query_token", "key", "key_token", "weight", "contribution"],
      ["3", "5", "0", "a", "0", "a", "0.25", "0.5"],
      ["3", "5", "0", "a", "1", "b", "0.75", "3"],
      ["3", "5", "1", "b", "0", "a", "1", "2"],
      ["3", "5", "1", "b", "1", "b", "0", "0"],
    ]);
    expect(linesOf(rows)).toBe(4);
  });

  it("leave open what is not held", () => {
    const [, first, second] = parsed(
      csvOf(
        table(
          [
            head(
              [
                [0.5, 0],
                [0, 0],
              ],
              undefined,
              false,
            ),
          ],
          ["a", "b"],
        ),
      ),
    );
    expect(first?.slice(6)).toEqual(["0.5", ""]);
    expect(second?.slice(6)).toEqual(["", ""]);
  });

  it("run nothing in a spreadsheet, and keep every token", () => {
    const texts = ["=1+1", "+x", "-", "@sum", "\tx", 'a"b', "a,b", "a\r\nb", "'", "犬"];
    const read = parsed(csvOf(table([head(texts.map(() => texts.map(() => 0.1)))], texts)));
    expect(read).toHaveLength(1 + texts.length ** 2);
    for (const [at, text] of texts.entries()) {
      const cell = read[1 + at]?.[5] ?? "";
      expect(cell).not.toMatch(/^[=+\-@\t\r]/);
      expect(cell.replace(/^'(?=[=+\-@\t\r])/, "")).toBe(text);
    }
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(parsed(`${field(text)}\r\n`)[0]?.[0] ?? "").not.toMatch(/^[=+\-@\t\r]/);
      }),
    );
  });
});

describe("names of files", () => {
  it("are names on every system", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (title) => {
        const name = fileName(title, "svg");
        expect(name).toMatch(/^[^\p{C}\\/:*?"<>|]+\.svg$/u);
        expect(name).not.toMatch(/^\./);
      }),
    );
    expect(fileName("../../etc/passwd", "png")).toBe("etc passwd.png");
    expect(fileName("", "csv")).toBe("attention.csv");
  });
});

describe("a page of some heads", () => {
  const state = { stack: "encoder", layer: 1, heads: [] as number[], pinned: [] as number[][], words: en, status: "" };
  const held = { encoder: { "1": [0, 3] } };

  it("shows those it has, and says so where another is asked for", () => {
    const model = new PageModel({ ...state, held_heads: held });
    expect(model.get("heads")).toEqual([0, 3]);
    const heard: unknown[] = [];
    model.on("change:heads", () => heard.push(model.get("heads")));
    model.set("heads", [2]);
    expect(model.get("heads")).toEqual([0, 3]);
    expect(model.get("status")).toBe("Of layer 1 this page has heads 0, 3 only.");
    expect(heard.at(-1)).toEqual([0, 3]);
    model.set("heads", [3]);
    expect([model.get("heads"), model.get("status")]).toEqual([[3], ""]);
    // Nothing chosen would be the mean of all heads, which this page does not have.
    model.set("heads", []);
    expect(model.get("heads")).toEqual([0, 3]);
    model.set("layer", 0);
    model.set("heads", []);
    expect(model.get("heads")).toEqual([]);
    model.set("pinned", [
      [1, 3],
      [1, 2],
    ]);
    expect(model.get("pinned")).toEqual([[1, 3]]);
  });

  it("of all heads changes nothing", () => {
    const model = new PageModel({ ...state, bytes: new Uint8Array(3) });
    expect(model.get("heads")).toEqual([]);
    expect(model.plain()).toEqual(state);
  });
});
