import { describe, expect, it } from "vitest";
import { patchColour, patchesOf } from "../src/paint/overlay";
import type { Palette } from "../src/paint/palette";

const PALETTE = {
  heads: [
    [1, 2, 3],
    [4, 5, 6],
  ],
  ink: [0, 0, 0],
} as unknown as Palette;

describe("patches of a picture", () => {
  it("stand where they say, beside the tokens that are none", () => {
    const tokens = [{}, { place: [0, 0] }, { place: [1, 2] }, {}, { place: [0, 1] }] as const;
    const patches = patchesOf(tokens);
    expect(patches).toEqual({
      rows: 2,
      columns: 3,
      units: Int32Array.of(1, 4, -1, -1, -1, 2),
      others: [0, 3],
    });
    expect(patchesOf([{}, {}])).toBeNull();
  });

  it("let the picture shine through: nothing covers it where there is no weight, nothing hides it", () => {
    expect(patchColour(0, false, PALETTE)[1]).toBe(0);
    expect(patchColour(1, false, PALETTE)[1]).toBeLessThan(1);
    expect(patchColour(0.5, true, PALETTE)[1]).toBe(0);
    expect(patchColour(0, true, PALETTE)).toEqual([[1, 2, 3], patchColour(1, true, PALETTE)[1]]);
    expect(patchColour(1, true, PALETTE)[0]).toEqual([4, 5, 6]);
  });
});
