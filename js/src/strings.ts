/** The words of the page: one file a language in `attnwidget/locale`, of which Python sends the one in use. */

import type en from "../../attnwidget/locale/en.json";

export type StringKey = keyof typeof en;
export type Words = Readonly<Partial<Record<StringKey, string>>>;
export type Translate = (key: StringKey, values?: Record<string, string | number>) => string;

/** A word that did not come is shown by its name, so that a reader can say which. */
export function translator(words: Words): Translate {
  return (key, values = {}) =>
    (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
