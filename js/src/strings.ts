/** The words of the page, one file a language, shared with Python. */

import en from "../../attnwidget/locale/en.json";
import ja from "../../attnwidget/locale/ja.json";
import type { Language } from "./types";

export type StringKey = keyof typeof en;

const LOCALES: Record<Language, Record<StringKey, string>> = { en, ja };

export type Translate = (key: StringKey, values?: Record<string, string | number>) => string;

export function translator(lang: Language): Translate {
  const strings = LOCALES[lang];
  return (key, values = {}) =>
    strings[key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
