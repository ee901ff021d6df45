// @vitest-environment happy-dom
/** What comes as JSON is no element, whatever it looks like: preact 10.26.5 to 10.28.1 drew some (CVE-2026-22028). */
import { render } from "preact";
import { expect, it } from "vitest";
import { TokenText } from "../src/controls/tokens";
import type { Token } from "../src/types";

const LIKE = { type: "img", props: { src: "x", onerror: "alert(1)" }, key: null, ref: null, __k: null, __b: 0, __v: 1 };

it.each([
  ["without a constructor", LIKE],
  ["with none", { ...LIKE, constructor: null }],
  ["with one of text", { ...LIKE, constructor: "undefined" }],
  ["with one of its kind", { ...LIKE, constructor: LIKE }],
])("an object that looks like an element, %s, is not drawn as one", (_, like) => {
  const text = JSON.parse(JSON.stringify(like)) as string;
  const place = document.createElement("div");
  try {
    render(<TokenText token={{ text, kind: "word", space: false } as unknown as Token} />, place);
  } catch {
    // Refused outright: as good.
  }
  expect(place.querySelector("img")).toBeNull();
});
