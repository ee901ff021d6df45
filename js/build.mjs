// Builds the page: one source, three bundles. widget.js is the ES module that notebooks load, more.js what that module
// sends for when it is first needed; page.js has both, as the script that an exported page carries inline (a strict
// content security policy forbids loading a module from a blob).
//
//   node build.mjs [--watch] [--src FOLDER] [--out FOLDER] [--maps FOLDER]
//
// --maps also writes page.js.map, by which tests/covered.py counts what the browser tests run.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, watch, writeFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";
import { minify } from "terser";

/** Every displayed widget and every saved notebook carries the first of these, every exported page the last. */
const LARGEST_GZIP = { "widget.js": 80_000, "more.js": 40_000, "page.js": 116_000 };

const here = fileURLToPath(new URL(".", import.meta.url));
const { values: args } = parseArgs({
  options: {
    watch: { type: "boolean", default: false },
    src: { type: "string", default: join(here, "src") },
    out: { type: "string", default: join(here, "..", "attnwidget", "static") },
    maps: { type: "string" },
  },
});
const out = resolve(args.out);

/**
 * Makes the text of a script safe between `<script>` tags.
 *
 * Besides `</script`, an HTML parser is led astray by `<!--` followed by `<script`. esbuild already writes the first as
 * `<\/script` and keeps operators such as `a < !--b` apart, so what is left stands inside string, template or regular
 * expression literals, where `\x3C` means the same.
 */
function safeInline(text) {
  return text.replace(/<(?=!--|\/?script)/gi, "\\x3C");
}

/** The notices of every package that is in a bundle; packages with the same licence text share one copy of it. */
async function notices(metafile) {
  const packages = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[0];
    if (name) packages.add(name);
  }
  const holders = new Map();
  for (const folder of [...packages].sort()) {
    const { name, version } = JSON.parse(await readFile(join(here, folder, "package.json"), "utf8"));
    const file = (await readdir(join(here, folder))).find((entry) => /^licen[cs]e/i.test(entry));
    if (!file) throw new Error(`${name} ${version} ships no licence file: it may not go into the bundle`);
    const lines = (await readFile(join(here, folder, file), "utf8")).split(/\r?\n/);
    const copyright = lines.filter((line) => /^copyright/i.test(line)).join("; ");
    const terms = lines.filter((line) => !/^copyright/i.test(line)).join("\n");
    const key = terms.replace(/\s+/g, " ").trim();
    const entry = holders.get(key) ?? { terms: terms.replace(/\n{3,}/g, "\n\n").trim(), who: [] };
    entry.who.push(`${name} ${version}: ${copyright}`);
    holders.set(key, entry);
  }
  return [...holders.values()].map(({ terms, who }) => `${who.join("\n")}\n\n${terms}`).join("\n\n");
}

/** "*\/" would end a comment early; no licence known contains it, but nothing here may depend on that. */
function comment(text) {
  return text === "" ? "" : `/*!\n${text.replaceAll("*/", "* /")}\n*/\n`;
}

/** Writes a file whole or not at all: Python may be reading the old one. */
async function put(path, text) {
  await writeFile(`${path}.part`, text);
  await rename(`${path}.part`, path);
}

/** Style sheets are text of the bundle, which is not made smaller with the code around it. */
const sheets = {
  name: "sheets",
  setup(tool) {
    tool.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: !args.watch });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

/** What esbuild leaves: a twentieth of the bundle. */
async function smaller(name, text, content) {
  if (args.watch) return text;
  const compress = { ecma: 2022, module: true, passes: 3 };
  const options = { ecma: 2022, module: true, compress, format: { ascii_only: true } };
  const { code, map } = await minify(text, { ...options, sourceMap: content ? { content } : false });
  if (content) {
    if (safeInline(code) !== code) throw new Error(`${name}: its map does not hold, safeInline moved what it is of`);
    await mkdir(args.maps, { recursive: true });
    await put(join(args.maps, `${name}.map`), map);
  }
  return `${code}\n`;
}

/** Adds notices, makes a script safe inside a page, weighs and writes it. Returns what is wrong with it. */
async function finish(name, text, metafile, map) {
  const whole = safeInline((await smaller(name, text, map)) + comment(await notices(metafile)));
  const gzip = gzipSync(whole, { level: 9 }).length;
  const line = `${name}  ${(whole.length / 1000).toFixed(1)} kB, gzip ${(gzip / 1000).toFixed(1)} kB`;
  await put(join(out, name), whole);
  console.log(line);
  // Written all the same, to be looked at; but no build that ends well.
  return gzip > LARGEST_GZIP[name] ? [`${line}: more than ${LARGEST_GZIP[name] / 1000} kB`] : [];
}

const source = resolve(args.src);

/** @type {import("esbuild").BuildOptions} */
const COMMON = {
  absWorkingDir: here,
  outdir: out,
  bundle: true,
  target: "es2022",
  platform: "browser",
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: !args.watch,
  // ASCII: the same bytes whatever charset a page, a proxy or an editor assumes.
  charset: "ascii",
  legalComments: "eof",
  metafile: true,
  write: false,
  // Sources outside js/ (for trying the build) still find the packages here.
  nodePaths: [join(here, "node_modules")],
  logLevel: "warning",
};

/** What both parts share, and so what core.ts lists, is known only once they have been taken apart. */
const apart = {
  name: "apart",
  setup(tool) {
    tool.onResolve({ filter: /\/core$/ }, ({ path }) => ({ path, external: true }));
  },
};

/**
 * Puts the first part and what both share back into one file: hosts take one module a widget, which cannot import from
 * a path. core.ts then exports all that is shared, under the names that the second part knows it by.
 */
function joined(first, shared, build) {
  const texts = {
    "first.js": first,
    "shared.js": shared,
    "core.js": `export * as core from "shared.js"; export const build = ${JSON.stringify(build)};`,
  };
  return {
    name: "joined",
    setup(tool) {
      tool.onResolve({ filter: /core$|shared\.js$|\/chunk-|^first\.js$/ }, ({ path }) => {
        const name = path.endsWith("core") ? "core.js" : path === "first.js" ? path : "shared.js";
        return { path: name, namespace: "joined" };
      });
      tool.onLoad({ filter: /.*/, namespace: "joined" }, ({ path }) => ({ contents: texts[path], resolveDir: here }));
    },
  };
}

/** A module from a blob cannot import by a path: the second part becomes a function that is given what both share. */
function ofCore(text, build) {
  const imported = /^import\s*\{([^}]*)\}\s*from\s*"\.\/chunk-[^"]*";/m.exec(text);
  const exported = /export\s*\{([^}]*)\};\s*$/.exec(text);
  if (!imported || !exported || text.match(/\bimport\b/g).length > 1) {
    throw new Error("the second part is not of the form that the build expects: see ofCore");
  }
  const pairs = (list, form) =>
    list
      .split(",")
      .map((item) => item.trim().split(/\s+as\s+/))
      .filter(([name]) => name)
      .map(([name, other = name]) => form(name, other))
      .join(",");
  const body = text.slice(0, exported.index).replace(imported[0], "");
  const given = pairs(imported[1], (name, local) => `${name}:${local}`);
  const made = pairs(exported[1], (local, name) => `${name}:${local}`);
  return `export const build=${JSON.stringify(build)};export default(core)=>{const{${given}}=core;${body};return{${made}}};`;
}

/**
 * The module of notebooks, whose code runs once a page: anywidget imports it anew for every widget, and what a browser
 * has made of a module stays for as long as the page does, 0.9 MB each. Of a function that is never called it makes
 * hardly anything.
 */
function once(text, build) {
  return `const key=Symbol.for("attnwidget ${build}");globalThis[key]??=(()=>{${text}return made.default})();export default globalThis[key];`;
}

/** Builds widget.js and more.js: esbuild tells what is of the first alone, of the second alone, and of both. */
async function buildParts() {
  const { outputFiles, metafile } = await build({
    ...COMMON,
    entryPoints: { widget: join(source, "widget.ts"), more: join(source, "more.ts") },
    format: "esm",
    splitting: true,
    define: { ATTNWIDGET_KERNEL: "true" },
    plugins: [sheets, apart],
  });
  const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  const chunks = [...texts.keys()].filter((name) => name.startsWith("chunk-"));
  if (chunks.length !== 1) throw new Error(`one part is shared by two, not ${chunks.length}`);
  const [first, second, shared] = [texts.get("widget.js"), texts.get("more.js"), texts.get(chunks[0])];
  const name = createHash("sha256").update(first).update(second).update(shared).digest("hex").slice(0, 12);
  const whole = await build({
    ...COMMON,
    stdin: { contents: 'export { default } from "first.js";', resolveDir: here },
    format: "iife",
    globalName: "made",
    plugins: [joined(first, shared, name)],
  });
  const of = (entry) => ({ inputs: metafile.outputs[relative(here, join(out, entry))]?.inputs ?? {} });
  return [
    ...(await finish("widget.js", once(whole.outputFiles[0].text, name), metafile)),
    ...(await finish("more.js", ofCore(second, name), of("more.js"))),
  ];
}

const LISTED = "The scripts beside this file contain code of these packages, under these terms.";

/** Builds page.js, in which both parts are one script, and lists whose code is in it. */
async function buildPage() {
  const { outputFiles, metafile } = await build({
    ...COMMON,
    entryPoints: [join(source, "page.ts")],
    format: "iife",
    define: { ATTNWIDGET_KERNEL: "false" },
    plugins: [sheets],
    sourcemap: args.maps ? "external" : false,
  });
  await put(join(out, "THIRD_PARTY.txt"), `${LISTED}\n\n${await notices(metafile)}\n`);
  const text = (name) => outputFiles.find(({ path }) => path.endsWith(name))?.text;
  return await finish("page.js", text(".js"), metafile, text(".map"));
}

async function buildAll() {
  const heavy = (await Promise.all([buildParts(), buildPage()])).flat();
  if (heavy.length > 0) throw new Error(heavy.join("\n"));
}

await mkdir(out, { recursive: true });
try {
  await buildAll();
} catch (error) {
  // esbuild has printed what is wrong in the sources; what is found after that is not printed yet.
  if (!error.errors?.length) console.error(String(error.message ?? error));
  process.exitCode = 1;
}
if (args.watch) {
  console.log(`watching; writing to ${relative(process.cwd(), out) || "."}`);
  for await (const _ of watch(source, { recursive: true }))
    await buildAll().catch((error) => console.error(String(error)));
}
