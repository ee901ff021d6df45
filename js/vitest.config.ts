import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [
    {
      // The bundler hands style sheets over as text (build.mjs); tests must see the same.
      name: "css-as-text",
      enforce: "pre",
      load(id) {
        return id.endsWith(".css") ? `export default ${JSON.stringify(readFileSync(id, "utf8"))}` : undefined;
      },
    },
  ],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  test: {
    // Pure modules need no page; a test that wants one says `// @vitest-environment happy-dom` in its first line.
    environment: "node",
    // How fast a machine is decides no test.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    include: ["test/**/*.test.{ts,tsx}"],
    // Judged by tests/covered.py, together with what the browser tests run.
    coverage: { provider: "v8", include: ["src/**/*.{ts,tsx}"], exclude: ["src/paint/**"], reporter: ["json"] },
  },
});
