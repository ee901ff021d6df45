// Builds the page: one source, two bundles. widget.js is the ES module that notebooks load; page.js is the script that
// an exported page carries inline (a strict content security policy forbids loading a module from a blob).
//
//   node build.mjs [--watch] [--src FOLDER] [--out FOLDER]

import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { build, context, transform } from "esbuild";
import { minify } from "terser";

/** The whole page must stay light: every displayed widget and every exported file carries one bundle. */
const LARGEST_GZIP = 103_000;

const here = fileURLToPath(new URL(".", import.meta.url));
const { values: args } = parseArgs({
  options: {
    watch: { type: "boolean", default: false },
    src: { type: "string", default: join(here, "src") },
    out: { type: "string", default: join(here, "..", "attnwidget", "static") },
  },
});
const out = resolve(args.out);

/** @type {{ entry: string, format: import("esbuild").Format }[]} */
const BUNDLES = [
  { entry: "widget.ts", format: "esm" },
  { entry: "page.ts", format: "iife" },
];

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

/** The notices of every package that is in the bundle; packages with the same licence text share one copy of it. */
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
  // "*/" would end the comment early; no licence known contains it, but nothing here may depend on that.
  const text = [...holders.values()].map(({ terms, who }) => `${who.join("\n")}\n\n${terms}`).join("\n\n");
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
async function smaller(text) {
  if (args.watch) return text;
  const compress = { ecma: 2022, module: true, passes: 2 };
  const { code } = await minify(text, { ecma: 2022, module: true, compress, format: { ascii_only: true } });
  return `${code}\n`;
}

/** Adds notices, makes the script safe inside a page, weighs and writes what esbuild made. */
const finish = {
  name: "finish",
  setup(tool) {
    tool.onEnd(async (result) => {
      if (result.errors.length > 0 || !result.metafile) return;
      const heavy = [];
      const legal = await notices(result.metafile);
      for (const { path, text } of result.outputFiles) {
        const whole = safeInline((await smaller(text)) + legal);
        const gzip = gzipSync(whole, { level: 9 }).length;
        const line = `${basename(path)}  ${(whole.length / 1000).toFixed(1)} kB, gzip ${(gzip / 1000).toFixed(1)} kB`;
        await put(path, whole);
        console.log(line);
        // Written all the same, to be looked at; but no build that ends well.
        if (gzip > LARGEST_GZIP) heavy.push(`${line}: more than ${LARGEST_GZIP / 1000} kB`);
      }
      if (heavy.length > 0) throw new Error(heavy.join("\n"));
    });
  },
};

function options({ entry, format }) {
  return {
    absWorkingDir: here,
    entryPoints: [join(resolve(args.src), entry)],
    outdir: out,
    bundle: true,
    format,
    target: "es2022",
    platform: "browser",
    jsx: "automatic",
    jsxImportSource: "preact",
    minify: !args.watch,
    sourcemap: args.watch ? "inline" : false,
    // ASCII: the same bytes whatever charset a page, a proxy or an editor assumes.
    charset: "ascii",
    legalComments: "eof",
    metafile: true,
    write: false,
    // Sources outside js/ (for trying the build) still find the packages here.
    nodePaths: [join(here, "node_modules")],
    logLevel: "warning",
    plugins: [sheets, finish],
  };
}

await mkdir(out, { recursive: true });
try {
  if (args.watch) {
    for (const bundle of BUNDLES) await (await context(options(bundle))).watch();
    console.log(`watching; writing to ${relative(process.cwd(), out) || "."}`);
  } else {
    await Promise.all(BUNDLES.map((bundle) => build(options(bundle))));
  }
} catch (error) {
  // esbuild has already printed what is wrong in the sources; what `finish` finds comes after that, and is not printed.
  if (!error.errors?.length) console.error(String(error.message ?? error));
  for (const { pluginName, text } of error.errors ?? []) if (pluginName === "finish") console.error(text);
  process.exitCode = 1;
}
