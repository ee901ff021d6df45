import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lock } from "../src/lock";

describe("lock", () => {
  it("locks only this on click, and frees all on a second click", () => {
    expect(lock([], 3, false)).toEqual([3]);
    expect(lock([1, 2], 3, false)).toEqual([3]);
    expect(lock([3], 3, false)).toEqual([]);
    expect(lock([1, 3], 3, false)).toEqual([3]);
  });

  it("puts in and takes out with shift, starting a set where nothing is locked", () => {
    expect(lock([], 3, true)).toEqual([3]);
    expect(lock([3], 1, true)).toEqual([1, 3]);
    expect(lock([1, 3], 1, true)).toEqual([3]);
  });

  it("is undone by shift-clicking the same again", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(20)), fc.nat(20), (locked, clicked) => {
        const sorted = [...locked].sort((a, b) => a - b);
        expect(lock(lock(sorted, clicked, true), clicked, true)).toEqual(sorted);
      }),
    );
  });
});
