/** The fixtures shared with Python; tests/fixtures/make.py writes them. */
import { readFileSync } from "node:fs";

const folder = new URL("../../tests/fixtures/", import.meta.url);

export function json<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(path, folder), "utf8")) as T;
}

export function bytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, folder)));
}
