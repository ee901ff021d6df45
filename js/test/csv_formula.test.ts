import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { field } from "../src/saving/csv";

/** What a spreadsheet makes of a field, whatever it takes for the end of one: a comma, a semicolon, a tab, a bar. */
function cells(written: string): string[] {
  const text = written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written;
  return [text, ...text.split(/[;,|\t\r\n]/), ...written.split(/[;,|\t\r\n]/)];
}

const computed = (cell: string) => /^[\s\p{C}"]*[=+\-@\uff1d\uff0b\uff0d\uff20]/u.test(cell);

describe("text in a table", () => {
  it("is no formula, whatever it is", () => {
    const part = fc.constantFrom(..."=+-@＝＋－＠;,|\t\r\n '\"a1\u200b\u0000");
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        expect(cells(field(parts.join(""))).filter(computed)).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  it("is left as it is where nothing would be computed", () => {
    for (const text of ["dog", "##ing", "a-b", "1+1", "[CLS]", "犬", "a = b"]) expect(field(text)).toBe(text);
    expect(field("=1+1")).toBe('"\'=1+1"');
    expect(field("a;=1")).toBe('"a;\'=1"');
    expect(field("don't")).toBe('"don\'t"');
  });
});
